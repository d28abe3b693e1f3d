"""What planning asks about the objects that events speak of: is a later state of it known, how often has a rule fired
for it. Comes from planning, reads the history of the organization in scope: at most two statements for a batch.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.db.models import Count, Max

from integrations import registry, specs
from rules.models import Event, VerdictOutcome
from supportops.ids import first_id_at

BUDGET_WINDOW = timedelta(hours=1)


class ObjectKey(NamedTuple):
    """An object of a platform: the account it lives in, what kind of thing it is, and its id there."""

    integration_id: uuid.UUID | None
    kind: str
    external_id: str


class Seen(Protocol):
    """An event as planning receives it."""

    @property
    def event(self) -> specs.Event: ...
    @property
    def platform(self) -> str: ...
    @property
    def integration_id(self) -> uuid.UUID | None: ...


class Objects:
    """The objects of one batch of events. What the batch adds is known at once to the events after it."""

    def __init__(self, seen: Sequence[Seen], now: datetime) -> None:
        self._now = now
        self._keys = {key for item in seen if (key := object_of(item)) is not None}
        dated = {key for item in seen if item.event.occurred_at and (key := object_of(item)) is not None}
        self._newest = _newest_of(dated)
        self._fired: Counter[tuple[uuid.UUID, ObjectKey]] | None = None

    def is_overtaken(self, item: Seen, occurred_at: datetime) -> bool:
        """Return whether a later state of the event's object was known before, and remember this one."""
        key = object_of(item)
        # Without an account nobody knows that two events speak of one thing.
        if key is None or key.integration_id is None or item.event.occurred_at is None:
            return False
        newest = self._newest.get(key)
        if newest is not None and occurred_at < newest:
            return True
        self._newest[key] = occurred_at
        return False

    def fire(self, rule_id: uuid.UUID, item: Seen) -> str:
        """Count a rule's firing for the event's object; return why it may not fire, empty when it may."""
        key, budget = object_of(item), settings.RULE_FIRINGS_PER_HOUR
        if key is None or not budget:
            return ""
        if self._fired is None:
            self._fired = _firings_of(self._keys, self._now - BUDGET_WINDOW)
        if self._fired[rule_id, key] >= budget:
            return (
                f"This rule has fired {budget} times for {key.kind or 'object'} {key.external_id} within an hour, "
                "which is its budget: it may be answering itself. It fires again when the hour holds fewer."
            )
        self._fired[rule_id, key] += 1
        return ""


def object_of(item: Seen) -> ObjectKey | None:
    """Return what an event is about, None where it does not say."""
    return key_of_object(item.platform, item.event.type, item.integration_id, item.event.external_id)


def object_of_row(event: Event) -> ObjectKey | None:
    """Return what a stored event is about, None where it does not say."""
    return key_of_object(event.platform, event.type, event.integration_id, event.external_id)


def key_of_object(
    platform: str, event_type: str, integration_id: uuid.UUID | None, external_id: str
) -> ObjectKey | None:
    """Return what an event is about, None where it does not say."""
    if not external_id:
        return None
    try:
        spec = registry.get(platform).event_spec(event_type)
    except registry.UnknownPlatform:
        spec = None
    # As the event's row keeps it.
    return ObjectKey(integration_id, spec.subject if spec else "", external_id[:200])


def _newest_of(keys: set[ObjectKey]) -> dict[ObjectKey, datetime]:
    """Return when the newest event of each object occurred, as far as one is known."""
    wanted = {key for key in keys if key.integration_id is not None}
    if not wanted:
        return {}
    rows = (
        Event.objects.filter(
            external_id__in={key.external_id for key in wanted},
            integration_id__in={key.integration_id for key in wanted},
        )
        .values("platform", "type", "integration_id", "external_id")
        .annotate(newest=Max("occurred_at"))
    )
    newest: dict[ObjectKey, datetime] = {}
    for row in rows:
        key = _row_key(row)
        if key in wanted:
            newest[key] = max(newest.get(key, row["newest"]), row["newest"])
    return newest


def _firings_of(keys: set[ObjectKey], since: datetime) -> Counter[tuple[uuid.UUID, ObjectKey]]:
    """Return how often each rule has fired for each object. Along the index of an object's events, newest first."""
    rows = (
        Event.objects.filter(
            external_id__in={key.external_id for key in keys},
            pk__gte=first_id_at(since),
            verdicts__outcome=VerdictOutcome.MATCHED,
        )
        .values("platform", "type", "integration_id", "external_id", "verdicts__rule_id")
        .annotate(times=Count("pk"))
    )
    fired: Counter[tuple[uuid.UUID, ObjectKey]] = Counter()
    for row in rows:
        key = _row_key(row)
        if key in keys:
            fired[row["verdicts__rule_id"], key] += row["times"]
    return fired


def _row_key(row: Mapping[str, Any]) -> ObjectKey | None:
    return key_of_object(row["platform"], row["type"], row["integration_id"], row["external_id"])
