"""A model's fields as a form shows them: kinds, texts, values, and nothing lost on the way."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from integrations import registry
from integrations.credentials import credentials_model, secret_fields
from integrations.forms import CredentialsForm, SettingsForm, TemplatesForm
from integrations.parameters import Seconds
from integrations.pieces import Kind, NotReadable, duration_text, merged, parsed, pieces_of, read, text_of
from integrations.setup_steps import as_html
from integrations.specs import Credential


class Inner(BaseModel):
    user: str


class Everything(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(title="The name", description="Shown to people.")
    message: str = ""
    count: int = 3
    share: float | None = None
    flag: bool = False
    maybe: bool | None = None
    color: Literal["red", "green"] = "red"
    level: Literal[1, 2] | None = None
    tags: list[str] = []
    items: list[dict[str, Any]] = []
    anything: Any = None
    either: int | str = 0
    pause: Seconds = Field(90, title="Pause")
    inner: Inner | None = None
    body: str = Field("", validation_alias=AliasChoices("text", "body_text"))
    token: Annotated[str, Credential(where="Settings → Keys")] = Field("", json_schema_extra={"format": "password"})


PIECES = {piece.name: piece for piece in pieces_of(Everything)}


def test_each_field_has_its_kind() -> None:
    assert {name: piece.kind for name, piece in PIECES.items()} == {
        "name": Kind.TEXT,
        "message": Kind.LONG,
        "count": Kind.INTEGER,
        "share": Kind.NUMBER,
        "flag": Kind.BOOLEAN,
        "maybe": Kind.BOOLEAN,
        "color": Kind.CHOICE,
        "level": Kind.CHOICE,
        "tags": Kind.LINES,
        "items": Kind.JSON,
        "anything": Kind.JSON,
        "either": Kind.TEXT,
        "pause": Kind.DURATION,
        "inner": Kind.JSON,
        "text": Kind.LONG,
        "token": Kind.SECRET,
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(604800.0, "7d"), (5400.0, "90m"), (60, "1m"), (90, "90s"), (0.5, "0.5s"), (0, "0s"), (1_209_600.0, "14d")],
)
def test_a_duration_is_shown_as_people_write_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_duration_that_is_left_out_is_shown_as_people_write_it() -> None:
    form = TemplatesForm(Everything, prefix="x")
    assert form.fields["pause"].widget.attrs["placeholder"] == "90s"
    assert "x-duration" not in Everything.model_json_schema()["properties"]["either"]


def test_labels_help_and_names() -> None:
    assert (PIECES["name"].label, PIECES["name"].help, PIECES["name"].is_required) == (
        "The name",
        "Shown to people.",
        True,
    )
    assert PIECES["text"].names == ("text", "body_text", "body")
    assert PIECES["token"].help == "Found at: Settings → Keys."
    assert PIECES["level"].choices == (1, 2) and PIECES["level"].is_nullable


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "4", 4),
        ("count", "{{ ticket.id }}", "{{ ticket.id }}"),
        ("share", "0.5", 0.5),
        ("flag", "yes", True),
        ("flag", "false", False),
        ("flag", "{{ a }} b", "{{ a }} b"),
        ("level", "2", 2),
        ("color", "blue", "blue"),
        ("tags", "a\r\n b \n\nc", ["a", "b", "c"]),
        ("tags", '["{{ x }}"]', ["{{ x }}"]),
        ("tags", "{{ ticket.tags }}", "{{ ticket.tags }}"),
        ("items", '[{"a": "{{ b }}"}]', [{"a": "{{ b }}"}]),
        ("anything", "plain text", "plain text"),
        ("anything", '{"a": 1}', {"a": 1}),
        ("either", "007", "007"),
        ("message", "a\r\nb", "a\nb"),
        ("pause", " 5m ", "5m"),
        ("pause", "0.5", 0.5),
        ("pause", "{{ a }}s", "{{ a }}s"),
    ],
)
def test_a_text_becomes_a_value_of_its_kind(name: str, text: str, value: Any) -> None:
    assert read(PIECES[name], text, {}) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("count", "4.5", "not a whole number"),
        ("share", "much", "not a number"),
        ("pause", "5 minutes", "not a duration"),
        ("items", "[{]", "Line 1, column 3"),
        ("items", "words", "Line 1, column 1"),
        ("inner", '{"a": 1,}', "column 9"),
        ("anything", "[1", "Line 1"),
        ("tags", "[1", "Line 1"),
    ],
)
def test_what_is_no_value_is_said_with_its_place(name: str, text: str, said: str) -> None:
    with pytest.raises(NotReadable, match=said):
        read(PIECES[name], text, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "4"),
        ("count", 4),
        ("flag", "true"),
        ("flag", False),
        ("tags", []),
        ("tags", ["{{ x }}"]),
        ("tags", ["a", "", " b "]),
        ("tags", ["[1]"]),
        ("tags", "{{ x }}"),
        ("tags", [1, None]),
        ("items", '[{"a": 1}]'),
        ("items", None),
        ("anything", ""),
        ("anything", {"ä": [1.0, True, None]}),
        ("either", 7),
        ("message", "a\nb\n"),
    ],
)
def test_an_untouched_value_stays_as_it_was(name: str, value: Any) -> None:
    piece = PIECES[name]
    shown = text_of(piece, value).replace("\n", "\r\n")
    after = read(piece, shown, {name: value})
    assert after == value and type(after) is type(value)


def test_other_names_and_unknown_ones_are_kept_in_their_order() -> None:
    pieces = list(PIECES.values())
    original = {"odd": 1, "body_text": "x", "count": 3, "flag": None}
    typed = {
        piece.name: read(piece, text_of(piece, original.get(piece.key_in(original) or "")), original)
        for piece in pieces
    }
    assert list(merged(pieces, typed, original).items()) == list(original.items())
    assert merged(pieces, {**typed, "text": "y", "count": "", "name": "n"}, original) == {
        "odd": 1,
        "body_text": "y",
        "flag": None,
        "name": "n",
    }


def test_constants_that_json_has_not_are_refused() -> None:
    for text in ("NaN", "[Infinity]", "-Infinity"):
        with pytest.raises(NotReadable, match="no value of JSON"):
            parsed(text)


@pytest.mark.parametrize("key", [connector.key for connector in registry.all_connectors()])
def test_every_connector_has_its_forms(key: str) -> None:
    connector = registry.get(key)
    form = CredentialsForm(connector, prefix="c")
    assert {piece.name for piece in form.pieces} == set(credentials_model(connector).model_fields)
    for name in secret_fields(connector):
        html = str(form[name])
        assert 'type="password"' in html or "<select" in html, f"{key}.{name} shows what is typed"
    SettingsForm(connector.Config, prefix="s").as_p()
    for action in connector.actions:
        form_of_action = TemplatesForm(action.model, prefix="p", data={})
        form_of_action.as_p()
        assert form_of_action.is_valid() and form_of_action.values() == {}, action.name
        assert all(bound.label for bound in form_of_action)


def test_a_stored_credential_is_never_shown() -> None:
    form = CredentialsForm(registry.get("slack"), prefix="c", data={"c-bot_token": "xoxb-typed"}, stored=["bot_token"])
    assert "xoxb-typed" not in form.as_p()
    assert form.is_valid() and form.values() == {"bot_token": "xoxb-typed"}
    form = CredentialsForm(registry.get("slack"), prefix="c", data={"c-remove_bot_token": "on"}, stored=["bot_token"])
    assert form.is_valid() and form.values() == {"bot_token": None}


def test_set_up_steps_are_escaped() -> None:
    html = as_html(
        '## Receive <script>\n\n1. Go to **<b>x</b>** and `<i>`\n   then on\n2. [x](javascript:alert(1)) [y](https://a.example/?a="b)\n\n'
        '| a | b |\n|---|---|\n| <u> | `c` |\n\n```json\n{"a": "<script>"}\n```\n* one\n* *two*\n\n<https://b.example>\n\n```'
    )
    for wrong in ("<script", "<b>", "<i>", "<u>", 'href="javascript'):
        assert wrong not in html, wrong
    for right in ("<h3>", "<ol><li>", "<td><code>c</code></td>", "<pre", "<ul><li>one</li><li><em>two</em></li></ul>"):
        assert right in html, (right, html)
    assert '<a href="https://b.example"' in html and "then on" in html


@pytest.mark.parametrize("key", [connector.key for connector in registry.all_connectors()])
def test_every_readme_is_shown(key: str) -> None:
    from integrations.readmes import readme

    html = as_html(readme(registry.get(key)))
    assert "<h3>" in html and "```" not in html
