"""Writes what somebody did, inside the transaction in which it was done. Comes from every deed; goes to audit.sealing.

An entry costs one INSERT. The row behind a person's name and address is looked up once per process and then remembered.
"""

import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from audit import context, redaction, vocabulary
from audit.models import AuditEntry, AuditPerson
from supportops import clock, odd_json
from supportops.bulk import Row, insert_rows
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id, organization_in_scope

Target = models.Model | tuple["type[models.Model] | str", Any] | None

# An entry tells what happened; it is no store for contents, which are forgotten sooner.
MOST_BYTES = 256 * 1024
MOST_CHARACTERS = 16 * 1024


class NotInTransaction(RuntimeError):
    """An entry was to be written outside of a transaction."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person named within `changes`. Stored as a reference, so that name and address stay erasable."""

    kind: str
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """An entry to be written. Who acts, and which secrets are masked, is what holds where the act is made."""

    action: str
    target: Target = None
    changes: dict[str, Any] | None = None
    organization_id: uuid.UUID | None = None
    acting: context.Acting = field(default_factory=context.current)
    redactor: redaction.Redactor = field(default_factory=redaction.current)
    trace_id: str | None = None
    at: datetime | None = None


def record(
    action: str,
    target: Target,
    *,
    changes: dict[str, Any] | None = None,
    organization_id: uuid.UUID | None = None,
) -> None:
    """Write one entry in the caller's transaction.

    `target` is the row acted on, `(model or name, id)`, or None for the organization itself. `changes` says what
    changed or came out; secrets in it are masked by name, and by value within `audit.redaction.redacting`. Names and
    addresses of people do not belong in it as text: put a `Person` there.
    Raises UnknownAction for a name that is not in the vocabulary, NotInTransaction outside of `transaction.atomic()`,
    and NoOrganizationInScope when no organization is given or in scope.
    """
    record_many([Act(action, target, changes, organization_id)])


def record_many(acts: Iterable[Act]) -> None:
    """Write many entries, of one or several organizations, with one INSERT. Raises what `record` raises."""
    prepared = [_Prepared(act) for act in acts]
    if not prepared:
        return
    _refuse_outside_of_transaction()
    mentioned = [person for each in prepared for person in each.mentioned.values()]
    if mentioned:
        AuditPerson.across_organizations.bulk_create(mentioned)
    people = _people_ids({each.actor for each in prepared if each.is_person})
    insert_rows(AuditEntry, [each.entry(people) for each in prepared])


def _refuse_outside_of_transaction() -> None:
    blocks = connections[DEFAULT_DB_ALIAS].atomic_blocks
    # The transaction that a test case wraps around itself is none of the caller's: there, too, he is told.
    if not any(not getattr(block, "_from_testcase", False) for block in blocks):
        raise NotInTransaction(
            "An audit entry belongs in the transaction of what it tells: "
            "call record() inside the `with transaction.atomic():` that does the deed."
        )


# --- what is acted on -----------------------------------------------------------------------------------------

_NAMES = {"ApiToken": "token", "Membership": "member", "StoredFile": "file", "NotificationTarget": "notification"}


def resource_type_of(model: "type[models.Model] | models.Model") -> str:
    """Return the word for `model` in entries: `integration_type` for IntegrationType."""
    name = model._meta.object_name or ""
    return _NAMES.get(name) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _resource(target: Target, organization_id: uuid.UUID) -> tuple[str, str]:
    if target is None:
        return "organization", str(organization_id)
    if isinstance(target, models.Model):
        return resource_type_of(target), str(target.pk)
    kind, identifier = target
    return kind if isinstance(kind, str) else resource_type_of(kind), "" if identifier is None else str(identifier)


def _organization_of(act: Act) -> uuid.UUID:
    if act.organization_id is not None:
        return act.organization_id
    if isinstance(act.target, models.Model):
        if act.target._meta.label == "tenancy.Organization":
            return uuid.UUID(str(act.target.pk))
        # In scope or not, a row's entry belongs to the row's organization.
        owner = getattr(act.target, "organization_id", None)
        if owner is not None and organization_in_scope() is None:
            return uuid.UUID(str(owner))
    return current_organization_id()


# --- who ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _PersonKey:
    organization_id: uuid.UUID
    kind: str
    identifier: str
    name: str
    ip: str

    @classmethod
    def of(cls, organization_id: uuid.UUID, kind: str, identifier: str, name: str, ip: str) -> "_PersonKey":
        return cls(organization_id, kind[:20], identifier[:100], name[:254], ip[:45])

    def row(self, mentioned_in: uuid.UUID | None = None) -> AuditPerson:
        return AuditPerson(
            mentioned_in=mentioned_in,
            organization_id=self.organization_id,
            kind=self.kind,
            identifier=self.identifier,
            name=self.name,
            ip=self.ip,
        )


