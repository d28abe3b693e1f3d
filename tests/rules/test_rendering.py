"""A step's parameters, filled in: values reach the platform as values, whatever somebody wrote into a ticket."""

from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field

from integrations.connectors.google_sheets.schemas import AppendRow, BatchUpdate, UpsertRow
from integrations.specs import Encode, Html, Markdown, Mrkdwn
from rules.expressions import MAX_OUTPUT, ExpressionError, Rendered, Roots
from rules.rendering import render, templates_of

Url = Annotated[str, Encode("url")]
HeaderValue = Annotated[str, Encode("header")]


class Attachment(BaseModel):
    text: Mrkdwn = ""
    title: str = ""


class Message(BaseModel):
    channel: str
    text: Mrkdwn
    blocks: Annotated[list[dict[str, Any]], Encode("mrkdwn")] = Field(default=[])
    attachments: list[Attachment] | None = None
    main: Attachment | None = None


class Mail(BaseModel):
    subject: HeaderValue
    html_body: Html = Field(validation_alias=AliasChoices("html", "html_body"))


class Request(BaseModel):
    url: Url
    headers: Annotated[dict[str, str | int], Encode("header")] = {}
    params: dict[str, Any] = {}
    body: Any = None
    auth: dict[str, str] | None = None


EVENT: dict[str, Any] = {
    "ticket": {"id": 7, "subject": "Help <!channel> & <https://evil.com|hi>", "tags": ["a", "b"], "owner": None},
    "env": {"REGION": "eu", "BASE": "https://api.example.com/v1", "HOST": "api.example.com"},
    "steps": {},
}


def rendered(parameters: Any, model: type[BaseModel] | None = None, **more: Any) -> Any:
    return render(parameters, {**EVENT, **more}, model=model).value


def url(text: str, value: str) -> str:
    return str(rendered({"url": text}, Request, ticket={"v": value})["url"])


def refused(parameters: Any, model: type[BaseModel] | None = None, **more: Any) -> ExpressionError:
    with pytest.raises(ExpressionError) as error:
        render(parameters, {**EVENT, **more}, model=model)
    return error.value


def test_every_text_at_any_depth_is_filled_in_and_all_else_stays() -> None:
    parameters = {"a": "{{ ticket.id }}", "b": ["x {{ ticket.id }}", {"c": "{{ ticket.tags }}"}], "d": 4, "e": None}
    assert rendered(parameters) == {"a": 7, "b": ["x 7", {"c": ["a", "b"]}], "d": 4, "e": None}
    assert parameters["a"] == "{{ ticket.id }}"


def test_what_a_person_wrote_into_a_ticket_is_never_an_expression() -> None:
    evil = {"subject": "{{ env.REGION }}", "deep": {"x": ["{{ steps }}"]}}
    assert rendered(
        {"a": "{{ ticket.subject }}", "b": "-{{ ticket.deep }}", "c": "{{ ticket.deep }}"}, ticket=evil
    ) == {
        "a": "{{ env.REGION }}",
        "b": '-{"x":["{{ steps }}"]}',
        "c": {"x": ["{{ steps }}"]},
    }


def test_a_missing_field_is_a_warning_with_its_place_and_strict_an_error() -> None:
    found = render({"text": ["", "{{ ticket.nope }}!"]}, EVENT)
    assert found == Rendered(
        {"text": ["", "!"]}, ["parameters.text.1: 'ticket.nope' is missing: 'ticket' has no such field."]
    )
    with pytest.raises(ExpressionError) as error:
        render({"text": "{{ ticket.nope }}"}, EVENT, strict=True)
    assert error.value.at == "parameters.text"
    assert str(error.value).startswith("parameters.text: 'ticket.nope' is missing")


def test_an_error_names_the_parameter_with_line_and_column() -> None:
    error = refused({"a": [{"b": "one\n{{ ticket.id / 0 }}"}]})
    assert (error.at, error.line, error.column) == ("parameters.a.0.b", 2, 4)


