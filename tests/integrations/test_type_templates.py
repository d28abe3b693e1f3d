"""``{name}`` in requests of integration types: one value, one place, one time."""

from typing import Any

import pytest

from integrations.errors import InvalidInput
from integrations.type_templates import holds_expression, json_of, names_in, path_of, texts_of

ODD = 'a/b?c#d&e={name} "quoted"\n'


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("/tickets/{id}", {"id": 7}, "/tickets/7"),
        ("/tickets/{id}/notes", {"id": "../../admin"}, "/tickets/..%2F..%2Fadmin/notes"),
        ("/a/{x}{y}", {"x": "b/", "y": "c?d=e"}, "/a/b%2Fc%3Fd%3De"),
        ("/plain", {}, "/plain"),
        ("/{x}", {"x": "{y}", "y": "never"}, "/%7By%7D"),
    ],
)
def test_a_value_stays_one_part_of_a_path(template: str, values: dict[str, Any], expected: str) -> None:
    assert path_of(template, values) == expected


@pytest.mark.parametrize("value", ["", " ", ".", "..", None])
def test_what_is_no_part_of_a_path_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="id: "):
        path_of("/tickets/{id}", {"id": value})


def test_texts_keep_what_stands_around_and_drop_what_is_not_given() -> None:
    template = {"a": "x {v} y", "gone": "{w}", "number": "{n}", "flag": "{f}", "plain": "{not a name}"}
    assert texts_of(template, {"v": "{w}", "n": 7, "f": True, "w": None}) == {
        "a": "x {w} y",
        "number": "7",
        "flag": "true",
        "plain": "{not a name}",
    }


def test_json_takes_values_as_they_are_and_is_never_broken_by_them() -> None:
    template = {"title": "{text}", "in": ["{list}", "{none}", {"deep": "<{text}>"}], "none": "{none}", "n": 3}
    assert json_of(template, {"text": ODD, "list": [1, {"a": 2}]}) == {
        "title": ODD,
        "in": [[1, {"a": 2}], {"deep": f"<{ODD}>"}],
        "n": 3,
    }


def test_names_and_expressions_are_found() -> None:
    template = {"a": ["{one}", "x{two}{one}"], "b": 1}
    assert list(names_in(template)) == ["one", "two", "one"]
    assert holds_expression({"a": ["{{ event.x }}"]}) and not holds_expression(template)
