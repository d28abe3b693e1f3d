"""Pure: the values that conditions compare: how they equal each other, and which of them an operator accepts.

Types are strict: true is not 1, and "4" is not 4 unless the event's schema says number. 1 and 1.0 are one number.
Texts compare in NFC. An expected value is checked and prepared once, when its rule is compiled.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final
from unicodedata import normalize

import re2

from rules.business_time import DEFAULT
from rules.facts import nfc
from rules.times import read_duration, read_instant

MAX_VALUES = 1_000
MAX_PATTERN = 256
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


class BadValue(ValueError):
    """What an operator was given cannot be compared with. `at` leads to the place inside the value."""

    def __init__(self, message: str, *at: int) -> None:
        super().__init__(message)
        self.at = at


# --- values -------------------------------------------------------------------------------------------------------
class _Key(Enum):
    TRUE = "true"
    FALSE = "false"
    ODD = "odd"


# What stands for true and false where values are compared: in Python True == 1, here it is not.
TRUE, FALSE = _Key.TRUE, _Key.FALSE
# No single value: a list, an object, or nothing that JSON knows.
ODD: Final = _Key.ODD


def key_of(value: Any) -> Any:
    """Return what equals, and hashes, as conditions compare: the value, TRUE or FALSE; ODD for what is not single."""
    kind = value.__class__
    if kind is str or kind is int or kind is float or value is None:
        return value
    if kind is bool:
        return TRUE if value else FALSE
    return ODD


def element_keys(values: list[Any]) -> frozenset[Any]:
    """Return the keys of a list's single values; lists and objects inside it equal nothing."""
    keys = {value if value.__class__ is str and value.isascii() else _element_key(value) for value in values}
    keys.discard(ODD)
    return frozenset(keys)


def _element_key(value: Any) -> Any:
    return key_of(nfc(value) if value.__class__ is str else value)


def as_number(value: Any) -> Any:
    """Return a text that is a number as that number, also in a list; anything else as it is."""
    if value.__class__ is str:
        if not _NUMBER.fullmatch(value):
            return value
        number = float(value) if any(mark in value for mark in ".eE") else int(value)
        return number if number not in (math.inf, -math.inf) else value
    if value.__class__ is list:
        return [as_number(item) if item.__class__ is str else item for item in value]
    return value


def fold(text: str) -> str:
    """Return `text` so that only its letters count, not their case (Unicode's canonical caseless form)."""
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFD", text).casefold())


def folded(value: Any) -> Any:
    """Return a text without its case, of a list its texts alone; anything else as it is."""
    if value.__class__ is str:
        return fold(value)
    return [fold(item) for item in value if item.__class__ is str] if value.__class__ is list else value


def kind_of(value: Any) -> str:
    """Return what people call such a value."""
    if value is None:
        return "null"
    kinds: dict[type, str] = {
        bool: "true or false",
        str: "a text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(value.__class__, f"a {type(value).__name__}")


# --- what operators accept: each returns the value prepared, or raises BadValue. `number`: the schema says number ---
def single(value: Any, number: bool) -> Any:
    """Return a value that can be equal to others, as its key."""
    if isinstance(value, str):
        return as_number(nfc(value)) if number else nfc(value)
    _refuse_odd_number(value)
    if isinstance(value, int) and not isinstance(value, bool) and not _INT64_MIN <= value <= _INT64_MAX:
        # Events hold integers beyond 64 bits as text (supportops.odd_json).
        return value if number else str(value)
    key = key_of(value)
    if key is ODD:
        raise BadValue(f"Expected a text, a number, true, false or null, not {kind_of(value)}.")
    return key


def singles(value: Any, number: bool) -> frozenset[Any]:
    """Return the keys of a list of single values."""
    items = _list(value)
    return frozenset(_each(items, lambda item: single(item, number)))


def single_or_singles(value: Any, number: bool) -> frozenset[Any]:
    """Return the keys of one value or of a list of them."""
    return singles(value, number) if isinstance(value, list) else frozenset([single(value, number)])


def element(value: Any, number: bool) -> Any:
    """Return the key of what a list may have as an element, or a text as a part."""
    if value is None:
        raise BadValue("Expected a text, a number, true or false, not null.")
    if value == "":
        raise BadValue("An empty text is contained in every text. Say what to look for.")
    return single(value, number)


def elements(value: Any, number: bool) -> frozenset[Any]:
    """Return the keys of a list of such elements or parts."""
    return frozenset(_each(_list(value), lambda item: element(item, number)))


def text(value: Any, number: bool) -> str:
    """Return a text that is not empty, in NFC."""
    if not isinstance(value, str):
        raise BadValue(f"Expected a text, not {kind_of(value)}.")
    if not value:
        raise BadValue("An empty text fits every text. Say what to look for.")
    return nfc(value)


def folded_text(value: Any, number: bool) -> str:
    """Return such a text without its case."""
    return fold(text(value, number))


def pattern(value: Any, number: bool) -> Any:
    """Return a compiled RE2 pattern: its time is linear in the text, whatever the pattern."""
    typed = text(value, number)
    if len(typed) > MAX_PATTERN:
        raise BadValue(f"A pattern may have {MAX_PATTERN} characters; this one has {len(typed)}.")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(typed, options)
    except re2.error as error:
        said = error.args[0]
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise BadValue(f"The pattern is not valid (RE2 says: {said}).") from None
    except UnicodeEncodeError:
        raise BadValue("The pattern holds half of a character (a lone surrogate).") from None


def orderable(value: Any, number: bool) -> Any:
    """Return a number, or the instant that a text names."""
    if isinstance(value, str):
        ready = as_number(value) if number else read_instant(value)
        if ready is None or isinstance(ready, str):
            raise BadValue(
                f"Expected a number, or a time in the form of RFC 3339 such as 2026-01-31T09:30:00Z, not the text "
                f"{_shown(value)}. Numbers are written without quotes."
            )
        return ready
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"Expected a number, or a time in the form of RFC 3339, not {kind_of(value)}.")
    _refuse_odd_number(value)
    return value