# --- Slack ----------------------------------------------------------------------------------------------------


def test_ticket_text_pings_nobody_and_the_authors_own_marks_work() -> None:
    text = rendered({"text": "<!here> *{{ ticket.subject }}*"}, Message)["text"]
    assert text == "<!here> *Help &lt;!channel&gt; &amp; &lt;https://evil.com|hi&gt;*"
    assert rendered({"text": "{{ ticket.subject }}"}, Message)["text"].startswith("Help &lt;!channel&gt; &amp;")


def test_an_encoding_holds_for_everything_below_and_for_nested_models() -> None:
    parameters = {
        "channel": "{{ ticket.subject }}",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "{{ ticket.subject }}"}}],
        "attachments": [{"text": "{{ ticket.subject }}", "title": "{{ ticket.subject }}"}],
        "main": {"text": "{{ ticket.subject }}"},
    }
    value = rendered(parameters, Message)
    assert "<!channel>" in value["channel"]
    assert "<" not in value["blocks"][0]["text"]["text"]
    assert "<" not in value["attachments"][0]["text"]
    assert "<" in value["attachments"][0]["title"]
    assert "<" not in value["main"]["text"]


def test_a_tickets_brackets_and_stars_are_no_markdown() -> None:
    class Card(BaseModel):
        text: Markdown

    event = {**EVENT, "ticket": {"subject": "[pay](https://evil.com) *now* \\ <at>all</at>"}}
    text = render({"text": "**New**: {{ ticket.subject }}"}, event, model=Card).value["text"]
    assert text == r"**New**: \[pay\](https://evil.com) \*now\* \\ \<at\>all\</at\>"


def test_values_inside_a_whole_expression_are_encoded_too() -> None:
    value = rendered({"blocks": "{{ [{'type': 'x', 'text': ticket.subject}] }}"}, Message)
    assert "<" not in value["blocks"][0]["text"]


# --- HTML and headers -----------------------------------------------------------------------------------------


def test_html_is_escaped_under_either_name_of_the_field() -> None:
    evil = {"subject": "<img src=x onerror='a()'>\"&"}
    expected = "<b>&lt;img src=x onerror=&#x27;a()&#x27;&gt;&quot;&amp;</b>"
    for name in ("html", "html_body"):
        assert rendered({name: "<b>{{ ticket.subject }}</b>"}, Mail, ticket=evil)[name] == expected


@pytest.mark.parametrize("value", ["a\r\nBcc: x@evil.com", "a\nb", "a\rb"])
def test_a_value_starts_no_header_of_its_own(value: str) -> None:
    ticket = {"subject": value}
    assert "line break" in refused({"subject": "Re: {{ ticket.subject }}"}, Mail, ticket=ticket).message
    assert "line break" in refused({"subject": "{{ ticket.subject }}"}, Mail, ticket=ticket).message
    error = refused(
        {"url": "https://a.example", "headers": {"X-Subject": "{{ ticket.subject }}"}}, Request, ticket=ticket
    )
    assert error.at == "parameters.headers.X-Subject"


# --- cells of spreadsheets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=IMPORTXML(A1)", "'=IMPORTXML(A1)"),
        (" =1+1", "' =1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("@ada", "'@ada"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("Help = wanted", "Help = wanted"),
    ],
)
def test_a_value_that_would_be_a_formula_is_marked_as_text(value: str, cell: str) -> None:
    ticket = {"subject": value}
    assert rendered({"values": ["{{ ticket.subject }}"]}, AppendRow, ticket=ticket)["values"] == [cell]
    assert rendered({"values": {"A": "{{ ticket.subject }}"}}, AppendRow, ticket=ticket)["values"] == {"A": cell}
    assert rendered({"values": "{{ [ticket.subject] }}"}, AppendRow, ticket=ticket)["values"] == [cell]
    assert rendered({"values": "{{ {'A': ticket.subject} }}"}, UpsertRow, ticket=ticket)["values"] == {"A": cell}
    data = [{"range": "A1", "values": [["{{ ticket.subject }}"]]}]
    assert rendered({"data": data}, BatchUpdate, ticket=ticket)["data"][0]["values"] == [[cell]]
    whole = {"data": "{{ [{'range': 'A1', 'values': [[ticket.subject]]}] }}"}
    assert rendered(whole, BatchUpdate, ticket=ticket)["data"][0]["values"] == [[cell]]


