"""Reading what a platform sent: values of the form that is expected, or nothing. Pure; raises for no payload."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# Year 9999; what lies beyond is no time.
_LAST_SECOND = 253_402_300_799


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` where it is an object, an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return `value` where it is a list, an empty one otherwise."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return `value` where it is a text with something in it, None otherwise."""
    return value if isinstance(value, str) and value else None


def identifier(value: Any) -> str | None:
    """Return an id as text, whether it came as a text or as a whole number; None for anything else."""
    if type(value) is int:
        return str(value)
    return text(value)


def moment(value: Any) -> datetime | None:
    """Return the time that an ISO 8601 text with a zone tells, None for anything else."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def unix_moment(value: Any) -> datetime | None:
    """Return the time that a number of seconds since 1970 tells (as a number or as a text), None for anything else."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)
