"""One request to anywhere: what is sent, and what comes back."""

import json
from typing import Any

import httpx
import pytest

from integrations import registry
from integrations.connectors.http.connector import Http
from integrations.errors import Forbidden, InvalidInput, NotFound, RateLimited, Unavailable, Uncertain
from integrations.specs import CREATES, READS, SETS, Action, Result
from tests.integrations.recorded import FakePlatform


def perform(answers: str, parameters: dict[str, Any]) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("http", answers) as anywhere:
        result = anywhere.connect(Http, {}).execute(Action("http_request", parameters))
    return result, anywhere.requests


def test_it_is_found_without_a_platform() -> None:
    found = registry.generic_action("http_request")
    assert found is not None and found[0] is Http


def test_a_get_gives_status_headers_and_parsed_body() -> None:
    result, [call] = perform(
        "http_request__200",
        {
            "url": "https://wiki.example.com/api/runbooks/payment",
            "params": {"lang": "en"},
            "headers": {"Authorization": "Bearer x", "X-Version": 2},
        },
    )
    assert result.data["status"] == 200
    assert result.data["headers"]["content-type"] == "application/json"
    assert result.data["body"] == {"title": "Payment fails", "steps": [1, 2]}
    assert result.message == "wiki.example.com answered 200."
    assert (call.headers["authorization"], call.headers["x-version"]) == ("Bearer x", "2")


def test_what_is_no_json_stays_text() -> None:
    result, _ = perform("http_request__200__text", {"url": "https://a.example/robots.txt", "method": "get"})
    assert result.data["body"] == "User-agent: *"
    result, _ = perform("http_request__204", {"url": "https://a.example/items/7", "method": "DELETE"})
    assert (result.data["status"], result.data["body"]) == (204, "")


@pytest.mark.parametrize(
    ("parameters", "content", "kind"),
    [
        ({"body": {"a": [1, "ü"]}}, '{"a":[1,"ü"]}', "application/json"),
        ({"body": [1]}, "[1]", "application/json"),
        ({"json": "text"}, '"text"', "application/json"),
        ({"body": "plain ü"}, "plain ü", "text/plain; charset=utf-8"),
        ({"body": "<a/>", "headers": {"content-type": "text/xml"}}, "<a/>", "text/xml"),
        ({"form": {"a": "1 2", "b": "ü"}}, "a=1+2&b=%C3%BC", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_goes_as_json_text_or_form(parameters: dict[str, Any], content: str, kind: str) -> None:
    _, [call] = perform("http_request__201", {"url": "https://a.example/items", "method": "POST", **parameters})
    assert (call.content.decode(), call.headers["content-type"]) == (content, kind)


def test_basic_sign_in() -> None:
    _, [call] = perform(
        "http_request__201", {"url": "https://a.example/items", "method": "POST", "auth": {"user": "a", "token": "b"}}
    )
    assert call.headers["authorization"] == "Basic YTpi"


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("http_request__401", Forbidden, "bad token"),
        ("http_request__404", NotFound, "no such page"),
        ("http_request__429", RateLimited, "429"),
        ("http_request__500", Unavailable, "oops"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, {"url": "https://a.example/x"})
    assert type(caught.value) is error


def test_a_post_that_was_cut_off_is_uncertain() -> None:
    with pytest.raises(Uncertain):
        perform("http_request__cut_off", {"url": "https://a.example/items", "method": "POST", "body": {}})


def test_an_expected_status_is_no_failure_and_another_is_one() -> None:
    result, _ = perform("http_request__404", {"url": "https://a.example/x", "expected_status": [200, 404]})
    assert (result.success, result.data["status"], result.data["body"]) == (True, 404, "no such page")
    with pytest.raises(InvalidInput, match="answered 202; expected was 201"):
        perform(
            "http_request__202__unexpected",
            {"url": "https://a.example/items", "method": "POST", "body": {}, "expected_status": 201},
        )


def test_a_redirect_is_followed_unless_something_was_sent_along() -> None:
    result, _ = perform("http_request__302", {"url": "https://a.example/old"})
    assert result.data["body"] == {"moved": True}
    with pytest.raises(Exception, match="302"):
        perform("http_request__302__not_followed", {"url": "https://a.example/old", "headers": {"X-Key": "secret"}})


@pytest.mark.parametrize(
    ("method", "effect"),
    [("GET", READS), ("HEAD", READS), ("PUT", SETS), ("DELETE", SETS), ("POST", CREATES), ("PATCH", CREATES)],
)
def test_the_effect_follows_the_method(method: str, effect: object) -> None:
    spec = Http.action_spec("http_request")
    data = spec.model.model_validate({"url": "https://a.example", "method": method})
    assert spec.effect_of is not None and spec.effect_of(data) is effect
    assert spec.may_repeat_with(data) == (effect is not CREATES)


@pytest.mark.parametrize(("written", "seconds"), [(5, 5), ("5", 5), ("30s", 30), ("500ms", 0.5), ("1m", 60)])
def test_a_timeout_may_have_a_unit(written: Any, seconds: float) -> None:
    model = Http.action_spec("http_request").model
    assert model.model_validate({"url": "https://a.example", "timeout": written}).model_dump()["timeout"] == seconds


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"url": "ftp://a.example"},
        {"url": "/relative"},
        {"url": "https://a.example", "method": "BREW"},
        {"url": "https://a.example", "body": {"a": 1}},
        {"url": "https://a.example", "method": "POST", "body": "x", "json": {}},
        {"url": "https://a.example", "timeout": 0},
        {"url": "https://a.example", "timeout": "soon"},
        {"url": "https://a.example", "expected_status": 42},
        {"url": "https://user:pass@a.example"},
        {"url": "https://a.example", "headers": {"X": "a\r\nY: b"}},
    ],
)
def test_what_is_no_request_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as anywhere, pytest.raises(InvalidInput):
        anywhere.connect(Http, {}).execute(Action("http_request", parameters))


def test_private_addresses_are_refused() -> None:
    from integrations.connecting import connect_with

    with pytest.raises(Forbidden):
        connect_with(Http, {}).execute(Action("http_request", {"url": "http://127.0.0.1:1/"}))


def test_the_connection_test_needs_nothing() -> None:
    with FakePlatform([]) as anywhere:
        assert anywhere.connect(Http, {}).test_connection().success
    assert json.dumps(Http.action_spec("http_request").model.model_json_schema())
