"""GitHub: repositories, issues, pull requests and comments out; what happens in repositories in."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations import markers
from integrations.base import BaseIntegration
from integrations.connectors.github import events
from integrations.connectors.github.client import GithubClient, error_for, missing_of
from integrations.connectors.github.history import changes_in
from integrations.connectors.github.schemas import (
    AddIssueComment,
    CloseIssue,
    CreateIssue,
    CreatePullRequest,
    CreateRepo,
    GithubConfig,
    GithubCredentials,
    WithRepository,
)
from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound
from integrations.payloads import moment
from integrations.signatures import HmacSignature
from integrations.specs import (
    SETS,
    Account,
    ActionSpec,
    Event,
    HandshakeAnswer,
    Limit,
    Registration,
    Result,
    WebhookRequest,
    WebhookTarget,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
# What counts as content in the secondary limits.
_CONTENT = frozenset({"create_issue", "create_pull_request", "add_comment"})


def _content(action: str, _: Any) -> str | None:
    return "" if action in _CONTENT else None


class Github(BaseIntegration):
    key, name = "github", "GitHub"
    description = "Issues, pull requests, comments and repositories; hear what happens in them."
    Credentials = GithubCredentials
    Config = GithubConfig
    base_url = "{base_url}"
    choice_kinds = ("repositories", "labels", "users")
    # https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api, read 2026-11: 5,000 requests an
    # hour, 900 points a minute of which a write costs five, 80 pieces of content a minute and 500 an hour.
    limits = [
        Limit("primary", calls=5000, seconds=3600, burst=100),
        Limit("points", calls=180, seconds=60, burst=30),
        Limit("content a minute", calls=80, seconds=60, burst=10, key=_content),
        Limit("content an hour", calls=500, seconds=3600, burst=80, key=_content),
    ]
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, read 2026-11. No time is
    # signed: a delivery is recognised by its id alone. The older SHA-1 header is not looked at.
    signature = HmacSignature(
        scheme="github",
        header="X-Hub-Signature-256",
        prefix="sha256=",
        description="GitHub signs the body with the webhook's secret.",
    )
    accepts_forms = True
    events = events.EVENTS
    actions = [
        ActionSpec("create_repo", "Create a repository.", CreateRepo, "create_repo", idempotent_by="marker",
                   find_earlier="find_created_repo", label="Create a repository"),
        ActionSpec("create_issue", "Open an issue.", CreateIssue, "create_issue", idempotent_by="marker",
                   find_earlier="find_created_issue", label="Open an issue"),
        ActionSpec("close_issue", "Close an issue or pull request; one that is closed stays so.", CloseIssue,
                   "close_issue", SETS, label="Close an issue"),
        ActionSpec("create_pull_request", "Open a pull request.", CreatePullRequest, "create_pull_request",
                   idempotent_by="marker", find_earlier="find_created_pull_request", label="Open a pull request"),
        ActionSpec("add_comment", "Comment on an issue or pull request.", AddIssueComment, "add_comment",
                   idempotent_by="marker", find_earlier="find_comment", label="Add a comment"),
    ]  # fmt: skip

    credentials: GithubCredentials
    config: GithubConfig

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.token}"
        http.headers["Accept"] = "application/vnd.github+json"
        http.headers["X-GitHub-Api-Version"] = self.config.api_version

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    @cached_property
    def client(self) -> GithubClient:
        return GithubClient(self.http)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask GitHub whose the token is; changes nothing."""
        owner = self.config.default_owner
        try:
            me = self.client.me
        except Forbidden:
            # The installation of an app is no person; what it may do is known by what it sees.
            count = len(self.client.repositories())
            account = str(self.client.user(owner)["id"]) if owner else ""
            return Result(
                True,
                f"GitHub knows us as an app that sees {count} repositories.",
                {"account": Account(id=account), "repositories": count},
            )
        account = str((self.client.user(owner) if owner else me)["id"])
        known = {name: me.get(name) for name in ("id", "login", "name", "type")}
        return Result(
            True,
            f"GitHub knows us as {me.get('login')}.",
            {"account": Account(id=account, actor_id=str(me["id"])), "user": known},
        )

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "repositories":
            return [{"id": item["full_name"], "name": item["full_name"]} for item in self.client.repositories()]
        if kind == "labels":
            return [{"id": item["name"], "name": item["name"]} for item in self.client.labels(self._default())]
        if kind == "users":
            return [{"id": item["login"], "name": item["login"]} for item in self.client.assignees(self._default())]
        return super().choices(kind)

    def create_repo(self, data: CreateRepo) -> Result:
        body: Json = {"name": data.repo_name, "private": data.private, "auto_init": data.auto_init}
        for name in (
            "description", "homepage", "gitignore_template", "license_template", "has_issues", "is_template",
            "delete_branch_on_merge",
        ):  # fmt: skip
            if (value := getattr(data, name)) not in (None, ""):
                body[name] = value
        made = self.client.create_repository(self._organization(data), body)
        return Result(True, f"The repository {made.get('full_name')} is there.", _repository(made))

    def find_created_repo(self, data: CreateRepo) -> Result | None:
        """Return the repository that an earlier call made: names are unique, and it is no older than this step."""
        owner = self._organization(data) or str(self.client.me["login"])
        try:
            found = self.client.repository(f"{owner}/{data.repo_name}")
        except NotFound:
            return None
        born, made_at = markers.born_at(self.call.idempotency_key), moment(found.get("created_at"))
        if born is None or made_at is None or made_at < born:
            return None
        return Result(True, f"The repository {found.get('full_name')} is there.", _repository(found))

    def create_issue(self, data: CreateIssue) -> Result:
        repo = self._repo(data)
        labels = self.config.default_labels if data.labels is None else data.labels
        body: Json = {"title": data.title, "body": self._marked(data.body)}
        if labels:
            body["labels"] = labels
        if data.assignees:
            body["assignees"] = [name.lstrip("@") for name in data.assignees]
        if data.milestone is not None:
            body["milestone"] = self.client.milestone_number(repo, data.milestone)
        if data.type:
            body["type"] = data.type
        issue = self.client.create(repo, "issues", body=body)
        return Result(True, " ".join([f"Issue {repo}#{issue.get('number')} is open.", *_dropped(body, issue)]),
                      _issue(issue, repo))  # fmt: skip

    def find_created_issue(self, data: CreateIssue) -> Result | None:
        """Return the issue that an earlier call opened: the one with our mark."""
        repo = self._repo(data)
        since = markers.born_at(self.call.idempotency_key)
        for issue in self.client.issues(repo, since, sort="created", direction="desc"):
            if self._is_ours(issue):
                return Result(True, f"Issue {repo}#{issue['number']} is open.", _issue(issue, repo))
        return None

    def close_issue(self, data: CloseIssue) -> Result:
        repo = self._repo(data)
        body = {"state": "closed", "state_reason": data.state_reason}
        issue = self.client.change(repo, "issues", data.issue_number, body=body)
        return Result(True, f"Issue {repo}#{data.issue_number} is closed.", _issue(issue, repo))

    def create_pull_request(self, data: CreatePullRequest) -> Result:
        repo = self._repo(data)
        body: Json = {
            "title": data.title,
            "head": data.head,
            "base": data.base or str(self.client.repository(repo).get("default_branch") or "main"),
            "body": self._marked(data.body),
            "draft": data.draft,
            "maintainer_can_modify": data.maintainer_can_modify,
        }
        made = self.client.create(repo, "pulls", body=body)
        return Result(True, f"Pull request {repo}#{made.get('number')} is open.", _issue(made, repo))

    def find_created_pull_request(self, data: CreatePullRequest) -> Result | None:
        """Return the pull request that an earlier call opened: the one with our mark."""
        repo = self._repo(data)
        for pull in self.client.pulls(repo, sort="created", direction="desc"):
            if self._is_ours(pull):
                return Result(True, f"Pull request {repo}#{pull['number']} is open.", _issue(pull, repo))
            if self._is_older(pull):
                return None
        return None

    def add_comment(self, data: AddIssueComment) -> Result:
        repo = self._repo(data)
        body = {"body": self._marked(data.body)}
        comment = self.client.create(repo, "issues", data.issue_number, "comments", body=body)
        return Result(True, f"The comment is at {repo}#{data.issue_number}.", _comment(comment))

    def find_comment(self, data: AddIssueComment) -> Result | None:
        """Return the comment that an earlier call wrote: the one with our mark."""
        repo = self._repo(data)
        since = markers.born_at(self.call.idempotency_key)
        for comment in self.client.comments(repo, data.issue_number, since):
            if self._is_ours(comment):
                return Result(True, f"The comment is at {repo}#{data.issue_number}.", _comment(comment))
        return None

    # --- names -----------------------------------------------------------------------------------------------
    def _repo(self, data: WithRepository) -> str:
        """The full name of the repository that parameters mean."""
        if data.repo is None:
            return self._default()
        return self._full(f"{data.owner}/{data.repo}" if data.owner else data.repo)

    def _default(self) -> str:
        if not self.config.default_repo:
            raise InvalidInput("Name a repository, or set a default repository in the integration.")
        return self._full(self.config.default_repo)

    def _full(self, name: str) -> str:
        return name if "/" in name else f"{self.config.default_owner or self.client.me['login']}/{name}"

    def _organization(self, data: CreateRepo) -> str:
        """The organization for a new repository; "" for the person whose token it is."""
        wanted = data.organization or self.config.default_owner
        if not wanted:
            return ""
        try:
            login = str(self.client.me.get("login", ""))
        except Forbidden:
            return wanted
        return "" if wanted.casefold() == login.casefold() else wanted

    def _watched(self) -> list[str]:
        """The repositories where webhooks are registered and changes looked for."""
        return [self._full(name) for name in self.config.repositories] or [self._default()]

    # --- marks -----------------------------------------------------------------------------------------------
    def _marked(self, text: str) -> str:
        if not self.call.idempotency_key:
            return text
        mark = markers.hidden(self.call.idempotency_key)
        return f"{text}\n\n{mark}" if text else mark

    def _is_ours(self, found: Mapping[str, Any]) -> bool:
        key = self.call.idempotency_key
        return bool(key) and markers.hidden_key(str(found.get("body") or "")) == key

    def _is_older(self, found: Mapping[str, Any]) -> bool:
        born, made_at = markers.born_at(self.call.idempotency_key), moment(found.get("created_at"))
        return born is not None and made_at is not None and made_at < born

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload, self.request.headers if self.request else {})

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return headers.get("x-github-delivery") or None

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.account_of(payload)

    @classmethod
    def handshake(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        return HandshakeAnswer(body=b"pong") if events.is_ping(payload, request.headers) else None

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have each watched repository send to `target`. https://docs.github.com/en/rest/repos/webhooks"""
        kept = dict(_registered(known)) if known else {}
        body = {
            "active": True,
            "events": list(target.events) or [spec.name for spec in self.events],
            "config": {"url": target.url, "content_type": "json", "secret": target.secret, "insecure_ssl": "0"},
        }
        ids = []
        for repo in self._watched():
            there = {str(hook["id"]): (hook.get("config") or {}).get("url") for hook in self.client.hooks(repo)}
            hook_id = kept.pop(repo, None)
            if hook_id not in there:
                hook_id = next((one for one, url in there.items() if url == target.url), None)
            if hook_id is None:
                hook_id = str(self.client.create(repo, "hooks", body={"name": "web", **body})["id"])
            else:
                self.client.change(repo, "hooks", hook_id, body=body)
            ids.append(f"{repo}:{hook_id}")
        for repo, hook_id in kept.items():
            self.client.remove_hook(repo, hook_id)
        return Registration(tuple(ids))

    def unregister_webhook(self, known: Registration) -> None:
        for repo, hook_id in _registered(known):
            self.client.remove_hook(repo, hook_id)

    def list_changes(self, since: datetime, until: datetime) -> Iterable[Event]:
        return changes_in(self.client, self._watched(), since, until)


def _registered(known: Registration) -> Iterator[tuple[str, str]]:
    for one in known.ids:
        repo, _, hook_id = one.rpartition(":")
        yield repo, hook_id


def _dropped(wanted: Json, issue: Json) -> list[str]:
    """Say what GitHub left out without a word: it does so where the token may not push."""
    missing = missing_of(wanted.get("labels", []), issue.get("labels"), "name")
    missing += missing_of(wanted.get("assignees", []), issue.get("assignees"), "login")
    if "milestone" in wanted and not issue.get("milestone"):
        missing.append("the milestone")
    if "type" in wanted and not issue.get("type"):
        missing.append("the type")
    return [f"GitHub left out {', '.join(missing)}: the token needs write access for that."] if missing else []


def _repository(made: Json) -> Json:
    return {name: made.get(name) for name in ("id", "name", "full_name", "html_url", "private", "clone_url")}


def _issue(made: Json, repo: str) -> Json:
    known = {name: made.get(name) for name in ("id", "number", "html_url", "state", "title")}
    return {**known, "repo": repo}


def _comment(made: Json) -> Json:
    return {name: made.get(name) for name in ("id", "html_url")}
