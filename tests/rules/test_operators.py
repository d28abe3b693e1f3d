"""What each operator says, one table per operator. UNKNOWN: it could not tell, and gives a reason."""

from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest

from rules.conditions import ConditionErrors, Facts, Problem, compile_conditions, evaluate, matches
from rules.operators import ALSO_KNOWN_AS, OPERATORS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNKNOWN = None
ABSENT = object()
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def says(operator: str, expected: Any, actual: Any, schema: dict[str, Any] | None = None) -> bool | None:
    node = compile_conditions({"f": {operator: expected}}, schema=schema)
    facts = Facts({} if actual is ABSENT else {"f": actual}, now=NOW)
    leaf = evaluate(node, facts).explanation[0]
    assert leaf.passed is matches(node, facts)
    assert leaf.passed is not UNKNOWN or leaf.reason
    return leaf.passed


def refused(operator: str, expected: Any, schema: dict[str, Any] | None = None) -> Problem:
    with pytest.raises(ConditionErrors) as caught:
        compile_conditions({"f": {operator: expected}}, schema=schema)
    (problem,) = caught.value.problems
    assert problem.path[:2] == ("f", operator)
    return problem


EQUAL = [
    ("urgent", "urgent", True),
    ("urgent", "Urgent", False),
    ("", "", True),
    (COMPOSED, DECOMPOSED, True),
    (DECOMPOSED, COMPOSED, True),
    (4, 4, True),
    (4, 4.0, True),
    (4, "4", False),
    ("4", 4, False),
    (1, True, False),
    (True, 1, False),
    (0, False, False),
    (True, True, True),
    ("true", True, False),
    (None, None, True),
    (None, "", False),
    (None, False, False),
    (None, 0, False),
    ("x", None, False),
    ("x", ["x"], UNKNOWN),
    ("x", [], UNKNOWN),
    ("x", {"x": 1}, UNKNOWN),
    (None, [], UNKNOWN),
    # Integers beyond 64 bits reach us as text.
    (2**70, str(2**70), True),
    (2**53 + 1, float(2**53), False),
]


@pytest.mark.parametrize(("expected", "actual", "answer"), EQUAL)
def test_eq_and_ne(expected: Any, actual: Any, answer: bool | None) -> None:
    assert says("eq", expected, actual) is answer
    assert says("ne", expected, actual) is (UNKNOWN if answer is UNKNOWN else not answer)


@pytest.mark.parametrize(("expected", "actual", "answer"), EQUAL)
def test_in_and_not_in(expected: Any, actual: Any, answer: bool | None) -> None:
    assert says("in", ["other", expected, 99], actual) is answer
    assert says("not_in", ["other", expected, 99], actual) is (UNKNOWN if answer is UNKNOWN else not answer)


@pytest.mark.parametrize(
    ("expected", "actual", "equal", "above"),
    [
        (5, 7, False, True),
        (5, 5, True, False),
        (5, 5.0, True, False),
        (5, 4.9, False, False),
        (5, None, False, False),
        (5, True, UNKNOWN, UNKNOWN),
        (5, "7", UNKNOWN, UNKNOWN),
        (5, [7], UNKNOWN, UNKNOWN),
        (5, {}, UNKNOWN, UNKNOWN),
        ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", True, False),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z", False, True),
        ("2026-03-01", "2026-03-01T00:00:00Z", True, False),
        ("2026-03-01", "tomorrow", UNKNOWN, UNKNOWN),
        ("2026-03-01", 1_772_366_400, UNKNOWN, UNKNOWN),
    ],
)
def test_gt_gte_lt_lte(expected: Any, actual: Any, equal: bool | None, above: bool | None) -> None:
    if equal is UNKNOWN:
        assert {says(operator, expected, actual) for operator in ("gt", "gte", "lt", "lte")} == {UNKNOWN}
        return
    is_comparable = actual is not None
    assert says("gt", expected, actual) is above
    assert says("gte", expected, actual) is (above or equal)
    assert says("lt", expected, actual) is (is_comparable and not above and not equal)
    assert says("lte", expected, actual) is (is_comparable and not above)


@pytest.mark.parametrize(
    ("actual", "answer"), [(0.9, False), (1, True), (3, True), (5.0, True), (5.1, False), ("3", UNKNOWN), (None, False)]
)
def test_between_has_both_ends_inside(actual: Any, answer: bool | None) -> None:
    assert says("between", [1, 5], actual) is answer


def test_between_takes_times() -> None:
    march = ["2026-03-01", "2026-03-31T23:59:59Z"]
    assert says("between", march, "2026-03-15T08:00:00+02:00") is True
    assert says("between", march, "2026-04-01T00:00:00Z") is False


