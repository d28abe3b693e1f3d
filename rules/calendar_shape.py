"""Pure: a calendar as people give it (days with spans, holidays) becomes the hours that rules.business_time counts."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rules.business_time import DAY, WEEKDAYS, BusinessHours, Span, span_of
from rules.cron import zone_of
from rules.problems import Problem, Refused

MOST_SPANS = 12
MOST_HOLIDAYS = 1_000
_MOST_NAME = 100
_HOLIDAY_FIELDS = ("date", "name", "hours")


def business_hours(zone: str, hours: Mapping[str, Any], holidays: Sequence[Any]) -> BusinessHours:
    """Return a calendar's hours. Raises Refused with everything that is wrong, each with its place."""
    problems: list[Problem] = []
    try:
        here = zone_of(zone)
    except ValueError as error:
        problems.append(Problem("zone", "unknown_zone", f"{str(error)[:1].upper()}{str(error)[1:]}."))
    for name in hours:
        if name not in WEEKDAYS:
            detail = f"There is no day '{str(name)[:40]}'. Days: {', '.join(WEEKDAYS)}."
            problems.append(Problem(f"hours.{str(name)[:40]}", "unknown_field", detail))
    week = [_spans(hours.get(day) or [], f"hours.{day}", problems) for day in WEEKDAYS]
    days = _holidays(holidays, problems)
    if not problems and not any(week):
        detail = "No day has hours, so nothing would ever come to its end: give at least one day its hours."
        problems.append(Problem("hours", "never_open", detail))
    if problems:
        raise Refused(problems)
    return BusinessHours(here, week, days)


def _holidays(given: Sequence[Any], problems: list[Problem]) -> dict[date, Sequence[Span]]:
    if len(given) > MOST_HOLIDAYS:
        problems.append(Problem("holidays", "too_many", f"A calendar has at most {MOST_HOLIDAYS:,} holidays."))
        return {}
    days: dict[date, Sequence[Span]] = {}
    for place, holiday in enumerate(given):
        at = f"holidays.{place}"
        if not isinstance(holiday, Mapping):
            problems.append(Problem(at, "invalid", "A holiday has a date, a name and, where it is half a day, hours."))
            continue
        unknown = [name for name in holiday if name not in _HOLIDAY_FIELDS]
        if unknown:
            detail = f"There is no '{str(unknown[0])[:40]}' here. A holiday has {', '.join(_HOLIDAY_FIELDS)}."
            problems.append(Problem(f"{at}.{str(unknown[0])[:40]}", "unknown_field", detail))
        name = holiday.get("name", "")
        if not isinstance(name, str) or len(name) > _MOST_NAME:
            problems.append(Problem(f"{at}.name", "invalid", f"A name is a text of at most {_MOST_NAME} characters."))
        day = _date(holiday.get("date"))
        if day is None:
            problems.append(Problem(f"{at}.date", "invalid", "A date is written like 2026-12-25."))
        elif day in days:
            problems.append(Problem(f"{at}.date", "not_unique", f"{day} stands here twice."))
        else:
            days[day] = _spans(holiday.get("hours") or [], f"{at}.hours", problems)
    return days


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _spans(given: Any, at: str, problems: list[Problem]) -> list[Span]:
    if not isinstance(given, list | tuple) or len(given) > MOST_SPANS:
        detail = f'Expected a list of at most {MOST_SPANS} spans such as {{"from": "09:00", "to": "17:00"}}.'
        problems.append(Problem(at, "invalid", detail))
        return []
    spans: list[Span] = []
    for place, span in enumerate(given):
        begins, ends = (span.get("from"), span.get("to")) if isinstance(span, Mapping) and len(span) == 2 else (0, 0)
        if not isinstance(begins, str) or not isinstance(ends, str):
            detail = 'A span is written {"from": "09:00", "to": "17:00"}.'
            problems.append(Problem(f"{at}.{place}", "invalid", detail))
            continue
        try:
            spans.append(span_of(begins, ends))
        except ValueError as error:
            problems.append(Problem(f"{at}.{place}", "invalid", f"{str(error)[:1].upper()}{str(error)[1:]}."))
    spans.sort()
    for one, other in itertools.pairwise(spans):
        if other[0] < one[1]:
            detail = f"{_shown(one)} and {_shown(other)} overlap."
            problems.append(Problem(at, "overlap", detail))
    return spans


def _shown(span: Span) -> str:
    return f"{_clock(span[0])} to {_clock(span[1] if span[1] <= DAY else span[1] - DAY)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
