"""What Telegram sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.telegram.connector import Telegram
from tests.integrations.recorded import handle, request, same_shape


def test_a_message_is_one_event_of_the_samples_form() -> None:
    recorded = request("telegram", "telegram.message.received")
    [event] = handle(Telegram, recorded)
    assert (event.type, event.external_id) == ("telegram.message.received", "-1001234567890:11")
    assert (event.actor_id, event.key) == ("5000000001", "715200001")
    assert event.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert Telegram.delivery_key(recorded.headers, recorded.payload) == "715200001"
    assert same_shape(dict(Telegram.events[0].sample), event.payload) == []


def test_text_user_chat_and_command_stand_beside_the_message() -> None:
    recorded = request("telegram", "telegram.message.received")
    [event] = handle(Telegram, recorded)
    assert event.payload["message"] == recorded.payload["message"]
    assert event.payload["text"] == "/ticket@acme_ops_bot impressora em chamas ☃"
    assert event.payload["command"] == {"name": "ticket", "arguments": "impressora em chamas ☃"}
    assert event.payload["user"] == {"id": 5000000001, "username": "anasilva", "name": "Ana Silva", "language": "pt"}
    assert event.payload["chat"]["title"] == "Support"


def test_a_person_needs_no_user_name() -> None:
    [event] = handle(Telegram, request("telegram", "telegram.message.received__private"))
    assert event.payload["user"] == {"id": 5000000002, "username": None, "name": "Bo", "language": None}
    assert event.payload["command"] is None and event.payload["text"] == "Hello\nthere"


def test_a_captions_text_counts() -> None:
    [event] = handle(Telegram, request("telegram", "telegram.message.received__photo"))
    assert event.payload["text"] == "See the smoke"


def test_whoever_writes_as_the_group_is_no_bot() -> None:
    [event] = handle(Telegram, request("telegram", "telegram.message.received__anonymous_admin"))
    assert event.payload["text"] == "As the group"


@pytest.mark.parametrize("name", ["of_a_bot", "edited_message", "callback_query"])
def test_bots_edits_and_other_updates_are_no_events(name: str) -> None:
    assert handle(Telegram, request("telegram", name)) == []


@pytest.mark.parametrize(
    "payload",
    [
        {"update_id": "x", "message": []},
        {"update_id": [], "message": {"from": 3, "chat": "x", "date": "soon", "entities": [3], "text": 5}},
        {"message": {"text": "x", "entities": [{"type": "bot_command", "offset": 0}]}},
        {"message": {"date": 10**30}},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert isinstance(Telegram().handle_webhook(payload), list)
    key = Telegram.delivery_key({}, payload)
    assert key is None or isinstance(key, str)