@pytest.mark.parametrize(
    ("expected", "actual", "answer"),
    [
        ("refund", ["refund", "vip"], True),
        ("refund", ["refunds"], False),
        ("refund", [], False),
        (COMPOSED, [DECOMPOSED], True),
        ("refund", "please refund me", True),
        ("Refund", "please refund me", False),
        (COMPOSED, f"the {DECOMPOSED} is closed", True),
        (4, [1, 4.0], True),
        (1, [True], False),
        (True, [1, "true"], False),
        ("x", [["x"], {"x": 1}], False),
        (4, "1 4", UNKNOWN),
        ("x", 5, UNKNOWN),
        ("x", True, UNKNOWN),
        ("x", {"x": 1}, UNKNOWN),
        ("x", None, False),
    ],
)
def test_contains(expected: Any, actual: Any, answer: bool | None) -> None:
    assert says("contains", expected, actual) is answer
    assert says("contains_any", [expected], actual) is answer
    assert says("contains_all", [expected], actual) is answer


@pytest.mark.parametrize(
    ("actual", "some", "every"),
    [
        (["a", "b", "c"], True, True),
        (["a"], True, False),
        (["c"], False, False),
        ("b then a", True, True),
        ("only b", True, False),
        ("c", False, False),
        (7, UNKNOWN, UNKNOWN),
    ],
)
def test_contains_any_and_contains_all(actual: Any, some: bool | None, every: bool | None) -> None:
    assert says("contains_any", ["a", "b"], actual) is some
    assert says("contains_all", ["a", "b"], actual) is every


@pytest.mark.parametrize(
    ("expected", "actual", "answer"),
    [
        ("chargeback", "A CHARGEBACK came", True),
        ("STRASSE", "Haupt\u00adstra\u00dfe", True),
        (DECOMPOSED.upper(), f"Le {COMPOSED}", True),
        ("\u01f0", "J\u030c", True),
        ("vip", ["VIP", 4], True),
        ("vi", ["VIP"], False),
        ("x", 5, UNKNOWN),
        ("x", None, False),
    ],
)
def test_icontains_ignores_case_in_every_script(expected: str, actual: Any, answer: bool | None) -> None:
    assert says("icontains", expected, actual) is answer


@pytest.mark.parametrize(
    ("actual", "starts", "ends"),
    [
        (f"{COMPOSED} noir", True, False),
        (f"noir {DECOMPOSED}", False, True),
        (DECOMPOSED, True, True),
        ("CAF\u00c9", False, False),
        ("", False, False),
        (None, False, False),
        (5, UNKNOWN, UNKNOWN),
        ([COMPOSED], UNKNOWN, UNKNOWN),
    ],
)
def test_starts_with_and_ends_with(actual: Any, starts: bool | None, ends: bool | None) -> None:
    assert says("starts_with", DECOMPOSED, actual) is starts
    assert says("ends_with", COMPOSED, actual) is ends


@pytest.mark.parametrize(
    ("pattern", "actual", "answer"),
    [
        ("refund(ed)?", "please refund", True),
        ("^refund$", "please refund", False),
        ("(?i)REFUND", "refund", True),
        (f"^{DECOMPOSED}$", COMPOSED, True),
        ("a.b", "a\nb", False),
        ("\\bINC-\\d{4}\\b", "see INC-1234.", True),
        ("x", 5, UNKNOWN),
        ("x", ["x"], UNKNOWN),
        ("x", None, False),
        ("x", "half \ud800", UNKNOWN),
    ],
)
def test_matches_is_re2_and_finds_anywhere(pattern: str, actual: Any, answer: bool | None) -> None:
    assert says("matches", pattern, actual) is answer


def test_matches_takes_linear_time_where_others_take_forever() -> None:
    began = perf_counter()
    assert says("matches", "^(a+)+$", "a" * 50_000 + "b") is False
    assert perf_counter() - began < 1


@pytest.mark.parametrize("actual", ["", "  \n", None, [], {}, ABSENT])
def test_empty_is_where_nothing_is(actual: Any) -> None:
    assert says("empty", True, actual) is True
    assert says("empty", False, actual) is False


@pytest.mark.parametrize("actual", ["x", 0, False, [None], {"a": None}])
def test_what_holds_anything_is_not_empty(actual: Any) -> None:
    assert says("empty", True, actual) is False
    assert says("empty", False, actual) is True


