"""Tells how many of our own steps led to an event: by the mark that a step left, or by what our account has just done.

Comes from webhooks.processing, before planning, in the scope of one organization. A marker names the step itself. Where
only the actor tells that an event is ours, it came from the last step that wrote to its object in that account: so a
loop grows deeper with every turn, and planning ends it.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from integrations import lookup, registry, specs
from integrations.errors import IntegrationError
from integrations.models import Integration
from rules.models import Step, StepContent
from supportops.ids import first_id_at

# How long after the end of our call a platform dates what the call did, and how far apart the two clocks may be.
_ECHO_WITHIN = timedelta(minutes=2)
_CLOCK_SKEW = timedelta(seconds=5)
# Steps planned longer ago, and more than so many of them, are not looked through.
_PLANNED_WITHIN = timedelta(hours=1)
_MOST_STEPS = 100
_MOST_VALUES = 500
# An id as short as this is also a priority or a count: there the field must be called an id.
_TELLING_LENGTH = 6
_ID_FIELDS = ("id", "ts", "channel", "key", "number")


@dataclass(frozen=True)
class Provenance:
    """How many of our own steps led to an event (0: none), and which of them is known: step id, actor."""

    depth: int = 0
    known: Mapping[str, Any] | None = None


def provenance_of(event: specs.Event, integration: Integration | None, received_at: datetime) -> Provenance:
    """Return where an event of the organization in scope came from."""
    is_ours = bool(event.actor_id and integration is not None and integration.actor_id == event.actor_id)
    marked = _step_of_marker(event.marker)
    if marked is not None and not (is_ours and _is_over(marked, event.occurred_at or received_at)):
        return _after(marked, event)
    if not is_ours or integration is None:
        return Provenance()
    # A mark stays where it was left: what our account does to the object later bears it, too.
    latest = _last_writer(event, integration, event.occurred_at or received_at)
    steps = [step for step in (marked, latest) if step is not None]
    if not steps:
        return Provenance(1, {"actor": event.actor_id})
    return _after(max(steps, key=lambda step: step.run.depth), event)


def _after(step: Step, event: specs.Event) -> Provenance:
    return Provenance(step.run.depth + 1, {"step": str(step.pk), "actor": event.actor_id})


def _step_of_marker(marker: str | None) -> Step | None:
    try:
        step_id = uuid.UUID(marker) if marker else None
    except ValueError:
        return None
    return Step.objects.select_related("run").filter(pk=step_id).first() if step_id else None


def _is_over(step: Step, at: datetime) -> bool:
    """Return whether a step's call had ended too long before `at` to have caused what happened then."""
    return step.finished_at is not None and step.finished_at + _ECHO_WITHIN < at


def _last_writer(event: specs.Event, integration: Integration, at: datetime) -> Step | None:
    """Return the step that wrote last to the event's object before `at`.

    Our own event may be here before the answer to its call: while calls are under way of which nobody knows yet what
    they made, and no other step names the object, it is one of those; the shallowest, to accuse nobody.
    """
    candidates = [step for step in _recent_writers(integration, at) if not _is_over(step, at)]
    contents = {row.pk: row for row in StepContent.objects.filter(pk__in=[step.pk for step in candidates])}
    kind = _kind(integration.platform, event.type)
    named = [step for step in candidates if _concerns(step, contents.get(step.pk), event, integration, kind)]
    if named:
        return max(named, key=lambda step: (step.started_at, step.pk))
    under_way = [step for step in candidates if step.sending_since is not None]
    return min(under_way, key=lambda step: step.run.depth, default=None)


def _recent_writers(integration: Integration, at: datetime) -> list[Step]:
    steps = Step.objects.select_related("run__event").filter(
        integration=integration,
        pk__gte=first_id_at(at - _PLANNED_WITHIN),
        started_at__lte=at + _CLOCK_SKEW,
    )
    return [step for step in steps.order_by("-pk")[:_MOST_STEPS] if _writes(step)]


def _writes(step: Step) -> bool:
    try:
        _, spec = lookup.action_of(step.platform, step.action)
    except (registry.UnknownPlatform, IntegrationError):
        return True
    return spec.effect != specs.READS


def _kind(platform: str, event_type: str) -> str:
    try:
        spec = registry.get(platform).event_spec(event_type)
    except registry.UnknownPlatform:
        return ""
    return spec.subject if spec else ""


def _concerns(step: Step, content: StepContent | None, event: specs.Event, own: Integration, kind: str) -> bool:
    """Return whether a step wrote to the event's object: its run is about it, or its parameters or output name it."""
    woken_by = step.run.event
    if not event.external_id:
        return False
    if (
        woken_by is not None
        and (woken_by.integration_id, woken_by.external_id) == (own.pk, event.external_id[:200])
        and _kind(woken_by.platform, woken_by.type) == kind
    ):
        return True
    if content is None:
        return False
    named = set(_named(content.parameters, kind, _MOST_VALUES)) | set(_named(content.output, kind, _MOST_VALUES))
    return event.external_id in named or all(part in named for part in event.external_id.split(":"))


def _named(value: Any, kind: str, most: int) -> Iterator[str]:
    """Yield the values in parameters or an output that may be the id of an object of this kind."""
    stack = [("", value)]
    while stack and most > 0:
        field, item = stack.pop()
        most -= 1
        if isinstance(item, Mapping):
            stack += [(str(name), part) for name, part in item.items()]
        elif isinstance(item, list):
            stack += [(field, part) for part in item]
        elif isinstance(item, (str, int)) and not isinstance(item, bool):
            text = str(item)
            if len(text) >= _TELLING_LENGTH or field == kind or field in _ID_FIELDS or field.endswith("_id"):
                yield text
