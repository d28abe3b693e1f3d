"""What operators are called on a page, which of them suit a field, and how what they compare with is given.

All of it follows rules.operators' own table: an operator that is new there is offered at once, under its own name and
with a value as JSON, until it has words here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from rules import operands
from rules.operators import OPERATORS


class Shape(StrEnum):
    """How the value of an operator is given."""

    ONE = "one"  # by the field's type
    TEXT = "text"
    MANY = "many"  # one to a line
    RANGE = "range"  # two
    NOTHING = "nothing"  # the operator says it
    TIME = "time"
    SPAN = "span"  # such as 2h
    JSON = "json"


# By the function that prepares what an operator compares with.
_SHAPES: Mapping[Any, Shape] = {
    operands.single: Shape.ONE,
    operands.element: Shape.ONE,
    operands.orderable: Shape.ONE,
    operands.singles: Shape.MANY,
    operands.elements: Shape.MANY,
    operands.single_or_singles: Shape.MANY,
    operands.ordered_pair: Shape.RANGE,
    operands.yes_or_no: Shape.NOTHING,
    operands.reference: Shape.TIME,
    operands.duration: Shape.SPAN,
    operands.text: Shape.TEXT,
    operands.folded_text: Shape.TEXT,
    operands.pattern: Shape.TEXT,
    operands.calendar: Shape.TEXT,
}

_WORDS: Mapping[str, Promise] = {
    "eq": _("is"),
    "ne": _("is not"),
    "in": _("is one of"),
    "not_in": _("is none of"),
    "gt": _("is greater than"),
    "gte": _("is at least"),
    "lt": _("is less than"),
    "lte": _("is at most"),
    "between": _("is between"),
    "contains": _("contains"),
    "icontains": _("contains (any case)"),
    "contains_any": _("contains any of"),
    "contains_all": _("contains all of"),
    "starts_with": _("starts with"),
    "ends_with": _("ends with"),
    "matches": _("matches the pattern"),
    "exists": _("is there"),
    "empty": _("is empty"),
    "changed": pgettext_lazy("operator", "changed"),
    "changed_from": _("changed from"),
    "changed_to": _("changed to"),
    "before": _("is before"),
    "after": _("is after"),
    "within": _("is within (of now)"),
    "business_hours": _("is within business hours of (calendar)"),
}
# For operators that compare with true or false: how the second is called.
_DENIALS: Mapping[str, Promise] = {
    "exists": _("is not there"),
    "empty": _("is not empty"),
    "changed": _("did not change"),
}

# Types of fields for which an operator is offered first; one that does not stand here suits every type.
_TEXTS, _NUMBERS, _TIMES, _LISTS = {"text"}, {"number"}, {"time"}, {"list"}
_SUITS: Mapping[str, set[str]] = {
    "eq": {"text", "number", "boolean", "time"},
    "ne": {"text", "number", "boolean", "time"},
    "in": _TEXTS | _NUMBERS,
    "not_in": _TEXTS | _NUMBERS,
    "gt": _NUMBERS,
    "gte": _NUMBERS,
    "lt": _NUMBERS,
    "lte": _NUMBERS,
    "between": _NUMBERS | _TIMES,
    "contains": _LISTS | _TEXTS,
    "icontains": _TEXTS | _LISTS,
    "contains_any": _LISTS | _TEXTS,
    "contains_all": _LISTS | _TEXTS,
    "starts_with": _TEXTS,
    "ends_with": _TEXTS,
    "matches": _TEXTS,
    "before": _TIMES,
    "after": _TIMES,
    "within": _TIMES,
    "business_hours": _TIMES,
}
# What is asked first of a field of this type.
_FIRST = {"list": "contains", "time": "before"}
# After an operator's name, where it is asked whether it is not so.
NOT = ":not"


def shape_of(operator: str) -> Shape:
    """Return how the value of an operator is given; JSON where that is not known."""
    row = OPERATORS.get(operator)
    return _SHAPES.get(row.prepare, Shape.JSON) if row is not None else Shape.JSON


def word_of(operator: str) -> str:
    """Return what an operator is called."""
    return str(_WORDS.get(operator) or operator.replace("_", " "))


def denial_of(operator: str) -> str:
    """Return what the opposite of an operator without a value is called."""
    return str(_DENIALS.get(operator) or _("not: %(operator)s") % {"operator": word_of(operator)})


def first_for(type_: str) -> str:
    """Return the operator that a new row begins with."""
    return _FIRST.get(type_, "eq")


def offered(type_: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the operators, as value and word, that suit a field of this type, and the others."""
    suiting: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for operator in OPERATORS:
        is_suiting = type_ in ("any", "") or operator not in _SUITS or type_ in _SUITS[operator]
        into = suiting if is_suiting else others
        into.append((operator, word_of(operator)))
        if shape_of(operator) is Shape.NOTHING:
            into.append((f"{operator}{NOT}", denial_of(operator)))
    return suiting, others
