"""Our own functions for expressions: pure, total in their bounds, refused with a reason.

They run beside the library, not inside it: functions registered from Python lose a reference for each call and
do not accept values of any type (cel-expr-python 0.1.3, found by measuring, 2026-11).
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from supportops import odd_json

MAX_TEXT = 262_144


class Refused(ValueError):
    """A function cannot do what it was asked; the message says why."""


@dataclass(frozen=True)
class Function:
    name: str
    usage: str
    least: int
    most: int
    run: Callable[..., Any]


def as_text(value: Any) -> str:
    """Return how a value stands inside text: null is "", objects and lists are JSON, times are RFC 3339."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, (dict, list)):
        return odd_json.dumps(value).decode()
    return str(value)


def time_text(value: datetime) -> str:
    """Return a time as RFC 3339 in UTC. A time without a zone is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat().replace("+00:00", "Z")


def duration_text(value: timedelta) -> str:
    """Return a duration in seconds, as CEL reads it again: `7200s`, `0.5s`."""
    seconds = value.total_seconds()
    return f"{int(seconds)}s" if seconds.is_integer() else f"{seconds}s"


def _default(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _json(value: Any) -> str:
    return odd_json.dumps(value).decode()


def _slug(value: Any) -> str:
    plain = unicodedata.normalize("NFKD", as_text(value).casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _truncate(value: Any, length: Any, ending: Any = "…") -> str:
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise Refused(f"the length must be a whole number from 0 on, not {as_text(length) or 'null'!s:.40}")
    if not isinstance(ending, str):
        raise Refused("what stands for the rest must be text")
    text = as_text(value)
    if len(text) <= length:
        return text
    return text[: max(0, length - len(ending))] + ending[:length]


# Each directive is written by itself: the C library's widths (`%999999999d`) never come into play.
_DIRECTIVE = re.compile(r"%(-?[aAbBdeHIjmMpSUwWyYzZfFTDRuVG%])|%(.?)")


def _date(value: Any, form: Any = "%Y-%m-%d", zone: Any = "UTC") -> str:
    if value is None:
        return ""
    if not isinstance(form, str) or len(form) > 256:
        raise Refused("the format must be text of at most 256 characters, such as '%d.%m.%Y %H:%M'")
    if zone not in _zones():
        raise Refused(f"there is no time zone '{as_text(zone):.60}'; write one such as 'Europe/Berlin'")
    moment = to_time(value).astimezone(ZoneInfo(str(zone)))

    def directive(match: re.Match[str]) -> str:
        if match[1] is None:
            raise Refused(f"the format has no '%{match[2]}'; it has %Y %m %d %H %M %S %A %B %j %z %Z and others")
        code = match[1].lstrip("-")
        if code == "e":
            return str(moment.day)
        written = moment.strftime("%" + code)
        return written.lstrip("0") or "0" if match[1].startswith("-") else written

    return _DIRECTIVE.sub(directive, form)


def to_time(value: Any) -> datetime:
    """Return a time from RFC 3339 text, seconds or milliseconds since 1970. Raises Refused."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, bool):
            raise Refused("true and false are no time")
        elif isinstance(value, (int, float)):
            moment = datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        elif isinstance(value, str):
            text = value.strip()
            moment = to_time(int(text)) if text.isdigit() and len(text) > 8 else datetime.fromisoformat(text)
        else:
            raise Refused("a list or an object is no time")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except Refused:
        raise
    except (ValueError, OverflowError, OSError):
        raise Refused(f"'{as_text(value):.60}' is no time; write one such as '2026-05-04T10:00:00Z'") from None


@cache
def _zones() -> frozenset[Any]:
    return frozenset(available_timezones())


FUNCTIONS = {
    function.name: function
    for function in (
        Function("default", "default(value, otherwise)", 2, 2, _default),
        Function("json", "json(value)", 1, 1, _json),
        Function("slug", "slug(text)", 1, 1, _slug),
        Function("date", "date(time, '%d.%m.%Y %H:%M', 'Europe/Berlin')", 1, 3, _date),
        Function("truncate", "truncate(text, length, '…')", 2, 3, _truncate),
    )
}


def call(name: str, arguments: list[Any]) -> Any:
    """Return what one of our functions gives. Raises Refused with the reason."""
    try:
        result = FUNCTIONS[name].run(*arguments)
    except Refused as reason:
        raise Refused(f"{name}: {reason}.") from None
    except (ValueError, TypeError, OverflowError):
        raise Refused(f"{name}: cannot be applied to these values. It is used as {FUNCTIONS[name].usage}.") from None
    if isinstance(result, str) and len(result) > MAX_TEXT:
        raise Refused(f"{name}: gives more than {MAX_TEXT} characters.")
    return result
