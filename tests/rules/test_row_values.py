"""What an input shows of a value is read as that value again; what operators are called follows their table."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.pieces import NotReadable
from rules.operator_words import NOT, Shape, denial_of, offered, shape_of, word_of
from rules.operators import OPERATORS
from rules.row_values import NoValue, shown_shape, texts_of, value_of

SINGLE = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=12),
    st.sampled_from(["4", "007", "true", "null", '"', '"a"', "1e5", " x ", "2026-01-31", "2026-01-31T09:30:00Z"]),
)
VALUES = st.one_of(SINGLE, st.lists(SINGLE, max_size=3), st.dictionaries(st.text(max_size=3), SINGLE, max_size=2))
TYPES = st.sampled_from(["any", "number", "boolean", "list", "text", "time"])


@settings(max_examples=400, deadline=None)
@given(VALUES, st.sampled_from(list(Shape)), TYPES)
def test_what_is_shown_is_read_as_the_same(value: Any, shape: Shape, type_: str) -> None:
    shown = shown_shape(shape, value)
    texts = texts_of(value, shown, type_)
    try:
        again = value_of(texts, shown, type_)
    except NoValue:
        assert not texts[0].strip() or (len(texts) == 2 and not texts[1].strip())
        return
    if shown is Shape.NOTHING or (type_ in ("text", "time") and not isinstance(value, str)):
        return
    if shown is Shape.MANY and not isinstance(value, list):
        value = [value]
    if isinstance(value, str) and shown in (Shape.TIME, Shape.SPAN, Shape.TEXT):
        assert again in (value, value.strip())
    elif type_ != "text":
        assert (again, type(again)) == (value, type(value)), (texts, shown)


@pytest.mark.parametrize(
    ("texts", "shape", "type_", "value"),
    [
        (["4"], Shape.ONE, "number", 4),
        (["4"], Shape.ONE, "any", 4),
        (["4"], Shape.ONE, "text", "4"),
        (['"4"'], Shape.ONE, "any", "4"),
        (["true"], Shape.ONE, "boolean", True),
        (["urgent"], Shape.ONE, "number", "urgent"),
        (["007"], Shape.ONE, "number", "007"),
        (["vip\n refund \n\n"], Shape.MANY, "list", ["vip", "refund"]),
        (["1", "5"], Shape.RANGE, "number", [1, 5]),
        (["2026-01-31 09:30"], Shape.TIME, "time", "2026-01-31T09:30:00Z"),
        (["now"], Shape.TIME, "time", "now"),
        ([" -2h "], Shape.SPAN, "time", "-2h"),
        (['{"a": 1}'], Shape.JSON, "any", {"a": 1}),
        (["support"], Shape.JSON, "any", "support"),
    ],
)
def test_what_people_type_is_meant_so(texts: list[str], shape: Shape, type_: str, value: Any) -> None:
    assert value_of(texts, shape, type_) == value


def test_one_value_may_stand_alone() -> None:
    assert value_of(["5"], Shape.MANY, "number", may_be_single=True) == 5
    assert value_of(["5\n6"], Shape.MANY, "number", may_be_single=True) == [5, 6]


def test_nothing_is_no_value() -> None:
    for texts, shape in (([""], Shape.ONE), (["1", ""], Shape.RANGE), (["\n"], Shape.MANY), ([""], Shape.JSON)):
        with pytest.raises(NoValue):
            value_of(texts, shape, "any")
    with pytest.raises(NotReadable):
        value_of(["{"], Shape.JSON, "any")


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_every_operator_has_words_and_a_shape(operator: str) -> None:
    assert word_of(operator) != operator or operator in ("contains", "changed")
    assert shape_of(operator) is not Shape.JSON, "say in operator_words how its value is given"
    if shape_of(operator) is Shape.NOTHING:
        assert not denial_of(operator).startswith("not:")


@pytest.mark.parametrize("type_", ["text", "number", "boolean", "time", "list", "object", "any"])
def test_every_operator_is_offered_for_every_type(type_: str) -> None:
    suiting, others = offered(type_)
    assert {value.removesuffix(NOT) for value, _ in suiting + others} == set(OPERATORS)
    assert len(suiting) > 3


def test_an_unknown_operator_is_shown_as_written() -> None:
    assert (word_of("nearly_equal"), shape_of("nearly_equal")) == ("nearly equal", Shape.JSON)
