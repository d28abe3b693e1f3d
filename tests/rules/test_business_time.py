"""Time counted in a team's hours agrees with a walk minute by minute, also where the clock is changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.business_time import BusinessHours, NeverOpen, Span, minutes_of, span_of

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = BusinessHours(BERLIN, [[(540, 720), (780, 1020)]] * 5 + [[], []], {date(2026, 12, 25): ()})
MINUTE = timedelta(minutes=1)

# Lord Howe moves by half an hour, Apia left a whole day out, Kolkata lies by half an hour off.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]


# --- the slow way: the clock on the wall, minute by minute ---------------------------------------------------------
def open_at(hours: BusinessHours, moment: datetime) -> bool:
    wall = moment.astimezone(hours.zone)
    minute, today = wall.hour * 60 + wall.minute, wall.date()
    yesterday = today - timedelta(days=1)
    spans = hours.holidays.get(today, hours.week[today.weekday()])
    before = hours.holidays.get(yesterday, hours.week[yesterday.weekday()])
    return any(low <= minute < high for low, high in spans) or any(low <= minute + 1440 < high for low, high in before)


def walk(hours: BusinessHours, since: datetime, minutes: int) -> int:
    return sum(open_at(hours, since + MINUTE * number) for number in range(minutes))


def walk_until(hours: BusinessHours, moment: datetime, minutes: int, step: int = 1, most: int = 20_000) -> datetime:
    for _ in range(most):
        if not minutes:
            return moment
        minutes -= open_at(hours, moment if step > 0 else moment - MINUTE)
        moment += MINUTE * step
    raise NeverOpen


spans = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=2
)


@st.composite
def around_changes(draw: st.DrawFn) -> tuple[BusinessHours, datetime]:
    """Hours, and a moment near a change of the clock of their zone."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    near = draw(
        st.sampled_from(
            [(2026, 3, 8), (2026, 3, 29), (2026, 4, 5), (2026, 10, 4), (2026, 10, 25), (2026, 11, 1), (2011, 12, 30)]
        )
    )
    moment = datetime(*near, tzinfo=UTC) + MINUTE * draw(st.integers(-2000, 2000))
    week: list[list[Span]] = [draw(spans) for _ in range(7)]
    holidays = {
        date(*near) + timedelta(days=draw(st.integers(-1, 2))): draw(spans) for _ in range(draw(st.integers(0, 2)))
    }
    return BusinessHours(zone, week, holidays), moment


@settings(max_examples=50, derandomize=True, deadline=None)
@given(around_changes(), st.integers(0, 3000))
def test_time_between_is_what_a_walk_counts(case: tuple[BusinessHours, datetime], minutes: int) -> None:
    hours, since = case
    until = since + MINUTE * minutes
    assert hours.between(since, until) == MINUTE * walk(hours, since, minutes)
    assert hours.between(until, since) == -hours.between(since, until)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(around_changes())
def test_a_moment_is_within_when_the_clock_on_the_wall_says_so(case: tuple[BusinessHours, datetime]) -> None:
    hours, moment = case
    for number in range(0, 180, 7):
        at = moment + MINUTE * number
        assert hours.is_open(at) is open_at(hours, at)
        # Nothing changes inside of a minute.
        assert hours.is_open(at + timedelta(seconds=59, microseconds=999_999)) is open_at(hours, at)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(around_changes(), st.integers(1, 1200))
def test_adding_and_subtracting_arrive_where_a_walk_does(case: tuple[BusinessHours, datetime], minutes: int) -> None:
    hours, moment = case
    for step in (1, -1):
        try:
            expected = walk_until(hours, moment, minutes, step)
        except NeverOpen:
            continue  # more than two weeks off
        found = (hours.add if step > 0 else hours.subtract)(moment, MINUTE * minutes)
        assert found == expected
        assert abs(hours.between(moment, found)) == MINUTE * minutes


@settings(max_examples=100, derandomize=True, deadline=None)
@given(around_changes())
def test_the_next_opening_is_the_first_open_minute(case: tuple[BusinessHours, datetime]) -> None:
    hours, moment = case
    first = next((at for n in range(20_000) if open_at(hours, at := moment + MINUTE * n)), None)
    if first is not None:
        assert hours.next_open(moment) == first


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(0, 400_000), st.integers(0, 400_000))
def test_time_adds_up(at: datetime, first: int, second: int) -> None:
    moment, one, other = at.replace(tzinfo=UTC), timedelta(seconds=first), timedelta(seconds=second)
    assert OFFICE.add(OFFICE.add(moment, one), other) == OFFICE.add(moment, one + other)
    assert OFFICE.between(moment, OFFICE.add(moment, one)) == one


