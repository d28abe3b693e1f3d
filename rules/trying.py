"""Tries a document or a rule on a sample or a stored event, for the admin: nothing is sent, nothing is stored."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations import registry, specs
from rules import trial
from rules.compiled import CompiledRule
from rules.models import Event, EventContent
from rules.replay import stored_event
from supportops.tenancy.models import Organization

SAMPLE = "sample"
_RECENT = 15
_MOST_FIELDS = 120


class NothingToTry(Exception):
    """There is no such event, and what to do instead."""


def recent_events(platform: str, types: Sequence[str]) -> list[Event]:
    """Return the newest stored events that a trigger listens to, for the page to offer."""
    rows = Event.objects.filter(platform=platform)
    if types and "*" not in types:
        rows = rows.filter(type__in=types)
    return list(rows.order_by("-id")[:_RECENT])


def event_to_try(compiled: CompiledRule, chosen: str) -> tuple[specs.Event, str]:
    """Return the event that `chosen` means (`sample`, or the id of a stored one) and its platform.

    Raises NothingToTry.
    """
    trigger = compiled.document.trigger
    if chosen in ("", SAMPLE):
        try:
            return trial.sample_event(trigger.platform, trigger.events), trigger.platform
        except LookupError:
            detail = f"{trigger.platform} has no sample of this event. Choose one that was received."
            raise NothingToTry(detail) from None
    try:
        event = Event.objects.filter(pk=uuid.UUID(chosen)).first()
    except ValueError:
        event = None
    if event is None:
        raise NothingToTry("There is no such event in this organization.")
    content = EventContent.objects.filter(pk=event.pk).first()
    if content is None:
        raise NothingToTry("The content of this event was removed after its time. Choose a newer one.")
    return stored_event(event, content), event.platform


def tried(compiled: CompiledRule, name: str, chosen: str, organization: Organization) -> dict[str, Any]:
    """Return what the rule would make of the chosen event. Raises NothingToTry."""
    about = {"id": str(organization.pk), "slug": organization.slug, "name": organization.name}
    if not compiled.document.listens:
        return trial.try_by_hand(compiled, rule_name=name, organization=about).as_dict()
    event, platform = event_to_try(compiled, chosen)
    return trial.try_rule(compiled, event, platform, rule_name=name, organization=about).as_dict()


def fields_of_sample(platform: str, types: Sequence[str], subjects: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the fields of the sample of the first event that has one: as conditions and as templates name them, and
    their values."""
    try:
        event = trial.sample_event(platform, types or ("*",))
    except (LookupError, registry.UnknownPlatform):
        return []
    fields = list(_flat(event.payload, ""))[:_MOST_FIELDS]
    return [(name, name if name.partition(".")[0] in subjects else f"event.{name}", value) for name, value in fields]


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, str(value)[:80]
