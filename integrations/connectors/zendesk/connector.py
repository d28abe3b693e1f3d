"""Zendesk Support: tickets, comments, users and organizations. Set-up and quirks: README.md."""

import html
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations import markers
from integrations.base import BaseIntegration
from integrations.connectors.zendesk import events, samples
from integrations.connectors.zendesk.client import ZendeskClient, as_html, failed_items, meaning, same
from integrations.connectors.zendesk.schemas import (
    AddComment,
    AddTags,
    ApplyMacro,
    AssignTicket,
    BulkUpdate,
    ChangeStatus,
    CreateOrganization,
    CreateTicket,
    CreateUser,
    OrganizationFields,
    Search,
    SetPriority,
    TicketFields,
    UpdateOrganization,
    UpdateTicket,
    UpdateUser,
    UserFields,
    ZendeskConfig,
    ZendeskCredentials,
)
from integrations.errors import CredentialsRejected, Forbidden, IntegrationError
from integrations.grants import client_of
from integrations.signatures import HmacSignature, minutes
from integrations.specs import (
    CREATES,
    READS,
    SETS,
    Account,
    ActionSpec,
    Event,
    EventSpec,
    Limit,
    OAuth,
    Registration,
    Result,
    Token,
    WebhookTarget,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# The secret with which Zendesk signs test requests before a webhook exists; printed in its documentation.
# https://developer.zendesk.com/documentation/webhooks/verifying/ (read 2026-11)
PUBLISHED_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105 - known to everybody, hence refused

# Where an update's metadata holds our mark; audits show it again, people and their mails never do.
_MARK = "supportops_step"
# What a macro may change, by the names under which the preview has it.
_MACRO_FIELDS = (
    "assignee_id", "brand_id", "custom_status_id", "due_at", "group_id", "priority", "status", "subject", "tags",
    "ticket_form_id", "type",
)  # fmt: skip
_UPDATES = {"update_ticket", "add_comment", "assign_ticket", "change_status", "set_priority", "add_tags", "apply_macro"}


def _updated_ticket(action: str, data: Any) -> str | None:
    return str(getattr(data, "ticket_id", "")) if action in _UPDATES else None


class Zendesk(BaseIntegration):
    key, name = "zendesk", "Zendesk"
    description = "Help desk: tickets, comments, macros, users and organizations."
    Credentials = ZendeskCredentials
    Config = ZendeskConfig
    base_url = "https://{subdomain}.zendesk.com/api/v2"
    other_urls = {"oauth": "https://{subdomain}.zendesk.com/oauth"}
    # https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/ (read 2026-11)
    oauth = OAuth(
        authorize_path="/authorizations/new",
        authorize_host="oauth",
        token_path="/tokens",  # noqa: S106 - an address
        token_host="oauth",  # noqa: S106 - the name of a host
        scopes=("read", "write"),
        takes_json=True,
    )
    config: ZendeskConfig
    credentials: ZendeskCredentials

    # Requests a minute and account: 200 on the smallest plan. Updates: 100 a minute and account, and 30 in ten minutes
    # for one ticket by one user; with the burst, these stay below. What answers' headers say counts more.
    # https://developer.zendesk.com/api-reference/introduction/rate-limits/ (read 2026-11)
    choice_kinds = ("agents", "groups", "macros")
    limits = [
        Limit("account", calls=160, seconds=60, burst=30),
        Limit("update tickets", calls=75, seconds=60, burst=20, key=lambda a, _: "" if a in _UPDATES else None),
        Limit("update one ticket", calls=20, seconds=600, burst=10, key=_updated_ticket),
    ]

    # Timestamp before body, without a separator; the key is the secret as text, though it looks like base64.
    # https://developer.zendesk.com/documentation/webhooks/verifying/ (read 2026-11)
    signature = HmacSignature(
        header="X-Zendesk-Webhook-Signature",
        timestamp="X-Zendesk-Webhook-Signature-Timestamp",
        clock="iso8601",
        covers=lambda r: r.timestamp + r.body,
        digest="sha256",
        encoding="base64",
        tolerance=minutes(5),
        scheme="zendesk",
        public_secrets=[PUBLISHED_SECRET],
        description="Signed by Zendesk with the webhook's signing secret.",
    )
    platform_makes_secret = True

    actions = [
        ActionSpec("create_ticket", "Open a ticket.", CreateTicket, "create_ticket", CREATES, "marker",
                   "find_created_ticket"),
        ActionSpec("update_ticket", "Change fields of a ticket.", UpdateTicket, "update_ticket", SETS),
        ActionSpec("add_comment", "Add a comment to a ticket, public or internal.", AddComment, "add_comment", CREATES,
                   "marker", "find_comment"),
        ActionSpec("assign_ticket", "Give a ticket to an agent or a group.", AssignTicket, "assign_ticket", SETS),
        ActionSpec("change_status", "Set a ticket's status.", ChangeStatus, "change_status", SETS),
        ActionSpec("set_priority", "Set a ticket's priority.", SetPriority, "set_priority", SETS),
        ActionSpec("add_tags", "Add tags to a ticket.", AddTags, "add_tags", SETS),
        ActionSpec("apply_macro", "Apply a macro to a ticket.", ApplyMacro, "apply_macro", CREATES, "marker",
                   "find_applied_macro"),
        ActionSpec("create_user", "Add a user.", CreateUser, "create_user", CREATES, "marker", "find_created_user"),
        ActionSpec("update_user", "Change fields of a user.", UpdateUser, "update_user", SETS),
        ActionSpec("create_organization", "Add an organization.", CreateOrganization, "create_organization", CREATES,
                   "marker", "find_created_organization"),
        ActionSpec("update_organization", "Change fields of an organization.", UpdateOrganization,
                   "update_organization", SETS),
        ActionSpec("search", "Find tickets, users or organizations.", Search, "search", READS),
        ActionSpec("bulk_update", "Make the same change to up to 100 tickets.", BulkUpdate, "bulk_update", SETS),
    ]  # fmt: skip

    events = [
        EventSpec("ticket.created", "A ticket was opened.", "ticket", samples.TICKET_CREATED),
        EventSpec("ticket.updated", "A ticket was changed in any way.", "ticket", samples.TICKET_UPDATED),
        EventSpec("ticket.solved", "A ticket's status became solved.", "ticket", samples.TICKET_SOLVED),
        EventSpec("ticket.closed", "A ticket's status became closed.", "ticket", samples.TICKET_CLOSED),
        EventSpec("comment.created", "A comment was added to a ticket.", "comment", samples.COMMENT_CREATED),
        EventSpec("user.created", "A user was added.", "user", samples.USER_CREATED),
        EventSpec("user.updated", "A user was changed.", "user", samples.USER_UPDATED),
        EventSpec("organization.created", "An organization was added.", "organization", samples.ORGANIZATION_CREATED),
        EventSpec("organization.updated", "An organization was changed.", "organization", samples.ORGANIZATION_UPDATED),
    ]

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_in(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return headers.get("x-zendesk-webhook-invocation-id") or None

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        named = headers.get("x-zendesk-account-id")
        if not named and isinstance(payload, dict):
            named = str(payload.get("account_id") or "")
        return named or None

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """One webhook with subscriptions to events: whatever kind of change, and signed.

        A webhook of the other kind (for triggers) at this address cannot be turned into one; it is left alone.
        """
        wanted = {
            "name": "SupportOps",
            "status": "active",
            "endpoint": target.url,
            "http_method": "POST",
            "request_format": "json",
            "subscriptions": events.subscriptions_for(target.events),
        }
        ours = [
            str(webhook.get("id"))
            for webhook in self.client.webhooks_to(target.url)
            if "conditional_ticket_events" not in (webhook.get("subscriptions") or [])
        ]
        if ours:
            self.client.change_webhook(ours[0], wanted)
            for double in ours[1:]:
                self.client.remove_webhook(double)
        else:
            ours = [self.client.make_webhook(wanted)]
        return Registration((ours[0],), self.client.signing_secret(ours[0]))

    def unregister_webhook(self, known: Registration) -> None:
        for webhook_id in known.ids:
            self.client.remove_webhook(webhook_id)

    def list_changes(self, since: datetime, until: datetime) -> list[Event]:
        """Tickets by the incremental export, as made or as changed: which change it was the export does not say.

        https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/ (read 2026-11)
        """
        found = [events.exported_ticket_event(ticket, since) for ticket in self.client.tickets_since(since)]
        return [event for event in found if event.updated_at is not None and since <= event.updated_at < until]

    # --- signing in ------------------------------------------------------------------------------------------
    def authorize(self, http: "PlatformClient") -> None:
        """An API token is Basic sign-in as ``address/token``. An OAuth client gets its token with the first call."""
        known = self.credentials
        if known.email and known.api_token:
            http.auth = (f"{known.email}/token", known.api_token)
        elif known.access_token and not known.refresh_token:
            http.headers["Authorization"] = f"Bearer {known.access_token}"
        else:
            http.bearer = self.access_token

    def obtain_token(self, last: Token | None) -> Token:
        """Use the granted token while it lasts, refresh it then; without one, sign in as the OAuth client itself."""
        known = self.credentials
        if last is None and known.access_token:
            return Token(known.access_token, refresh_token=known.refresh_token)
        client_id, client_secret = client_of(type(self), known.model_dump())
        grant = {"client_id": client_id, "client_secret": client_secret}
        if last is not None and last.refresh_token:
            return self.client.granted({**grant, "grant_type": "refresh_token", "refresh_token": last.refresh_token})
        if known.access_token:
            raise CredentialsRejected("Zendesk's access token has expired, and there is no token to refresh it with.")
        return self.client.granted({**grant, "grant_type": "client_credentials", "scope": "read write"})

    def test_connection(self) -> Result:
        user = self.client.me()
        # Anonymous callers get 200 too, with an empty user.
        # https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self (read 2026-11)
        if not user.get("id"):
            raise CredentialsRejected("Zendesk does not know these credentials: it took the call as anonymous.")
        if user.get("role") not in ("agent", "admin"):
            raise Forbidden(f"{user.get('email') or user.get('name')} is neither agent nor administrator at Zendesk.")
        account_id = self.client.account_id()
        return Result(
            True,
            f"Signed in at {self.credentials.subdomain}.zendesk.com as {user.get('email') or user.get('name')}.",
            {
                "account": Account(id=account_id, actor_id=str(user["id"])),
                "user": {name: user.get(name) for name in ("id", "name", "email", "role")},
            },
        )

    def classify(self, response: "Response") -> IntegrationError | None:
        return meaning(response)

    @cached_property
    def client(self) -> ZendeskClient:
        return ZendeskClient(self.http)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        """Return what forms offer: [{"id", "name"}] of agents, groups, macros. Raises InvalidInput for others."""
        if kind == "agents":
            return [{"id": user["id"], "name": user.get("name")} for user in self.client.agents]
        if kind == "groups":
            return [{"id": group["id"], "name": group.get("name")} for group in self.client.groups]
        if kind == "macros":
            return [{"id": macro["id"], "name": macro.get("title")} for macro in self.client.macros]
        return super().choices(kind)

    # --- tickets ---------------------------------------------------------------------------------------------
    def create_ticket(self, data: CreateTicket) -> Result:
        """POST /tickets, https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket

        Zendesk keeps an idempotency key for two hours; after that the external id leads to what an earlier call made.
        """
        body = self._ticket_body(data)
        body["comment"] = {
            # The subject is plain text, possibly a stranger's.
            "html_body": as_html(data.description) if data.description else html.escape(data.subject or ""),
            "public": self._is_public(data.public),
            **self._uploads(data),
        }
        if data.requester_id is not None:
            body["requester_id"] = data.requester_id
        elif data.requester_email:
            # A new requester needs a name.
            body["requester"] = {
                "email": data.requester_email,
                "name": data.requester_name or data.requester_email.partition("@")[0],
            }
        if data.email_ccs:
            body["email_ccs"] = [{"user_email": email, "action": "put"} for email in data.email_ccs]
        if data.followers:
            body["followers"] = [{"user_email": email, "action": "put"} for email in data.followers]
        if data.via_followup_source_id is not None:
            body["via_followup_source_id"] = data.via_followup_source_id
        key, headers = self.call.idempotency_key, {}
        if key:
            body.setdefault("external_id", markers.tag(key))
            body["metadata"] = {_MARK: key}
            headers = {"Idempotency-Key": key}
        ticket = self.client.create("/tickets", "ticket", body, headers)
        return self._ticket_result(f"Ticket {ticket.get('id')} was opened.", ticket)

    def find_created_ticket(self, data: CreateTicket) -> Result | None:
        own = markers.tag(self.call.idempotency_key)
        for ticket in self.client.tickets_with_external_id(data.external_id or own):
            if ticket.get("external_id") == own or self._made_by_this_step(ticket):
                return self._ticket_result(f"Ticket {ticket.get('id')} had been opened already.", ticket)
        return None

    def update_ticket(self, data: UpdateTicket) -> Result:
        """PUT /tickets/{id}. Unknown fields would be ignored silently, which is why our model refuses them."""
        body = self._ticket_body(data)
        if data.requester_id is not None:
            body["requester_id"] = data.requester_id
        return self._changed(data.ticket_id, body, "was changed")

    def add_comment(self, data: AddComment) -> Result:
        """PUT /tickets/{id} with a comment.

        https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/#creating-ticket-comments
        """
        comment: dict[str, Any] = {"html_body": as_html(data.body), "public": self._is_public(data.public)}
        if data.author is not None:
            comment["author_id"] = self.client.user_id(data.author)
        comment |= self._uploads(data)
        body = {"comment": comment, **(self.client.status_fields(data.status) if data.status is not None else {})}
        audit = self.client.audited_update(data.ticket_id, {**body, **self._marked()})
        return self._comment_result(f"A comment was added to ticket {data.ticket_id}.", audit)

    def find_comment(self, data: AddComment) -> Result | None:
        audit = self._own_audit(data.ticket_id)
        if audit is None:
            return None
        return self._comment_result(f"The comment had been added to ticket {data.ticket_id} already.", audit)

    def assign_ticket(self, data: AssignTicket) -> Result:
        return self._changed(data.ticket_id, self._people(data.assignee, data.group), "was assigned")

    def change_status(self, data: ChangeStatus) -> Result:
        return self._changed(data.ticket_id, self.client.status_fields(data.status), "has its new status")

    def set_priority(self, data: SetPriority) -> Result:
        return self._changed(data.ticket_id, {"priority": data.priority}, "has its new priority")

    def add_tags(self, data: AddTags) -> Result:
        tags = self.client.add_tags(data.ticket_id, data.tags)
        return Result(True, f"Ticket {data.ticket_id} has the tags.", {"id": data.ticket_id, "tags": tags})

    def apply_macro(self, data: ApplyMacro) -> Result:
        """What Zendesk calls applying only shows the outcome: what differs is then sent as an update.

        The update is safe: it is refused (409) when somebody changed the ticket since it was read.
        """
        macro_id = self.client.macro_id(data.macro)
        ticket = self.client.ticket(data.ticket_id)
        preview = self.client.macro_preview(data.ticket_id, macro_id)
        body = _differences(ticket, preview)
        if not body:
            return self._ticket_result(f"The macro changes nothing on ticket {data.ticket_id}.", ticket)
        body |= {"macro_id": macro_id, "safe_update": True, "updated_stamp": ticket.get("updated_at")}
        changed = self.client.update(f"/tickets/{data.ticket_id}", "ticket", {**body, **self._marked()})
        return self._ticket_result(f"The macro was applied to ticket {data.ticket_id}.", changed)

    def find_applied_macro(self, data: ApplyMacro) -> Result | None:
        if self._own_audit(data.ticket_id) is None:
            return None
        ticket = self.client.ticket(data.ticket_id)
        return self._ticket_result(f"The macro had been applied to ticket {data.ticket_id} already.", ticket)

    def bulk_update(self, data: BulkUpdate) -> Result:
        """PUT /tickets/update_many, then its job until it ends."""
        ids = [int(ticket_id) for ticket_id in data.ticket_ids]
        fields = data.model_dump(mode="json", include={"priority", "type"}, exclude_none=True)
        fields |= self._people(data.assignee, data.group)
        if data.status is not None:
            fields |= self.client.status_fields(data.status)
        if data.add_tags:
            fields["additional_tags"] = data.add_tags
        if data.remove_tags:
            fields["remove_tags"] = data.remove_tags
        if data.custom_fields:
            fields["custom_fields"] = _custom_fields(data.custom_fields)
        job = self.client.update_many(ids, fields)
        failed = failed_items(job, ids)
        not_done = {str(item["id"]) for item in failed}
        updated = [ticket_id for ticket_id in ids if str(ticket_id) not in not_done]
        outcome = {"job_id": job.get("id"), "updated": updated, "failed": failed}
        if failed:
            reasons = "; ".join(f"{item['id']}: {item['reason']}" for item in failed[:10])
            return Result(False, f"{len(failed)} of {len(ids)} tickets were not changed. {reasons}", outcome)
        return Result(True, f"{len(ids)} tickets were changed.", outcome)

    def search(self, data: Search) -> Result:
        """GET /search. Its index lags some minutes behind, and it gives the first thousand alone."""
        params: dict[str, Any] = {
            "query": f"type:{data.type} {data.query}" if data.type else data.query,
            "per_page": data.limit,
            "sort_by": data.sort_by,
            "sort_order": data.sort_order,
        }
        answer = self.client.search(params)
        results = answer.get("results") or []
        return Result(
            True, f"{answer.get('count', len(results))} found.", {"results": results, "count": answer.get("count")}
        )

    # --- users and organizations -----------------------------------------------------------------------------
    def create_user(self, data: CreateUser) -> Result:
        """POST /users, https://developer.zendesk.com/api-reference/ticketing/users/users/#create-user"""
        body = self._user_body(data)
        if not data.email and not data.external_id and self.call.idempotency_key:
            # Without either there would be nothing by which Zendesk or we could tell a second one.
            body["external_id"] = markers.tag(self.call.idempotency_key)
        path = "/users/create_or_update" if data.update_existing else "/users"
        user = self.client.create(path, "user", body)
        return Result(True, f"User {user.get('id')} was added.", user)

    def find_created_user(self, data: CreateUser) -> Result | None:
        """Look for a user of that address or external id, made since this step exists. An older one is a conflict."""
        external_id = data.external_id or ("" if data.email else markers.tag(self.call.idempotency_key))
        if external_id:
            found = self.client.users_found(external_id=external_id)
        else:
            found = self.client.users_found(query=f"email:{data.email}")
        for user in found:
            if same(user.get("name"), data.name) and self._made_by_this_step(user):
                return Result(True, f"User {user.get('id')} had been added already.", user)
        return None

    def update_user(self, data: UpdateUser) -> Result:
        """PUT /users/{id}, https://developer.zendesk.com/api-reference/ticketing/users/users/#update-user"""
        user = self.client.update(f"/users/{data.user_id}", "user", self._user_body(data))
        return Result(True, f"User {data.user_id} was changed.", user)

    def create_organization(self, data: CreateOrganization) -> Result:
        """POST /organizations. Names are unique: a second one is refused."""
        organization = self.client.create("/organizations", "organization", self._organization_body(data))
        return Result(True, f"Organization {organization.get('id')} was added.", organization)

    def find_created_organization(self, data: CreateOrganization) -> Result | None:
        for organization in self.client.organizations_named(data.name):
            if self._made_by_this_step(organization):
                return Result(True, f"Organization {organization.get('id')} had been added already.", organization)
        return None

    def update_organization(self, data: UpdateOrganization) -> Result:
        """PUT /organizations/{id}"""
        path = f"/organizations/{data.organization_id}"
        organization = self.client.update(path, "organization", self._organization_body(data))
        return Result(True, f"Organization {data.organization_id} was changed.", organization)

    # --- what several of them need ---------------------------------------------------------------------------
    def _ticket_body(self, data: TicketFields) -> dict[str, Any]:
        plain = {"subject", "priority", "type", "tags", "due_at", "external_id", "brand_id", "ticket_form_id"}
        body = data.model_dump(mode="json", include={*plain, "problem_id"}, exclude_none=True)
        if data.status is not None:
            body |= self.client.status_fields(data.status)
        if data.organization is not None:
            body["organization_id"] = self.client.organization_id(data.organization)
        if data.custom_fields:
            body["custom_fields"] = _custom_fields(data.custom_fields)
        return body | self._people(data.assignee, data.group)

    def _people(self, assignee: int | str | None, group: int | str | None) -> dict[str, Any]:
        people: dict[str, Any] = {}
        if assignee is not None and "@" in str(assignee):
            people["assignee_email"] = assignee
        elif assignee is not None:
            people["assignee_id"] = self.client.user_id(assignee)
        if group is not None:
            people["group_id"] = self.client.group_id(group)
        return people

    def _user_body(self, data: UserFields) -> dict[str, Any]:
        body = data.model_dump(mode="json", exclude={"user_id", "organization", "update_existing"}, exclude_none=True)
        if data.organization is not None:
            body["organization_id"] = self.client.organization_id(data.organization)
        return body

    def _organization_body(self, data: OrganizationFields) -> dict[str, Any]:
        body = data.model_dump(mode="json", exclude={"organization_id", "group"}, exclude_none=True)
        if data.group is not None:
            body["group_id"] = self.client.group_id(data.group)
        return body

    def _uploads(self, data: CreateTicket | AddComment) -> dict[str, Any]:
        tokens = self.client.upload([self.open_file(source) for source in data.attachments])
        return {"uploads": tokens} if tokens else {}

    def _is_public(self, public: bool | None) -> bool:
        return self.config.comments_are_public if public is None else public

    def _marked(self) -> dict[str, Any]:
        return {"metadata": {_MARK: self.call.idempotency_key}} if self.call.idempotency_key else {}

    def _own_audit(self, ticket_id: int | str) -> dict[str, Any] | None:
        """The audit of an update that this step made: it carries our mark among its custom metadata."""
        for audit in self.client.audits(ticket_id):
            metadata = audit.get("metadata")
            custom = metadata.get("custom") if isinstance(metadata, dict) else None
            if isinstance(custom, dict) and custom.get(_MARK) == self.call.idempotency_key:
                return audit
        return None

    def _made_by_this_step(self, found: Mapping[str, Any]) -> bool:
        born, made = markers.born_at(self.call.idempotency_key), events.moment(found.get("created_at"))
        return born is not None and made is not None and made >= born

    def _changed(self, ticket_id: int | str, body: Mapping[str, Any], what: str) -> Result:
        return self._ticket_result(
            f"Ticket {ticket_id} {what}.", self.client.update(f"/tickets/{ticket_id}", "ticket", body)
        )

    def _ticket_result(self, message: str, ticket: Mapping[str, Any]) -> Result:
        # The API's own `url` leads to JSON; people want the page.
        url = f"https://{self.credentials.subdomain}.zendesk.com/agent/tickets/{ticket.get('id')}"
        return Result(True, message, {**ticket, "url": url})

    def _comment_result(self, message: str, audit: Any) -> Result:
        told = audit.get("events") if isinstance(audit, dict) else None
        comments = [event for event in told or [] if isinstance(event, dict) and event.get("type") == "Comment"]
        comment = comments[0] if comments else {}
        ticket_id = audit.get("ticket_id") if isinstance(audit, dict) else None
        return Result(
            True,
            message,
            {"id": comment.get("id"), "ticket_id": ticket_id, "public": comment.get("public")},
        )


def _custom_fields(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"id": int(field) if field.isdecimal() else field, "value": value} for field, value in values.items()]


def _differences(ticket: Mapping[str, Any], preview: Mapping[str, Any]) -> dict[str, Any]:
    """What a macro would change, as the body of an update."""
    body = {name: preview[name] for name in _MACRO_FIELDS if name in preview and preview[name] != ticket.get(name)}
    before = {item.get("id"): item.get("value") for item in ticket.get("custom_fields") or []}
    after = preview.get("custom_fields") or preview.get("fields") or []
    fields = [
        {"id": item.get("id"), "value": item.get("value")}
        for item in (after if isinstance(after, list) else [after])
        if isinstance(item, dict) and before.get(item.get("id")) != item.get("value")
    ]
    if fields:
        body["custom_fields"] = fields
    comment = preview.get("comment")
    if isinstance(comment, dict) and (comment.get("html_body") or comment.get("body")):
        text = "html_body" if comment.get("html_body") else "body"
        body["comment"] = {text: comment[text], "public": comment.get("public") is not False}
    return body
