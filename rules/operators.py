"""Pure: one small function per operator, and one table that says what each of them accepts.

An operator answers True, False, or a text: the reason why it cannot tell. It never raises. What it compares with was
prepared once (operands.py), so that a bad value is refused when a rule is saved, not when an event comes. A list or
an object where a single value should be is neither equal nor unequal: that cannot be told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from rules import operands
from rules.business_time import HoursByName, UnknownCalendar
from rules.facts import MISSING, Change, View, nfc
from rules.operands import ODD, element_keys, key_of, kind_of
from rules.times import read_instant

Decision = bool | str


# --- one function per operator ------------------------------------------------------------------------------------
def eq(actual: Any, expected: Any) -> Decision:
    if actual.__class__ is str:
        return bool(actual == expected)
    key = key_of(actual)
    return _not_single(actual) if key is ODD else bool(key == expected)


def ne(actual: Any, expected: Any) -> Decision:
    key = key_of(actual)
    return _not_single(actual) if key is ODD else bool(key != expected)


def in_(actual: Any, expected: frozenset[Any]) -> Decision:
    key = key_of(actual)
    return _not_single(actual) if key is ODD else key in expected


def not_in(actual: Any, expected: frozenset[Any]) -> Decision:
    key = key_of(actual)
    return _not_single(actual) if key is ODD else key not in expected


def gt(actual: Any, expected: Any) -> Decision:
    ready = _comparable(actual, expected)
    return ready if ready.__class__ is str else bool(ready > expected)


def gte(actual: Any, expected: Any) -> Decision:
    ready = _comparable(actual, expected)
    return ready if ready.__class__ is str else bool(ready >= expected)


def lt(actual: Any, expected: Any) -> Decision:
    ready = _comparable(actual, expected)
    return ready if ready.__class__ is str else bool(ready < expected)


def lte(actual: Any, expected: Any) -> Decision:
    ready = _comparable(actual, expected)
    return ready if ready.__class__ is str else bool(ready <= expected)


def between(actual: Any, expected: tuple[Any, Any]) -> Decision:
    """Both ends are inside."""
    low, high = expected
    ready = _comparable(actual, low)
    return ready if ready.__class__ is str else bool(low <= ready <= high)


def contains(actual: Any, expected: Any) -> Decision:
    """A list has the value, a text has the text in it."""
    if actual.__class__ is list:
        return expected in element_keys(actual)
    if actual.__class__ is str:
        return expected in actual if expected.__class__ is str else _text_holds_texts(expected)
    return _cannot_contain(actual)


def icontains(actual: Any, expected: str) -> Decision:
    """Gets both sides without their case."""
    return expected in actual if actual.__class__ is str or actual.__class__ is list else _cannot_contain(actual)


def contains_any(actual: Any, expected: frozenset[Any]) -> Decision:
    if actual.__class__ is list:
        return not expected.isdisjoint(element_keys(actual))
    if actual.__class__ is str:
        other = _not_texts(expected)
        return any(text in actual for text in expected) if not other else _text_holds_texts(other[0])
    return _cannot_contain(actual)


def contains_all(actual: Any, expected: frozenset[Any]) -> Decision:
    if actual.__class__ is list:
        return expected <= element_keys(actual)
    if actual.__class__ is str:
        other = _not_texts(expected)
        return all(text in actual for text in expected) if not other else _text_holds_texts(other[0])
    return _cannot_contain(actual)


def starts_with(actual: Any, expected: str) -> Decision:
    return actual.startswith(expected) if isinstance(actual, str) else _not_text(actual)


def ends_with(actual: Any, expected: str) -> Decision:
    return actual.endswith(expected) if isinstance(actual, str) else _not_text(actual)


def matches(actual: Any, expected: Any) -> Decision:
    """The pattern is found anywhere in the text; ^ and $ hold it to the ends."""
    if not isinstance(actual, str):
        return _not_text(actual)
    try:
        return expected.search(actual) is not None
    except UnicodeEncodeError:
        return "The text holds half of a character (a lone surrogate), which patterns cannot read."


def exists(actual: Any, expected: bool) -> Decision:
    """The field is there, whatever it holds; null too."""
    return (actual is not MISSING) is expected


def empty(actual: Any, expected: bool) -> Decision:
    """Nothing is there: no such field, null, a text without a visible character, a list or an object without items."""
    if isinstance(actual, str):
        return (not actual.strip()) is expected
    return (actual is MISSING or actual is None or actual == [] or actual == {}) is expected


def changed(change: Change | None, expected: bool) -> Decision:
    return (change is not None and not same(change.before, change.after)) is expected


def changed_from(change: Change | None, expected: frozenset[Any]) -> Decision:
    return _was(change, change and change.before, expected)


def changed_to(change: Change | None, expected: frozenset[Any]) -> Decision:
    return _was(change, change and change.after, expected)


def before(actual: Any, expected: datetime | timedelta, now: datetime) -> Decision:
    instant = _instant(actual)
    return instant if isinstance(instant, str) else instant < _reference(expected, now)


def after(actual: Any, expected: datetime | timedelta, now: datetime) -> Decision:
    instant = _instant(actual)
    return instant if isinstance(instant, str) else instant > _reference(expected, now)


def within(actual: Any, expected: tuple[str, timedelta], now: datetime) -> Decision:
    """ "2h": at most two hours from now, to either side; "-2h": in the last two hours; "+2h": in the next two."""
    instant = _instant(actual)
    if isinstance(instant, str):
        return instant
    sign, span = expected
    distance = instant - now
    return (timedelta() if sign == "+" else -span) <= distance <= (timedelta() if sign == "-" else span)


def business_hours(actual: Any, expected: tuple[str, bool], calendars: HoursByName | None) -> Decision:
    """Asks whether a time lies within the hours of a calendar."""
    instant = _instant(actual)
    if isinstance(instant, str):
        return instant
    name, wanted = expected
    if calendars is None:
        return "The organization's calendars are not at hand here."
    try:
        return calendars.hours(name).is_open(instant) is wanted
    except UnknownCalendar as error:
        return str(error)


# --- what operators share -----------------------------------------------------------------------------------------
def _not_single(actual: Any) -> str:
    if actual.__class__ is list:
        return "The field holds a list, which is no single value to compare. Ask with contains or contains_any."
    return f"The field holds {kind_of(actual)}, which is no single value to compare."


def _not_text(actual: Any) -> str:
    return f"The field holds {kind_of(actual)}, not a text."


def _cannot_contain(actual: Any) -> str:
    return f"The field holds {kind_of(actual)}, neither a list nor a text, so it contains nothing."


def _text_holds_texts(expected: Any) -> str:
    what = "true or false" if isinstance(expected, Enum) else kind_of(expected)
    return f"The field holds a text, in which texts can be looked for, not {what}."


def _not_texts(expected: frozenset[Any]) -> list[Any]:
    return [value for value in expected if value.__class__ is not str]


def _comparable(actual: Any, expected: Any) -> Any:
    """Return `actual` as what `expected` is, a number or an instant, or the reason why it is none (a text)."""
    if isinstance(expected, datetime):
        return _instant(actual)
    if actual.__class__ is int or actual.__class__ is float:
        return actual
    if actual.__class__ is str:
        return "The field holds a text, not a number, and the event's schema does not say that it is a number."
    return f"The field holds {kind_of(actual)}, not a number."


def _reference(expected: datetime | timedelta, now: datetime) -> datetime:
    if isinstance(expected, datetime):
        return expected
    try:
        return now + expected
    except OverflowError:
        return now


def _instant(actual: Any) -> datetime | str:
    if not isinstance(actual, str):
        return f"The field holds {kind_of(actual)}, not a time as text."
    instant = read_instant(actual)
    if instant is None:
        return "The field holds no time in the form of RFC 3339 with its offset, such as 2026-01-31T09:30:00Z."
    return instant


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, by the same strictness as eq."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, str) and isinstance(other, str):
        return nfc(one) == nfc(other)
    key = key_of(one)
    return bool(key == key_of(other)) if key is not ODD else one is other


def _was(change: Change | None, value: Any, expected: frozenset[Any]) -> Decision:
    if change is None or same(change.before, change.after):
        return False
    if value is MISSING:
        return False
    key = key_of(nfc(value) if isinstance(value, str) else value)
    return _not_single(value) if key is ODD else key in expected


class Asks(Enum):
    """What an operator is given besides what it expects."""

    VALUE = "the field's value"
    TIME = "the field's value and the present"
    CHANGE = "what became of the field"
    CALENDARS = "the field's value and the organization's calendars"


@dataclass(frozen=True)
class Operator:
    """One row of the table: how to decide, and what `expected` must be.

    `when_missing` is the answer where the field is not there; None: the operator itself decides. `null_is_missing`:
    a null is nothing to compare, as if the field were not there. `is_numeric`: a schema that says number matters.
    `view`: how it wants to see the field's value; found once per event.
    """

    decide: Callable[..., Decision]
    prepare: Callable[[Any, bool], Any]
    asks: Asks = Asks.VALUE
    when_missing: bool | None = False
    null_is_missing: bool = True
    is_numeric: bool = False
    view: View | None = None


def _values(decide: Callable[..., Decision], prepare: Callable[[Any, bool], Any], *, missing: bool = False) -> Operator:
    return Operator(decide, prepare, when_missing=missing, null_is_missing=False, is_numeric=True)


def _numbers(decide: Callable[..., Decision], prepare: Callable[[Any, bool], Any] = operands.orderable) -> Operator:
    return Operator(decide, prepare, is_numeric=True)


OPERATORS: Mapping[str, Operator] = {
    "eq": _values(eq, operands.single),
    "ne": _values(ne, operands.single, missing=True),
    "in": _values(in_, operands.singles),
    "not_in": _values(not_in, operands.singles, missing=True),
    "gt": _numbers(gt),
    "gte": _numbers(gte),
    "lt": _numbers(lt),
    "lte": _numbers(lte),
    "between": _numbers(between, operands.ordered_pair),
    "contains": _numbers(contains, operands.element),
    "icontains": Operator(icontains, operands.folded_text, view=operands.folded),
    "contains_any": _numbers(contains_any, operands.elements),
    "contains_all": _numbers(contains_all, operands.elements),
    "starts_with": Operator(starts_with, operands.text),
    "ends_with": Operator(ends_with, operands.text),
    "matches": Operator(matches, operands.pattern),
    "exists": Operator(exists, operands.yes_or_no, when_missing=None, null_is_missing=False),
    "empty": Operator(empty, operands.yes_or_no, when_missing=None, null_is_missing=False),
    "changed": Operator(changed, operands.yes_or_no, Asks.CHANGE, is_numeric=True),
    "changed_from": Operator(changed_from, operands.single_or_singles, Asks.CHANGE, is_numeric=True),
    "changed_to": Operator(changed_to, operands.single_or_singles, Asks.CHANGE, is_numeric=True),
    "before": Operator(before, operands.reference, Asks.TIME),
    "after": Operator(after, operands.reference, Asks.TIME),
    "within": Operator(within, operands.duration, Asks.TIME),
    "business_hours": Operator(business_hours, operands.calendar, Asks.CALENDARS),
}

# What people write who know other languages.
ALSO_KNOWN_AS: Mapping[str, str] = {
    "=": "eq", "==": "eq", "is": "eq", "equals": "eq", "equal": "eq",
    "!=": "ne", "<>": "ne", "is_not": "ne", "not_equals": "ne", "neq": "ne",
    ">": "gt", "greater_than": "gt", ">=": "gte", "ge": "gte", "<": "lt", "less_than": "lt", "<=": "lte", "le": "lte",
    "one_of": "in", "any_of": "in", "oneof": "in", "nin": "not_in", "none_of": "not_in",
    "has": "contains", "includes": "contains", "like": "icontains", "has_any": "contains_any",
    "has_all": "contains_all", "startswith": "starts_with", "prefix": "starts_with",
    "endswith": "ends_with", "suffix": "ends_with", "regex": "matches", "re": "matches", "match": "matches",
    "is_set": "exists", "present": "exists", "is_empty": "empty", "blank": "empty", "null": "empty",
    "working_hours": "business_hours", "office_hours": "business_hours",
    "older_than": "before", "newer_than": "after", "range": "between",
}  # fmt: skip
