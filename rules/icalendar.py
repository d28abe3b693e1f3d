"""Pure: the whole days in an iCalendar text (RFC 5545), such as the public holidays that calendars are shared as."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

# A holiday that returns each year is taken for so many years.
YEARS = 10
MOST_DAYS = 1_000
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\([\\;,nN])")


class NotICalendar(ValueError):
    """The text is no iCalendar text, or holds no day that could be a holiday."""


def holidays_in(text: str) -> list[dict[str, Any]]:
    """Return the all-day events as holidays (date, name, no hours), by date, each date once.

    An event over several days gives each of them; one that returns each year (RRULE:FREQ=YEARLY on the same date)
    gives ten. Events with a time of day are no holidays. Raises NotICalendar.
    """
    if "BEGIN:VCALENDAR" not in text:
        raise NotICalendar("This is no iCalendar text: it does not begin with BEGIN:VCALENDAR.")
    days: dict[date, str] = {}
    for properties in _events(text):
        for day in _days(properties):
            if len(days) >= MOST_DAYS:
                raise NotICalendar(f"There are more than {MOST_DAYS:,} days in it.")
            days.setdefault(day, _ESCAPED.sub(_plain, properties.get("SUMMARY", ""))[:100].strip())
    if not days:
        raise NotICalendar("There is no event of a whole day in it.")
    return [{"date": day.isoformat(), "name": name, "hours": []} for day, name in sorted(days.items())]


def _events(text: str) -> Iterator[dict[str, str]]:
    """Yield the properties of each event, by name; what stands in parts of an event (alarms) is left out."""
    properties: dict[str, str] | None = None
    inside: list[str] = []
    for line in _FOLD.sub("", text).splitlines():
        head, _, value = line.partition(":")
        name = head.partition(";")[0].upper()
        if name == "BEGIN":
            inside.append(value.strip().upper())
            if inside[-1] == "VEVENT":
                properties = {}
        elif name == "END":
            if inside and inside.pop() == "VEVENT" and properties is not None:
                yield properties
                properties = None
        elif properties is not None and inside[-1:] == ["VEVENT"]:
            properties.setdefault(name, value.strip())


def _days(properties: dict[str, str]) -> Iterator[date]:
    first = _date(properties.get("DTSTART", ""))
    if first is None:
        return
    # The end is the first day that no longer belongs to it.
    end = _date(properties.get("DTEND", "")) or first + timedelta(days=1)
    length = min(max(1, (end - first).days), 366)
    rule = properties.get("RRULE", "").upper()
    is_yearly = "FREQ=YEARLY" in rule and "BY" not in rule.replace("BYMONTH=", "").replace("BYMONTHDAY=", "")
    until = _date(rule.partition("UNTIL=")[2][:8]) if "UNTIL=" in rule else None
    for years in range(YEARS if is_yearly else 1):
        try:
            start = first.replace(year=first.year + years)
        except ValueError:  # the 29th of February, in other years
            continue
        if until is not None and start > until:
            return
        yield from (start + timedelta(days=number) for number in range(length))


def _date(text: str) -> date | None:
    """Return a date as RFC 5545 writes it; None for one with a time of day, or none at all."""
    if not re.fullmatch(r"\d{8}", text, re.ASCII):
        return None
    try:
        found = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def _plain(found: "re.Match[str]") -> str:
    return " " if found[1] in "nN" else found[1]