@pytest.mark.parametrize(("actual", "is_there"), [("", True), (None, True), (0, True), ([], True), (ABSENT, False)])
def test_exists_asks_only_whether_the_field_is_there(actual: Any, is_there: bool) -> None:
    assert says("exists", True, actual) is is_there
    assert says("exists", False, actual) is not is_there


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("eq", "x"), ("eq", None), ("in", [1, None]), ("gt", 1), ("gte", 1), ("lt", 1), ("lte", 1), ("between", [0, 9]),
        ("contains", "x"), ("icontains", "x"), ("contains_any", ["x"]), ("contains_all", ["x"]), ("starts_with", "x"),
        ("ends_with", "x"), ("matches", ".*"), ("before", "now"), ("after", "now"), ("within", "2h"),
    ],
)  # fmt: skip
def test_a_missing_field_makes_comparisons_false(operator: str, expected: Any) -> None:
    assert says(operator, expected, ABSENT) is False


@pytest.mark.parametrize(("operator", "expected"), [("ne", "x"), ("ne", None), ("not_in", ["x", None])])
def test_a_missing_field_is_not_any_value(operator: str, expected: Any) -> None:
    assert says(operator, expected, ABSENT) is True


# --- times --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expected", "actual", "is_before", "is_after"),
    [
        ("now", "2026-03-01T11:59:59Z", True, False),
        ("now", "2026-03-01T12:00:00Z", False, False),
        ("now", "2026-03-01T12:30:00+01:00", True, False),
        ("now", "2026-03-01T12:00:01Z", False, True),
        ("2026-02-01", "2026-01-31T23:59:59Z", True, False),
        ("2026-02-01T00:00:00-05:00", "2026-02-01", True, False),
        ("now", None, False, False),
        ("now", "2026-03-01T11:59:59", UNKNOWN, UNKNOWN),  # no offset: it may be any of a day's hours
        ("now", "2026-02-30T00:00:00Z", UNKNOWN, UNKNOWN),
        ("now", "0001-01-01T00:00:00+23:59", UNKNOWN, UNKNOWN),
        ("now", "yesterday", UNKNOWN, UNKNOWN),
        ("now", 1_772_366_400, UNKNOWN, UNKNOWN),
        ("now", ["2026-03-01"], UNKNOWN, UNKNOWN),
    ],
)
def test_before_and_after(expected: str, actual: Any, is_before: bool | None, is_after: bool | None) -> None:
    assert says("before", expected, actual) is is_before
    assert says("after", expected, actual) is is_after


