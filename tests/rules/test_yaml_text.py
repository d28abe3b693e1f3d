"""YAML as people mean it: values, places, and what is refused."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import yaml_text
from rules.yaml_text import NotYaml

EXPLODING = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in pairwise("abcdefg")
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def read(text: str) -> Any:
    [document] = yaml_text.read(text)
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("country: no", {"country": "no"}),
        ("on: yes", {"on": "yes"}),
        ("at: 12:30", {"at": "12:30"}),
        ("day: 2026-11-21", {"day": "2026-11-21"}),
        (
            "a: [true, False, ~, null, 1, -2, 0x1f, 1.5, 1e3, '5']",
            {"a": [True, False, None, None, 1, -2, 31, 1.5, 1000.0, "5"]},
        ),
        ("a: 007", {"a": 7}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: '{{ ticket.id }}'", {"a": "{{ ticket.id }}"}),
        ("x: &x {a: 1}\ny: *x", {"x": {"a": 1}, "y": {"a": 1}}),
        ("b: &b {a: 1}\nc: {<<: *b, d: 2}", {"b": {"a": 1}, "c": {"a": 1, "d": 2}}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\na: 2", "'a' stands here twice", 2),
        ("a: [1, 2", "expected", 1),
        ("a: {{ ticket.id }}", "", 1),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor", 1),
        ("a: &a [*a]", "within what it stands for", 1),
        (EXPLODING, "once aliases are written out", 5),
        ("[" * 200 + "]" * 200, "levels", 1),
        ("a: b\n\tc: d", "", 2),
        ("? [a, b]\n: 1", "a key must be a plain value", 1),
        ("a: " + "9" * 2000, "too many digits", 1),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(NotYaml) as error:
        yaml_text.read(text)
    assert message in error.value.message
    assert error.value.line == line


def test_control_characters_are_refused_without_a_place() -> None:
    with pytest.raises(NotYaml):
        yaml_text.read("a: \x00")


def test_several_documents_know_where_they_and_their_parts_stand() -> None:
    first, second = yaml_text.read(
        "name: A\n---\n# nothing\n---\nname: B\nsteps:\n  - action: x\n    parameters: {url: y}\n"
    )
    assert (first.line, second.line) == (1, 5)
    assert second.line_of(["steps", 0, "parameters", "url"]) == 8
    assert second.line_of(["steps", 0, "nothing"]) == 7


@pytest.mark.parametrize(
    "odd", ["a\x85b", "\u2028", "\u2029x", "\ufeff", "a\tb\nc", " x\n", "\r\n", "null", "- a", "#", "x: y"]
)
def test_odd_texts_survive_as_keys_and_values(odd: str) -> None:
    assert [document.value for document in yaml_text.read(yaml_text.write([{odd: odd}]))] == [{odd: odd}]


@pytest.mark.parametrize(
    "text", ["1e100", "0o17", "0x1F", "+5", "1.", ".5", "~", "", "True", "<<", "null", "no", "12:30"]
)
def test_texts_that_look_like_something_else_stay_texts(text: str) -> None:
    assert yaml_text.read(yaml_text.write([{text: [text]}]))[0].value == {text: [text]}


@settings(max_examples=500)
@given(values=st.lists(JSON.filter(lambda value: value is not None), min_size=1, max_size=3))
def test_what_is_written_is_read_again(values: list[Any]) -> None:
    assert [document.value for document in yaml_text.read(yaml_text.write(values))] == values


@given(text=st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    try:
        yaml_text.read(text)
    except NotYaml as error:
        assert error.message
