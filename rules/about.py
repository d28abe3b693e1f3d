"""What an event is about, in one line for people: a ticket's number and its subject."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from integrations import registry
from rules.models import Event, EventContent

# Where vendors write what a thing is called, the best name first.
_NAMES = ("subject", "title", "summary", "name", "text", "message")
_MOST_CHARACTERS = 120


def names_of(events: Iterable[Event]) -> dict[uuid.UUID, str]:
    """Return by event what it is about, with one query; an empty text where its content says nothing or is gone."""
    rows = {event.pk: event for event in events}
    if not rows:
        return {}
    contents = EventContent.objects.filter(
        pk__in=rows, event__organization_id=next(iter(rows.values())).organization_id
    )
    return {content.pk: name_in(rows[content.pk], content.payload) for content in contents}


def name_in(event: Event, payload: Any) -> str:
    """Return what the main object of a payload is called: its subject, title or the like."""
    if not isinstance(payload, Mapping):
        return ""
    main = payload.get(_subject_of(event))
    for place in (main, payload):
        if isinstance(place, Mapping):
            for name in _NAMES:
                value = place.get(name)
                if isinstance(value, str) and value.strip():
                    return " ".join(value.split())[:_MOST_CHARACTERS]
    return ""


def _subject_of(event: Event) -> str:
    try:
        spec = registry.get(event.platform).event_spec(event.type)
    except registry.UnknownPlatform:
        return ""
    return spec.subject if spec is not None else ""
