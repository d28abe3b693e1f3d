"""The form in which entries leave the application: with their seals, and with the names that may still be shown."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from audit.models import AuditEntry, AuditPerson, AuditSeal


def shown(entries: Iterable[AuditEntry], seals: dict[uuid.UUID, AuditSeal] | None = None) -> list[dict[str, Any]]:
    """Return the entries of the organization in scope as the API shows them. Two look-ups, however many they are."""
    entries = list(entries)
    if not entries:
        return []
    if seals is None:
        seals = seals_of(entries)
    people = people_of(entries)
    return [
        {
            "id": str(entry.id),
            "at": entry.at,
            "actor": actor_of(entry, people),
            "action": entry.action,
            "resource_type": entry.resource_type,
            "resource_id": entry.resource_id,
            "changes": _with_names(entry.changes, people),
            "ip": ip_of(entry, people),
            "request_id": entry.request_id,
            "trace_id": entry.trace_id,
            **_seal_of(seals.get(entry.id)),
        }
        for entry in entries
    ]


def seals_of(entries: Iterable[AuditEntry]) -> dict[uuid.UUID, AuditSeal]:
    """Return the seals of those entries that have one."""
    return {seal.entry_id: seal for seal in AuditSeal.objects.filter(entry_id__in=[entry.id for entry in entries])}


def people_of(entries: Iterable[AuditEntry]) -> dict[uuid.UUID, AuditPerson]:
    """Return who acted and who is named in the entries' changes."""
    entries = list(entries)
    acting = {entry.person_id for entry in entries if entry.person_id}
    rows = AuditPerson.objects.filter(Q(id__in=acting) | Q(mentioned_in__in=[entry.id for entry in entries]))
    return {person.id: person for person in rows}


def actor_of(entry: AuditEntry, people: dict[uuid.UUID, AuditPerson]) -> dict[str, str]:
    """Return the actor as shown. The name is empty once it was erased."""
    person = people.get(entry.person_id) if entry.person_id else None
    name = person.name if person else ""
    if not name and entry.actor_type in ("platform", "system"):
        name = entry.actor_id or entry.actor_type
    return {"type": entry.actor_type, "id": entry.actor_id, "name": name}


def ip_of(entry: AuditEntry, people: dict[uuid.UUID, AuditPerson]) -> str | None:
    """Return the address that the actor came from; None when there was none or it was erased."""
    person = people.get(entry.person_id) if entry.person_id else None
    return (person.ip if person else "") or None


def _seal_of(seal: AuditSeal | None) -> dict[str, Any]:
    return {
        "sealed": seal is not None,
        "position": seal.position if seal else None,
        "hash": seal.hash if seal else None,
    }


def _with_names(value: Any, people: dict[uuid.UUID, AuditPerson]) -> Any:
    if isinstance(value, dict):
        person = _person_meant(value, people)
        if person is not None:
            return {"type": person.kind, "id": person.identifier, "name": person.name}
        return {key: _with_names(item, people) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_names(item, people) for item in value]
    return value


def _person_meant(value: dict[str, Any], people: dict[uuid.UUID, AuditPerson]) -> AuditPerson | None:
    """Return the person behind a reference such as ``{"person": "<id>"}``."""
    reference = value.get("person")
    if len(value) != 1 or not isinstance(reference, str) or len(reference) != 36:
        return None
    try:
        return people.get(uuid.UUID(reference))
    except ValueError:
        return None
