"""What Freshdesk says of events, in the three ways in which it can be heard. Pure.

* an automation rule's webhook: texts, displayed names, ``triggered_event`` in a notation of its own; only a hint
* signed senders: ``{"event": "ticket_created", "ticket": {the REST object}}``
* a Freshworks app's product events, passed on as they are: ``{"event": "onTicketCreate", "data": {...}}``
  (https://developers.freshworks.com/docs/app-sdk/v3.0/support_ticket/serverless-apps/product-events/, read 2026-11)

All of them come out in the vocabulary of the REST API: codes as numbers, with their names beside them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations import markers
from integrations.connectors.freshdesk.schemas import PRIORITIES, SOURCES, STATUSES, account_domain
from integrations.specs import Event

RESOLVED, CLOSED = STATUSES["resolved"], STATUSES["closed"]
_DERIVED = {RESOLVED: "ticket_resolved", CLOSED: "ticket_closed"}
_FRESHWORKS = {
    "onTicketCreate": "ticket_created",
    "onTicketUpdate": "ticket_updated",
    "onConversationCreate": "note_created",
    "onContactCreate": "contact_created",
    "onContactUpdate": "contact_updated",
}
_CODES = {"status": STATUSES, "priority": PRIORITIES, "source": SOURCES}
_NAMES = {field: {number: name for name, number in codes.items()} for field, codes in _CODES.items()}
_IDS = ("id", "requester_id", "responder_id", "group_id", "company_id", "product_id", "email_config_id", "ticket_id")
# One field and its values in ``triggered_event``; names and values are bare words there, not JSON.
_CHANGE = re.compile(r"(\w+)\s*:\s*\{\s*from\s*:(.*?),\s*to\s*:(.*?)\}", re.DOTALL)
# Longer than any real one; the patterns are not for texts of any length.
_MAX_NOTATION = 4096
_PLAIN = re.compile(r"(\w+)\s*:\s*([^{},]+)")


def events_in(payload: Any) -> list[Event]:
    """Return the events in a webhook's body; none for what this connector has no event for."""
    if not isinstance(payload, dict):
        return []
    name = payload.get("event")
    if isinstance(name, str) and name.startswith("on") and isinstance(payload.get("data"), dict):
        return _from_freshworks(name, payload)
    inner = payload.get("freshdesk_webhook")
    body: dict[str, Any] = inner if isinstance(inner, dict) else payload
    if any(isinstance(body.get(subject), dict) for subject in ("ticket", "contact", "note", "conversation")):
        return _from_signed(body)
    return _from_automation(body)


def account_in(payload: Any) -> str | None:
    """Return the account that a body names, as its domain; None when it names none."""
    if not isinstance(payload, dict):
        return None
    inner = payload.get("freshdesk_webhook")
    body = inner if isinstance(inner, dict) else payload
    named: list[Any] = [body.get("account"), body.get("ticket_url")]
    host = payload.get("currentHost")
    if isinstance(host, dict) and isinstance(host.get("endpoint_urls"), dict):
        named.append(host["endpoint_urls"].get("freshdesk"))
    for text in named:
        if isinstance(text, str) and text.strip():
            try:
                return account_domain(re.sub(r"^https?://", "", text.strip()).partition("/")[0])
            except ValueError:
                continue
    return None


def ticket_event(
    kind: str,
    ticket: Mapping[str, Any],
    *,
    others: Mapping[str, Any] | None = None,
    changed: dict[str, tuple[Any, Any]] | None = None,
    actor_id: str | None = None,
    status_names: Mapping[int, str] | None = None,
) -> Event:
    """Return an event about a ticket, in the REST API's vocabulary.

    `requester` and `company` stand beside the ticket, wherever the sender had them. `others` are further objects.
    """
    fields = normalised(ticket, status_names)
    payload: dict[str, Any] = {"ticket": fields}
    for name in ("requester", "company"):
        value = (others or {}).get(name) or fields.get(name)
        fields.pop(name, None)
        if isinstance(value, dict) and value:
            payload[name] = _with_numbers(value)
    payload.update({name: value for name, value in (others or {}).items() if name not in payload})
    return Event(
        kind,
        external_id=_text(fields.get("id")),
        payload=payload,
        occurred_at=moment(fields.get("created_at" if kind == "ticket_created" else "updated_at")),
        changed=changed,
        actor_id=actor_id,
        updated_at=moment(fields.get("updated_at")),
        marker=_marker(fields) if kind == "ticket_created" else None,
    )