def test_the_authors_own_formula_stays_one_and_values_stay_within_their_quotes() -> None:
    ticket = {"subject": 'a"&IMPORTXML("x', "id": 7}
    formula = '=HYPERLINK("https://a.example/{{ ticket.id }}", "{{ ticket.subject }}")'
    value = rendered({"values": [formula]}, AppendRow, ticket=ticket)["values"]
    assert value == ['=HYPERLINK("https://a.example/7", "a""&IMPORTXML(""x")']
    assert rendered({"values": ["={{ ticket.id }}*2"]}, AppendRow, ticket=ticket)["values"] == ["=7*2"]
    assert "quotation marks" in refused({"values": ["=1+{{ ticket.subject }}"]}, AppendRow, ticket=ticket).message


# --- addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("https://h.example/a/{{ ticket.v }}/b", "x y", "https://h.example/a/x%20y/b"),
        ("https://h.example/a/{{ ticket.v }}", "../../admin", "https://h.example/a/..%2F..%2Fadmin"),
        ("https://h.example/a/{{ ticket.v }}", "x?admin=1#y", "https://h.example/a/x%3Fadmin%3D1%23y"),
        ("https://h.example/a/{{ ticket.v }}", "%2e%2e", "https://h.example/a/%252e%252e"),
        ("https://h.example/a/{{ ticket.v }}", "a\r\nb", "https://h.example/a/a%0D%0Ab"),
        ("https://h.example/?q={{ ticket.v }}&n=1", "a&n=2 ü", "https://h.example/?q=a%26n%3D2%20%C3%BC&n=1"),
        ("https://h.example/#{{ ticket.v }}", "<x>", "https://h.example/#%3Cx%3E"),
        ("https://{{ ticket.v }}.example.com/x", "acme-1", "https://acme-1.example.com/x"),
        ("{{ ticket.v }}", "https://h.example/a?b=c#d", "https://h.example/a?b=c#d"),
        ("{{ ticket.v }}/x", "https://h.example/a", "https://h.example/a/x"),
        ("{{ ticket.v }}", " https://h.example/a b\r\n", "https://h.example/a%20b"),
        ("https://h.example/../typed/{{ ticket.v }}", "x", None),
    ],
)
def test_a_value_never_leaves_its_part_of_an_address(text: str, value: str, expected: str | None) -> None:
    if expected is None:
        assert "another place" in refused({"url": text}, Request, ticket={"v": value}).message
    else:
        assert url(text, value) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://api.example.com{{ ticket.v }}", "@evil.com"),
        ("https://api.example.com{{ ticket.v }}/x", "/../x"),
        ("https://{{ ticket.v }}.example.com/", "evil.com/"),
        ("https://{{ ticket.v }}.example.com/", "evil.com?"),
        ("https://{{ ticket.v }}.example.com/", "evil.com#"),
        ("https://{{ ticket.v }}.example.com/", "evil.com\\"),
        ("https://{{ ticket.v }}.example.com/", "user:pass@evil.com"),
        ("https:{{ ticket.v }}", "//evil.com/"),
        ("http{{ ticket.v }}", "s://evil.com/"),
        ("https://h.example/a/{{ ticket.v }}/b", ".."),
        ("https://h.example/a/{{ ticket.v }}/b", "."),
        ("https://h.example/a/{{ ticket.v }}{{ ticket.v }}/b", "."),
        ("https://{{ ticket.v }}/b", ""),
    ],
)
def test_a_value_that_would_lead_elsewhere_is_refused(text: str, value: str) -> None:
    assert refused({"url": text}, Request, ticket={"v": value}).at == "parameters.url"


