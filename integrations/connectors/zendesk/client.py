"""Calls to Zendesk's Ticketing API version 2: https://developer.zendesk.com/api-reference/ticketing/ (read 2026-11)."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.errors import (
    IntegrationError,
    InvalidInput,
    Permanent,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.grants import ask, token_of
from integrations.http import path
from integrations.specs import File, Token

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

_PER_PAGE = 100
# Nobody's rule shall read a longer list than this many pages.
_MAX_PAGES = 30
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 5.0
# Kept back from a call's deadline, for the answer's own way.
_RESERVE = 3.0
_JOB_ENDED = {"completed", "failed", "killed"}

pause = time.sleep


class ZendeskClient:
    """The vendor's calls, in the vendor's words. Look-ups are kept for the life of the instance, which is one call."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http
        self._users: dict[str, int] = {}

    # --- signing in ------------------------------------------------------------------------------------------
    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a call. Returns the JSON of its answer."""
        return self.http.request(method, path, **options).json()

    def granted(self, grant: Mapping[str, str]) -> Token:
        """A token for our OAuth client, by the client credentials or with a refresh token.

        A refresh voids the access token and the refresh token before it.
        https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/ (read 2026-11)
        """
        return token_of(ask(self.http, "/tokens", host="oauth", json=dict(grant)))

    # --- reading ---------------------------------------------------------------------------------------------
    def me(self) -> dict[str, Any]:
        """https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self"""
        return _inner(self.call("GET", "/users/me"), "user")

    def account_id(self) -> str:
        """The account's number, which webhooks carry in ``x-zendesk-account-id``; "" where it cannot be had.

        No documented call tells it; this one exists on every account and tells it to those who may see it.
        """
        try:
            account = _inner(self.call("GET", "/account"), "account")
        except IntegrationError:
            return ""
        return str(account.get("id") or "")

    def ticket(self, ticket_id: int | str) -> dict[str, Any]:
        return _inner(self.call("GET", f"/tickets/{ticket_id}"), "ticket")

    def tickets_with_external_id(self, external_id: str) -> list[dict[str, Any]]:
        """Tickets by their external id, from the tables: no index that lags.

        https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#list-tickets
        """
        return _items(self.call("GET", "/tickets", params={"external_id": external_id}), "tickets")

    def audits(self, ticket_id: int | str) -> Iterator[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_audits/"""
        return self.pages(f"/tickets/{ticket_id}/audits", "audits")

    def macro_preview(self, ticket_id: int | str, macro_id: int) -> dict[str, Any]:
        """The ticket as a macro would leave it; nothing is changed.

        https://developer.zendesk.com/api-reference/ticketing/business-rules/macros/#show-ticket-after-changes
        """
        result = _inner(self.call("GET", f"/tickets/{ticket_id}/macros/{macro_id}/apply"), "result")
        return _inner(result, "ticket")

    def search(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """https://developer.zendesk.com/api-reference/ticketing/ticket-management/search/"""
        answer = self.call("GET", "/search", params=dict(params))
        found = _items(answer, "results")
        return {**answer, "results": found}

    def users_found(self, **params: str) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/users/users/#search-users"""
        return _items(self.call("GET", "/users/search", params=params), "users")

    def organizations_named(self, name: str) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/#search-organizations"""
        found = _items(self.call("GET", "/organizations/search", params={"name": name}), "organizations")
        return [organization for organization in found if same(organization.get("name"), name)]

    def pages(self, path: str, name: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The items of a list by cursor. https://developer.zendesk.com/api-reference/introduction/pagination/"""
        after: str | None = None
        for _ in range(_MAX_PAGES):
            query = {**(params or {}), "page[size]": _PER_PAGE, **({"page[after]": after} if after else {})}
            answer = self.call("GET", path, params=query)
            yield from _items(answer, name)
            meta = answer.get("meta") if isinstance(answer, dict) else None
            after = meta.get("after_cursor") if isinstance(meta, dict) and meta.get("has_more") else None
            if not after:
                return

    def tickets_since(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Tickets that changed since a time, in that order; ten such calls a minute are allowed."""
        params: dict[str, Any] = {"start_time": int(since.timestamp()), "per_page": 1000}
        for _ in range(_MAX_PAGES):
            answer = self.call("GET", "/incremental/tickets/cursor", params=params)
            yield from _items(answer, "tickets")
            if not isinstance(answer, dict) or answer.get("end_of_stream") or not answer.get("after_cursor"):
                return
            params = {"cursor": answer["after_cursor"], "per_page": 1000}
        raise InvalidInput(f"More than {_MAX_PAGES * 1000} tickets changed: look at a shorter time.")

    # --- names for ids ---------------------------------------------------------------------------------------
    def user_id(self, who: int | str) -> int:
        """The id of an agent given by id, e-mail address or name. Raises InvalidInput when nobody or several fit."""
        text = str(who).strip()
        if text.isdecimal():
            return int(text)
        if text.lower() not in self._users:
            if "@" in text:
                found = [user for user in self.users_found(query=f"email:{text}") if same(user.get("email"), text)]
            else:
                found = [user for user in self.agents if same(user.get("name"), text)]
            self._users[text.lower()] = _only(found, "agent", text, "e-mail address")
        return self._users[text.lower()]

    def group_id(self, who: int | str) -> int:
        """The id of a group given by id or name. Raises InvalidInput when none or several fit."""
        text = str(who).strip()
        if text.isdecimal():
            return int(text)
        return _only([group for group in self.groups if same(group.get("name"), text)], "group", text, "id")

    def organization_id(self, which: int | str) -> int:
        """The id of an organization given by id or name. Raises InvalidInput when there is none."""
        text = str(which).strip()
        return int(text) if text.isdecimal() else _only(self.organizations_named(text), "organization", text, "id")

    def macro_id(self, which: int | str) -> int:
        """The id of a macro given by id or title. Raises InvalidInput when none or several fit."""
        text = str(which).strip()
        if text.isdecimal():
            return int(text)
        found = _items(self.call("GET", "/macros/search", params={"query": text}), "macros")
        return _only([macro for macro in found if same(macro.get("title"), text)], "macro", text, "id")

    def status_fields(self, status: int | str) -> dict[str, Any]:
        """What sets a status: one of the six, or one of the account's own by name or id."""
        from integrations.connectors.zendesk.schemas import STATUSES

        text = str(status).strip()
        if text in STATUSES:
            return {"status": text}
        if text.isdecimal():
            return {"custom_status_id": int(text)}
        for own in self.custom_statuses:
            if same(own.get("agent_label"), text):
                return {"custom_status_id": own["id"]}
        names = [*STATUSES, *(str(own.get("agent_label")) for own in self.custom_statuses)]
        raise InvalidInput(f"Zendesk has no status '{text}' here. There are: {', '.join(names)}.")

    @cached_property
    def agents(self) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/users/users/#list-users"""
        return list(self.pages("/users", "users", {"role[]": ["agent", "admin"]}))

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/groups/groups/"""
        return list(self.pages("/groups", "groups"))

    @cached_property
    def macros(self) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/business-rules/macros/#list-active-macros"""
        return list(self.pages("/macros/active", "macros"))

    @cached_property
    def custom_statuses(self) -> list[dict[str, Any]]:
        """https://developer.zendesk.com/api-reference/ticketing/tickets/custom_ticket_statuses/"""
        return _items(self.call("GET", "/custom_statuses", params={"active": "true"}), "custom_statuses")

    # --- writing ---------------------------------------------------------------------------------------------
    def create(
        self, path: str, name: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return self.http.post(path, json={name: dict(body)}, headers=headers).made(inside=name)

    def update(self, path: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.http.put(path, json={name: dict(body)}).made(inside=name)

    def audited_update(self, ticket_id: int | str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change a ticket and return the audit of the change, which holds its comment."""
        return self.http.put(f"/tickets/{ticket_id}", json={"ticket": dict(body)}).made(inside="audit")

    def add_tags(self, ticket_id: int | str, tags: Sequence[str]) -> list[Any]:
        """Add tags, where POST would replace them, and return all that the ticket has.

        https://developer.zendesk.com/api-reference/ticketing/ticket-management/tags/#add-tags
        """
        answer = self.call("PUT", f"/tickets/{ticket_id}/tags", json={"tags": list(tags)})
        there = answer.get("tags") if isinstance(answer, dict) else None
        if not isinstance(there, list):
            raise Uncertain("Zendesk answered without 'tags': they may be there all the same.", may_have_reached=True)
        return there

    def upload(self, files: Sequence[File]) -> list[str]:
        """Give files to Zendesk and return the token that a comment names them by, in a list; empty without files.

        Nobody sees them before that, and what no comment names is forgotten after an hour: a call that was cut off
        here may simply be made again. https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/
        """
        token = ""
        for file in files:
            params = {"filename": file.name, **({"token": token} if token else {})}
            try:
                answer = self.call(
                    "POST", "/uploads", params=params, content=file.content, headers={"Content-Type": file.content_type}
                )
            except Uncertain as error:
                raise Unreachable(f"The upload to Zendesk was cut off. {error.message}", detail=error.detail) from error
            finally:
                self.http.has_written = False
            token = str(_inner(answer, "upload").get("token") or "")
        return [token] if token else []

    def update_many(self, ids: list[int], fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change many tickets and wait for the job, as long as the call's time lasts. Raises Unavailable beyond it.

        https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-many-tickets
        """
        query = {"ids": ",".join(str(ticket_id) for ticket_id in ids)}
        answer = self.http.put("/tickets/update_many", params=query, json={"ticket": dict(fields)})
        job, wait = answer.made(inside="job_status"), _FIRST_WAIT
        while job.get("status") not in _JOB_ENDED:
            if wait + _RESERVE > self.http.remaining():
                raise Unavailable(
                    f"Zendesk's job {job.get('id')} is still at work ({job.get('status')}).",
                    retry_after=30,
                    may_have_reached=True,
                )
            pause(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)
            job = _inner(self.call("GET", f"/job_statuses/{job.get('id')}"), "job_status")
        return job

    # --- webhooks --------------------------------------------------------------------------------------------
    def webhooks_to(self, address: str) -> list[dict[str, Any]]:
        """Webhooks that send to an address. https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/"""
        return [webhook for webhook in self.pages("/webhooks", "webhooks") if webhook.get("endpoint") == address]

    def make_webhook(self, webhook: Mapping[str, Any]) -> str:
        return str(self.create("/webhooks", "webhook", webhook)["id"])

    def change_webhook(self, webhook_id: str, webhook: Mapping[str, Any]) -> None:
        self.http.put(path("webhooks", webhook_id), json={"webhook": dict(webhook)})

    def remove_webhook(self, webhook_id: str) -> None:
        self.http.delete(path("webhooks", webhook_id), expected={404})

    def signing_secret(self, webhook_id: str) -> str:
        answer = self.call("GET", path("webhooks", webhook_id, "signing_secret"))
        return str(_inner(answer, "signing_secret").get("secret") or "")


def meaning(response: "Response") -> IntegrationError | None:
    """What a refusal of Zendesk says where it says more than its status; None leaves it to the common mapping.

    https://developer.zendesk.com/api-reference/introduction/requests/#response-format (read 2026-11)
    """
    status, said = response.status_code, response.message if response.status_code in (400, 409, 422) else ""
    if status == 409:
        # Somebody changed the object since it was read, or the same request is still being worked on.
        return Unavailable(f"Zendesk met another change at the same moment. {said}".strip(), retry_after=2)
    if status == 400 and "IdempotentRequestError" in response.text:
        return InvalidInput("An earlier call of this step asked Zendesk for something else; it is not repeated.")
    if status == 422 and re.search(r"\bclosed\b", said, re.IGNORECASE):
        return InvalidInput(
            f"Zendesk refused: {said}. A closed ticket is final; open a follow-up (via_followup_source_id)."
        )
    return None


def failed_items(job: Mapping[str, Any], ids: list[int]) -> list[dict[str, Any]]:
    """Which tickets an ended job could not change, and why: [{"id", "reason"}]."""
    results = job.get("results")
    items = [item for item in results if isinstance(item, dict)] if isinstance(results, list) else []
    failed = [
        {"id": item.get("id"), "reason": item.get("details") or item.get("error") or item.get("status") or "no reason"}
        for item in items
        if item.get("success") is False or item.get("error")
    ]
    if not failed and job.get("status") != "completed":
        return [{"id": ticket_id, "reason": job.get("message") or "the job failed"} for ticket_id in ids]
    return failed


def as_html(text: str) -> str:
    """Text for a field that is HTML: line breaks of plain text are kept, markup stays as it is."""
    return text if re.search(r"<[a-zA-Z/!]", text) else text.strip().replace("\n", "<br>\n")


def same(one: Any, other: Any) -> bool:
    """Whether two names are the same to a person."""
    return isinstance(one, str) and isinstance(other, str) and one.strip().casefold() == other.strip().casefold()


def _inner(answer: Any, name: str) -> dict[str, Any]:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, dict):
        raise Permanent(f"Zendesk answered without a '{name}'.")
    return value


def _items(answer: Any, name: str) -> list[dict[str, Any]]:
    values = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(values, list):
        # Taken for "nothing found", it would have us make again what is there.
        raise Permanent(f"Zendesk answered without '{name}'.")
    return [item for item in values if isinstance(item, dict)]


def _only(found: list[dict[str, Any]], what: str, text: str, better: str) -> int:
    if not found:
        raise InvalidInput(f"Zendesk has no {what} '{text}'.")
    if len(found) > 1:
        raise InvalidInput(f"Zendesk has {len(found)} {what}s '{text}': give the {better}.")
    return int(found[0]["id"])
