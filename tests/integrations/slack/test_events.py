"""What Slack sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.slack.connector import Slack
from tests.integrations.recorded import handle, request, same_shape


@pytest.mark.parametrize(
    ("name", "type_", "external_id", "key", "actor"),
    [
        ("message", "message", "C024BE91L:1763719200.000200", "Ev0PV52K25", "U2147483697"),
        ("app_mention", "app_mention", "C024BE91L:1763719260.000300", "Ev0PV52K26", "U2147483697"),
        ("reaction_added", "reaction_added", "C024BE91L:1763719200.000200", "Ev0PV52K27", "U2147483697"),
        (
            "slash_command",
            "slash_command",
            "13345224609.738474920.8088930838d88f008e0",
            "13345224609.738474920.8088930838d88f008e0",
            "U2147483697",
        ),
    ],
)
def test_a_request_is_one_event(name: str, type_: str, external_id: str, key: str, actor: str) -> None:
    recorded = request("slack", name)
    [event] = handle(Slack, recorded)
    assert (event.type, event.external_id, event.key, event.actor_id) == (type_, external_id, key, actor)
    assert Slack.delivery_key(recorded.headers, recorded.payload) == key
    assert Slack.account_key(recorded.headers, recorded.payload) == "T024BE7LD"
    assert event.payload["api_app_id"] == "A0FFV41KK"
    assert "XXYYZZ" not in str(event.payload), "the retired verification token stays out"


@pytest.mark.parametrize("name", ["message", "app_mention", "reaction_added", "slash_command"])
def test_the_sample_has_what_really_comes(name: str) -> None:
    [event] = handle(Slack, request("slack", name))
    spec = Slack.event_spec(name)
    assert spec is not None
    missing = [line for line in same_shape(dict(spec.sample), event.payload) if not line.endswith("in the second")]
    assert missing == []


def test_a_message_says_when_and_what() -> None:
    [event] = handle(Slack, request("slack", "message"))
    assert event.occurred_at == datetime(2025, 11, 21, 10, 0, 1, tzinfo=UTC)
    assert event.payload["text"] == "The export fails with error 502 – wer schaut nach?"
    assert event.payload["channel_type"] == "channel"


def test_a_command_keeps_its_text_as_it_was_typed() -> None:
    [event] = handle(Slack, request("slack", "slash_command"))
    assert (event.payload["command"], event.payload["text"]) == ("/escalate", "4711 payment fails & <now>")


def test_changes_of_messages_are_no_messages() -> None:
    assert handle(Slack, request("slack", "message__changed")) == []


def test_our_own_message_names_us_as_its_actor() -> None:
    [event] = handle(Slack, request("slack", "message__of_the_bot"))
    assert event.actor_id == "U0LAN0Z89"


def test_what_has_no_rule_is_still_visible() -> None:
    [event] = handle(Slack, request("slack", "app_uninstalled"))
    assert event.type == "app_uninstalled" and Slack.event_spec(event.type) is None


def test_the_challenge_is_answered() -> None:
    recorded = request("slack", "url_verification")
    answer = Slack.handshake(recorded.as_request(), recorded.payload)
    assert answer is not None and answer.status == 200
    assert answer.body == b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    assert handle(Slack, recorded) == []


def test_a_check_of_the_certificate_is_answered_and_events_are_none() -> None:
    recorded = request("slack", "message")
    assert Slack.handshake(recorded.as_request(), {"ssl_check": "1", "token": "x"}) is not None
    assert Slack.handshake(recorded.as_request(), recorded.payload) is None
    assert Slack.unsigned_handshake(recorded.as_request()) is None


@pytest.mark.parametrize(
    ("payload", "account"),
    [
        ({"team_id": "T1", "authorizations": [{"is_enterprise_install": True, "enterprise_id": "E1"}]}, "E1"),
        ({"team_id": "T1", "is_enterprise_install": "true", "enterprise_id": "E1"}, "E1"),
        ({"team_id": "T1", "is_enterprise_install": "false"}, "T1"),
        ({"team_id": "T1", "authorizations": []}, "T1"),
        ({"team_id": 7}, None),
        ([], None),
    ],
)
def test_the_account_is_the_workspace_or_the_organization(payload: Any, account: str | None) -> None:
    assert Slack.account_key({}, payload) == account


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        {},
        {"type": "event_callback"},
        {"type": "event_callback", "event": []},
        {"type": "event_callback", "event": {"item": 3, "ts": None}, "event_time": "soon", "event_id": 3},
        {"command": 3, "trigger_id": None},
        {"type": "event_callback", "event": {"type": None}, "event_time": 10**18, "authorizations": [3]},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    recorded = request("slack", "message")
    assert isinstance(Slack().handle_webhook(payload), list)
    assert Slack.delivery_key({}, payload) is None
    Slack.account_key({}, payload)
    Slack.handshake(recorded.as_request(), payload)


# --- buttons ----------------------------------------------------------------------------------------------------
def test_a_pressed_button_is_an_event() -> None:
    recorded = request("slack", "button_clicked")
    [event] = handle(Slack, recorded)
    assert (event.type, event.external_id, event.actor_id) == (
        "button_clicked",
        "C024BE91L:1763719400.000500",
        "U2147483697",
    )
    assert event.key == "13345224609.738474920.8088930838d88f008e0:0"
    assert (event.payload["action_id"], event.payload["value"], event.payload["text"]) == (
        "take_ticket",
        "4711",
        "I take it",
    )
    assert event.payload["team_id"] == "T024BE7LD" and "XXYYZZ" not in str(event.payload)
    assert Slack.delivery_key(recorded.headers, recorded.payload) == "13345224609.738474920.8088930838d88f008e0"
    assert Slack.account_key(recorded.headers, recorded.payload) == "T024BE7LD"
    assert Slack.chat_answer(event) is None and not Slack.needs_enriching(event)
    spec = Slack.event_spec("button_clicked")
    assert spec is not None and set(spec.sample) == set(event.payload)


def test_whoever_pressed_is_answered_with_nothing() -> None:
    recorded = request("slack", "button_clicked")
    answer = Slack.accepted_answer(recorded.as_request(), recorded.payload)
    assert answer is not None and (answer.status, answer.body) == (200, b"")


def test_a_press_on_our_own_button_is_an_answer() -> None:
    [event] = handle(Slack, request("slack", "button_clicked__approval"))
    answer = Slack.chat_answer(event)
    assert answer is not None and Slack.needs_enriching(event)
    assert (answer.key, answer.is_approved, answer.email) == ("01a1ff34-590e-73ee-a584-53739244562a", True, "")
    assert answer.message == {"channel": "C024BE91L", "ts": "1763719400.000500"}
    assert answer.person == {"channel": "C024BE91L", "user": "U2147483697"}


@pytest.mark.parametrize(
    "interaction",
    [
        "",
        "[]",
        "{",
        "3",
        '{"type": "block_actions"}',
        '{"type": "block_actions", "actions": [3, {"type": "static_select"}], "user": 3, "channel": []}',
        '{"type": "view_submission", "actions": [{"type": "button"}]}',
        '{"type": "block_actions", "actions": [{"type": "button", "text": 3, "value": {}}], "container": null}',
    ],
)
def test_odd_interactions_break_nothing(interaction: str) -> None:
    found = Slack().handle_webhook({"payload": interaction})
    assert all(event.type == "button_clicked" and not event.payload["value"] for event in found)
    assert Slack.delivery_key({}, {"payload": interaction}) is None
    Slack.account_key({}, {"payload": interaction})