class _Prepared:
    """An act with everything decided but the ids of people."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.action = vocabulary.check(act.action)
        self.organization_id = _organization_of(act)
        self.resource_type, self.resource_id = _resource(act.target, self.organization_id)
        self.changes = act.redactor.value(act.changes or {})
        self.id = new_id()
        self.mentioned = {
            person: _PersonKey.of(self.organization_id, person.kind, person.id, person.name, "").row(self.id)
            for person in _people_in(self.changes)
        }
        actor, ip = act.acting.actor, act.acting.ip
        # The system and platforms have neither name nor address to erase.
        self.actor = _PersonKey.of(self.organization_id, actor.type, actor.id, actor.name, ip)
        self.is_person = bool(actor.name or ip)

    def entry(self, ids: dict[_PersonKey, uuid.UUID]) -> Row:
        act, acting = self.act, self.act.acting
        references = {person: {"person": str(row.id)} for person, row in self.mentioned.items()}
        return {
            "id": self.id,
            "organization_id": self.organization_id,
            "at": act.at or clock.now(),
            "actor_type": self.actor.kind,
            "actor_id": self.actor.identifier,
            "person_id": ids[self.actor] if self.is_person else None,
            "action": self.action,
            "resource_type": self.resource_type[:60],
            "resource_id": self.resource_id[:100],
            "changes": _within_bounds(_storable(self.changes, references)),
            "request_id": acting.request_id[:64],
            "trace_id": (acting.trace_id if act.trace_id is None else act.trace_id)[:64],
        }


# Ids of people that this process has used lately: key → (id, when to look again). Looking again now and then
# lets a person who acts after an erasure be named anew.
_KNOWN_FOR = 300.0
_MOST_KNOWN = 10_000
_known: dict[_PersonKey, tuple[uuid.UUID, float]] = {}
_known_lock = threading.Lock()


def _people_ids(keys: set[_PersonKey]) -> dict[_PersonKey, uuid.UUID]:
    """Return the id of each person's row, making those that are missing."""
    now = time.monotonic()
    ids = {key: known[0] for key in keys if (known := _known.get(key)) and known[1] > now}
    unknown = keys - ids.keys()
    if unknown:
        found = _find_people(unknown)
        missing = [(key, key.row()) for key in unknown - found.keys()]
        if missing:
            AuditPerson.across_organizations.bulk_create([row for _, row in missing])
            found |= {key: row.id for key, row in missing}
        ids |= found
        # Rows made in a transaction that is rolled back are gone: they are known from its commit on.
        transaction.on_commit(lambda: _remember(found, now + _KNOWN_FOR))
    return ids


def _find_people(keys: set[_PersonKey]) -> dict[_PersonKey, uuid.UUID]:
    wanted = models.Q()
    for key in keys:
        wanted |= models.Q(
            organization_id=key.organization_id,
            kind=key.kind,
            identifier=key.identifier,
            name=key.name,
            ip=key.ip,
        )
    living = AuditPerson.across_organizations.filter(erased_at__isnull=True, mentioned_in__isnull=True)
    rows = living.filter(wanted).values_list("organization_id", "kind", "identifier", "name", "ip", "id")
    return {_PersonKey(*row[:5]): row[5] for row in rows}


def _remember(found: dict[_PersonKey, uuid.UUID], until: float) -> None:
    with _known_lock:
        if len(_known) + len(found) > _MOST_KNOWN:
            _known.clear()
        _known.update({key: (person_id, until) for key, person_id in found.items()})


def forget_people() -> None:
    """Drop the ids of people from memory, such as after an erasure or between tests."""
    with _known_lock:
        _known.clear()


# --- what changed ---------------------------------------------------------------------------------------------

_SURROGATE = re.compile("[\ud800-\udfff]")


def _people_in(value: Any) -> Iterator[Person]:
    if isinstance(value, Person):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _people_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _people_in(item)


def _storable(value: Any, references: dict[Person, dict[str, str]]) -> Any:
    """Return `value` as JSON that reads back as it was written, on every database and in every verifier."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, Person):
        return references[value]
    if isinstance(value, dict):
        return {_text(key): _storable(item, references) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_storable(item, references) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}… ({len(text)} characters)"
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _within_bounds(changes: Any) -> Any:
    size = len(odd_json.dumps(changes))
    return changes if size <= MOST_BYTES else {"omitted": f"{size} bytes, more than an entry holds ({MOST_BYTES})"}
