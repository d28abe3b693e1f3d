"""Decides what becomes of a claimed step with `for_each`: its list is evaluated once and becomes rows (rules.items)."""

from collections.abc import Mapping, Sequence
from typing import Any

from rules import items
from rules.compiled import CompiledStep, Each
from rules.decisions import Decision, Failed
from rules.expressions import ExpressionError
from rules.models import Step
from rules.rendering import render
from rules.settling import Settlement
from rules.variables import Secret

_EMPTY = {"items": [], "succeeded": 0, "failed": 0, "skipped": 0, "errors": []}


class NoList(Exception):
    """What `for_each` gives is no list, or too long a list; the message says so."""


def values_of(each: Each, roots: Mapping[str, Any], *, strict: bool = False) -> tuple[list[Any], Sequence[str]]:
    """Return the list of a `for_each`, and warnings. Raises NoList, or ExpressionError where it has no value."""
    rendered = render({"for_each": each.items}, roots, strict=strict)
    values = rendered.value["for_each"]
    if not isinstance(values, list):
        raise NoList(f"`for_each` needs a list; its value is {_kind(values)}.")
    if len(values) > each.most:
        raise NoList(
            f"`for_each` has {len(values)} items, and at most {each.most} are taken (`max`): nothing was done."
        )
    return values, rendered.warnings


def expand(step: Step, compiled: CompiledStep, roots: Mapping[str, Any], secrets: Sequence[Secret]) -> Decision:
    """Return what becomes of a step whose list is to be evaluated now."""
    each = compiled.each
    if each is None:
        raise TypeError(f"'{step.name}' has no `for_each`.")
    if told := [secret.name for secret in secrets if secret.name in each.variables]:
        return Failed("Forbidden", f"The variable '{told[0]}' is a secret: it goes into requests to its hosts alone.")
    try:
        return _Expands(*values_of(each, roots, strict=compiled.strict))
    except (NoList, ExpressionError) as error:
        return Failed("InvalidInput", str(error))


def of_item(step: Step, known: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the roots that an item has beside the others. Raises Failed where its content was forgotten."""
    if step.pk not in known:
        raise Failed("NotFound", "The content of this item was removed after its time.")
    return {"item": known[step.pk], "index": step.position}


class GoesOn(Decision):
    """The list is known from before: what failed of it, or was cut off, is done again."""

    def settle(self, settlement: Settlement, row: Step) -> None:
        items.restart(row)
        settlement.wait(row, items.ITEMS)


class _Expands(Decision):
    """Each item becomes a row, and the step waits for them."""

    def __init__(self, values: list[Any], warnings: Sequence[str]) -> None:
        super().__init__()
        self.values, self.warnings = values, warnings

    def settle(self, settlement: Settlement, row: Step) -> None:
        if not self.values:
            settlement.succeed(row, _EMPTY, self.warnings)
            settlement.keep(row, parameters={"items": 0})
            return
        items.create(row, self.values)
        settlement.wait(row, items.ITEMS)
        settlement.keep(row, parameters={"items": len(self.values)}, warnings=list(self.warnings))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number", dict: "an object"}
    return names.get(type(value), type(value).__name__)
