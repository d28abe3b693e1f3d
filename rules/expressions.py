"""Expressions in `{{ }}`: compiled and checked once, evaluated safely over what happened.

>>> roots = Roots(subjects=("ticket",), steps_before=("get-runbook",))
>>> compile_template("Urgent: {{ ticket.subject }}", roots=roots).render({"ticket": {"subject": "Help"}}).value
'Urgent: Help'
>>> compile_condition("{{ steps.get-runbook.failed }}", roots=roots).is_met({"steps": {}})
False

The context maps each root to plain data. Values of the context are only ever data: text that looks like an
expression is never evaluated. Compiled templates and conditions may be used from any thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rules.cel import functions
from rules.cel.encoding import Encoder
from rules.cel.errors import ExpressionError, Fault, place
from rules.cel.evaluating import Node, Scope
from rules.cel.functions import as_text
from rules.cel.parsing import parse
from rules.cel.roots import Roots
from rules.cel.tokens import end_of_expression

__all__ = [
    "Condition",
    "ExpressionError",
    "Rendered",
    "Roots",
    "Template",
    "as_text",
    "compile_condition",
    "compile_template",
    "has_expression",
]

MAX_EXPRESSION = 4_096
MAX_TEMPLATE = 65_536
MAX_EXPRESSIONS = 200
MAX_OUTPUT = 262_144

_ANY_ROOTS = Roots(is_open=True)


@dataclass
class Rendered:
    """A rendered value and what the step's record should tell about it."""

    value: Any
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Expression:
    source: str
    start: int  # of the expression inside the whole value
    node: Node

    def value(self, whole: str, scope: Scope) -> Any:
        try:
            return self.node.value(scope)
        except Fault as fault:
            raise _error(whole, self.start, fault) from None


@dataclass(frozen=True)
class Template:
    """A text with expressions in it. `roots_used` and `paths_used` say which data it asks for."""

    text: str
    roots: Roots
    parts: tuple[str | _Expression, ...]

    @property
    def is_plain(self) -> bool:
        """Whether there is no expression in it at all."""
        return not any(isinstance(part, _Expression) for part in self.parts)

    @property
    def is_whole_expression(self) -> bool:
        """Whether it is one expression and nothing else: then its value keeps its type."""
        return len(self.parts) == 1 and isinstance(self.parts[0], _Expression)

    def roots_used(self) -> set[str]:
        """Return the roots whose data the value depends on."""
        return set().union(*(part.node.roots() for part in self.parts if isinstance(part, _Expression)))

    def paths_used(self) -> set[tuple[str | int, ...]]:
        """Return the paths into the data that are named, root first: ``("env", "REGION")``."""
        return set().union(*(part.node.paths() for part in self.parts if isinstance(part, _Expression)))

    def values(self, context: Mapping[str, Any], *, strict: bool = False) -> tuple[list[Any], list[str]]:
        """Return the value of each expression in it, and warnings of missing fields. Raises ExpressionError."""
        scope = _scope(context, self.roots, is_soft=not strict)
        found = [plain_value(part.value(self.text, scope)) for part in self.parts if isinstance(part, _Expression)]
        return found, _warnings(scope)

    def render(self, context: Mapping[str, Any], *, encode: Encoder | None = None, strict: bool = False) -> Rendered:
        """Return the value with its expressions evaluated.

        One whole expression keeps its type; `encode` is applied to each text in it. Inside text, null is "" and
        objects are JSON; `encode` gets each value and what stands before it. A missing field is null and a
        warning, with `strict` an error. Raises ExpressionError.
        """
        scope = _scope(context, self.roots, is_soft=not strict)
        if self.is_whole_expression:
            value = plain_value(self.parts[0].value(self.text, scope))  # type: ignore[union-attr]
            return Rendered(_encoded(value, encode), _warnings(scope))
        written = ""
        pieces: list[str] = []
        length = 0
        for part in self.parts:
            if isinstance(part, str):
                piece = part
            else:
                piece = as_text(part.value(self.text, scope))
                if encode is not None:
                    try:
                        piece = encode(piece, written)
                    except ValueError as refused:
                        raise _error(self.text, part.start, Fault(str(refused))) from None
            length += len(piece)
            if length > MAX_OUTPUT:
                raise ExpressionError(
                    f"The text has more than {MAX_OUTPUT} characters when rendered.", code="too_large"
                )
            pieces.append(piece)
            written += piece if encode is not None else ""
        return Rendered("".join(pieces), _warnings(scope))


