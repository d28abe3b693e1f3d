"""Pure: instants and durations as people and platforms write them. Used by conditions."""

import re
from datetime import UTC, datetime, timedelta

# RFC 3339: a full date, or date and time with an offset. Other forms of ISO 8601 are left out on purpose.
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?", re.ASCII)
_DURATION = re.compile(r"([+-]?)((?:\d{1,9}[wdhms])+)", re.ASCII)
_PART = re.compile(r"(\d+)([wdhms])", re.ASCII)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST = timedelta(days=36_525)


def read_instant(text: str) -> datetime | None:
    """Return the instant that an RFC 3339 text names, in UTC; a date alone is its midnight UTC. None: it is none."""
    if len(text) > 64 or not _RFC3339.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February, hour 25, or an offset that leaves the calendar
        return None


def read_duration(text: str) -> tuple[str, timedelta] | None:
    """Return sign ("", "+" or "-") and length of a duration such as "2h", "1d12h" or "-30m". None: it is none."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        return None
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(found[2]))
    if not 0 < seconds <= _LONGEST.total_seconds():
        return None
    return found[1], timedelta(seconds=seconds)
