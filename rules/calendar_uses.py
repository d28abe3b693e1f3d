"""Which rules name a calendar. The names in a document are found without a database."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import F

from rules.business_time import DEFAULT
from rules.expressions import has_expression
from rules.models import RuleVersion

_OPERATOR = "business_hours"


def calendars_named(document: Mapping[str, Any]) -> set[str]:
    """Return the names of the calendars in a rule document as typed; DEFAULT for the one that is marked so."""
    found: set[str] = set()
    trigger = document.get("trigger")
    if isinstance(trigger, Mapping):
        found.update(_in_conditions(trigger.get("conditions")))
        found.update(_of(trigger.get("since")))
    for steps in (document.get("steps"), document.get("actions")):
        found.update(_in_steps(steps))
    return found


def rules_naming(name: str, *, is_default: bool) -> dict[uuid.UUID, str]:
    """Return the living rules whose live versions name a calendar of the organization in scope: id and name."""
    names = {name, DEFAULT} if is_default else {name}
    live = RuleVersion.objects.filter(number=F("rule__version"), rule__deleted_at__isnull=True)
    rows = live.order_by("rule__name").values_list("rule_id", "rule__name", "document")
    return {rule_id: rule for rule_id, rule, document in rows if names & calendars_named(document)}


def _in_conditions(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if part.get("op") == _OPERATOR:
            yield from _named(part.get("value"))
        for key, value in part.items():
            if key == _OPERATOR:
                yield from _named(value)
            yield from _in_conditions(value)
    elif isinstance(part, list):
        for item in part:
            yield from _in_conditions(item)


def _in_steps(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from _of(part.get("wait"))
        for value in part.values():
            yield from _in_steps(value)
    elif isinstance(part, list):
        for item in part:
            yield from _in_steps(item)


def _of(part: Any) -> Iterator[str]:
    """Yield the calendar of a wait, or of a clock that events start."""
    if isinstance(part, Mapping):
        if part.get("until") == "open" and not part.get("calendar"):
            yield DEFAULT
        yield from _named(part.get("calendar"))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield DEFAULT
    elif isinstance(value, str) and not has_expression(value):
        yield value