def note_event(note: Mapping[str, Any], ticket: Event) -> Event:
    """Return the event of a note or reply, beside the ticket (and requester, company) of `ticket`."""
    fields = _with_numbers(note)
    # Source 2 is a note and 0 a reply; the rest are mails, tweets, calls of the customer.
    # https://developers.freshdesk.com/api/#conversations (read 2026-11)
    fields.setdefault("kind", "note" if fields.get("private") or fields.get("source") == 2 else "reply")
    author = fields.get("user_id")
    at = moment(fields.get("created_at"))
    return Event(
        "note_created",
        external_id=ticket.external_id or _text(fields.get("ticket_id")),
        payload={"note": fields, **ticket.payload},
        occurred_at=at,
        key=f"note_created:{fields['id']}" if fields.get("id") else None,
        actor_id=_text(author) or ticket.actor_id,
        updated_at=moment(fields.get("updated_at")) or at,
        marker=markers.hidden_key(str(fields.get("body") or "")),
    )


def contact_event(kind: str, contact: Mapping[str, Any], *, actor_id: str | None = None) -> Event:
    """Return an event about a contact."""
    fields = _with_numbers(contact)
    updated = moment(fields.get("updated_at"))
    return Event(
        kind,
        external_id=_text(fields.get("id")),
        payload={"contact": fields},
        occurred_at=moment(fields.get("created_at")) if kind == "contact_created" else updated,
        # The same for a poll and a webhook: whoever tells first, the other is a repeat.
        key=f"{kind}:{fields.get('id')}:{fields.get('updated_at')}" if updated else None,
        actor_id=actor_id,
        updated_at=updated,
    )


def polled_contact_event(contact: Mapping[str, Any], since: datetime) -> Event:
    """Return what a contact found by `_updated_since` means: made since then, or only changed."""
    created, updated = moment(contact.get("created_at")), moment(contact.get("updated_at"))
    # Saving a new contact touches it again within the same second or two.
    is_new = created is not None and (
        created >= since or (updated is not None and updated - created <= timedelta(seconds=2))
    )
    return contact_event("contact_created" if is_new else "contact_updated", contact)


def listed_ticket_event(ticket: Mapping[str, Any], since: datetime) -> Event:
    """Return what a ticket found by `updated_since` means: made since then, or only changed."""
    created = moment(ticket.get("created_at"))
    kind = "ticket_created" if created is not None and created >= since else "ticket_updated"
    return ticket_event(kind, ticket)


def normalised(ticket: Mapping[str, Any], status_names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return a ticket with numeric codes and ids, and each code's name beside it (``priority_name``)."""
    fields = _with_numbers(ticket)
    for field in _CODES:
        if field not in fields:
            continue
        code = _code(field, fields[field])
        fields[field] = code
        own = (status_names or {}).get(code) if field == "status" and isinstance(code, int) else None
        name = _NAMES[field].get(code) if isinstance(code, int) else None
        said = fields.get(f"{field}_name")
        fields[f"{field}_name"] = name or (own.lower() if own else None) or (said if isinstance(said, str) else None)
        if not isinstance(code, int) and isinstance(code, str):
            # A status of the account's own, told by its name alone.
            fields[f"{field}_name"] = code.lower()
    return fields


def triggered(text: Any) -> tuple[dict[str, tuple[Any, Any]], dict[str, str]]:
    """Read the notation of ``triggered_event``: what changed from what to what, and what else it says.

    ``{status:{from:4,to:6}}`` → ({"status": (4, 6)}, {}); ``{note_type:private}`` → ({}, {"note_type": "private"}).
    Braces without quotes, as real samples show; several changes may stand in one text.
    """
    if not isinstance(text, str) or len(text) > _MAX_NOTATION:
        return {}, {}
    changes = {
        field: (_code(field, _bare(before)), _code(field, _bare(after)))
        for field, before, after in _CHANGE.findall(text)
    }
    rest = _CHANGE.sub("", text)
    said = {name: value.strip() for name, value in _PLAIN.findall(rest)}
    return changes, said


def with_names(changes: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]] | None:
    """Return changes with those of the codes' names beside them; None when there are none."""
    named = {
        f"{field}_name": (_NAMES[field].get(before), _NAMES[field].get(after))
        for field, (before, after) in changes.items()
        if field in _NAMES and {before, after} <= set(_NAMES[field])
    }
    return {**changes, **named} or None