# --- single cases, by name ----------------------------------------------------------------------------------------
def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("since", "hours", "until"),
    [
        ("2026-05-04T09:00", 4, "2026-05-04T14:00"),  # over lunch
        ("2026-05-04T09:00", 3, "2026-05-04T12:00"),  # exactly the morning
        ("2026-05-08T16:00", 4, "2026-05-11T12:00"),  # over the weekend
        ("2026-05-09T10:00", 1, "2026-05-11T10:00"),  # from a Saturday
        ("2026-12-24T16:30", 1, "2026-12-28T09:30"),  # over Christmas, a Friday
    ],
)
def test_hours_of_an_office(since: str, hours: int, until: str) -> None:
    assert OFFICE.add(berlin(since), timedelta(hours=hours)) == berlin(until)


def test_a_night_shift_lasts_an_hour_less_when_the_clock_is_put_forward_and_one_more_when_back() -> None:
    nights = BusinessHours(BERLIN, [[span_of("22:00", "06:00")]] * 7)
    for evening, lasts in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-05-05", 8)):
        begins = berlin(f"{evening}T22:00")
        noon = berlin(f"{evening}T12:00")
        assert nights.between(noon, noon + timedelta(hours=24)) == timedelta(hours=lasts)
        assert nights.add(begins, timedelta(hours=lasts)) == (begins + timedelta(hours=8)).astimezone(UTC)


def test_a_shift_into_a_holiday_belongs_to_the_evening_before() -> None:
    nights = BusinessHours(BERLIN, [[span_of("22:00", "06:00")]] * 7, {date(2026, 12, 25): ()})
    assert nights.is_open(berlin("2026-12-25T05:00"))
    assert not nights.is_open(berlin("2026-12-25T23:00"))
    assert not nights.is_open(berlin("2026-12-26T05:00"))


def test_half_a_holiday_has_its_own_hours() -> None:
    half = BusinessHours(BERLIN, OFFICE.week, {date(2026, 12, 24): [(540, 720)]})
    assert half.add(berlin("2026-12-24T11:00"), timedelta(hours=2)) == berlin("2026-12-25T10:00")


def test_a_span_that_begins_in_the_hour_that_is_skipped_begins_after_it() -> None:
    early = BusinessHours(BERLIN, [[(150, 300)]] * 7)
    assert early.next_open(berlin("2026-03-29T00:00")) == berlin("2026-03-29T03:00")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_the_ends_of_the_calendar_are_closed(text: str) -> None:
    assert not OFFICE.is_open(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_what_never_opens_again_says_so() -> None:
    never = BusinessHours(ZoneInfo("UTC"), [[]] * 7, {date(2026, 1, 1): [(0, 60)]})
    for ask in (
        lambda: never.next_open(berlin("2026-05-01T00:00")),
        lambda: OFFICE.add(berlin("9990-01-01T00:00"), timedelta(days=900)),
    ):
        with pytest.raises(NeverOpen, match="ten years"):
            ask()


@pytest.mark.parametrize(
    ("begins", "ends", "span"),
    [("9:00", "17:30", (540, 1050)), ("22:00", "06:00", (1320, 1800)), ("00:00", "24:00", (0, 1440)),
     ("00:00", "00:00", (0, 1440)), ("18:00", "00:00", (1080, 1440))],
)  # fmt: skip
def test_spans_as_typed(begins: str, ends: str, span: Span) -> None:
    assert span_of(begins, ends) == span


@pytest.mark.parametrize("bad", ["", "9", "9.30", "25:00", "24:01", "09:60", "noon", "９:00"])
def test_what_is_no_time_of_day_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        minutes_of(bad)


@pytest.mark.parametrize(("begins", "ends"), [("24:00", "06:00"), ("08:00", "08:00")])
def test_a_span_of_no_use_is_refused(begins: str, ends: str) -> None:
    with pytest.raises(ValueError, match=r"begin"):
        span_of(begins, ends)
