"""Puts together what platforms tell in pieces: one act that changes five fields may come in five deliveries.

Comes from planning. The pieces have one key and are one event, so that a rule fires once for one act. Whatever a later
piece says of fields that were not told before is added to the event, and rules that have not fired for it are asked
again: nobody knows which piece comes first, and a rule that waits for the priority must not miss it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integrations import specs
from rules.models import Event, EventContent, Verdict

if TYPE_CHECKING:
    from rules.planning import Incoming


@dataclass
class Grown:
    """An event planned before, as it is with what a later piece adds; `verdicts`: what rules have said of it so far."""

    row: Event
    event: specs.Event
    verdicts: Mapping[uuid.UUID, str]


def together(incoming: Sequence["Incoming"]) -> list["Incoming"]:
    """Return `incoming` with the first of each key telling all that the others tell."""
    whole = list(incoming)
    first: dict[str, int] = {}
    for place, item in enumerate(incoming):
        if item.replay is not None:
            continue
        start = first.setdefault(item.key, place)
        if start != place and item.event.changed:
            whole[start] = replace(whole[start], event=_with(whole[start].event, item.event))
    return whole


def grown(repeats: Sequence["Incoming"]) -> dict[str, Grown]:
    """Return by key the stored events to which one of `repeats` adds something. Costs no query where none can."""
    telling = {item.key: item for item in reversed(repeats) if item.event.changed}
    if not telling:
        return {}
    rows = Event.objects.select_for_update().filter(key__in=telling).order_by("pk")
    events = {row.pk: row for row in rows}
    contents = {row.pk: row for row in EventContent.objects.filter(pk__in=events)}
    verdicts: dict[uuid.UUID, dict[uuid.UUID, str]] = {}
    for event_id, rule_id, outcome in Verdict.objects.filter(event_id__in=events).values_list(
        "event_id", "rule_id", "outcome"
    ):
        verdicts.setdefault(event_id, {})[rule_id] = outcome
    found = {}
    for key, row in ((row.key, row) for row in events.values()):
        content, said = contents.get(row.pk), telling[key].event
        if content is None or not set(said.changed or ()) - set(content.changed or ()):
            continue
        kept = {"payload": content.payload, "changed": _pairs(content.changed), "compared": content.compared}
        before = replace(said, **kept)
        found[key] = Grown(row, _with(before, said), verdicts.get(row.pk, {}))
    return found


def _with(event: specs.Event, later: specs.Event) -> specs.Event:
    """Return an event with what a later piece adds; what changed twice is told by the first."""
    if not set(later.changed or ()) - set(event.changed or ()):
        return event
    return replace(
        event,
        payload={**event.payload, **later.payload},
        changed={**(later.changed or {}), **(event.changed or {})},
    )


def _pairs(changed: Mapping[str, Sequence[object]] | None) -> dict[str, tuple[object, object]] | None:
    return {name: (pair[0], pair[1]) for name, pair in changed.items()} if changed is not None else None
