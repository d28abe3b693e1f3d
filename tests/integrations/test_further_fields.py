"""Fields that no model names, in forms: written as lines, read as they were."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from integrations.forms import CredentialsForm, SettingsForm, TemplatesForm
from integrations.further_fields import lines_of, read_lines
from integrations.pieces import NotReadable
from integrations.plain_modules import PlainModule


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    title: str = ""


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "",
        " padded ",
        "two\nlines",
        "7",
        7,
        "true",
        True,
        None,
        1.5,
        [1, "a"],
        {"a": {"b": []}},
        "a = b",
        "é\u2028",
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert read_lines(lines_of({"name": value, "other": 1})) == {"name": value, "other": 1}


def test_expressions_are_texts() -> None:
    assert read_lines("text = {{ ticket.subject }}\n\nobject = {{ {'a': 1} }}") == {
        "text": "{{ ticket.subject }}",
        "object": "{{ {'a': 1} }}",
    }


def test_an_object_may_be_given_as_a_whole() -> None:
    assert read_lines('{"a": 1, "b": "x"}') == {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\nnothing", "Line 2: expected name = value"),
        ("= 1", "Line 1"),
        ("a = 1\na = 2", "'a' stands there twice"),
        ('{"a": }', "expected a value"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(NotReadable, match=says):
        read_lines(text)


def test_a_permissive_model_has_a_field_for_the_rest() -> None:
    original = {"title": "t", "kept": 1, "gone": 2}
    shown = TemplatesForm(Open, prefix="p", original=original)
    assert shown["further-fields"].value() == "kept = 1\ngone = 2" and shown.shows("anything")
    typed = TemplatesForm(
        Open, prefix="p", data={"p-title": "new", "p-further-fields": "kept = 1\nadded = x"}, original=original
    )
    assert typed.is_valid() and typed.values() == {"title": "new", "kept": 1, "added": "x"}
    broken = SettingsForm(Open, prefix="p", data={"p-further-fields": "nonsense"}, original=original)
    assert not broken.is_valid() and "Line 1" in broken.errors["further-fields"][0]


def test_free_form_credentials_show_names_and_no_values() -> None:
    form = CredentialsForm(PlainModule, prefix="c", stored=["token"], is_new=False)
    page = str(form)
    assert "Stored: token." in page
    typed = CredentialsForm(PlainModule, prefix="c", data={"c-further-fields": "token = new\nport = 80"})
    assert typed.is_valid() and typed.values() == {"token": "new", "port": 80}
