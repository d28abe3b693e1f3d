"""What a workflow of Teams is sent, and what its answers mean."""

import json
from typing import Any

import httpx
import pytest
from django.test import override_settings

from integrations.connectors.teams.client import MOST_BYTES
from integrations.connectors.teams.connector import Teams
from integrations.connectors.teams.schemas import SendMessage
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import Action, Encode, Result
from tests.integrations.recorded import FakePlatform

SIGNATURE = "Qx7sVt3kPz0aLm9eWc4rYb1nUd6hJf2gTi8oKs5vRwE"
TARGET = (
    "/workflows/8f3c1a/triggers/manual/paths/invoke?api-version=2016-06-01"
    f"&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"
)
URL = f"https://prod-12.westeurope.logic.azure.com:443{TARGET}"


def perform(
    answers: str, parameters: dict[str, Any], config: dict[str, Any] | None = None, url: str = URL
) -> tuple[Result, httpx.Request]:
    with FakePlatform.of("teams", answers) as teams:
        result = teams.connect(Teams, {"webhook_url": url}, config).execute(Action("send_message", parameters))
    [call] = teams.requests
    return result, call


def card_of(request: httpx.Request) -> Any:
    message = json.loads(request.content)
    assert message["type"] == "message"
    [attachment] = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and attachment["contentUrl"] is None
    return attachment["content"]


def test_a_text_becomes_a_card_at_exactly_the_workflows_address() -> None:
    result, call = perform("send_message__202", {"message": "Ticket **4711** – größer"})
    assert call.url.raw_path.decode() == TARGET and call.url.host == "prod-12.westeurope.logic.azure.com"
    assert call.headers["content-type"] == "application/json" and "authorization" not in call.headers
    assert card_of(call) == {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": "Ticket **4711** – größer", "wrap": True}],
        "msteams": {"width": "Full"},
    }
    assert result.data == {"is_accepted": True, "is_cut": False} and "taken" in result.message


def test_everything_that_a_message_can_have() -> None:
    _, call = perform(
        "send_message__200",
        {
            "title": "Solved",
            "text": "Done",
            "color": "danger",
            "facts": {"Priority": "High", "Count": 3},
            "buttons": [{"title": "Open", "url": "https://acme.example/tickets/4711"}],
        },
        {"is_wide": False},
    )
    card = card_of(call)
    assert "msteams" not in card
    assert card["body"] == [
        {
            "type": "TextBlock",
            "text": "Solved",
            "size": "Large",
            "weight": "Bolder",
            "wrap": True,
            "color": "Attention",
        },
        {"type": "TextBlock", "text": "Done", "wrap": True},
        {"type": "FactSet", "facts": [{"title": "Priority", "value": "High"}, {"title": "Count", "value": "3"}]},
    ]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "https://acme.example/tickets/4711"}]


def test_facts_may_come_in_the_cards_own_form() -> None:
    _, call = perform("send_message__202", {"fields": [{"title": "A", "value": "b"}]})
    assert card_of(call)["body"][0]["facts"] == [{"title": "A", "value": "b"}]


def test_a_card_of_ones_own_goes_as_it_is() -> None:
    card = {"type": "AdaptiveCard", "version": "1.2", "body": [{"type": "TextBlock", "text": "x"}]}
    _, call = perform("send_message__202", {"card": card})
    assert card_of(call) == card


def test_values_of_events_are_escaped_in_markdown() -> None:
    for name in ("text", "title", "facts"):
        assert Encode("markdown") in SendMessage.model_fields[name].metadata


def test_a_template_gives_the_message_another_form() -> None:
    template = {"headline": "$title", "parts": [{"body": "$text"}, 7], "card": "$card", "from": "ops"}
    _, call = perform("send_message__202", {"title": "T", "text": "$card"}, {"template": json.dumps(template)})
    sent = json.loads(call.content)
    assert sent["card"]["type"] == "AdaptiveCard"
    assert {**sent, "card": None} == {"headline": "T", "parts": [{"body": "$card"}, 7], "card": None, "from": "ops"}


@pytest.mark.parametrize("template", ["{", "[]", '{"a": "b"}', '"$text"'])
def test_a_template_that_says_nothing_is_refused(template: str) -> None:
    with FakePlatform([]) as teams, pytest.raises(InvalidInput, match="template"):
        teams.connect(Teams, {"webhook_url": URL}, {"template": template})


def test_a_long_text_is_cut_to_what_fits() -> None:
    result, call = perform("send_message__202", {"title": "T", "text": "ä" * 50_000})
    assert MOST_BYTES - 10 < len(call.content) <= MOST_BYTES
    assert card_of(call)["body"][1]["text"].endswith("ä…")
    assert result.data["is_cut"] and "cut" in result.message


