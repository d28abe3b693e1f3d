"""The audit log as JSON Lines, in the order of the chain, for keeping and verifying elsewhere.

Each line is an entry as the API shows it, together with what its hash covers beyond that and the hash before it;
`audit/verify_export.py` reads it without anything else. Streamed: memory does not grow with the log.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from audit import chain, showing
from audit.models import AuditCheckpoint, AuditEntry, AuditPerson, AuditSeal, AuditUnsealed
from audit.recording import record
from audit.sealing import Head, head, seal_all
from supportops import odd_json

BATCH = 500


def begin() -> Head:
    """Record that the log of the organization in scope is exported, seal what waits, and return the chain's head."""
    with transaction.atomic():
        record("audit.exported", None)
    seal_all()
    return head()


def lines() -> Iterator[bytes]:
    """Yield the log of the organization in scope, one line of JSON per entry; what still waits for its seal is last."""
    last = AuditCheckpoint.objects.order_by("-last_position").first()
    reached = Head(last.last_position, last.last_hash) if last else Head()
    while seals := list(AuditSeal.objects.filter(position__gt=reached.position).order_by("position")[:BATCH]):
        found = AuditEntry.objects.in_bulk([seal.entry_id for seal in seals])
        people = showing.people_of(found.values())
        for seal in seals:
            entry = found.get(seal.entry_id)
            # A missing entry shows in the verification, here by a gap in the positions.
            if entry is not None:
                yield odd_json.dumps(_line(entry, people, seal, reached.hash)) + b"\n"
            reached = Head(seal.position, seal.hash)
    waiting = AuditUnsealed.objects.order_by("id").values_list("id", flat=True)
    reached_id = uuid.UUID(int=0)
    while ids := list(waiting.filter(id__gt=reached_id)[:BATCH]):
        entries = list(AuditEntry.objects.filter(id__in=ids).order_by("id"))
        people = showing.people_of(entries)
        for entry in entries:
            yield odd_json.dumps(_line(entry, people, None, None)) + b"\n"
        reached_id = ids[-1]


def _line(
    entry: AuditEntry, people: dict[uuid.UUID, AuditPerson], seal: AuditSeal | None, previous: str | None
) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "organization": str(entry.organization_id),
        "at": chain.time_text(entry.at),
        "actor": showing.actor_of(entry, people),
        "person": str(entry.person_id) if entry.person_id else None,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "changes": entry.changes,
        "people": {
            str(person.id): {"type": person.kind, "id": person.identifier, "name": person.name}
            for person in people.values()
            if person.mentioned_in == entry.id
        },
        "ip": showing.ip_of(entry, people),
        "request_id": entry.request_id,
        "trace_id": entry.trace_id,
        "sealed": seal is not None,
        "position": seal.position if seal else None,
        "previous": previous,
        "hash": seal.hash if seal else None,
    }
