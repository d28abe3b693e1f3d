"""The grammar of throttles and digests, and what they let through: pure."""

import pytest

from rules.expressions import ExpressionError, Roots
from rules.pacing import digests_of, key_of, let_through, parse_digest, parse_throttle

ROOTS = Roots(subjects=("ticket",), steps_before=("look",), inputs=("team",))


@pytest.mark.parametrize(
    ("text", "count", "seconds", "key"),
    [
        ("one per 10m", 1, 600, ""),
        ("1 per 30s", 1, 30, ""),
        ("3 per 1h", 3, 3600, ""),
        ("  one   per 2d  per  ticket.id ", 1, 172800, "ticket.id"),
        ("5 per 1h per ticket.priority > 3 ? 'high' : 'low'", 5, 3600, "ticket.priority > 3 ? 'high' : 'low'"),
        ("one per 10m per {{ ticket.id }}", 1, 600, "{{ ticket.id }}"),
    ],
)
def test_a_throttle_is_read(text: str, count: int, seconds: float, key: str) -> None:
    throttle = parse_throttle(text)
    assert (throttle.count, throttle.seconds, throttle.key.strip()) == (count, seconds, key)
    throttle.condition(ROOTS)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "how often is missing"),
        ("two per 10m", 1, "'two' is neither"),
        ("0 per 10m", 1, "neither"),
        ("1001 per 10m", 1, "up to 1000"),
        ("one in 10m", 5, "`per` comes after"),
        ("one", 4, "`per` comes after"),
        ("one per", 8, "the time is missing"),
        ("one per 10", 9, "'10' is no time"),
        ("one per 0m", 9, "no time"),
        ("one per 1.5h", 9, "no time"),
        ("one per 31d", 9, "at most 30 days"),
        ("one per 10m for ticket.id", 13, "`per` and a field"),
        ("one per 10m per", 16, "the field that tells events apart"),
        ("one per 10m per tickt.id", 17, "There is no 'tickt' here"),
        ("one per 10m per ticket.id)", 26, "closes nothing"),
        ("one per 10m per env.REGION", 17, "cannot name 'env'"),
        ("one per 10m per inputs.tem", 24, "tem"),
        ("one per 10m per steps.later.output", 23, "later"),
    ],
)
def test_what_is_no_throttle_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(ExpressionError, match=says) as refused:
        parse_throttle(text).condition(ROOTS)
    assert (refused.value.line, refused.value.column) == (1, column)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "the time is missing"),
        ("15", 1, "no time"),
        ("8d", 1, "at most 7 days"),
        ("15m of inputs.team", 5, "`per` and a field"),
        ("15m per", 8, "the field"),
        ("15m per inputs.", 16, "cannot stand here"),
    ],
)
def test_what_is_no_digest_is_refused_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(ExpressionError, match=says) as refused:
        parse_digest(text).condition(ROOTS)
    assert refused.value.column == column


def test_a_key_is_text_of_any_value_and_empty_where_it_is_missing() -> None:
    condition = parse_digest("15m per ticket.team").condition(ROOTS)
    assert key_of(condition, {"ticket": {"team": 7}}) == "7"
    assert key_of(condition, {"ticket": {}}) == "" and key_of(None, {}) == ""
    long = key_of(condition, {"ticket": {"team": "x" * 500}})
    assert len(long) == 64 and long != key_of(condition, {"ticket": {"team": "x" * 501}})
    assert "\0" not in key_of(condition, {"ticket": {"team": "a\0b"}})


@pytest.mark.parametrize(
    ("text", "times", "let"),
    [
        ("one per 10s", [0, 1, 9.9, 10, 19, 20], 3),
        # In any window of ten seconds, not in those that a clock cuts.
        ("2 per 10s", [0, 8, 9, 11, 12, 18, 21], 5),
        ("one per 10s", [20, 0, 10], 3),
        ("3 per 1h", [], 0),
    ],
)
def test_what_a_throttle_lets_through(text: str, times: list[float], let: int) -> None:
    assert let_through(times, parse_throttle(text)) == let


def test_in_how_many_digests_times_are_told() -> None:
    digest = parse_digest("10s")
    assert digests_of([], digest) == 0
    assert digests_of([0, 3, 9.9], digest) == 1
    assert digests_of([25, 0, 3, 10, 19], digest) == 3
