"""Freshdesk: tickets, notes, replies, contacts and companies of a help desk. Set-up and quirks: README.md."""

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations import markers
from integrations.base import BaseIntegration
from integrations.connectors.freshdesk import events, samples
from integrations.connectors.freshdesk.client import FreshdeskClient, as_html, failed_items, meaning, plain, same
from integrations.connectors.freshdesk.schemas import (
    PRIORITIES,
    STATUSES,
    AddNote,
    AddReply,
    AddTimeEntry,
    AssignTicket,
    BulkUpdate,
    ChangeStatus,
    CompanyFields,
    ContactFields,
    CreateCompany,
    CreateContact,
    CreateTicket,
    FreshdeskConfig,
    FreshdeskCredentials,
    TicketFields,
    UpdateCompany,
    UpdateContact,
    UpdateTicket,
)
from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound
from integrations.signatures import SharedSecretHeader, StandardWebhooks
from integrations.specs import CREATES, SETS, Account, ActionSpec, Effect, Event, EventSpec, File, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

_UPDATES = {"update_ticket", "assign_ticket", "change_status", "bulk_update"}


def _effect_of_updating(data: UpdateTicket) -> Effect:
    """Fields are set; files would be attached a second time."""
    return CREATES if data.attachments else SETS


class Freshdesk(BaseIntegration):
    key, name = "freshdesk", "Freshdesk"
    description = "Help desk: tickets, notes, replies, contacts and companies."
    Credentials = FreshdeskCredentials
    Config = FreshdeskConfig
    base_url = "https://{domain}/api/v2"
    config: FreshdeskConfig
    credentials: FreshdeskCredentials

    # Per minute and account, whoever calls. These hold for the smallest paid plan (200, of which 80 to create and 80
    # to update tickets) and leave room for the account's other programs; what answers' headers say counts more.
    # https://support.freshdesk.com/support/solutions/articles/225439 (read 2026-11)
    choice_kinds = ("agents", "groups", "statuses")
    limits = [
        Limit("account", calls=150, seconds=60, burst=25),
        Limit("create ticket", calls=60, seconds=60, burst=15, key=lambda a, _: "" if a == "create_ticket" else None),
        Limit("update ticket", calls=60, seconds=60, burst=15, key=lambda a, _: "" if a in _UPDATES else None),
    ]

    # Automations cannot sign: the strongest that they can do is a secret in the request, so what they say is a hint.
    schemes = {"shared_secret": SharedSecretHeader(header="X-SupportOps-Token"), "hmac": StandardWebhooks()}
    signature = schemes["shared_secret"]
    hint_schemes = frozenset({"shared_secret"})
    # Automations know tickets alone.
    polled_events = frozenset({"contact_created", "contact_updated"})

    actions = [
        ActionSpec(
            "create_ticket", "Open a ticket.", CreateTicket, "create_ticket", CREATES, "marker", "find_created_ticket"
        ),
        ActionSpec(
            "update_ticket",
            "Change fields of a ticket.",
            UpdateTicket,
            "update_ticket",
            SETS,
            effect_of=_effect_of_updating,
        ),
        ActionSpec(
            "add_note",
            "Add a note to a ticket, private by default.",
            AddNote,
            "add_note",
            CREATES,
            "marker",
            "find_note",
        ),
        ActionSpec("add_reply", "Answer the customer by mail.", AddReply, "add_reply", CREATES, "marker", "find_reply"),
        ActionSpec("assign_ticket", "Give a ticket to an agent or a group.", AssignTicket, "assign_ticket", SETS),
        ActionSpec("change_status", "Set a ticket's status.", ChangeStatus, "change_status", SETS),
        ActionSpec(
            "add_time_entry",
            "Record time spent on a ticket.",
            AddTimeEntry,
            "add_time_entry",
            CREATES,
            "marker",
            "find_time_entry",
        ),
        ActionSpec(
            "create_contact",
            "Add a contact.",
            CreateContact,
            "create_contact",
            CREATES,
            "marker",
            "find_created_contact",
        ),
        ActionSpec("update_contact", "Change fields of a contact.", UpdateContact, "update_contact", SETS),
        ActionSpec(
            "create_company",
            "Add a company.",
            CreateCompany,
            "create_company",
            CREATES,
            "marker",
            "find_created_company",
        ),
        ActionSpec("update_company", "Change fields of a company.", UpdateCompany, "update_company", SETS),
        ActionSpec("bulk_update", "Make the same change to up to 100 tickets.", BulkUpdate, "bulk_update", SETS),
    ]

    events = [
        EventSpec("ticket_created", "A ticket was opened.", "ticket", samples.TICKET_CREATED),
        EventSpec("ticket_updated", "A ticket was changed in any way.", "ticket", samples.TICKET_UPDATED),
        EventSpec("ticket_resolved", "A ticket's status became Resolved.", "ticket", samples.TICKET_RESOLVED),
        EventSpec("ticket_closed", "A ticket's status became Closed.", "ticket", samples.TICKET_CLOSED),
        EventSpec("note_created", "A note or a reply was added to a ticket.", "note", samples.NOTE_CREATED),
        EventSpec("contact_created", "A contact was added.", "contact", samples.CONTACT_CREATED),
        EventSpec("contact_updated", "A contact was changed.", "contact", samples.CONTACT_UPDATED),
    ]

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_in(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        """Automations have no id of a delivery; signed senders do. An id that nobody signed is none."""
        return headers.get("webhook-id") if "webhook-signature" in headers else None

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.account_in(payload)

    def enrich(self, event: Event) -> Event:
        """Return the event as Freshdesk itself tells it: the object fetched, the hint's claims checked against it.

        A change that the object does not show (any more) is dropped: neither the sender nor the moment is certain.
        """
        if event.type.startswith("contact_"):
            return events.contact_event(event.type, self.client.contact(_id_of(event)))
        ticket = self.client.ticket(_id_of(event), include="requester,company,stats")
        enriched = events.ticket_event(event.type, ticket, status_names=self._own_statuses(ticket))
        if event.type == "note_created":
            claimed = event.payload.get("note")
            return self._latest_note(enriched, claimed if isinstance(claimed, dict) else {})
        current = enriched.payload["ticket"]
        changed = {
            field: pair
            for field, pair in (event.changed or {}).items()
            if field not in current or str(current[field]) == str(pair[1])
        }
        enriched.changed = changed or None
        # One delivery may tell two things of one moment; a repeated one tells the same again.
        said = ",".join(f"{field}={pair[1]}" for field, pair in sorted((event.changed or {}).items()))
        enriched.key = ":".join((event.type, enriched.external_id, str(current.get("updated_at")), said))
        return enriched

    def list_changes(self, since: datetime, until: datetime) -> list[Event]:
        """Contacts and tickets made or changed in between, by `_updated_since` and `updated_since`.

        What is told of a ticket is that it was made, or that it was changed: which change it was nobody can say later.
        """
        contacts = self.client.contacts_updated_since(since)
        found = [events.polled_contact_event(contact, since) for contact in contacts]
        if self.call.action != "poll_events":
            tickets = self.client.tickets_updated_since(since, include="requester,stats,description")
            found += [events.listed_ticket_event(ticket, since) for ticket in tickets]
        moments = [(event.updated_at, event) for event in found if event.updated_at is not None]
        return [event for at, event in sorted(moments, key=lambda pair: pair[0]) if at < until]

    # --- signing in ------------------------------------------------------------------------------------------
    def authorize(self, http: "PlatformClient") -> None:
        # The key is the user; the password may be anything. https://developers.freshdesk.com/api/#authentication
        http.auth = (self.credentials.api_key, "X")

    def test_connection(self) -> Result:
        agent = self.client.me
        contact = agent.get("contact") or {}
        who = contact.get("email") or contact.get("name") or f"agent {agent.get('id')}"
        warnings = self._config_warnings()
        return Result(
            True,
            " ".join([f"Signed in at {self.credentials.domain} as {who}.", *warnings]),
            {
                "account": Account(id=self.credentials.domain, actor_id=str(agent.get("id") or "")),
                "agent": {"id": agent.get("id"), "name": contact.get("name"), "email": contact.get("email")},
                "warnings": warnings,
            },
        )

    def classify(self, response: "Response") -> IntegrationError | None:
        return meaning(response)

    @cached_property
    def client(self) -> FreshdeskClient:
        return FreshdeskClient(self.http)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        """Return what forms offer: [{"id", "name"}] of agents, groups, statuses. Raises InvalidInput for others."""
        if kind == "agents":
            agents = self.client.pages("/agents")
            return [{"id": a["id"], "name": (a.get("contact") or {}).get("name") or str(a["id"])} for a in agents]
        if kind == "groups":
            return [{"id": group["id"], "name": group.get("name")} for group in self.client.groups]
        if kind == "statuses":
            return [{"id": number, "name": name} for number, name in self.client.status_names.items()]
        return super().choices(kind)

    # --- tickets ---------------------------------------------------------------------------------------------
    def create_ticket(self, data: CreateTicket) -> Result:
        """POST /tickets, https://developers.freshdesk.com/api/#create_ticket

        status, priority and source are sent always: the vendor's page calls them mandatory.
        """
        body = self._ticket_body(data)
        # The subject is plain text, possibly a stranger's.
        body.setdefault("description", html.escape(data.subject))
        body.setdefault("priority", self.config.default_priority or PRIORITIES["low"])
        body.setdefault("status", self._status(self.config.default_status or STATUSES["open"]))
        body.setdefault("source", 2)
        body["tags"] = [*data.tags, markers.tag(self.call.idempotency_key)] if self.call.idempotency_key else data.tags
        warnings = self._assign(body)
        ticket = self.client.create("/tickets", body, self._files(data))
        return self._ticket_result(" ".join([f"Ticket {ticket.get('id')} was opened.", *warnings]), ticket)

    def find_created_ticket(self, data: CreateTicket) -> Result | None:
        """Look for the ticket with this step's tag: in the tables where they can be filtered, else by the index."""
        tag, born = markers.tag(self.call.idempotency_key), markers.born_at(self.call.idempotency_key)
        candidates: Iterable[dict[str, Any]]
        if born is not None and data.requester_id:
            candidates = self.client.tickets_updated_since(born, requester_id=str(data.requester_id))
        elif born is not None and data.email:
            candidates = self.client.tickets_updated_since(born, email=data.email)
        else:
            candidates = self.client.tickets_with_tag(tag)
        for ticket in candidates:
            if tag in (ticket.get("tags") or []):
                return self._ticket_result(f"Ticket {ticket.get('id')} had been opened already.", ticket)
        return None

    def update_ticket(self, data: UpdateTicket) -> Result:
        """PUT /tickets/{id}, https://developers.freshdesk.com/api/#update_ticket

        The API replaces the list of tags, so tags are added by reading them first; who changes them in between loses.
        """
        body = self._ticket_body(data)
        if data.tags is not None:
            body["tags"] = data.tags
        elif data.add_tags or data.remove_tags:
            present = list(self.client.ticket(_number(data.ticket_id)).get("tags") or [])
            leaving = {tag.casefold() for tag in data.remove_tags}
            kept = [tag for tag in present if tag.casefold() not in leaving]
            body["tags"] = [*kept, *(tag for tag in data.add_tags if tag not in kept)]
        return self._changed(data.ticket_id, body, "was changed", self._files(data))

    def assign_ticket(self, data: AssignTicket) -> Result:
        return self._changed(data.ticket_id, self._people(data.agent, data.group), "was assigned")

    def change_status(self, data: ChangeStatus) -> Result:
        return self._changed(data.ticket_id, {"status": self._status(data.status)}, "has its new status")

    def bulk_update(self, data: BulkUpdate) -> Result:
        """POST /tickets/bulk_update, then its job until it ends."""
        ids = [_number(ticket_id) for ticket_id in data.ticket_ids]
        properties = data.model_dump(
            mode="json", exclude={"ticket_ids", "agent", "group", "status"}, exclude_none=True
        ) | self._people(data.agent, data.group)
        if data.status is not None:
            properties["status"] = self._status(data.status)
        job = self.client.bulk_update(ids, properties)
        failed = failed_items(job, ids)
        not_done = {str(item["id"]) for item in failed}
        updated = [ticket_id for ticket_id in ids if str(ticket_id) not in not_done]
        outcome = {"job_id": job.get("job_id") or job.get("id"), "updated": updated, "failed": failed}
        if failed:
            reasons = "; ".join(f"{item['id']}: {item['reason']}" for item in failed[:10])
            return Result(False, f"{len(failed)} of {len(ids)} tickets were not changed. {reasons}", outcome)
        return Result(True, f"{len(ids)} tickets were changed.", outcome)

    # --- notes, replies, time --------------------------------------------------------------------------------
    def add_note(self, data: AddNote) -> Result:
        """POST /tickets/{id}/notes, https://developers.freshdesk.com/api/#add_note_to_a_ticket"""
        body = data.model_dump(mode="json", exclude={"ticket_id", "body", "attachments"}, exclude_none=True)
        note = self.client.create(
            f"/tickets/{data.ticket_id}/notes",
            {**_without_empty(body), "body": self._marked(data.body)},
            self._files(data),
        )
        return Result(True, f"A note was added to ticket {data.ticket_id}.", note)

    def find_note(self, data: AddNote) -> Result | None:
        entry = self._find_entry(data.ticket_id, data.body, data.user_id)
        return Result(True, f"The note had been added to ticket {data.ticket_id} already.", entry) if entry else None

    def add_reply(self, data: AddReply) -> Result:
        """POST /tickets/{id}/reply, https://developers.freshdesk.com/api/#reply_ticket"""
        body = data.model_dump(mode="json", exclude={"ticket_id", "body", "attachments"}, exclude_none=True)
        reply = self.client.create(
            f"/tickets/{data.ticket_id}/reply",
            {**_without_empty(body), "body": self._marked(data.body)},
            self._files(data),
        )
        return Result(True, f"The reply was sent on ticket {data.ticket_id}.", reply)

    def find_reply(self, data: AddReply) -> Result | None:
        entry = self._find_entry(data.ticket_id, data.body, data.user_id)
        return Result(True, f"The reply had been sent on ticket {data.ticket_id} already.", entry) if entry else None

    def add_time_entry(self, data: AddTimeEntry) -> Result:
        """POST /tickets/{id}/time_entries, https://developers.freshdesk.com/api/#create_a_timeentry"""
        body = data.model_dump(mode="json", exclude={"ticket_id", "agent"}, exclude_none=True)
        if data.timer_running:
            body.pop("time_spent", None)
        if data.agent is not None:
            body["agent_id"] = self.client.agent_id(data.agent)
        entry = self.client.create(f"/tickets/{data.ticket_id}/time_entries", body)
        return Result(True, f"Time was recorded on ticket {data.ticket_id}.", entry)

    def find_time_entry(self, data: AddTimeEntry) -> Result | None:
        """Look for an entry of the same agent, time and note, made since this step exists: it can carry no mark."""
        agent = self.client.agent_id(data.agent) if data.agent is not None else self.client.me.get("id")
        for entry in self.client.time_entries(_number(data.ticket_id)):
            fits = data.timer_running or entry.get("time_spent") == _padded(data.time_spent)
            if (
                fits
                and str(entry.get("agent_id")) == str(agent)
                and (entry.get("note") or "").strip() == (data.note or "").strip()
                and self._made_by_this_step(entry)
            ):
                return Result(True, f"The time had been recorded on ticket {data.ticket_id} already.", entry)
        return None

    # --- contacts and companies ------------------------------------------------------------------------------
    def create_contact(self, data: CreateContact) -> Result:
        """POST /contacts, https://developers.freshdesk.com/api/#create_contact"""
        contact = self.client.create("/contacts", self._contact_body(data))
        return Result(True, f"Contact {contact.get('id')} was added.", contact)

    def find_created_contact(self, data: CreateContact) -> Result | None:
        """Look for a contact of that name and address, made since this step exists. An older one is a conflict."""
        for way in ("email", "phone", "mobile", "unique_external_id"):
            if getattr(data, way):
                found = self.client.contacts(**{way: getattr(data, way)})
                break
        else:
            born = markers.born_at(self.call.idempotency_key)
            found = self.client.contacts_updated_since(born) if born else iter(())
        for contact in found:
            same_handle = not data.twitter_id or same(contact.get("twitter_id"), data.twitter_id)
            if same(contact.get("name"), data.name) and same_handle and self._made_by_this_step(contact):
                return Result(True, f"Contact {contact.get('id')} had been added already.", contact)
        return None

    def update_contact(self, data: UpdateContact) -> Result:
        """PUT /contacts/{id}, https://developers.freshdesk.com/api/#update_contact"""
        contact = self.client.update(f"/contacts/{data.contact_id}", self._contact_body(data))
        return Result(True, f"Contact {data.contact_id} was changed.", contact)

    def create_company(self, data: CreateCompany) -> Result:
        """POST /companies, https://developers.freshdesk.com/api/#create_company"""
        company = self.client.create("/companies", _company_body(data))
        return Result(True, f"Company {company.get('id')} was added.", company)

    def find_created_company(self, data: CreateCompany) -> Result | None:
        for named in self.client.companies_named(data.name):
            company = self.client.company(int(named["id"]))
            if self._made_by_this_step(company):
                return Result(True, f"Company {company.get('id')} had been added already.", company)
        return None

    def update_company(self, data: UpdateCompany) -> Result:
        """PUT /companies/{id}, https://developers.freshdesk.com/api/#update_company"""
        company = self.client.update(f"/companies/{data.company_id}", _company_body(data))
        return Result(True, f"Company {data.company_id} was changed.", company)

    # --- what several of them need ---------------------------------------------------------------------------
    def _ticket_body(self, data: TicketFields) -> dict[str, Any]:
        handled = {"ticket_id", "agent", "group", "status", "source", "description", "tags", "add_tags", "remove_tags"}
        handled.add("attachments")
        body = _without_empty(data.model_dump(mode="json", exclude=handled, exclude_none=True))
        if data.description is not None:
            body["description"] = as_html(data.description)
        if data.status is not None:
            body["status"] = self._status(data.status)
        if data.source is not None:
            named = isinstance(data.source, str)
            body["source"] = self.client.code(self.client.source_names if named else {}, data.source, "source")
        return body | self._people(data.agent, data.group)

    def _people(self, agent: int | str | None, group: int | str | None) -> dict[str, Any]:
        people: dict[str, Any] = {}
        if agent is not None:
            people["responder_id"] = self.client.agent_id(agent)
        if group is not None:
            people["group_id"] = self.client.group_id(group)
        return people

    def _status(self, status: int | str) -> int:
        return self.client.code(self.client.status_names if isinstance(status, str) else {}, status, "status")

    def _assign(self, body: dict[str, Any]) -> list[str]:
        """Give a new ticket without agent and group to those of the configuration; say where that cannot be."""
        if not self.config.auto_assign or "responder_id" in body or "group_id" in body:
            return []
        try:
            body |= self._people(self.config.auto_assign_agent, self.config.auto_assign_group)
        except InvalidInput as error:
            # The ticket matters more than whom it goes to.
            return [f"It was assigned to nobody: {error.message}"]
        return self._config_warnings()

    def _config_warnings(self) -> list[str]:
        config = self.config
        if config.auto_assign and config.auto_assign_agent is None and config.auto_assign_group is None:
            return ["New tickets are to be assigned, but the configuration names no group and no agent."]
        return []

    def _files(self, data: CreateTicket | UpdateTicket | AddNote | AddReply) -> list[File]:
        return [self.open_file(source) for source in data.attachments]

    def _changed(self, ticket_id: int | str, body: dict[str, Any], what: str, files: Sequence[File] = ()) -> Result:
        ticket = self.client.update(f"/tickets/{ticket_id}", body, files)
        return self._ticket_result(f"Ticket {ticket_id} {what}.", ticket)

    def _ticket_result(self, message: str, ticket: Mapping[str, Any]) -> Result:
        url = f"https://{self.credentials.domain}/a/tickets/{ticket.get('id')}"
        return Result(True, message, {**events.normalised(ticket), "url": url})

    def _contact_body(self, data: ContactFields) -> dict[str, Any]:
        body = data.model_dump(mode="json", exclude={"contact_id", "company"}, exclude_none=True)
        if data.company is not None:
            body["company_id"] = self.client.company_id(data.company)
        return body

    def _marked(self, body: str) -> str:
        mark = markers.hidden(self.call.idempotency_key) if self.call.idempotency_key else ""
        return as_html(body) + mark

    def _find_entry(self, ticket_id: int | str, body: str, user_id: int | str | None) -> dict[str, Any] | None:
        """Look for our note or reply among a ticket's: by its hidden mark, else by what is left when that was removed.

        The editor may clean comments out of HTML, so an entry without any mark is ours when it has the same words, is
        by the same agent, and was made since this step exists.
        """
        author = str(user_id or self.client.me.get("id"))
        words = plain(body)
        for entry in self.client.conversations(_number(ticket_id)):
            mark = markers.hidden_key(str(entry.get("body") or ""))
            if mark is not None:
                if mark == self.call.idempotency_key:
                    return entry
                continue
            theirs = " ".join(str(entry.get("body_text") or plain(str(entry.get("body") or ""))).split())
            has_words = theirs == words or theirs.startswith(f"{words} ")  # a signature may follow
            if has_words and str(entry.get("user_id")) == author and self._made_by_this_step(entry):
                return entry
        return None

    def _made_by_this_step(self, found: Mapping[str, Any]) -> bool:
        born, made = markers.born_at(self.call.idempotency_key), events.moment(found.get("created_at"))
        return born is not None and made is not None and made >= born

    def _latest_note(self, ticket: Event, claimed: Mapping[str, Any]) -> Event:
        """The newest note or reply of a ticket, of the kind that the hint spoke of; the hint has no id of it."""
        latest = None
        for entry in self.client.conversations(int(ticket.external_id)):
            if "private" not in claimed or entry.get("private") == claimed["private"]:
                latest = entry
        if latest is None:
            raise NotFound(f"Ticket {ticket.external_id} has no such note (any more).")
        return events.note_event(latest, ticket)

    def _own_statuses(self, ticket: Mapping[str, Any]) -> Mapping[int, str]:
        """The names of the account's own statuses, where the ticket has one and the agent may read them."""
        if ticket.get("status") in STATUSES.values():
            return {}
        try:
            return self.client.status_names
        except (Forbidden, NotFound):
            return {}


def _id_of(event: Event) -> int:
    if not event.external_id.isdecimal():
        raise InvalidInput(f"'{event.external_id}' is not an id of Freshdesk.")
    return int(event.external_id)


def _number(value: int | str) -> int:
    return int(value)


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in ([], {})}


def _padded(time_spent: str | None) -> str | None:
    """Freshdesk answers with two digits for the hours."""
    return time_spent.rjust(5, "0") if time_spent else None


def _company_body(data: CompanyFields) -> dict[str, Any]:
    return data.model_dump(mode="json", exclude={"company_id"}, exclude_none=True)