@pytest.mark.parametrize(
    ("actual", "either", "last", "next_"),
    [
        ("2026-03-01T09:59:59Z", False, False, False),
        ("2026-03-01T10:00:00Z", True, True, False),
        ("2026-03-01T12:00:00Z", True, True, True),
        ("2026-03-01T14:00:00Z", True, False, True),
        ("2026-03-01T14:00:01Z", False, False, False),
        ("soon", UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_within_looks_to_both_sides_or_to_the_one_of_its_sign(
    actual: str, either: bool | None, last: bool | None, next_: bool | None
) -> None:
    assert says("within", "2h", actual) is either
    assert says("within", "-2h", actual) is last
    assert says("within", "+1h60m", actual) is next_


# --- changes ------------------------------------------------------------------------------------------------------
def changed(conditions: dict[str, Any], changes: dict[str, Any] | None, subject: str = "ticket") -> bool | None:
    facts = Facts({"ticket": {"status": "open", "custom": {"tier": "gold"}}}, subject, changes)
    return matches(compile_conditions(conditions), facts)


@pytest.mark.parametrize("field", ["status", "ticket.status"])
@pytest.mark.parametrize(
    ("operator", "expected", "answer"),
    [
        ("changed", True, True),
        ("changed", False, False),
        ("changed_from", "new", True),
        ("changed_from", ["new", "pending"], True),
        ("changed_from", "open", False),
        ("changed_to", "open", True),
        ("changed_to", ["solved"], False),
    ],
)
def test_what_changed(field: str, operator: str, expected: Any, answer: bool) -> None:
    assert changed({field: {operator: expected}}, {"status": ("new", "open")}) is answer
    assert changed({field: {operator: expected}}, {"status": ["new", "open"]}) is answer  # as it is stored
    # Another field changed, so it is known that this one did not.
    assert changed({field: {operator: expected}}, {"priority": (1, 2)}) is (expected is False)
    assert changed({field: {operator: expected}}, {}) is (expected is False)
    # Nobody knows what changed.
    assert changed({field: {operator: expected}}, None) is UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [("a", "a", False), (COMPOSED, DECOMPOSED, False), (1, True, True), (1, 1.0, False), (None, "", True),
     (["a"], ["a"], False), (["a"], ["b"], True), ({"a": [1]}, {"a": [1.0]}, False), ({"a": 1}, {"a": True}, True)],
)  # fmt: skip
def test_a_change_to_the_same_is_none(before: Any, after: Any, answer: bool) -> None:
    assert changed({"status": {"changed": True}}, {"status": (before, after)}) is answer


def test_changes_inside_of_objects_are_seen_from_both_sides() -> None:
    whole = {"custom": ({"tier": "free", "seats": 1}, {"tier": "gold", "seats": 1})}
    assert changed({"custom.tier": {"changed_from": "free", "changed_to": "gold"}}, whole) is True
    assert changed({"custom.seats": {"changed": True}}, whole) is False
    assert changed({"custom": {"changed": True}}, {"custom.tier": ("free", "gold")}) is True


def test_what_a_list_changed_to_cannot_be_told() -> None:
    assert changed({"tags": {"changed_to": "vip"}}, {"tags": ([], ["vip"])}) is UNKNOWN


# --- the schema's say ---------------------------------------------------------------------------------------------
NUMBER: dict[str, Any] = {"properties": {"f": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("operator", "expected", "actual", "answer"),
    [
        ("eq", 4, "4", True),
        ("eq", "4", 4, True),
        ("eq", "4", "4.0", True),
        ("eq", 4, "high", False),
        ("eq", 1, True, False),
        ("ne", "4", 4, False),
        ("in", ["3", 4], "4", True),
        ("not_in", ["3", "4"], 4, False),
        ("gte", "4", 4, True),
        ("gt", 4, "5", True),
        ("gt", 4, "high", UNKNOWN),
        ("between", ["1", 5], "5", True),
    ],
)
def test_texts_are_numbers_where_the_schema_says_so(operator: str, expected: Any, actual: Any, answer: Any) -> None:
    assert says(operator, expected, actual, NUMBER) is answer


def test_elements_too() -> None:
    numbers = {"properties": {"f": {"type": "array", "items": {"type": "number"}}}}
    assert says("contains", "4", [4], numbers) is True
    assert says("contains_all", [4, "5"], ["4", 5.0], numbers) is True


def test_changes_too() -> None:
    schema = {"properties": {"ticket": {"properties": {"priority": {"type": "integer"}}}}}
    node = compile_conditions({"priority": {"changed_to": "4"}}, schema=schema)
    assert matches(node, Facts({"ticket": {}}, "ticket", {"priority": (1, 4)})) is True


# --- what is refused when a rule is saved -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("operator", "expected", "at", "says_"),
    [
        ("eq", [1], (), "a list"),
        ("eq", {"a": 1}, (), "an object"),
        ("eq", float("nan"), (), "NaN"),
        ("in", "x", (), "Expected a list, not a text"),
        ("in", [], (), "empty"),
        ("in", [1, [2]], (1,), "a list"),
        ("in", list(range(1001)), (), "1,000 values; this one has 1,001"),
        ("gt", "4", (), "without quotes"),
        ("gt", True, (), "true or false"),
        ("lt", None, (), "null"),
        ("between", [1], (), "two values"),
        ("between", [5, 1], (), "nothing lies between"),
        ("between", [1, "2026-01-01"], (), "one of each"),
        ("between", [1, "x"], (1,), "'x'"),
        ("contains", None, (), "null"),
        ("contains", "", (), "empty text"),
        ("contains_any", ["x", None], (1,), "null"),
        ("icontains", 4, (), "Expected a text, not a number"),
        ("starts_with", ["a"], (), "a list"),
        ("ends_with", "", (), "empty text"),
        ("matches", "(a", (), "RE2 says: missing ): (a"),
        ("matches", "(?=x)", (), "RE2 says: invalid perl operator: (?="),
        ("matches", "a" * 257, (), "256 characters; this one has 257"),
        ("matches", "\ud800", (), "surrogate"),
        ("exists", "yes", (), "true or false"),
        ("empty", 1, (), "true or false"),
        ("changed", None, (), "true or false"),
        ("changed_to", {}, (), "an object"),
        ("before", "tomorrow", (), "'tomorrow'"),
        ("before", "2026-01-31T09:30:00", (), "offset"),
        ("after", 5, (), "a number"),
        ("within", "2 hours", (), "'2 hours'"),
        ("within", "0h", (), "'0h'"),
        ("within", "999999999w", (), "100 years"),
        ("within", 5, (), "a number"),
    ],
)
def test_bad_values_are_refused_where_they_stand(operator: str, expected: Any, at: tuple[int, ...], says_: str) -> None:
    problem = refused(operator, expected)
    assert problem.path == ("f", operator, *at)
    assert says_ in problem.message


def test_the_largest_list_and_the_longest_pattern_are_taken() -> None:
    assert says("in", list(range(1000)), 999) is True
    assert says("matches", "a" * 256, "a" * 256) is True


def test_every_nickname_leads_to_an_operator() -> None:
    assert set(ALSO_KNOWN_AS.values()) <= OPERATORS.keys()
    assert not ALSO_KNOWN_AS.keys() & OPERATORS.keys()
