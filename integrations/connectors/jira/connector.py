"""Jira: issues, comments and transitions out; what happens to issues in."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations import markers
from integrations.attachments import FileSource
from integrations.base import BaseIntegration
from integrations.connectors.jira import events
from integrations.connectors.jira.client import PROPERTY, JiraClient, error_for, user_id, webhook_id
from integrations.connectors.jira.documents import text_of
from integrations.connectors.jira.history import changes_in
from integrations.connectors.jira.schemas import (
    AddJiraComment,
    CreateJiraIssue,
    IssueFields,
    JiraConfig,
    JiraCredentials,
    SearchIssues,
    TransitionIssue,
    UpdateIssue,
)
from integrations.errors import IntegrationError, InvalidInput, NotFound, Permanent
from integrations.payloads import mapping, moment
from integrations.signatures import HmacSignature
from integrations.specs import (
    READS,
    SETS,
    Account,
    ActionSpec,
    Event,
    File,
    Limit,
    Registration,
    Result,
    WebhookTarget,
)
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]


def _action(action: str, _: Any) -> str:
    return action


def _issue(_: str, data: Any) -> str | None:
    issue = getattr(data, "issue", None)
    return str(issue) if issue else None


class Jira(BaseIntegration):
    key, name = "jira", "Jira"
    description = "Issues, comments and transitions of Jira Cloud and Data Center; hear what happens to issues."
    Credentials = JiraCredentials
    Config = JiraConfig
    base_url = "{site_url}"
    choice_kinds = ("projects", "issue_types", "priorities", "statuses", "users")
    # https://developer.atlassian.com/cloud/jira/platform/rate-limiting, read 2026-11: 100 a second for each endpoint,
    # 20 writes in 2 s and 100 in 30 s for each issue; with the burst, these stay below.
    limits = [
        Limit("endpoint", calls=50, seconds=1, burst=40, key=_action),
        Limit("issue in 2 s", calls=14, seconds=2, burst=6, key=_issue),
        Limit("issue in 30 s", calls=75, seconds=30, burst=20, key=_issue),
    ]
    # https://developer.atlassian.com/cloud/jira/platform/webhooks, read 2026-11. The header has the name of GitHub's
    # older one, but holds SHA-256. No time is signed.
    signature = HmacSignature(
        scheme="jira",
        header="X-Hub-Signature",
        prefix="sha256=",
        description="Jira signs the body with the webhook's secret.",
    )
    events = events.EVENTS
    actions = [
        ActionSpec("create_issue", "Open an issue.", CreateJiraIssue, "create_issue", idempotent_by="marker",
                   find_earlier="find_created_issue", label="Open an issue"),
        ActionSpec("update_issue", "Change fields of an issue.", UpdateIssue, "update_issue", SETS,
                   label="Update an issue"),
        ActionSpec("transition_issue", "Move an issue to another status; one that is there stays.", TransitionIssue,
                   "transition_issue", SETS, label="Move an issue"),
        ActionSpec("add_comment", "Comment on an issue.", AddJiraComment, "add_comment", idempotent_by="marker",
                   find_earlier="find_comment", label="Add a comment"),
        ActionSpec("search_issues", "Find issues by JQL.", SearchIssues, "search_issues", READS,
                   label="Search issues"),
    ]  # fmt: skip

    credentials: JiraCredentials
    config: JiraConfig

    def authorize(self, http: "PlatformClient") -> None:
        if self.credentials.bearer_token:
            http.headers["Authorization"] = f"Bearer {self.credentials.bearer_token}"
        else:
            http.auth = (self.credentials.email or "", self.credentials.api_token or "")

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    @cached_property
    def client(self) -> JiraClient:
        return JiraClient(self.http, is_cloud=self.config.edition == "cloud")

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask Jira who we are; changes nothing."""
        me = self.client.me
        known = {name: me.get(name) for name in ("accountId", "displayName", "emailAddress", "timeZone")}
        return Result(
            True,
            f"Jira knows us as {me.get('displayName')} at {self._place}.",
            {"account": Account(id=self._place, actor_id=self.client.my_id), "user": known},
        )

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "projects":
            return [
                {"id": item["key"], "name": f"{item.get('name')} ({item['key']})"} for item in self.client.projects()
            ]
        if kind == "users":
            cloud = self.client.is_cloud
            found = self.client.get("users", "search", maxResults=200) if cloud else self.client.get(
                "user", "search", username=".", maxResults=200)  # fmt: skip
            # Apps have accounts too, which nobody means.
            people = [item for item in found if item.get("accountType", "atlassian") == "atlassian"]
            return [{"id": item["accountId" if cloud else "name"], "name": item.get("displayName")} for item in people]
        if kind in ("issue_types", "priorities", "statuses"):
            place = {"issue_types": "issuetype", "priorities": "priority", "statuses": "status"}[kind]
            names = dict.fromkeys(str(item["name"]) for item in self.client.get(place))
            # By name: each project may have types and statuses of its own under the same one.
            return [{"id": name, "name": name} for name in names]
        return super().choices(kind)

    def create_issue(self, data: CreateJiraIssue) -> Result:
        files = [self.open_file(source) for source in data.attachments]
        fields = self._fields(data)
        fields["project"] = self._project(data)
        fields["issuetype"] = _named(data.issue_type or self.config.default_issue_type)
        fields["summary"] = data.summary
        labels = self.config.default_labels if data.labels is None else data.labels
        if labels:
            fields["labels"] = labels
        made = self.client.create({"fields": fields, **self._mark()}, "issue")
        return self._opened(str(made["key"]), str(made["id"]), files)

    def find_created_issue(self, data: CreateJiraIssue) -> Result | None:
        """Return the issue that an earlier call opened: the one with our mark. What it lacks of files is attached."""
        since = markers.born_at(self.call.idempotency_key)
        if since is None:
            return None
        minutes = int((clock.now() - since).total_seconds() // 60) + 1
        project = next(iter(self._project(data).values()))
        jql = f'project = "{project}" AND creator = currentUser() AND created >= -{minutes}m ORDER BY created DESC'
        for issue in self.client.all_found(jql, ["summary", "attachment"]):
            fields = mapping(issue.get("fields"))
            if fields.get("summary") == data.summary.strip() and self._is_ours("issue", str(issue["id"])):
                there = [str(item.get("filename")) for item in fields.get("attachment") or []]
                return self._opened(str(issue["key"]), str(issue["id"]), self._missing(data.attachments, there))
        return None

    def update_issue(self, data: UpdateIssue) -> Result:
        fields = self._fields(data)
        if data.summary is not None:
            fields["summary"] = data.summary
        if data.labels is not None:
            fields["labels"] = data.labels
        changes = [{"add": label} for label in data.add_labels] + [{"remove": label} for label in data.remove_labels]
        body: Json = {"fields": fields} if fields else {}
        if changes:
            body["update"] = {"labels": changes}
        if not body:
            raise InvalidInput("Nothing to change: a summary cannot be cleared.")
        self.client.edit_issue(data.issue, body)
        return Result(True, f"{data.issue} is changed.", self._named(data.issue))

    def transition_issue(self, data: TransitionIssue) -> Result:
        wanted = data.transition.strip().casefold()
        status = mapping(mapping(self.client.issue(data.issue, "status").get("fields")).get("status"))
        now = str(status.get("name", ""))
        known = {**self._named(data.issue), "status": now}
        if now.casefold() == wanted:
            return Result(True, f"{data.issue} is in '{now}' already.", known)
        there = self.client.transitions(data.issue)
        found = _transition(wanted, there)
        if found is None:
            some = ", ".join(f"{item.get('name')} (to {mapping(item.get('to')).get('name')})" for item in there)
            raise NotFound(
                f"{data.issue} cannot go from '{now}' to '{data.transition}'." + (f" It can: {some}." if some else "")
            )
        target = str(mapping(found.get("to")).get("name") or data.transition)
        if target.casefold() == now.casefold():
            return Result(True, f"{data.issue} is in '{now}' already.", known)
        body: Json = {"transition": {"id": str(found["id"])}}
        if data.resolution:
            body["fields"] = {"resolution": _named(data.resolution)}
        if data.comment:
            body["update"] = {"comment": [{"add": {"body": self.client.content(data.comment)}}]}
        self.client.post("issue", data.issue, "transitions", body=body)
        return Result(True, f"{data.issue} is in '{target}'.", {**known, "status": target})

    def add_comment(self, data: AddJiraComment) -> Result:
        files = [self.open_file(source) for source in data.attachments]
        body: Json = {"body": self.client.content(data.body), **self._mark()}
        if data.internal:
            # https://developer.atlassian.com/cloud/jira/service-desk: what customers do not see
            shown = {"key": "sd.public.comment", "value": {"internal": True}}
            body["properties"] = [*body.get("properties", []), shown]
        if data.visible_to_role:
            body["visibility"] = {"type": "role", "value": data.visible_to_role}
        comment = self.client.create(body, "issue", data.issue, "comment")
        return self._commented(data.issue, str(comment["id"]), files)

    def find_comment(self, data: AddJiraComment) -> Result | None:
        """Return the comment that an earlier call wrote: the one with our mark. What it lacks of files is attached."""
        since = markers.born_at(self.call.idempotency_key)
        for comment in self.client.comments(data.issue):
            made_at = moment(comment.get("created"))
            if since is not None and made_at is not None and made_at < since:
                return None
            by_us = user_id(mapping(comment.get("author"))) == self.client.my_id
            if by_us and self._is_ours("comment", str(comment["id"])):
                there: list[str] = []
                if data.attachments:
                    fields = mapping(self.client.issue(data.issue, "attachment").get("fields"))
                    there = [str(item.get("filename")) for item in fields.get("attachment") or []]
                return self._commented(data.issue, str(comment["id"]), self._missing(data.attachments, there))
        return None

    def search_issues(self, data: SearchIssues) -> Result:
        page = self.client.search(data.jql, data.fields, data.max_results, data.next_page_token)
        found = [
            {**self._named(str(issue.get("key"))), "id": issue.get("id"), "fields": text_of(issue.get("fields") or {})}
            for issue in page["issues"]
        ]
        return Result(
            True,
            f"{len(found)} issues found.",
            {"issues": found, "count": len(found), "next_page_token": page["next_page_token"]},
        )

    # --- parts -----------------------------------------------------------------------------------------------
    def _fields(self, data: IssueFields) -> Json:
        """What stands under `fields` in a request, of what both creating and changing know."""
        given = data.model_fields_set
        fields: Json = {self.client.field_id(name): value for name, value in data.custom_fields.items()}
        if "description" in given:
            fields["description"] = self.client.content(data.description) if data.description else None
        if "priority" in given:
            fields["priority"] = _named(data.priority) if data.priority else None
        if "assignee" in given:
            fields["assignee"] = self.client.person(data.assignee) if data.assignee else None
        if "due_date" in given:
            fields["duedate"] = data.due_date.isoformat() if data.due_date else None
        if data.components is not None:
            fields["components"] = [_named(name) for name in data.components]
        if "parent" in given:
            fields["parent"] = _keyed(data.parent) if data.parent else None
        # A new issue has nothing to clear.
        return {k: v for k, v in fields.items() if v is not None} if isinstance(data, CreateJiraIssue) else fields

    def _project(self, data: CreateJiraIssue) -> Json:
        name = data.project or self.config.default_project
        if not name:
            raise InvalidInput("Name a project, or set a default project in the integration.")
        return self.client.project(name)

    def _opened(self, key: str, issue_id: str, files: Sequence[File]) -> Result:
        attached, warning = self._attach(key, files)
        known = {**self._named(key), "id": issue_id, "attachments": attached}
        return Result(True, f"{key} is open.{warning}", known)

    def _commented(self, issue: str, comment_id: str, files: Sequence[File]) -> Result:
        attached, warning = self._attach(issue, files)
        known = {**self._named(issue), "comment_id": comment_id, "attachments": attached}
        return Result(True, f"The comment is at {issue}.{warning}", known)

    def _attach(self, issue: str, files: Sequence[File]) -> tuple[list[str], str]:
        """Attach files, and return their ids and a warning: the issue is there, whatever becomes of them."""
        if not files:
            return [], ""
        try:
            return [str(item.get("id")) for item in self.client.attach(issue, files)], ""
        except Permanent as error:
            return [], f" Its files could not be attached: {error.message}"

    def _missing(self, sources: Sequence[FileSource], there: Sequence[str]) -> list[File]:
        return [file for file in map(self.open_file, sources) if file.name not in there]

    def _named(self, key: str) -> Json:
        # The browser's address is the site's; calls by a token with scopes go elsewhere.
        return {"key": key, "url": f"https://{self._place}/browse/{key}"}

    @cached_property
    def _place(self) -> str:
        """Host and path of the site, as webhooks name it."""
        address = self.credentials.site_url
        if urlsplit(address).hostname == "api.atlassian.com":
            # Only addresses for people are made of it: no reason to call what was done a failure.
            with suppress(IntegrationError):
                address = str(self.client.server().get("baseUrl") or address)
        parts = urlsplit(address)
        return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"

    # --- marks -----------------------------------------------------------------------------------------------
    def _mark(self) -> Json:
        key = self.call.idempotency_key
        return {"properties": [{"key": PROPERTY, "value": {"step": key}}]} if key else {}

    def _is_ours(self, kind: str, object_id: str) -> bool:
        key = self.call.idempotency_key
        return bool(key) and mapping(self.client.property_of(kind, object_id)).get("step") == key

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return headers.get("x-atlassian-webhook-identifier") or None

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.account_of(payload)

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have the site send to `target`, by an administrator's account. A secret cannot be read back, only set."""
        body: Json = {
            "name": "SupportOps",
            "url": target.url,
            "events": [events.VENDOR_NAMES[name] for name in target.events or events.VENDOR_NAMES],
            "filters": {"issue-related-events-section": self.config.webhook_jql},
            "excludeBody": False,
            "enabled": True,
            "secret": target.secret,
        }
        there = {webhook_id(item): item.get("url") for item in self.client.webhooks()}
        one = next((item for item in (known.ids if known else ()) if item in there), None)
        one = one or next((item for item, url in there.items() if url == target.url), None)
        if one is not None:
            self.client.change_webhook(one, body)
            return Registration((one,))
        made = self.client.make_webhook(body)
        if not made:
            made = next((webhook_id(item) for item in self.client.webhooks() if item.get("url") == target.url), "")
        return Registration((made,))

    def unregister_webhook(self, known: Registration) -> None:
        for one in known.ids:
            self.client.remove_webhook(one)

    def list_changes(self, since: datetime, until: datetime) -> Iterable[Event]:
        return changes_in(self.client, self.config.webhook_jql, since, until)


def _named(text: str) -> Json:
    return {"id": text} if text.isdecimal() else {"name": text}


def _keyed(issue: str) -> Json:
    return {"id": issue} if issue.isdecimal() else {"key": issue}


def _transition(wanted: str, there: Sequence[Json]) -> Json | None:
    """The transition of that id or name, else the one to the status of that name."""
    for names in (
        [item.get("id") for item in there],
        [item.get("name") for item in there],
        [mapping(item.get("to")).get("name") for item in there],
    ):
        for item, name in zip(there, names, strict=True):
            if str(name or "").casefold() == wanted:
                return item
    return None