def moment(value: Any) -> datetime | None:
    """Return an aware time for a time stamp of the API, None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _from_automation(body: Mapping[str, Any]) -> list[Event]:
    """An automation rule's body. Everything is text; what it says of the ticket holds until `enrich` has asked."""
    ticket_id = _text(body.get("ticket_id"))
    if not re.fullmatch(r"[0-9]{1,19}", ticket_id):
        return []
    changes, said = triggered(body.get("triggered_event"))
    kind = body.get("event")
    if not isinstance(kind, str) or not kind:
        if said.get("ticket_action") == "created":
            kind = "ticket_created"
        elif "note_type" in said or "reply_sent" in said:
            kind = "note_created"
        else:
            kind = "ticket_updated"
    ticket: dict[str, Any] = {"id": int(ticket_id)}
    for field in ("subject", "description", "type", "status", "priority"):
        value = body.get(f"ticket_{field}", body.get(field))
        if value not in (None, ""):
            ticket[field] = value
    people = {
        "requester": {name: body[f"requester_{name}"] for name in ("name", "email") if body.get(f"requester_{name}")}
    }
    if kind == "note_created":
        note = {"private": said["note_type"] == "private"} if "note_type" in said else {}
        event = ticket_event("note_created", ticket, others={"note": note, **people})
        return [event]
    changed = with_names(changes)
    kinds = [kind]
    derived = _DERIVED.get(changes["status"][1]) if "status" in changes else None
    if kind == "ticket_updated" and derived:
        kinds.append(derived)
    return [ticket_event(kind, ticket, others=people, changed=changed) for kind in kinds]


def _from_signed(body: Mapping[str, Any]) -> list[Event]:
    """The body of a signed sender: the event's name and the REST object, with `changes` where it knows them."""
    kind, actor = body.get("event"), body.get("actor")
    if not isinstance(kind, str):
        return []
    actor_id = _text(actor.get("id")) or None if isinstance(actor, dict) else None
    return _built(kind, body, _pairs(body.get("changes")), actor_id)


def _from_freshworks(name: str, payload: Mapping[str, Any]) -> list[Event]:
    data: dict[str, Any] = payload["data"]
    actor = data.get("actor")
    actor_id = _text(actor.get("id")) or None if isinstance(actor, dict) else None
    kind = _FRESHWORKS.get(name, name)
    # Whether an update says what changed is not promised; where it does, it is {field: [before, after]}.
    ticket = data.get("ticket")
    changes = data.get("changes") or (ticket.get("changes") if isinstance(ticket, dict) else None)
    events = _built(kind, data, _pairs(changes), actor_id)
    at = payload.get("timestamp")
    for event in events:
        if event.occurred_at is None and isinstance(at, int | float) and not isinstance(at, bool):
            event.occurred_at = datetime.fromtimestamp(at, UTC)
    return events


def _built(
    kind: str, data: Mapping[str, Any], changes: dict[str, tuple[Any, Any]], actor_id: str | None
) -> list[Event]:
    contact, ticket = data.get("contact"), data.get("ticket")
    note = data.get("note") or data.get("conversation")
    if kind.startswith("contact_"):
        return [contact_event(kind, contact, actor_id=actor_id)] if isinstance(contact, dict) else []
    others = {name: data[name] for name in ("requester", "company") if isinstance(data.get(name), dict)}
    if kind == "note_created" and isinstance(note, dict):
        about = ticket if isinstance(ticket, dict) else {"id": note.get("ticket_id")}
        return [note_event(note, ticket_event("note_created", about, others=others, actor_id=actor_id))]
    if not isinstance(ticket, dict):
        return []
    kinds = [kind]
    derived = _DERIVED.get(changes["status"][1]) if "status" in changes else None
    if kind == "ticket_updated" and derived:
        kinds.append(derived)
    fields = {name: value for name, value in ticket.items() if name != "changes"}
    return [ticket_event(kind, fields, others=others, changed=with_names(changes), actor_id=actor_id) for kind in kinds]


def _pairs(changes: Any) -> dict[str, tuple[Any, Any]]:
    if not isinstance(changes, dict):
        return {}
    return {
        field: (_code(field, pair[0]), _code(field, pair[1]))
        for field, pair in changes.items()
        if isinstance(pair, list) and len(pair) == 2
    }


def _with_numbers(value: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(value)
    for name in _IDS:
        if isinstance(fields.get(name), str) and re.fullmatch(r"[0-9]{1,18}", fields[name]):
            fields[name] = int(fields[name])
    return fields


def _code(field: str, value: Any) -> Any:
    """The number of a code given as number, digits or name; another field's value as it is."""
    if field not in _CODES or not isinstance(value, str):
        return value
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    return _CODES[field].get(re.sub(r"[\s-]+", "_", text.lower()), value)


def _bare(text: str) -> Any:
    text = text.strip().strip("\"'")
    return None if text in ("", "null", "nil") else text


def _marker(ticket: Mapping[str, Any]) -> str | None:
    tags = ticket.get("tags")
    for tag in tags if isinstance(tags, list) else []:
        key = markers.key_of(tag) if isinstance(tag, str) else None
        if key:
            return key
    return None


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()
