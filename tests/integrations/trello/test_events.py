"""What Trello sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.trello.connector import Trello
from tests.integrations.recorded import handle, request, same_shape

CARD = "53582e2da0fac5676a714290"
TO_DO, DONE = "53582e2da0fac5676a714278", "53582e2da0fac5676a714279"


@pytest.mark.parametrize("name", ["card.created", "card.moved", "card.updated", "card.commented"])
def test_a_request_is_one_event_of_the_samples_form(name: str) -> None:
    recorded = request("trello", name)
    [event] = handle(Trello, recorded)
    assert (event.type, event.external_id, event.actor_id) == (name, CARD, "53582e2da0fac5676a714201")
    assert event.occurred_at == event.updated_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert event.key == Trello.delivery_key(recorded.headers, recorded.payload) == recorded.payload["action"]["id"]
    spec = Trello.event_spec(name)
    assert spec is not None and same_shape(dict(spec.sample), event.payload) == []


def test_a_card_has_its_address_list_and_board() -> None:
    [event] = handle(Trello, request("trello", "card.commented"))
    assert event.payload["card"]["url"] == "https://trello.com/c/H0TZyzbK"
    assert (event.payload["card"]["idList"], event.payload["card"]["idBoard"]) == (TO_DO, "53582e2da0fac5676a714277")
    assert event.payload["comment"] == {
        "id": "572a340644ed9c7d8b6f9a33",
        "text": "Looking into it",
        "is_edit": False,
    }


def test_a_move_says_from_where_to_where() -> None:
    [event] = handle(Trello, request("trello", "card.moved"))
    assert event.changed == {"idList": (TO_DO, DONE)}
    assert event.payload["list"]["name"] == event.payload["listAfter"]["name"] == "Done"
    assert event.payload["listBefore"]["name"] == "To do"


def test_a_change_says_what_it_was_before() -> None:
    [event] = handle(Trello, request("trello", "card.updated"))
    assert event.changed == {"desc": ("", "Since this morning – größer")}


def test_a_new_position_is_no_event() -> None:
    assert handle(Trello, request("trello", "position_only")) == []


def test_a_copy_is_a_new_card() -> None:
    [event] = handle(Trello, request("trello", "card.created__copied"))
    assert event.type == "card.created" and event.payload["action"]["type"] == "copyCard"


def test_an_edited_comment_names_the_comment_itself() -> None:
    [event] = handle(Trello, request("trello", "card.commented__edited"))
    assert event.type == "card.commented"
    assert event.payload["comment"] == {"id": "572a340644ed9c7d8b6f9a33", "text": "Solved", "is_edit": True}
    assert event.key == "572a340644ed9c7d8b6f9a34"


def test_our_own_comment_is_known_by_its_mark_which_rules_do_not_see() -> None:
    [event] = handle(Trello, request("trello", "card.commented__by_us"))
    assert event.marker == "01a0b1c2-d3e4-7f00-8a1b-2c3d4e5f6071"
    assert event.payload["comment"]["text"] == "From the ticket"
    assert event.actor_id == "53582e2da0fac5676a714299"


def test_other_actions_stay_visible() -> None:
    [event] = handle(Trello, request("trello", "other_action"))
    assert event.type == "addMemberToCard" and Trello.event_spec(event.type) is None


def test_the_address_is_confirmed_when_asked_by_head() -> None:
    from integrations.specs import WebhookRequest

    answer = Trello.unsigned_handshake(WebhookRequest("HEAD", "https://x.example/", {}, b""))
    assert answer is not None and (answer.status, answer.body) == (200, b"")
    assert Trello.unsigned_handshake(request("trello", "card.created").as_request()) is None


@pytest.mark.parametrize(
    "payload",
    [
        [],
        None,
        "x",
        {},
        {"action": []},
        {"action": {"type": 3}},
        {"action": {"type": "updateCard", "data": None, "date": "soon", "id": 3}},
        {"action": {"type": "commentCard", "data": {"card": 3, "text": None, "board": []}}},
        {"action": {"type": "updateComment", "data": {"action": "x", "old": 3}}},
        {"action": {"type": "createCard", "data": {"card": {"shortLink": 3}}, "memberCreator": "x"}},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert isinstance(Trello().handle_webhook(payload), list)
    assert Trello.delivery_key({}, payload) is None
