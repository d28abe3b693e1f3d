"""Pure: the hours in which a team works, and time counted in them. Exact over changes of daylight saving time.

A moment is within the hours when the clock on the team's wall says so: where the clock is put forward the hours that
are skipped are nobody's, where it is put back those that come twice are open twice. A span belongs to the day on which
it begins; one that ends at or before its beginning ends on the next day. A holiday takes the place of all spans that
begin on its date.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = 24 * 60
# By this name documents call the calendar that is marked as the default one.
DEFAULT = "default"
# So far ahead, or back, open time is looked for.
HORIZON = timedelta(days=3660)
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
# Days of which the open times are remembered.
_MOST_DAYS = 4_000

# Minutes since the day's midnight by the clock on the wall; the end may lie on the next day (up to 2 × DAY).
Span = tuple[int, int]
# From, until: moments in UTC; open from the first up to, but not at, the second.
Interval = tuple[datetime, datetime]


class UnknownCalendar(Exception):
    """There is no calendar of that name."""

    def __init__(self, name: str) -> None:
        what = "no default calendar" if name == DEFAULT else f"no calendar '{name[:63]}'"
        super().__init__(f"There is {what}.")


class NeverOpen(Exception):
    """The calendar has not so much open time within ten years."""

    def __init__(self) -> None:
        super().__init__("The calendar has not so much open time within ten years.")


def minutes_of(text: str) -> int:
    """Return "09:30" as minutes since midnight; "24:00" is the day's end. Raises ValueError that shows the form."""
    found = _TIME.fullmatch(text.strip())
    minutes = int(found[1]) * 60 + int(found[2]) if found else DAY + 1
    if minutes > DAY:
        raise ValueError(f"'{text[:20]}' is no time of day: write it like 09:00 or 17:30, the day's end as 24:00")
    return minutes


def span_of(begins: str, ends: str) -> Span:
    """Return a span as typed. An end at 00:00, or before the beginning, is on the next day. Raises ValueError."""
    first, last = minutes_of(begins), minutes_of(ends)
    if first == DAY:
        raise ValueError("a span cannot begin at 24:00: let it begin at 00:00 on the next day")
    if first == last and first != 0:
        raise ValueError(f"it begins and ends at {begins.strip()}: for the whole day write 00:00 to 24:00")
    return first, last if last > first else last + DAY


class HoursByName(Protocol):
    """An organization's calendars."""

    def hours(self, name: str, /) -> "BusinessHours":
        """Return the hours of a calendar; DEFAULT is the one marked so. Raises UnknownCalendar."""


