"""Tries a document or a rule on a sample or a stored event, for the admin: nothing is sent, nothing is stored."""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from integrations import registry, specs
from integrations.types import connector_of
from rules import trial
from rules.checking import schema_of, subject_of, subjects_of
from rules.compiled import CompiledRule
from rules.conditions import ConditionErrors, Facts, compile_conditions, evaluate
from rules.earlier import told_of
from rules.event_fields import EventFields, fields_of_events
from rules.expressions import Roots, compile_condition
from rules.form_conditions import ConditionsForm
from rules.models import Event, EventContent
from rules.replay import stored_event
from supportops.tenancy.models import Organization

SAMPLE = "sample"
_RECENT = 15


class NothingToTry(Exception):
    """There is no such event, and what to do instead."""


def recent_events(platform: str, types: Sequence[str]) -> list[Event]:
    """Return the newest stored events that a trigger listens to, for the page to offer."""
    rows = Event.objects.filter(platform=platform)
    if types and "*" not in types:
        rows = rows.filter(type__in=types)
    return list(rows.order_by("-id")[:_RECENT])


def chosen_event(platform: str, types: Sequence[str], chosen: str) -> tuple[specs.Event, str]:
    """Return the event that `chosen` means (`sample`, or the id of a stored one) and its platform.

    Raises NothingToTry.
    """
    if chosen in ("", SAMPLE):
        try:
            return trial.sample_event(platform, types), platform
        except (LookupError, registry.UnknownPlatform):
            detail = f"{platform} has no sample of this event. Choose one that was received."
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
    return told_of(event, stored_event(event, content)), event.platform


def tried(compiled: CompiledRule, name: str, chosen: str, organization: Organization) -> dict[str, Any]:
    """Return what the rule would make of the chosen event. Raises NothingToTry."""
    about = {"id": str(organization.pk), "slug": organization.slug, "name": organization.name}
    if not compiled.document.listens:
        return trial.try_by_hand(compiled, rule_name=name, organization=about).as_dict()
    trigger = compiled.document.trigger
    event, platform = chosen_event(trigger.platform, trigger.events, chosen)
    return trial.try_rule(compiled, event, platform, rule_name=name, organization=about).as_dict()


def specs_of(platform: str, types: Sequence[str]) -> list[specs.EventSpec]:
    """Return what a platform's connector says of these events; nothing of a platform that there is not."""
    try:
        connector = connector_of(platform)
    except registry.UnknownPlatform:
        return []
    return [spec for spec in connector.events if spec.name in types or "*" in types]


def fields_of(platform: str, types: Sequence[str], chosen: str = "") -> EventFields:
    """Return the fields that events of these types have, by their schema, their samples and what came lately.

    Where no type was chosen yet, those of every event. Examples are the values of the `chosen` event.
    """
    named = types or ("*",)
    fields = fields_of_events(specs_of(platform, named), recent_events(platform, named))
    try:
        event, _ = chosen_event(platform, named, chosen)
    except NothingToTry:
        return fields
    return fields.of_payload(event.payload)


def facts_to_try(platform: str, types: Sequence[str], chosen: str) -> Facts:
    """Return what conditions are asked about the chosen event. Raises NothingToTry."""
    event, of_platform = chosen_event(platform, types, chosen)
    return trial.facts_to_try(event, of_platform)


def judge(form: ConditionsForm, platform: str, types: Sequence[str], chosen: str) -> str:
    """Show at each condition what the chosen event says of it, and return the verdict as a whole.

    Empty where there is none: no event, or conditions that are wrong, which is shown at their places.
    """
    about = specs_of(platform, types)
    roots = Roots(subjects=subjects_of(about), steps_before=(), inputs=())
    expressions = partial(compile_condition, roots=roots)
    try:
        node = compile_conditions(
            form.value, schema=schema_of(about), subject=subject_of(about), expressions=expressions
        )
        facts = facts_to_try(platform, types, chosen)
    except ConditionErrors as errors:
        for problem in errors.problems:
            form.add_problem(".".join(map(str, problem.path)), problem.message)
        return ""
    except NothingToTry:
        return ""
    verdict = evaluate(node, facts)
    form.take_verdicts([leaf.as_dict() for leaf in verdict.explanation])
    return verdict.outcome
