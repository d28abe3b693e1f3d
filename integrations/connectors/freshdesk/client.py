"""Calls to Freshdesk's API version 2: https://developers.freshdesk.com/api/ (read 2026-11)."""

import html
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound, Permanent, Unavailable
from integrations.specs import File

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

_PER_PAGE = 100
# A help desk with more agents or groups than this is asked for ids; nobody's rule shall read a thousand pages.
_MAX_PAGES = 30
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 5.0
# Kept back from a call's deadline, for the answer's own way.
_RESERVE = 3.0
_MOST_ATTACHED = 20 * 1024 * 1024
# Both spellings have been seen, and others may come: what is none of these is taken as still going on.
_JOB_DONE, _JOB_FAILED = {"completed", "success", "done"}, {"failed", "error"}

pause = time.sleep


class FreshdeskClient:
    """The vendor's calls, in the vendor's words. Look-ups are kept for the life of the instance, which is one call."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http
        self._agents: dict[str, int] = {}
        self._companies: dict[str, int] = {}

    # --- reading ---------------------------------------------------------------------------------------------
    @cached_property
    def me(self) -> dict[str, Any]:
        """The agent whose key we use. https://developers.freshdesk.com/api/#me"""
        return _object(self.http.get("/agents/me"))

    def ticket(self, ticket_id: int, include: str = "") -> dict[str, Any]:
        """A ticket. `include` names what comes along, at the price of a further call each in the limit.

        https://developers.freshdesk.com/api/#view_a_ticket
        """
        return _object(self.http.get(f"/tickets/{ticket_id}", params={"include": include} if include else None))

    def contact(self, contact_id: int) -> dict[str, Any]:
        """https://developers.freshdesk.com/api/#view_contact"""
        return _object(self.http.get(f"/contacts/{contact_id}"))

    def conversations(self, ticket_id: int) -> Iterator[dict[str, Any]]:
        """Notes and replies of a ticket, oldest first. https://developers.freshdesk.com/api/#list_all_ticket_notes

        `include=conversations` would give the ten oldest only.
        """
        return self.pages(f"/tickets/{ticket_id}/conversations")

    def time_entries(self, ticket_id: int) -> Iterator[dict[str, Any]]:
        """https://developers.freshdesk.com/api/#list_all_ticket_timeentries"""
        return self.pages(f"/tickets/{ticket_id}/time_entries")

    def contacts(self, **filters: str) -> Iterator[dict[str, Any]]:
        """Contacts by e-mail, phone, mobile, external id or `_updated_since`.

        https://developers.freshdesk.com/api/#list_all_contacts
        """
        return self.pages("/contacts", filters)

    def contacts_updated_since(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Contacts that were made or changed at or after `since`: how contact events are polled."""
        return self.contacts(_updated_since=since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def tickets_with_tag(self, tag: str) -> list[dict[str, Any]]:
        """Tickets by tag. The index behind it lags. https://developers.freshdesk.com/api/#filter_tickets"""
        answer = _object(self.http.get("/search/tickets", params={"query": f"\"tag:'{tag}'\""}))
        return [item for item in answer.get("results") or [] if isinstance(item, dict)]

    def tickets_updated_since(self, since: datetime, **filters: str) -> Iterator[dict[str, Any]]:
        """Tickets changed at or after `since`, newest first, straight from the tables: no index that lags.

        https://developers.freshdesk.com/api/#list_all_tickets
        """
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.pages("/tickets", {"updated_since": at, "order_by": "created_at", "order_type": "desc", **filters})

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page. https://developers.freshdesk.com/api/#pagination"""
        for page in range(1, _MAX_PAGES + 1):
            response = self.http.get(path, params={**(params or {}), "per_page": _PER_PAGE, "page": page})
            items = response.json()
            yield from (item for item in items if isinstance(item, dict))
            if 'rel="next"' not in response.headers.get("link", ""):
                return

    # --- names for ids ---------------------------------------------------------------------------------------
    def agent_id(self, who: int | str) -> int:
        """The id of an agent given by id, e-mail address or name. Raises InvalidInput when nobody or several fit."""
        text = str(who).strip()
        if text.isdecimal():
            return int(text)
        if text.lower() not in self._agents:
            if "@" in text:
                found = list(self.pages("/agents", {"email": text}))
            else:
                found = [a for a in self.pages("/agents") if same(_contact(a).get("name"), text)]
            self._agents[text.lower()] = _only(found, "agent", text, "e-mail address")
        return self._agents[text.lower()]

    def group_id(self, who: int | str) -> int:
        """The id of a group given by id or name. Raises InvalidInput when none or several fit."""
        text = str(who).strip()
        if text.isdecimal():
            return int(text)
        return _only([group for group in self.groups if same(group.get("name"), text)], "group", text, "id")

    def company_id(self, who: int | str) -> int:
        """The id of a company given by id or name. Raises InvalidInput when there is none."""
        text = str(who).strip()
        if text.isdecimal():
            return int(text)
        if text.lower() not in self._companies:
            self._companies[text.lower()] = _only(self.companies_named(text), "company", text, "id")
        return self._companies[text.lower()]

    def companies_named(self, name: str) -> list[dict[str, Any]]:
        """Companies of that very name. https://developers.freshdesk.com/api/#search_company"""
        answer = _object(self.http.get("/companies/autocomplete", params={"name": name}))
        return [item for item in answer.get("companies") or [] if same(item.get("name"), name)]

    def company(self, company_id: int) -> dict[str, Any]:
        """https://developers.freshdesk.com/api/#view_company"""
        return _object(self.http.get(f"/companies/{company_id}"))

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """https://developers.freshdesk.com/api/#list_all_groups"""
        return list(self.pages("/groups"))

    @cached_property
    def status_names(self) -> dict[int, str]:
        """The account's statuses by number, its own included. https://developers.freshdesk.com/api/#list_all_ticket_fields

        ``choices`` of the status field is {"2": ["Open", "Being Processed"], ...}: name for agents, for customers.
        """
        return self._choices("default_status")

    @cached_property
    def source_names(self) -> dict[int, str]:
        """The account's sources by number. Here ``choices`` is {"Email": 1, ...}."""
        return self._choices("default_source")

    def code(self, names: Mapping[int, str], value: int | str, what: str) -> int:
        """The number of one of the account's own statuses or sources. Raises InvalidInput, naming those there are."""
        if isinstance(value, int):
            return value
        for number, name in names.items():
            if same(name, value):
                return number
        raise InvalidInput(f"Freshdesk has no {what} '{value}' here. There are: {', '.join(names.values()) or 'none'}.")

    def _choices(self, field_type: str) -> dict[int, str]:
        fields = self.http.get("/ticket_fields").json()
        for field in fields if isinstance(fields, list) else []:
            if isinstance(field, dict) and field.get("type") == field_type and isinstance(field.get("choices"), dict):
                return _numbered(field["choices"])
        return {}

    # --- writing ---------------------------------------------------------------------------------------------
    def create(self, path: str, body: Mapping[str, Any], files: Sequence[File] = ()) -> dict[str, Any]:
        return self.http.post(path, **_request(body, files)).made()

    def update(self, path: str, body: Mapping[str, Any], files: Sequence[File] = ()) -> dict[str, Any]:
        return self.http.put(path, **_request(body, files)).made()

    def bulk_update(self, ids: list[int], properties: Mapping[str, Any]) -> dict[str, Any]:
        """Change many tickets and wait for the job, as long as the call's time lasts. Raises Unavailable beyond it.

        https://developers.freshdesk.com/api/#bulk_update_tickets
        """
        change = {"bulk_action": {"ids": ids, "properties": dict(properties)}}
        job = _object(self.http.post("/tickets/bulk_update", json=change))
        wait = _FIRST_WAIT
        while (state := _job_state(job)) not in _JOB_DONE | _JOB_FAILED:
            if "job_id" not in job and "id" not in job:
                raise Permanent("Freshdesk took the change of many tickets but named no job to follow.")
            if wait + _RESERVE > self.http.remaining():
                raise Unavailable(
                    f"Freshdesk's job {_job_id(job)} is still at work ({state or 'no state given'}).",
                    retry_after=30,
                    may_have_reached=True,
                )
            pause(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)
            job = {"job_id": _job_id(job), **_object(self.http.get(f"/jobs/{_job_id(job)}"))}
        return job


def meaning(response: "Response") -> IntegrationError | None:
    """What a refusal of Freshdesk says, in one sentence; None leaves the answer to the common mapping.

    https://developers.freshdesk.com/api/#error (read 2026-11)
    """
    status = response.status_code
    if status == 400:
        return InvalidInput(f"Freshdesk refused the values. {response.message}", status_code=status)
    if status == 403:
        # Also sent when a plan lacks the feature, and when too many wrong keys were tried.
        return Forbidden(
            f"Freshdesk does not let this agent do that: {response.message or 'no reason given'}. "
            "Check the role of the agent whose API key is used.",
            status_code=status,
        )
    if status == 404:
        # The body is empty; a wrong account name looks the same as a wrong id.
        return NotFound(
            "Freshdesk knows no such object. Check the id, and that the domain is the right account.",
            status_code=status,
        )
    if status == 409:
        return InvalidInput(f"It conflicts with what Freshdesk has already. {response.message}", status_code=status)
    if status in (405, 406, 415):
        return Permanent(f"Freshdesk does not take this call ({status}). {response.message}", status_code=status)
    return None


def failed_items(job: Mapping[str, Any], ids: list[int]) -> list[dict[str, Any]]:
    """Which tickets a finished job could not change, and why: [{"id", "reason"}]."""
    items = job.get("data") or job.get("results") or []
    failed = [
        {"id": item.get("id"), "reason": _item_reason(item)}
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and (item.get("success") is False or item.get("errors") or item.get("error"))
    ]
    if not failed and _job_state(job) in _JOB_FAILED:
        return [{"id": ticket_id, "reason": _item_reason(job)} for ticket_id in ids]
    return failed


def as_html(text: str) -> str:
    """Text for a field that is HTML: line breaks of plain text are kept, markup stays as it is."""
    return text if re.search(r"<[a-zA-Z/!]", text) else text.strip().replace("\n", "<br>\n")


def plain(markup: str) -> str:
    """The words of a piece of HTML, for comparing: no tags, no comments, single spaces."""
    # Both steps take time in proportion to the text, whatever stands in it.
    first, *others = markup.split("<!--")
    without = re.sub(r"<[^<>]*>", " ", " ".join([first, *(part.partition("-->")[2] for part in others)]))
    return " ".join(html.unescape(without).split())


def same(one: Any, other: Any) -> bool:
    """Whether two names are the same to a person."""
    return isinstance(one, str) and isinstance(other, str) and one.strip().casefold() == other.strip().casefold()


def _object(response: "Response") -> dict[str, Any]:
    value = response.json()
    if not isinstance(value, dict):
        raise Permanent("Freshdesk answered with something else than an object.", status_code=response.status_code)
    return value


def _request(body: Mapping[str, Any], files: Sequence[File]) -> dict[str, Any]:
    """A body as JSON; with files as a form, the only way in which Freshdesk takes them.

    https://developers.freshdesk.com/api/#create_ticket_with_attachment
    """
    if not files:
        return {"json": dict(body)}
    if sum(len(file.content) for file in files) > _MOST_ATTACHED:
        raise InvalidInput("Freshdesk takes at most 20 MB of attachments at once.")
    parts = [("attachments[]", (file.name, file.content, file.content_type)) for file in files]
    return {"data": dict(_form(body)), "files": parts}


def _form(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a form for a body: lists as ``tags[]``, objects as ``custom_fields[cf_city]``."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from ((f"{name}[{key}]", item) for key, item in value.items())
        elif isinstance(value, list):
            yield f"{name}[]", value
        else:
            yield name, value


def _contact(agent: Mapping[str, Any]) -> Mapping[str, Any]:
    contact = agent.get("contact")
    return contact if isinstance(contact, dict) else agent


def _only(found: list[dict[str, Any]], what: str, text: str, better: str) -> int:
    if not found:
        raise InvalidInput(f"Freshdesk has no {what} '{text}'.")
    if len(found) > 1:
        raise InvalidInput(f"Freshdesk has {len(found)} {what}s '{text}': give the {better}.")
    return int(found[0]["id"])


def _numbered(choices: Mapping[str, Any]) -> dict[int, str]:
    numbered: dict[int, str] = {}
    for key, value in choices.items():
        if str(key).isdecimal():
            numbered[int(key)] = str(value[0] if isinstance(value, list) and value else value)
        elif isinstance(value, int):
            numbered[value] = str(key)
    return numbered


def _job_id(job: Mapping[str, Any]) -> str:
    return str(job.get("job_id") or job.get("id"))


def _job_state(job: Mapping[str, Any]) -> str:
    return str(job.get("status") or "").strip().lower().replace(" ", "_")


def _item_reason(item: Mapping[str, Any]) -> str:
    said = item.get("errors") or item.get("error") or item.get("message") or item.get("description")
    if isinstance(said, list):
        return "; ".join(_item_reason(one) if isinstance(one, dict) else str(one) for one in said)
    if isinstance(said, dict):
        return _item_reason(said) if any(key in said for key in ("message", "errors")) else str(said)
    field = item.get("field")
    return f"{field}: {said}" if field and said else str(said or "no reason given")
