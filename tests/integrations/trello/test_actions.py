"""What Trello is asked for, and what its answers mean."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.connectors.trello.connector import Trello
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import CREATES, SETS, Account, Action, Call, File, Registration, Result, WebhookTarget
from tests.integrations import recorded
from tests.integrations.recorded import FakePlatform

CREDENTIALS = {"api_key": "k" * 32, "token": "ATTA" + "t" * 60}
BOARD, TO_DO, DONE = "53582e2da0fac5676a714277", "53582e2da0fac5676a714278", "53582e2da0fac5676a714279"
CARD, SHORT = "53582e2da0fac5676a714290", "H0TZyzbK"
KEY = "01a0b1c2-d3e4-7f00-8a1b-2c3d4e5f6071"


def perform(
    answers: str, action: str, parameters: dict[str, Any], config: dict[str, Any] | None = None, key: str = ""
) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("trello", answers) as trello:
        connector = trello.connect(Trello, CREDENTIALS, config, call=Call(idempotency_key=key))
        result = connector.execute(Action(action, parameters))
    return result, trello.requests


def find_earlier(answers: str, action: str, parameters: dict[str, Any], key: str = KEY) -> Result | None:
    spec = Trello.action_spec(action)
    assert spec.idempotent_by == "marker"
    with FakePlatform.of("trello", answers) as trello:
        connector = trello.connect(Trello, CREDENTIALS, call=Call(idempotency_key=key))
        found: Result | None = getattr(connector, spec.find_earlier)(spec.model.model_validate(parameters))
    return found


def refused(action: str, parameters: dict[str, Any], config: dict[str, Any] | None = None) -> str:
    with FakePlatform([]) as trello, pytest.raises(InvalidInput) as caught:
        trello.connect(Trello, CREDENTIALS, config).execute(Action(action, parameters))
    return caught.value.message


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


# --- cards ----------------------------------------------------------------------------------------------------
def test_a_card_is_created_with_names_instead_of_ids() -> None:
    result, calls = perform(
        "create_card__200",
        "create_card",
        {
            "board": "support",
            "list": "To Do",
            "name": "Payment fails",
            "description": "Details",
            "pos": "top",
            "due": "2026-11-21T12:00:00+02:00",
            "members": ["@ada", "Bo Diddley"],
            "labels": "urgent, green",
        },
        key=KEY,
    )
    assert body_of(calls[-1]) == {
        "idList": TO_DO,
        "name": "Payment fails",
        "desc": f"Details\n\n[//]: # (so:{KEY})",
        "pos": "top",
        "due": "2026-11-21T10:00:00.000Z",
        "idMembers": ["53582e2da0fac5676a714201", "53582e2da0fac5676a714202"],
        "idLabels": ["53582e2da0fac5676a714301", "53582e2da0fac5676a714302"],
    }
    assert result.data == {
        "id": CARD,
        "url": "https://trello.com/c/H0TZyzbK",
        "name": "Payment fails",
        "shortLink": SHORT,
        "idList": TO_DO,
        "idBoard": BOARD,
    }


def test_credentials_go_in_the_header_and_never_in_the_address() -> None:
    _, [call] = perform("create_card__200__by_ids", "create_card", {"list": TO_DO, "name": "x"})
    key, token = CREDENTIALS["api_key"], CREDENTIALS["token"]
    assert call.headers["authorization"] == f'OAuth oauth_consumer_key="{key}", oauth_token="{token}"'
    assert str(call.url) == "https://api.trello.com/1/cards"
    assert body_of(call) == {"idList": TO_DO, "name": "x", "desc": ""}


def test_the_board_of_a_list_is_asked_for_where_names_need_it() -> None:
    _, calls = perform(
        "create_card__200__labels_of_a_list", "create_card", {"list": TO_DO, "name": "x", "labels": ["vip"]}
    )
    assert body_of(calls[-1])["idLabels"] == ["53582e2da0fac5676a714303"]


def test_defaults_of_the_integration_fill_in() -> None:
    _, calls = perform(
        "create_card__200",
        "create_card",
        {"name": "x", "members": ["ada"], "labels": ["vip"]},
        config={"default_board": "kwuymsNk", "default_list": "To do"},
    )
    assert body_of(calls[-1])["idList"] == TO_DO
    assert "default list" in refused("create_card", {"name": "x"})
    assert "default board" in refused("create_card", {"name": "x", "list": "To do"})


def test_a_name_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NotFound, match=r"no list 'Later' here. There are: Done, To do"):
        perform("create_card__200__no_such_list", "create_card", {"board": "Support", "list": "Later", "name": "x"})


def test_a_name_that_two_have_is_not_guessed() -> None:
    with pytest.raises(InvalidInput, match="2 lists named 'To do'"):
        perform("create_card__200__two_lists", "create_card", {"board": BOARD, "list": "To do", "name": "x"})


def test_an_earlier_card_is_found_by_its_mark_though_it_was_moved() -> None:
    found = find_earlier("create_card__200__found_earlier", "create_card", {"list": TO_DO, "name": "Payment fails"})
    assert found is not None and found.data["id"] == CARD and found.data["idList"] == DONE


def test_the_mark_of_another_step_is_not_ours() -> None:
    parameters = {"list": TO_DO, "name": "Payment fails"}
    assert find_earlier("create_card__200__not_found_earlier", "create_card", parameters) is None


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("create_card__400", InvalidInput, "invalid value for idList"),
        ("create_card__401__expired", CredentialsRejected, "expired token"),
        ("create_card__401__not_allowed", Forbidden, "permission"),
        ("create_card__404", NotFound, "not found"),
        ("create_card__409", Permanent, "too many open cards"),
        ("create_card__429", RateLimited, "429"),
        ("create_card__429__says_how_long", RateLimited, "429"),
        ("create_card__503", Unavailable, "Service unavailable"),
        ("create_card__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, "create_card", {"list": TO_DO, "name": "x"})
    assert type(caught.value) is error
    assert CREDENTIALS["token"] not in str(caught.value)


def test_without_a_word_from_trello_the_window_is_waited_for() -> None:
    with pytest.raises(RateLimited) as caught:
        perform("create_card__429", "create_card", {"list": TO_DO, "name": "x"})
    assert caught.value.retry_after is not None and 10 <= caught.value.retry_after <= 15
    with pytest.raises(RateLimited) as caught:
        perform("create_card__429__says_how_long", "create_card", {"list": TO_DO, "name": "x"})
    assert caught.value.retry_after == 4


def test_a_card_is_updated_and_a_date_cleared() -> None:
    _, [call] = perform(
        "update_card__200", "update_card", {"card": f"https://trello.com/c/{SHORT}/17-x", "closed": True, "due": None}
    )
    assert body_of(call) == {"closed": True, "due": None}


def test_members_and_labels_of_a_card_are_replaced_by_name() -> None:
    _, calls = perform("update_card__200__names", "update_card", {"card": SHORT, "members": "bo", "labels": ["urgent"]})
    assert body_of(calls[-1]) == {
        "idMembers": ["53582e2da0fac5676a714202"],
        "idLabels": ["53582e2da0fac5676a714301"],
    }


def test_a_card_that_is_gone_is_not_found() -> None:
    with pytest.raises(NotFound):
        perform("update_card__404", "update_card", {"card": SHORT, "name": "x"})


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("update_card", {"card": SHORT}),
        ("update_card", {"card": SHORT, "name": None}),
        ("update_card", {"card": "not a card", "name": "x"}),
        ("update_card", {"card": "https://evil.example/c/H0TZyzbK", "name": "x"}),
        ("move_card", {"card": SHORT}),
        ("create_card", {"list": TO_DO, "name": ""}),
        ("create_card", {"list": TO_DO, "name": "x", "pos": "middle"}),
        ("create_card", {"list": TO_DO, "name": "x", "pos": -1}),
        ("create_card", {"list": TO_DO, "name": "x", "colour": "red"}),
        ("add_attachment", {"card": SHORT}),
        ("add_attachment", {"card": SHORT, "url": "https://a.example", "content": "x"}),
        ("add_label", {"card": SHORT, "label": "x", "color": "beige"}),
    ],
)
def test_what_cannot_be_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    refused(action, parameters)


def test_a_card_is_moved_by_the_name_of_the_list() -> None:
    result, calls = perform("move_card__200", "move_card", {"card": SHORT, "list": "Done", "pos": "1.5"})
    assert body_of(calls[-1]) == {"idList": DONE, "pos": 1.5}
    assert result.data["idList"] == DONE


def test_a_move_to_another_board_names_it() -> None:
    _, calls = perform("move_card__200__other_board", "move_card", {"card": SHORT, "board": "Support", "list": "Done"})
    assert body_of(calls[-1]) == {"idBoard": BOARD, "idList": DONE}


def test_a_move_by_id_needs_no_look_up() -> None:
    _, [call] = perform("move_card__200__by_id", "move_card", {"card": SHORT, "idList": DONE})
    assert body_of(call) == {"idList": DONE}
    with pytest.raises(InvalidInput):
        perform("move_card__400", "move_card", {"card": SHORT, "list": DONE})


# --- on cards -------------------------------------------------------------------------------------------------
def test_a_comment_bears_our_mark() -> None:
    result, [call] = perform("add_comment__200", "add_comment", {"card": SHORT, "text": "Looking into it"}, key=KEY)
    assert body_of(call) == {"text": f"Looking into it\n\n[//]: # (so:{KEY})"}
    assert result.data == {"comment_id": "572a340644ed9c7d8b6f9a33", "card_id": CARD}


def test_an_earlier_comment_is_found_by_its_mark_and_not_by_its_text() -> None:
    parameters = {"card": SHORT, "text": "Looking into it"}
    found = find_earlier("add_comment__200__found_earlier", "add_comment", parameters)
    assert found is not None and found.data["comment_id"] == "572a340644ed9c7d8b6f9a33"
    assert find_earlier("add_comment__200__not_found_earlier", "add_comment", parameters) is None
    assert find_earlier("add_comment__200__not_found_earlier", "add_comment", parameters, key="") is None


def test_a_comment_may_fail() -> None:
    with pytest.raises(NotFound):
        perform("add_comment__404", "add_comment", {"card": SHORT, "text": "x"})
    with pytest.raises(Uncertain):
        perform("add_comment__cut_off", "add_comment", {"card": SHORT, "text": "x"})


def test_a_checklist_is_made_with_its_items() -> None:
    result, calls = perform(
        "add_checklist__200",
        "add_checklist",
        {"card": CARD, "name": "Steps", "items": ["Call", {"name": "Refund", "checked": True}]},
    )
    assert [body_of(call) for call in calls[1:]] == [
        {"idCard": CARD, "name": "Steps"},
        {"name": "Call", "checked": False},
        {"name": "Refund", "checked": True},
    ]
    assert result.data == {"checklist_id": "53582e2da0fac5676a714400", "added": 2}


def test_a_checklist_that_was_half_made_is_completed() -> None:
    result, calls = perform(
        "add_checklist__200__completed", "add_checklist", {"card": CARD, "name": "Steps", "items": "Call\nRefund\n"}
    )
    assert body_of(calls[-1])["name"] == "Refund" and result.data["added"] == 1
    assert Trello.action_spec("add_checklist").may_repeat


def test_a_checklist_needs_its_card() -> None:
    with pytest.raises(NotFound):
        perform("add_checklist__404", "add_checklist", {"card": CARD, "name": "Steps"})


def test_a_label_is_put_on_once() -> None:
    _, calls = perform("add_label__200", "add_label", {"card": SHORT, "label": "vip"})
    assert body_of(calls[-1]) == {"value": "53582e2da0fac5676a714303"}
    result, _ = perform("add_label__200__already", "add_label", {"card": SHORT, "label": "Urgent"})
    assert result.success


def test_a_label_is_made_only_where_a_colour_says_so() -> None:
    _, calls = perform("add_label__200__new", "add_label", {"card": SHORT, "label": "refund", "color": "blue"})
    assert body_of(calls[-2]) == {"name": "refund", "color": "blue", "idBoard": BOARD}
    with pytest.raises(NotFound, match="green, urgent, vip"):
        perform("add_label__200__no_such_label", "add_label", {"card": SHORT, "label": "refund"})
    with pytest.raises(InvalidInput):
        perform("add_label__400", "add_label", {"card": SHORT, "label": "53582e2da0fac5676a714999"})


def test_an_address_is_attached_once() -> None:
    parameters = {"card": SHORT, "url": "https://acme.example/tickets/4711", "name": "Ticket 4711"}
    _, calls = perform("add_attachment__200", "add_attachment", parameters)
    assert body_of(calls[-1]) == {"url": parameters["url"], "name": "Ticket 4711"}
    result, _ = perform("add_attachment__200__already", "add_attachment", parameters)
    assert result.data["id"] == "53582e2da0fac5676a714500"


def test_a_file_is_attached_and_might_be_twice() -> None:
    parameters = {"card": SHORT, "content": "größer", "filename": "log.txt"}
    _, [call] = perform("add_attachment__200__file", "add_attachment", parameters)
    assert call.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert 'filename="log.txt"' in call.content.decode() and "größer" in call.content.decode()
    spec = Trello.action_spec("add_attachment")
    assert spec.effect_of is not None
    assert spec.effect_of(spec.model.model_validate(parameters)) is CREATES
    url = spec.model.model_validate({"card": SHORT, "url": "https://a.example"})
    assert spec.effect_of(url) is SETS and spec.may_repeat_with(url)
    with pytest.raises(InvalidInput, match="413"):
        perform("add_attachment__413", "add_attachment", parameters)


def test_a_card_takes_files_and_stays_when_one_is_refused() -> None:
    call = Call(files={"log.txt": File("log.txt", b"hello", "text/plain")})
    with FakePlatform.of("trello", "create_card__200__with_files") as trello:
        parameters = {"list": TO_DO, "name": "x", "attachments": ["log.txt", {"content": "x", "filename": "big.txt"}]}
        result = trello.connect(Trello, CREDENTIALS, call=call).execute(Action("create_card", parameters))
    assert recorded.parts_of(trello.requests[1]) == [("name", None, b"log.txt"), ("file", "log.txt", b"hello")]
    assert result.success and "big.txt could not be attached" in result.message
    assert [item["name"] for item in result.data["attachments"]] == ["log.txt"]


def test_a_file_that_is_not_there_leaves_no_card() -> None:
    assert "no file 'log.txt'" in refused("create_card", {"list": TO_DO, "name": "x", "attachments": "log.txt"})


def test_a_card_that_an_earlier_call_made_gets_the_files_it_lacks() -> None:
    parameters = {
        "list": TO_DO,
        "name": "Payment fails",
        "attachments": [{"content": "1", "filename": "log.txt"}, {"content": "2", "filename": "more.txt"}],
    }
    with FakePlatform.of("trello", "create_card__200__found_earlier_half_attached") as trello:
        connector = trello.connect(Trello, CREDENTIALS, call=Call(idempotency_key=KEY))
        found = connector.find_created_card(Trello.action_spec("create_card").model.model_validate(parameters))
    assert found.success and recorded.parts_of(trello.requests[-1])[1][1] == "more.txt"


# --- lists and boards -----------------------------------------------------------------------------------------
def test_a_list_is_created() -> None:
    _, [call] = perform("create_list__200", "create_list", {"board": BOARD, "name": "Waiting", "pos": "bottom"})
    assert body_of(call) == {"name": "Waiting", "idBoard": BOARD, "pos": "bottom"}
    _, [call] = perform("create_list__200", "create_list", {"name": "Waiting"}, config={"default_board": BOARD})
    assert body_of(call)["idBoard"] == BOARD
    with pytest.raises(Forbidden):
        perform("create_list__401__not_allowed", "create_list", {"board": BOARD, "name": "x"})
    assert not Trello.action_spec("create_list").may_repeat


def test_a_board_is_created_and_found_again() -> None:
    parameters = {"name": "Incident", "workspace": "acme", "default_lists": False}
    _, [call] = perform("create_board__200", "create_board", parameters, key=KEY)
    assert body_of(call) == {
        "name": "Incident",
        "desc": f"[//]: # (so:{KEY})",
        "defaultLists": False,
        "prefs_permissionLevel": "private",
        "idOrganization": "acme",
    }
    found = find_earlier("create_board__200__found_earlier", "create_board", parameters)
    assert found is not None and found.data["id"] == "53582e2da0fac5676a714600"
    with pytest.raises(InvalidInput):
        perform("create_board__400", "create_board", parameters)


# --- who we are -----------------------------------------------------------------------------------------------
def test_the_connection_test_says_who_we_are() -> None:
    with FakePlatform.of("trello", "test_connection__200") as trello:
        result = trello.connect(Trello, CREDENTIALS).test_connection()
    assert result.message == "Trello knows us as SupportOps (@supportops)."
    assert result.data["account"] == Account(actor_id="53582e2da0fac5676a714299")
    with pytest.raises(CredentialsRejected, match="invalid key"):
        perform("test_connection__401", "test_connection", {})


@pytest.mark.parametrize(
    ("kind", "last"),
    [("boards", "Support"), ("lists", "Support: Done"), ("labels", "vip"), ("users", "Bo Diddley")],
)
def test_forms_can_offer_choices(kind: str, last: str) -> None:
    with FakePlatform.of("trello", f"choices_{kind}__200") as trello:
        offered = trello.connect(Trello, CREDENTIALS, {"default_board": BOARD}).choices(kind)
    assert offered[-1]["name"] == last and len(offered[-1]["id"]) == 24
    with FakePlatform([]) as trello, pytest.raises(InvalidInput, match="boards, labels, lists, users"):
        trello.connect(Trello, CREDENTIALS).choices("moods")


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"api_key": "k"},
        {"api_key": "k", "token": ""},
        {"api_key": 'k"', "token": "t"},
        {"api_key": "k\n", "token": "a b"},
    ],
)
def test_credentials_that_are_none_are_refused(credentials: dict[str, Any]) -> None:
    with FakePlatform([]) as trello, pytest.raises(InvalidInput, match="credentials"):
        trello.connect(Trello, credentials)


# --- webhooks -------------------------------------------------------------------------------------------------
TARGET = WebhookTarget("https://supportops.example/api/webhooks/trello/key")


def test_each_board_gets_one_webhook() -> None:
    """https://developer.atlassian.com/cloud/trello/rest/api-group-webhooks/"""
    with FakePlatform.of("trello", "register_webhook__200") as trello:
        made = trello.connect(Trello, CREDENTIALS).register_webhook(TARGET, None)
    assert made == Registration(("w-off", "w-new"))
    assert trello.sent(3) == {"active": True}
    assert trello.sent(4) == {
        "idModel": "53582e2da0fac5676a714270",
        "callbackURL": TARGET.url,
        "description": "SupportOps",
        "active": True,
    }


def test_an_address_that_trello_cannot_reach_is_said() -> None:
    with FakePlatform.of("trello", "register_webhook__400") as trello, pytest.raises(InvalidInput) as caught:
        trello.connect(Trello, CREDENTIALS, {"default_board": BOARD}).register_webhook(TARGET, None)
    assert "did not return 200" in caught.value.message and CREDENTIALS["token"] not in caught.value.message


def test_what_was_done_on_a_board_is_what_webhooks_tell() -> None:
    """https://developer.atlassian.com/cloud/trello/rest/api-group-boards/#api-boards-boardid-actions-get"""
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    with FakePlatform.of("trello", "list_changes__200") as trello:
        listed = trello.connect(Trello, CREDENTIALS, {"default_board": BOARD}).list_changes(since, until)
    told = recorded.handle(Trello, recorded.request("trello", "card.moved"))
    assert [(event.type, event.key) for event in listed] == [(event.type, event.key) for event in told] != []