def ordered_pair(value: Any, number: bool) -> tuple[Any, Any]:
    """Return the lowest and the highest of a range."""
    if not isinstance(value, list) or len(value) != 2:
        raise BadValue("Expected a list of two values: the lowest and the highest that fit, such as [1, 5].")
    low, high = _each(value, lambda item: orderable(item, number))
    if isinstance(low, datetime) != isinstance(high, datetime):
        raise BadValue("Expected two numbers or two times, not one of each.")
    if low > high:
        raise BadValue("The first value is above the second, so nothing lies between them.")
    return low, high


def yes_or_no(value: Any, number: bool) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise BadValue(f"Expected true or false, not {kind_of(value)}.")
    return value


def reference(value: Any, number: bool) -> datetime | timedelta:
    """Return an instant, or how far from the present it lies: now, "-2h" ago, "+2h" ahead."""
    if value == "now":
        return timedelta()
    instant = read_instant(value) if isinstance(value, str) else None
    found = read_duration(value) if isinstance(value, str) and instant is None else None
    if found is not None and found[0]:
        return found[1] if found[0] == "+" else -found[1]
    if instant is None:
        raise BadValue(
            "Expected now, a duration with its sign such as -2h (two hours ago) or +1d (in a day), or a time in the "
            "form of RFC 3339 with its offset, such as 2026-01-31T09:30:00Z, "
            f"not {_shown(value) if isinstance(value, str) else kind_of(value)}."
        )
    return instant


def duration(value: Any, number: bool) -> tuple[str, timedelta]:
    """Return the sign and length of a duration."""
    found = read_duration(value) if isinstance(value, str) else None
    if found is None:
        raise BadValue(
            "Expected a duration such as 30m, 2h, 3d or 1d12h (w, d, h, m, s; at most 100 years): 2h is two hours to "
            "either side of now, -2h the last two, +2h the next two. "
            f"This is {_shown(value) if isinstance(value, str) else kind_of(value)}."
        )
    return found


def calendar(value: Any, number: bool) -> tuple[str, bool]:
    """Return the name of a calendar, and whether the time shall lie within its hours."""
    if isinstance(value, bool):
        return DEFAULT, value
    if not isinstance(value, str) or not value.strip():
        raise BadValue(
            "Expected true (within the hours of the default calendar), false (outside of them), or the name of a "
            f"calendar, not {'an empty text' if isinstance(value, str) else kind_of(value)}."
        )
    return value.strip(), True


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadValue(f"Expected a list, not {kind_of(value)}.")
    if not value:
        raise BadValue("The list is empty. Give at least one value.")
    if len(value) > MAX_VALUES:
        raise BadValue(f"A list may have {MAX_VALUES:,} values; this one has {len(value):,}.")
    return value


def _each(items: list[Any], prepare: Callable[[Any], Any]) -> list[Any]:
    """Return each item prepared. Raises BadValue with the position of the first bad one."""
    ready = []
    for position, item in enumerate(items):
        try:
            ready.append(prepare(item))
        except BadValue as error:
            raise BadValue(str(error), position, *error.at) from None
    return ready


def _refuse_odd_number(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue("NaN and infinity are no values of JSON.")


def _shown(text: str) -> str:
    return f"'{text}'" if len(text) <= 60 else f"'{text[:60]}…'"


def plain(value: Any) -> Any:
    """Return a value as typed in JSON's types: YAML reads unquoted dates as dates; they count as their text."""
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
