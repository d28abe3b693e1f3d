"""Follows a timer through what happened: when it would have fired, had the rule been there. Nothing is written."""

from collections.abc import Callable
from datetime import datetime

from rules.compiled import CompiledRule
from rules.models import Event
from rules.objects import object_of_row
from rules.since import Look, State
from supportops.ids import made_at

# Later events of one object that are followed; who touches it more often is followed no further.
_MOST_EVENTS = 200
_MOST_EARLIER = 20


def would_fire_at(rule: CompiledRule, event: Event, looked: Callable[[Event], Look | None]) -> datetime | None:
    """Return when the timer that `event` started would have fired; None where a later event of its object ended it, or
    started a timer of its own.

    `looked` says what an event says of the timer; None where its content is forgotten.
    """
    found = looked(event)
    if found is None or found.state is not State.ARMED or found.due_at is None:
        return None
    if found.anchor_at is not None and found.anchor_at <= made_at(event.pk):
        return None
    due_at = found.due_at
    key = object_of_row(event)
    if key is None:
        return None
    trigger = rule.document.trigger
    rows = Event.objects.filter(external_id=event.external_id, integration_id=event.integration_id)
    later = rows.filter(platform=event.platform, pk__gt=event.pk, is_out_of_order=False).order_by("pk")
    if found.anchor_at is not None and due_at <= made_at(event.pk):
        # Due at once: unless an earlier event had the same time, for which it has fired then.
        for other in rows.filter(platform=event.platform, pk__lt=event.pk).order_by("-pk")[:_MOST_EARLIER]:
            earlier = looked(other) if object_of_row(other) == key else None
            if earlier is not None and earlier.state is State.ARMED and earlier.anchor_at == found.anchor_at:
                return None
        return made_at(event.pk)
    for other in later[:_MOST_EVENTS]:
        if made_at(other.pk) >= due_at:
            break
        if object_of_row(other) != key:
            continue
        told = looked(other)
        if told is None:
            continue
        if told.state is State.OVER:
            return None
        if told.state is State.ARMED and {"*", other.type} & set(trigger.events):
            return None  # which is asked for itself
        due_at = told.due_at or due_at
    return due_at