def test_what_does_not_fit_without_its_text_is_refused() -> None:
    big = {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "x" * 30_000}]}
    with FakePlatform([]) as teams, pytest.raises(InvalidInput, match="24 KB"):
        teams.connect(Teams, {"webhook_url": URL}).execute(Action("send_message", {"card": big}))


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("send_message__200__inner_429", RateLimited, "429"),
        ("send_message__200__inner_500", Unavailable, "500"),
        ("send_message__400", InvalidInput, "not valid"),
        ("send_message__400__disabled", Forbidden, "switched off"),
        ("send_message__401", CredentialsRejected, "Anyone"),
        ("send_message__403", Forbidden, "403"),
        ("send_message__404", NotFound, "deleted"),
        ("send_message__410", NotFound, "deleted"),
        ("send_message__413", InvalidInput, "too large"),
        ("send_message__429", RateLimited, "Rate limit"),
        ("send_message__502", Unavailable, "502"),
        ("send_message__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class_and_never_the_address(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, {"text": "Hi"})
    assert type(caught.value) is error
    assert SIGNATURE not in f"{caught.value} {caught.value!r}"


def test_a_limit_says_how_long() -> None:
    with pytest.raises(RateLimited) as caught:
        perform("send_message__429", {"text": "Hi"})
    assert caught.value.retry_after == 12


def test_an_answer_that_repeats_the_signature_is_masked() -> None:
    plan = {"request": f"POST {TARGET}", "status": 400, "body": {"error": {"message": f"bad sig {SIGNATURE}"}}}
    with FakePlatform([plan]) as teams, pytest.raises(InvalidInput) as caught:
        teams.connect(Teams, {"webhook_url": URL}).execute(Action("send_message", {"text": "Hi"}))
    assert "bad sig" in caught.value.message and SIGNATURE not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"https://default0123.4f.environment.api.powerplatform.com{TARGET}",
        f"https://prod-12.westeurope.logic.azure.com{TARGET}",
    ],
)
def test_both_of_the_workflows_hosts_are_taken(url: str) -> None:
    perform("send_message__202", {"text": "Hi"}, url=url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://acme.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4", "retired"),
        ("https://outlook.office.com/webhook/1", "retired"),
        (f"https://logic.azure.com.evil.example{TARGET}", "host ends in"),
        (f"https://evil.example/.logic.azure.com{TARGET}", "host ends in"),
        (f"https://x@prod-12.westeurope.logic.azure.com{TARGET}", "host ends in"),
        (f"http://prod-12.westeurope.logic.azure.com{TARGET}", "https"),
        (f"https://prod-12.westeurope.logic.azure.com:8443{TARGET}", "host ends in"),
        ("https://prod-12.westeurope.logic.azure.com/workflows/8f3c1a", "not whole"),
        ("https://[", "no address"),
        ("", "host ends in"),
    ],
)
def test_other_addresses_are_refused_with_a_reason(url: str, says: str) -> None:
    with FakePlatform([]) as teams, pytest.raises(InvalidInput, match=says) as caught:
        teams.connect(Teams, {"webhook_url": url})
    assert SIGNATURE not in str(caught.value)


@override_settings(OUTBOUND_ALLOW=["127.0.0.1:4010"])
def test_an_operator_can_allow_another_host() -> None:
    _, call = perform("send_message__202", {"text": "Hi"}, url=f"http://127.0.0.1:4010{TARGET}")
    assert call.url.port == 4010


@override_settings(PLATFORM_URLS={"teams": "http://127.0.0.1:4010/teams"})
def test_an_operator_can_point_the_platform_elsewhere() -> None:
    plan = {"request": f"POST /teams{TARGET}", "status": 202}
    with FakePlatform([plan]) as teams:
        teams.connect(Teams, {"webhook_url": URL}).execute(Action("send_message", {"text": "Hi"}))
    assert teams.requests[0].url.port == 4010


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"text": "  "},
        {"text": "a", "card": {"type": "AdaptiveCard"}},
        {"card": {"type": "MessageCard"}},
        {"text": "a", "buttons": [{"title": "x", "url": "javascript:alert(1)"}]},
        {"text": "a", "color": "red"},
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as teams, pytest.raises(InvalidInput):
        teams.connect(Teams, {"webhook_url": URL}).execute(Action("send_message", parameters))


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("test_connection__405", "workflow is there"),
        ("test_connection__404", "workflow is there"),
        ("test_connection__200", "Something answers"),
    ],
)
def test_the_connection_test_starts_nothing_and_says_what_it_does_not_know(answers: str, says: str) -> None:
    with FakePlatform.of("teams", answers) as teams:
        result = teams.connect(Teams, {"webhook_url": URL}).test_connection()
    assert says in result.message and "send one" in result.message
    assert teams.requests[0].method == "GET"


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ("test_connection__404__gone", NotFound),
        ("test_connection__401", CredentialsRejected),
        ("test_connection__unreachable", Unreachable),
    ],
)
def test_a_dead_address_is_told(answers: str, error: type[Exception]) -> None:
    with FakePlatform.of("teams", answers) as teams, pytest.raises(error):
        teams.connect(Teams, {"webhook_url": URL}).test_connection()