@dataclass(frozen=True)
class Condition:
    """An expression that is met or not."""

    text: str
    roots: Roots
    expression: _Expression

    def value(self, context: Mapping[str, Any]) -> Any:
        """Return the value itself. Raises ExpressionError, for a missing field too."""
        return plain_value(self.expression.value(self.text, _scope(context, self.roots, is_soft=False)))

    def is_met(self, context: Mapping[str, Any]) -> bool:
        """Return whether it is met: by any value that is not false, null, 0, "" or empty.

        Raises ExpressionError where it cannot be evaluated: neither met nor unmet.
        """
        return bool(self.value(context))


def has_expression(value: Any) -> bool:
    """Return whether a value is text with an expression in it."""
    return isinstance(value, str) and "{{" in value


def compile_template(text: str, roots: Roots = _ANY_ROOTS) -> Template:
    """Return the template of `text`. Raises ExpressionError with line and column inside it."""
    return _template(text, roots)


def compile_condition(text: str, roots: Roots | None = None) -> Condition:
    """Return the condition of `text`: one expression, with or without `{{ }}` around it. Raises ExpressionError."""
    return _condition(text, roots or _ANY_ROOTS)


@lru_cache(maxsize=4096)
def _template(text: str, roots: Roots) -> Template:
    if len(text) > MAX_TEMPLATE and "{{" in text:
        raise ExpressionError(f"A text with expressions has at most {MAX_TEMPLATE} characters.", code="too_large")
    parts: list[str | _Expression] = []
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        if opening > at:
            parts.append(text[at:opening])
        start = opening + 2
        try:
            end = end_of_expression(text, start)
        except Fault as fault:
            raise _error(text, 0, fault) from None
        if end is None:
            unclosed = "'{{' is never closed by '}}'. To write the braces themselves: {{ '{{' }}."
            raise ExpressionError(unclosed, *place(text, opening))
        if sum(isinstance(part, _Expression) for part in parts) >= MAX_EXPRESSIONS:
            raise ExpressionError(f"A text holds at most {MAX_EXPRESSIONS} expressions.", *place(text, opening))
        parts.append(_expression(text, start, end, roots))
        at = end + 2
    if at < len(text) or not parts:
        parts.append(text[at:])
    return Template(text, roots, tuple(parts))


@lru_cache(maxsize=4096)
def _condition(text: str, roots: Roots) -> Condition:
    if not text.strip().startswith("{{"):
        try:
            return Condition(text, roots, _expression(text, 0, len(text), roots))
        except ExpressionError:
            if "{{" not in text:
                raise
    template = _template(text, roots)
    expressions = [part for part in template.parts if isinstance(part, _Expression)]
    if len(expressions) != 1 or any(isinstance(part, str) and part.strip() for part in template.parts):
        raise ExpressionError("A condition is one expression: write {{ a && b }}, not text around it.")
    return Condition(text, roots, expressions[0])


def _expression(whole: str, start: int, end: int, roots: Roots) -> _Expression:
    source = whole[start:end]
    if len(source) > MAX_EXPRESSION:
        line, column = place(whole, start)
        raise ExpressionError(f"An expression has at most {MAX_EXPRESSION} characters.", line, column, code="too_large")
    try:
        return _Expression(source, start, parse(source, roots))
    except Fault as fault:
        raise _error(whole, start, fault) from None


def _error(whole: str, start: int, fault: Fault) -> ExpressionError:
    line, column = place(whole, min(len(whole), start + fault.offset))
    return ExpressionError(fault.message, line, column, code=fault.code, is_missing=fault.is_missing)


def _scope(context: Mapping[str, Any], roots: Roots, *, is_soft: bool) -> Scope:
    return Scope(context, is_soft, roots.steps_before or (), roots.inputs or ())


def _warnings(scope: Scope) -> list[str]:
    return list(dict.fromkeys(scope.missing))


def plain_value(value: Any) -> Any:
    """Return a value as JSON holds it: times and durations become text."""
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return functions.as_text(value)


def _encoded(value: Any, encode: Encoder | None) -> Any:
    if encode is None:
        return value
    if isinstance(value, str):
        try:
            return encode(value, "")
        except ValueError as refused:
            raise ExpressionError(str(refused)) from None
    if isinstance(value, list):
        return [_encoded(item, encode) for item in value]
    if isinstance(value, dict):
        return {key: _encoded(item, encode) for key, item in value.items()}
    return value
