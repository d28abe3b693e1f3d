"""What an expression may name, and the checks that need no data."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from rules.cel.errors import Fault
from rules.cel.library import VariableType

COMMON = (
    "event",
    "meta",
    "inputs",
    "steps",
    "env",
    "vars",
    "recipients",
    "run",
    "rule",
    "organization",
    "integration",
    "now",
)
META = ("id", "type", "external_id", "occurred_at", "platform", "late")
# What the step that speaks for a digest has besides.
OF_DIGEST = ("items", "count", "more")
# What the parts of a step with `for_each` that are read for each item find beside the others.
OF_ITEM = ("item", "index")
STEP_FIELDS = ("error", "output", "status", "failed", "succeeded")


@dataclass(frozen=True)
class Roots:
    """The names that an expression finds at its place in a rule. Hashable: compiled expressions are kept by it.

    * `subjects`: names of the event's main object (``("ticket",)``), which are roots beside the common ones
    * `steps_before`: ids of the steps that may have run by then; None: not known, any id is taken
    * `steps_after`: ids of this and later steps, to say so when one is named
    * `inputs`: names of declared inputs; None: none are declared, any is taken
    * `fields`: what is known of the event's payload, as ("ticket.subject", "text") pairs; a path that is not among
      them is no error. Types: text, bool, any
    * `gathers`: the step speaks for a digest: what was gathered are roots too
    * `is_of_item`: the expression is evaluated for each item of a `for_each`, which is `item`, the `index`-th
    * `is_open`: any name is a root (for expressions over bare facts)
    """

    subjects: tuple[str, ...] = ()
    steps_before: tuple[str, ...] | None = None
    steps_after: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None
    fields: tuple[tuple[str, VariableType], ...] = ()
    gathers: bool = False
    is_of_item: bool = False
    is_open: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.names() or self.is_open

    def names(self) -> tuple[str, ...]:
        of_item = OF_ITEM if self.is_of_item else ()
        return (*of_item, *self.subjects, *COMMON, *(OF_DIGEST if self.gathers else ()))

    def all_steps(self) -> frozenset[str]:
        return frozenset((*(self.steps_before or ()), *self.steps_after))

    def check_path(self, root: str, parts: tuple[str | int, ...], start: int, offsets: tuple[int, ...]) -> VariableType:
        """Return the type of what a path leads to. Raises Fault for a name that cannot be there."""
        if root not in self:
            raise Fault(self._unknown_root(root), start, code="unknown_name")
        if root == "vars" and not parts and not self.is_open:
            raise Fault('Name the lookup table: vars.teams["billing"].', start, code="unknown_name")
        if not parts or self.is_open:
            return "time" if root == "now" and not parts else "any"
        first = str(parts[0])
        if root == "now":
            raise Fault("'now' is a time and has no fields; use date(now, '%H:%M', 'Europe/Berlin').", offsets[0])
        if root == "steps":
            self._check_step(parts, offsets)
        elif root == "inputs" and self.inputs is not None and first not in self.inputs:
            known = f"Declared are: {', '.join(self.inputs)}." if self.inputs else "None are declared."
            raise Fault(f"There is no input '{first}'{suggestion(first, self.inputs)}. {known}", offsets[0])
        elif root == "meta" and first not in META:
            raise Fault(f"'meta' has no '{first}'{suggestion(first, META)}. It has {', '.join(META)}.", offsets[0])
        if root == "event" or root in self.subjects:
            return self._field_type((root, *parts))
        return "any"

    def _check_step(self, parts: tuple[str | int, ...], offsets: tuple[int, ...]) -> None:
        step = str(parts[0])
        if step in self.steps_after:
            raise Fault(
                f"The step '{step}' has not run yet at this place: only earlier steps can be named.",
                offsets[0],
                code="later_step",
            )
        if self.steps_before is not None and step not in self.steps_before:
            known = (
                f"Steps before this one: {', '.join(self.steps_before)}."
                if self.steps_before
                else ("There is no step before this one.")
            )
            raise Fault(
                f"There is no step '{step}'{suggestion(step, self.steps_before)}. {known}",
                offsets[0],
                code="unknown_step",
            )
        if len(parts) > 1 and str(parts[1]) not in STEP_FIELDS:
            field = str(parts[1])
            raise Fault(
                f"A step has no '{field}'{suggestion(field, STEP_FIELDS)}. It has {', '.join(STEP_FIELDS)}; "
                f"what it gave back is in steps.{step}.output.",
                offsets[1],
                code="unknown_field",
            )

    def _field_type(self, path: tuple[str | int, ...]) -> VariableType:
        if not self.fields:
            return "any"
        inside = path[1:] if path[0] == "event" else path
        return dict(self.fields).get(".".join(map(str, inside)), "any")

    def _unknown_root(self, name: str) -> str:
        if name in OF_ITEM:
            return f"'{name}' is known only in the parameters, inputs and condition of a step with `for_each`."
        of_subject = f"{self.subjects[0]}.{name}" if self.subjects else ""
        if any(path == of_subject for path, _ in self.fields):
            hint = f" (did you mean '{of_subject}'?)"
        else:
            hint = suggestion(name, self.names())
        known = f"Names to start with: {', '.join(self.names())}."
        example = f" A field is written with its object: {of_subject}." if of_subject and not hint else ""
        return f"There is no '{name}' here{hint}. {known}{example}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` where a known name is near, else nothing."""
    near = difflib.get_close_matches(name.lower(), {k.lower(): k for k in known}, n=1, cutoff=0.6)
    if not near:
        return ""
    return f" (did you mean '{next(k for k in known if k.lower() == near[0])}'?)"