@given(st.text(max_size=20))
@settings(deadline=None, max_examples=300)
def test_host_and_path_are_the_authors_whatever_the_value_is(value: str) -> None:
    try:
        address = url("https://h.example:8443/a/{{ ticket.v }}/z?q={{ ticket.v }}", value)
    except ExpressionError:
        return
    parts = urlsplit(address)
    assert parts.netloc == "h.example:8443"
    assert parts.path.count("/") == 3
    assert parts.path.startswith("/a/")
    assert parts.query.count("=") == 1
    clean = value.replace("\x00", "\ufffd")
    assert unquote(parts.path.split("/")[2]) == clean


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "{{ ticket.callback }}", "headers": {"Authorization": "Bearer abc"}},
        {"url": "{{ ticket.callback }}", "auth": {"username": "a", "password": "b"}},
        {"url": "{{ ticket.callback }}", "body": "{{ vars.key }}"},
        {"url": "https://{{ ticket.host }}/", "headers": {"X-Api-Key": "abc"}},
        {"url": "https://{{ ticket.host }}.example.com/{{ env.REGION }}"},
        {"url": "{{ env.BASE }}.{{ ticket.host }}", "headers": {"X-Api-Key": "abc"}},
        {"url": "{{ default(meta.x, event.url) }}", "headers": {"Cookie": "abc"}},
    ],
)
def test_event_data_never_chooses_the_host_of_a_request_with_credentials(parameters: dict[str, Any]) -> None:
    error = refused(parameters, Request, ticket={"callback": "https://a.example", "host": "a"})
    assert error.code == "host_from_event"
    assert error.at == "parameters.url"


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "{{ ticket.callback }}", "headers": {"Content-Type": "application/json"}, "body": "{{ ticket.host }}"},
        {"url": "{{ env.BASE }}/{{ ticket.host }}", "headers": {"Authorization": "Bearer abc"}},
        {"url": "https://{{ env.HOST }}/{{ ticket.host }}", "headers": {"Authorization": "Bearer {{ vars.key }}"}},
    ],
)
def test_without_credentials_it_may_and_the_author_always_may(parameters: dict[str, Any]) -> None:
    values = {"ticket": {"callback": "https://a.example", "host": "a"}, "vars": {"key": "k"}}
    assert str(rendered(parameters, Request, **values)["url"]).startswith("https://a")


# --- bounds ---------------------------------------------------------------------------------------------------


def test_what_is_rendered_has_a_size_and_a_depth() -> None:
    big = {"subject": "x" * (MAX_OUTPUT // 2)}
    assert refused({"a": ["{{ ticket.subject }}"] * 3}, ticket=big).code == "too_large"
    deep: Any = "{{ ticket.id }}"
    for _ in range(80):
        deep = [deep]
    assert refused({"a": deep}).code == "too_large"
    assert refused({"a": ["x"] * 20_000}).code == "too_large"


# --- checked when saved ---------------------------------------------------------------------------------------


def test_templates_are_found_and_checked_without_any_data() -> None:
    reported: list[tuple[Any, str]] = []
    parameters = {"a": "{{ ticket.id }}", "b": ["plain", {"c": "{{ tikcet.id }}"}], "d": "{{ 1 +"}
    found = templates_of(
        parameters, Roots(subjects=("ticket",)), lambda path, error: reported.append((path, error.message))
    )
    assert found == {("a",), ("b", 1, "c"), ("d",)}
    assert [path for path, _ in reported] == [("b", 1, "c"), ("d",)]
    assert "did you mean 'ticket'?" in reported[0][1]


def test_loops_and_has_work_where_any_name_is_a_root() -> None:
    assert rendered({"a": "{{ ticket.tags.map(t, t + '!').filter(t, t != 'a!') }}"})["a"] == ["b!"]
    assert rendered({"a": "{{ ticket.xs.filter(x, has(x.n)).size() }}"}, ticket={"xs": [{"n": 1}, {}]})["a"] == 1
