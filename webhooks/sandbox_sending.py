"""Tickets of an organization's sandbox: made there, and told of as the help desk itself would, signed, at our door."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations import endpoint_cache, registry
from integrations.models import Endpoint, Integration
from integrations.sandbox_platform import keeping
from integrations.sandbox_platform.exchange import Json
from integrations.specs import WebhookRequest
from supportops import clock
from supportops.ids import new_id
from webhooks.receiving import Answer, receive

# The help desks that are played, with the words in which each counts.
PRIORITIES: Mapping[str, Mapping[str, Any]] = {
    "freshdesk": {"low": 1, "normal": 2, "high": 3, "urgent": 4},
    "zendesk": {"low": "LOW", "normal": "NORMAL", "high": "HIGH", "urgent": "URGENT"},
}
STATUSES: Mapping[str, Mapping[str, Any]] = {
    "freshdesk": {"open": 2, "pending": 3, "solved": 4, "closed": 5},
    "zendesk": {"open": "OPEN", "pending": "PENDING", "solved": "SOLVED", "closed": "CLOSED"},
}
HELP_DESKS = tuple(PRIORITIES)


class CannotSend(ValueError):
    """The account cannot tell of anything; the message says why."""


@dataclass(frozen=True)
class Ticket:
    """What somebody wrote to the help desk. `number`: of a ticket that is there already."""

    subject: str
    description: str = ""
    priority: str = "normal"
    status: str = "open"
    tags: tuple[str, ...] = ()
    requester: str = "customer@example.com"
    number: int | None = None


def send(row: Integration, ticket: Ticket, at: datetime | None = None) -> Answer:
    """Make or change a ticket in the sandbox and tell of it. Raises CannotSend and receiving.Refused."""
    endpoint = Endpoint.objects.filter(integration=row).first()
    known = endpoint_cache.read(row.platform, endpoint.key) if endpoint is not None else None
    now = clock.now()
    secrets = known.valid_secrets(now) if known is not None else []
    if known is None or not secrets:
        raise CannotSend(f"{row.name} has no webhook address that could be signed for: is it switched on?")
    before = _find(row.platform, ticket.number)
    item = _item(row.platform, ticket, before, at or now)
    keeping.put(row.platform, "tickets", item)
    connector = registry.get(row.platform)
    scheme = connector.scheme(known.scheme)
    if scheme is None:
        raise CannotSend(f"{row.name} demands the scheme '{known.scheme}', which is unknown here.")
    content = _body(row.platform, item, before, at or now)
    raw = json.dumps(content, ensure_ascii=False).encode()
    headers = scheme.sign(
        raw, secrets[0], now, url=known.address, delivery_id=f"sandbox-{new_id()}", options=known.options
    )
    request = WebhookRequest(
        "POST",
        known.address,
        {name.lower(): value for name, value in headers.items()} | {"content-type": "application/json"},
        raw,
        "127.0.0.1",
    )
    return receive(request, row.platform, known.key)


def _find(platform: str, number: int | None) -> Json | None:
    return keeping.find(platform, "tickets", number) if number is not None else None


def _item(platform: str, ticket: Ticket, before: Json | None, at: datetime) -> Json:
    """Return the ticket as the help desk keeps it."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    number = ticket.number if before is not None and ticket.number else keeping.next_number(platform)
    words = {"priority": PRIORITIES[platform][ticket.priority], "status": STATUSES[platform][ticket.status]}
    if platform == "zendesk":
        words = {name: value.lower() for name, value in words.items()}
    person = {"requester_id": 7, "requester": {"id": 7, "email": ticket.requester}}
    return {
        "source": 2,
        "type": "Question",
        **(before or {"created_at": stamp}),
        "id": number,
        "subject": ticket.subject,
        "description": ticket.description,
        "description_text": ticket.description,
        **words,
        "tags": list(ticket.tags),
        **person,
        "updated_at": stamp,
    }


def _body(platform: str, item: Json, before: Json | None, at: datetime) -> Json:
    """Return what the help desk sends of it."""
    if platform == "freshdesk":
        return {"event": "ticket_created" if before is None else "ticket_updated", "ticket_id": str(item["id"])}
    stamp, key = at.strftime("%Y-%m-%dT%H:%M:%SZ"), str(new_id())
    kind, change = "ticket.created", {}
    if before is not None:
        name = next((name for name in ("status", "priority") if before.get(name) != item[name]), "status")
        kind = f"ticket.{name}_changed"
        change = {"current": str(item[name]).upper(), "previous": str(before.get(name) or "").upper()}
    detail = {
        "id": str(item["id"]),
        "subject": item["subject"],
        "description": item["description"],
        "priority": str(item["priority"]).upper(),
        "status": "NEW" if before is None else str(item["status"]).upper(),
        "type": "QUESTION",
        "tags": item["tags"],
        "requester_id": "7",
        "actor_id": "7",
        "is_public": True,
        "via": {"channel": "email"},
        "created_at": item["created_at"],
        "updated_at": stamp,
    }
    return {
        "type": f"zen:event-type:{kind}",
        "account_id": 22129848,
        "id": key,
        "time": stamp,
        "zendesk_event_version": "2022-11-06",
        "subject": f"zen:ticket:{item['id']}",
        "detail": detail,
        "event": change or {"meta": {"sequence": {"id": key, "position": 1}}},
    }
