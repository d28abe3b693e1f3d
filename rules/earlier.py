"""What an event changed, where its platform does not say so: it is compared with our last seen state of the object.

Comes from planning, for events that a listening rule asks this of; costs nothing for others. The last seen state is
the payload of the event of the same object that occurred last before it, of those planned before it: so an event that
comes late, or out of order, is compared with what preceded it, and nothing is ever compared with what came after. Where
no earlier event is known, or its content was forgotten, what changed stays unknown.

A trial of a stored event that nobody asked at the time compares in the same way, with what was planned before it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from integrations import specs
from rules.changes import compare
from rules.models import Event, EventContent
from rules.objects import ObjectKey, key_of_object

# Of an object's events, the newest so many are looked at.
_MOST_EVENTS = 50


@dataclass(frozen=True)
class _State:
    """What an event said of its object."""

    occurred_at: datetime
    event_id: uuid.UUID
    delivery_id: uuid.UUID | None
    # None: it stands in the database.
    payload: Mapping[str, Any] | None = field(default=None, repr=False)

    def precedes(self, other: "_State") -> bool:
        """Return whether it is a state before `other`. What one delivery tells of one moment is one state."""
        if self.event_id >= other.event_id:
            return False
        if self.occurred_at == other.occurred_at:
            return self.delivery_id != other.delivery_id
        return self.occurred_at < other.occurred_at


# It was asked, and nothing was known then: a later trial says the same.
_WITH_NOTHING: Mapping[str, Any] = {"event": None, "at": None, "gaps": []}
# Greater than the id of any event: of one that has none yet.
_NOT_YET = uuid.UUID(int=2**128 - 1)


class Asked(NamedTuple):
    """An event of which somebody wants to know what it changed. `event_id`: None where it is only being planned."""

    key: ObjectKey
    occurred_at: datetime
    delivery_id: uuid.UUID | None
    event_id: uuid.UUID | None = None


class EarlierStates:
    """The last seen states of the objects of some events: read with two queries, none where nothing is asked."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        asked = [item for item in asked if item.key.kind and item.key.integration_id is not None]
        self._wanted = {item.key for item in asked}
        self._states: dict[ObjectKey, list[_State]] = {}
        self._payloads: dict[uuid.UUID, Any] = {}
        if asked:
            self._read(asked)

    def resolved(self, row: Event, event: specs.Event) -> specs.Event:
        """Return an event with what it changed, as far as that can be told by an earlier one."""
        key = _key(row)
        if not _is_open(event) or key is None or key not in self._wanted:
            return event
        last = self._last(key, _State(row.occurred_at, row.pk, row.delivery_id))
        if last is None:
            return replace(event, compared=_WITH_NOTHING)
        payload = last.payload if last.payload is not None else self._payloads.get(last.event_id)
        one, other = _main(payload, key.kind), _main(event.payload, key.kind)
        if one is None or other is None:
            return replace(event, compared=_WITH_NOTHING)
        found = compare(one, other)
        compared = {"event": str(last.event_id), "at": last.occurred_at.isoformat(), "gaps": found.gaps}
        return replace(event, changed=found.changed, compared=compared)

    def remember(self, row: Event, payload: Mapping[str, Any]) -> None:
        """Take a new event's payload as a state that later ones may be compared with."""
        if (key := _key(row)) in self._wanted and key is not None:
            self._states.setdefault(key, []).append(_State(row.occurred_at, row.pk, row.delivery_id, payload))

    def _last(self, key: ObjectKey, present: _State) -> _State | None:
        before = [state for state in self._states.get(key, ()) if state.precedes(present)]
        return max(before, key=lambda state: (state.occurred_at, state.event_id), default=None)

    def _read(self, asked: Sequence[Asked]) -> None:
        rows = Event.objects.filter(
            external_id__in={key.external_id for key in self._wanted},
            integration_id__in={key.integration_id for key in self._wanted},
            pk__lt=max(item.event_id or _NOT_YET for item in asked),
        )
        place = Window(RowNumber(), partition_by=["integration_id", "external_id"], order_by=F("pk").desc())
        newest = rows.annotate(place=place).filter(place__lte=_MOST_EVENTS)
        for row in newest.only("platform", "type", "integration_id", "external_id", "occurred_at", "delivery_id"):
            if (key := _key(row)) in self._wanted and key is not None:
                self._states.setdefault(key, []).append(_State(row.occurred_at, row.pk, row.delivery_id))
        presents = [(item.key, _State(item.occurred_at, item.event_id or _NOT_YET, item.delivery_id)) for item in asked]
        chosen = {last.event_id for key, present in presents if (last := self._last(key, present)) is not None}
        self._payloads = dict(EventContent.objects.filter(pk__in=chosen).values_list("pk", "payload")) if chosen else {}


def told_of(row: Event, event: specs.Event) -> specs.Event:
    """Return a stored event with what it changed, as planning would have told it."""
    return told_of_all([(row, event)])[0]


def told_of_all(rows: Sequence[tuple[Event, specs.Event]]) -> list[specs.Event]:
    """Return stored events with what they changed, as planning would have told it. Two queries for all of them."""
    asked = [
        Asked(key, row.occurred_at, row.delivery_id, row.pk)
        for row, event in rows
        if _is_open(event) and (key := _key(row)) is not None
    ]
    states = EarlierStates(asked)
    return [states.resolved(row, event) for row, event in rows]


def _is_open(event: specs.Event) -> bool:
    """Return whether it is neither told nor worked out yet what an event changed."""
    return event.changed is None and event.compared is None


def _key(row: Event) -> ObjectKey | None:
    return key_of_object(row.platform, row.type, row.integration_id, row.external_id)


def _main(payload: Any, kind: str) -> Mapping[str, Any] | None:
    main = payload.get(kind) if isinstance(payload, Mapping) else None
    return main if isinstance(main, Mapping) else None