@dataclass(frozen=True)
class BusinessHours:
    """A team's hours: a time zone, the spans of each weekday (Monday first), and the spans of holidays, by date."""

    zone: ZoneInfo
    week: Sequence[Sequence[Span]]
    holidays: Mapping[date, Sequence[Span]] = field(default_factory=dict)
    _days: dict[date, list[Interval]] = field(default_factory=dict, repr=False, compare=False)

    def is_open(self, moment: datetime) -> bool:
        """Return whether an aware moment lies within the hours."""
        moment = moment.astimezone(UTC)
        return any(begins <= moment < ends for begins, ends in self._open_on(moment.date()))

    def add(self, moment: datetime, duration: timedelta) -> datetime:
        """Return the first moment by which so much open time has passed since `moment`, in UTC. Raises NeverOpen."""
        moment = moment.astimezone(UTC)
        if duration <= timedelta():
            return moment
        for begins, ends in self._forward(moment):
            if ends - begins >= duration:
                return begins + duration
            duration -= ends - begins
        raise NeverOpen

    def subtract(self, moment: datetime, duration: timedelta) -> datetime:
        """Return the last moment from which so much open time passes until `moment`, in UTC. Raises NeverOpen."""
        moment = moment.astimezone(UTC)
        if duration <= timedelta():
            return moment
        for begins, ends in self._backward(moment):
            if ends - begins >= duration:
                return ends - duration
            duration -= ends - begins
        raise NeverOpen

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Return how much open time lies between two moments; less than nothing where `until` comes first."""
        if until < since:
            return -self.between(until, since)
        total, until = timedelta(), until.astimezone(UTC)
        day, last = since.astimezone(UTC).date(), until.date()
        while day <= last:
            for begins, ends in self._open_on(day):
                total += max(timedelta(), min(ends, until) - max(begins, since))
            day += timedelta(days=1)
        return total

    def next_open(self, moment: datetime) -> datetime:
        """Return `moment` where it lies within the hours, else when they begin next, in UTC. Raises NeverOpen."""
        for begins, _ in self._forward(moment.astimezone(UTC)):
            return begins
        raise NeverOpen

    # --- intervals ----------------------------------------------------------------------------------------------
    def _forward(self, moment: datetime) -> Iterator[Interval]:
        """Yield what is open from `moment` on, in order."""
        for days in range(HORIZON.days):
            for begins, ends in self._open_on(_day_after(moment.date(), days)):
                if ends > moment:
                    yield max(begins, moment), ends

    def _backward(self, moment: datetime) -> Iterator[Interval]:
        """Yield what is open before `moment`, the latest first."""
        for days in range(HORIZON.days):
            for begins, ends in reversed(self._open_on(_day_after(moment.date(), -days))):
                if begins < moment:
                    yield begins, min(ends, moment)

    def _open_on(self, day: date) -> list[Interval]:
        """Return what is open on a day of UTC, in order; two of them may touch."""
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _MOST_DAYS:
                self._days.clear()
            # At the ends of the calendar there is no day before or after.
            known = self._days[day] = list(self._intervals(day)) if 2 <= day.year <= 9998 else []
        return known

    def _intervals(self, day: date) -> Iterator[Interval]:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for first, last in _with_one_offset(self.zone, midnight, midnight + timedelta(days=1)):
            offset = _offset(self.zone, first)
            # What the clock on the wall shows at both ends.
            begins, ends = (first + offset).replace(tzinfo=None), (last + offset).replace(tzinfo=None)
            yield from (
                ((low - offset).replace(tzinfo=UTC), (high - offset).replace(tzinfo=UTC))
                for low, high in _joined(self._on_the_wall(begins, ends))
            )

    def _on_the_wall(self, begins: datetime, ends: datetime) -> Iterator[Interval]:
        """Yield the parts of spans between two times by the clock on the wall."""
        day = begins.date() - timedelta(days=1)  # a span of the evening before may reach into it
        while day <= ends.date():
            midnight = datetime(day.year, day.month, day.day)  # by the clock on the wall
            for first, last in self.holidays.get(day, self.week[day.weekday()]):
                low = max(begins, midnight + timedelta(minutes=first))
                high = min(ends, midnight + timedelta(minutes=last))
                if low < high:
                    yield low, high
            day += timedelta(days=1)


def _joined(intervals: Iterator[Interval]) -> Iterator[Interval]:
    """Yield intervals in order, those that overlap or touch as one."""
    present: Interval | None = None
    for low, high in sorted(intervals):
        if present is not None and low <= present[1]:
            present = present[0], max(present[1], high)
            continue
        if present is not None:
            yield present
        present = low, high
    if present is not None:
        yield present


def _with_one_offset(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[Interval]:
    """Yield the parts of a day in each of which the zone keeps one distance to UTC, to the second."""
    while _offset(zone, first) != _offset(zone, last - timedelta(seconds=1)):
        low, high = first, last  # the clock changes after `low`, and has changed by `high`
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            low, high = (middle, high) if _offset(zone, middle) == _offset(zone, first) else (low, middle)
        yield first, high
        first = high
    yield first, last


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _day_after(day: date, days: int) -> date:
    """Return a date so many days later. Raises NeverOpen beyond the ends of the calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise NeverOpen from None
