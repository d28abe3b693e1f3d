"""What we ask Zendesk to do: the requests that are made, and what becomes of its answers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import markers
from integrations.connectors.zendesk import client, events
from integrations.connectors.zendesk.connector import Zendesk
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import Account, Action, Call, Encode, File, Registration, Result, Token, WebhookTarget
from tests.integrations import recorded
from tests.integrations.kept_tokens import KeptTokens
from tests.integrations.recorded import FakePlatform

API_TOKEN = {"subdomain": "acme", "email": "robot@acme.example", "api_token": "zd-token-77"}
CLIENT = {"subdomain": "acme", "client_id": "supportops", "client_secret": "zd-secret-88"}
KEY = "01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e"
CALL = Call(idempotency_key=KEY, deadline=30)
TAG = markers.tag(KEY)
MARK = {"metadata": {"supportops_step": KEY}}

CREATE = {
    "subject": "Charged twice",
    "description": "My card\nwas charged",
    "requester_email": "grace@northwind.example",
}
COMMENT = {"ticket_id": 35436, "body": "Refund of <b>129.90</b> approved.", "public": False}
MACRO = {"ticket_id": 35436, "macro": 25}
USER = {"name": "Grace Okafor", "email": "grace.okafor@northwind.example"}
SEARCH = {"query": "status<solved", "type": "ticket", "limit": 10, "sort_by": "updated_at", "sort_order": "desc"}
BULK = {"ticket_ids": [35436, "35437"], "status": "solved", "add_tags": ["done"], "remove_tags": ["vip"]}
CREATED = {
    "subject": "Charged twice",
    "comment": {"html_body": "My card<br>\nwas charged", "public": True},
    "requester": {"email": "grace@northwind.example", "name": "grace"},
    "external_id": TAG,
    **MARK,
}

# Answers, action, parameters, and the body of the last request.
SUCCESSES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "create_ticket__201",
        "create_ticket",
        {**CREATE, "priority": "Urgent", "tags": ["billing"], "custom_fields": {"27642": "58211"}},
        {
            "ticket": {
                **CREATED,
                "priority": "urgent",
                "tags": ["billing"],
                "custom_fields": [{"id": 27642, "value": "58211"}],
            }
        },
    ),
    (
        "create_ticket__201__named",
        "create_ticket",
        {
            **CREATE,
            "assignee": "mina park",
            "group": "Billing",
            "organization": "Northwind Traders",
            "external_id": "order-58211",
            "public": False,
            "email_ccs": ["sam@northwind.example"],
        },
        {
            "ticket": {
                **CREATED,
                "comment": {"html_body": "My card<br>\nwas charged", "public": False},
                "assignee_id": 8447388090494,
                "group_id": 8447320466430,
                "organization_id": 8447346622462,
                "external_id": "order-58211",
                "email_ccs": [{"user_email": "sam@northwind.example", "action": "put"}],
            }
        },
    ),
    (
        "update_ticket__200",
        "update_ticket",
        {"ticket_id": "35436", "priority": "high", "custom_fields": [{"id": 27642, "value": "1"}]},
        {"ticket": {"priority": "high", "custom_fields": [{"id": 27642, "value": "1"}]}},
    ),
    (
        "add_comment__200",
        "add_comment",
        COMMENT,
        {"ticket": {"comment": {"html_body": "Refund of <b>129.90</b> approved.", "public": False}, **MARK}},
    ),
    (
        "add_comment__200",
        "add_comment",
        {"ticket_id": 35436, "body": "Done", "status": "solved", "author": 5},
        {"ticket": {"comment": {"html_body": "Done", "public": True, "author_id": 5}, "status": "solved", **MARK}},
    ),
    (
        "assign_ticket__200",
        "assign_ticket",
        {"ticket_id": 35436, "assignee": "mina.park@acme.example"},
        {"ticket": {"assignee_email": "mina.park@acme.example"}},
    ),
    (
        "assign_ticket__200__group",
        "assign_ticket",
        {"ticket_id": 35436, "group": "billing", "assignee_id": "8447388090494"},
        {"ticket": {"assignee_id": 8447388090494, "group_id": 8447320466430}},
    ),
    ("change_status__200", "change_status", {"ticket_id": 35436, "status": "Solved"}, {"ticket": {"status": "solved"}}),
    ("change_status__200", "change_status", {"ticket_id": 35436, "status": "On-hold"}, {"ticket": {"status": "hold"}}),
    (
        "change_status__200",
        "change_status",
        {"ticket_id": 35436, "status": 8447320465999},
        {"ticket": {"custom_status_id": 8447320465999}},
    ),
    (
        "change_status__200__own",
        "change_status",
        {"ticket_id": 35436, "status": "waiting for bank"},
        {"ticket": {"custom_status_id": 8447320465999}},
    ),
    ("set_priority__200", "set_priority", {"ticket_id": 35436, "priority": "LOW"}, {"ticket": {"priority": "low"}}),
    ("add_tags__200", "add_tags", {"ticket_id": 35436, "tags": ["vip"]}, {"tags": ["vip"]}),
    (
        "apply_macro__200",
        "apply_macro",
        {"ticket_id": 35436, "macro": "Refund approved"},
        {
            "ticket": {
                "assignee_id": 8447388090494,
                "status": "solved",
                "tags": ["billing", "refunded"],
                "custom_fields": [{"id": 27648, "value": "yes"}],
                "comment": {"html_body": "<p>Your refund is on its way, Grace.</p>", "public": True},
                "macro_id": 25,
                "safe_update": True,
                "updated_stamp": "2026-11-20T11:01:00Z",
                **MARK,
            }
        },
    ),
    ("create_user__201", "create_user", USER, {"user": {**USER, "skip_verify_email": True}}),
    (
        "create_user__201",
        "create_user",
        {"name": "Grace Okafor", "organization_id": 5},
        {"user": {"name": "Grace Okafor", "organization_id": 5, "skip_verify_email": True, "external_id": TAG}},
    ),
    (
        "create_user__201__update",
        "create_user",
        {**USER, "update_existing": True},
        {"user": {**USER, "skip_verify_email": True}},
    ),
    (
        "update_user__200",
        "update_user",
        {"user_id": 8447388090495, "role": "Agent", "suspended": False},
        {"user": {"role": "agent", "suspended": False}},
    ),
    (
        "create_organization__201",
        "create_organization",
        {"name": "Northwind Traders", "domain_names": ["northwind.example"]},
        {"organization": {"name": "Northwind Traders", "domain_names": ["northwind.example"]}},
    ),
    (
        "update_organization__200",
        "update_organization",
        {"organization_id": 8447346622462, "group": 8447320466430},
        {"organization": {"group_id": 8447320466430}},
    ),
]
FAILURES: list[tuple[str, dict[str, Any]]] = [
    ("create_ticket", CREATE),
    ("update_ticket", {"ticket_id": 35436, "priority": "high"}),
    ("add_comment", COMMENT),
    ("assign_ticket", {"ticket_id": 35436, "assignee": 5}),
    ("change_status", {"ticket_id": 35436, "status": "solved"}),
    ("set_priority", {"ticket_id": 35436, "priority": "low"}),
    ("add_tags", {"ticket_id": 35436, "tags": ["vip"]}),
    ("apply_macro", MACRO),
    ("create_user", USER),
    ("update_user", {"user_id": 8447388090495, "role": "admin"}),
    ("create_organization", {"name": "Northwind Traders"}),
    ("update_organization", {"organization_id": 8447346622462, "notes": "x"}),
    ("search", SEARCH),
    ("bulk_update", BULK),
]
CLASSES: dict[str, type[IntegrationError]] = {
    "400": InvalidInput,
    "401": CredentialsRejected,
    "403": Forbidden,
    "404": NotFound,
    "409": Unavailable,
    "422": InvalidInput,
    "429": RateLimited,
    "503": Unavailable,
    "cut_off": Uncertain,
}


def execute(
    platform: FakePlatform, action: str, parameters: dict[str, Any], config: dict[str, Any] | None = None
) -> Result:
    connector = platform.connect(Zendesk, API_TOKEN, config, call=CALL)
    result: Result = connector.execute(Action(action, parameters))
    return result


def find_earlier(platform: FakePlatform, action: str, parameters: dict[str, Any]) -> Result | None:
    connector = platform.connect(Zendesk, API_TOKEN, call=CALL)
    spec = Zendesk.action_spec(action)
    result: Result | None = getattr(connector, spec.find_earlier)(spec.model.model_validate(parameters))
    return result


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for jobs, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(client, "pause", seconds.append)
    return seconds


@pytest.mark.parametrize(("answers", "action", "parameters", "body"), SUCCESSES)
def test_the_request_that_an_action_makes(
    answers: str, action: str, parameters: dict[str, Any], body: dict[str, Any]
) -> None:
    with FakePlatform.of("zendesk", answers) as platform:
        result = execute(platform, action, parameters)
    assert result.success
    assert platform.sent() == body
    assert result.data["id"]
    # HTTP Basic: address/token as user, the token as password.
    assert platform.requests[0].headers["authorization"] == ("Basic cm9ib3RAYWNtZS5leGFtcGxlL3Rva2VuOnpkLXRva2VuLTc3")
    assert platform.requests[0].url.host == "acme.zendesk.com"


def test_a_new_ticket_carries_the_steps_key() -> None:
    with FakePlatform.of("zendesk", "create_ticket__201") as platform:
        result = execute(platform, "create_ticket", CREATE)
    assert platform.requests[0].headers["idempotency-key"] == KEY
    assert result.data["url"] == "https://acme.zendesk.com/agent/tickets/35436"


def test_a_ticket_without_description_says_its_subject() -> None:
    with FakePlatform.of("zendesk", "create_ticket__201") as platform:
        execute(platform, "create_ticket", {"subject": "Charged <b>twice"})
    assert platform.sent()["ticket"]["comment"]["html_body"] == "Charged &lt;b&gt;twice"


@pytest.mark.parametrize(("action", "field"), [("create_ticket", "description"), ("add_comment", "body")])
def test_values_of_events_are_escaped_in_html(action: str, field: str) -> None:
    assert Encode("html") in Zendesk.action_spec(action).model.model_fields[field].metadata


def test_a_comment_is_answered_with_its_id() -> None:
    with FakePlatform.of("zendesk", "add_comment__200") as platform:
        result = execute(platform, "add_comment", COMMENT)
    assert result.data == {"id": 8447486342014, "ticket_id": 35436, "public": False}


def test_comments_are_internal_where_the_configuration_says_so() -> None:
    with FakePlatform.of("zendesk", "add_comment__200") as platform:
        execute(platform, "add_comment", {"ticket_id": 35436, "body": "x"}, {"comments_are_public": False})
    assert platform.sent()["ticket"]["comment"]["public"] is False
    with FakePlatform.of("zendesk", "add_comment__200") as platform:
        execute(
            platform, "add_comment", {"ticket_id": 35436, "body": "x", "public": True}, {"comments_are_public": False}
        )
    assert platform.sent()["ticket"]["comment"]["public"] is True


def test_a_search_answers_with_what_was_found() -> None:
    with FakePlatform.of("zendesk", "search__200") as platform:
        result = execute(platform, "search", SEARCH)
    assert result.data["count"] == 1
    assert result.data["results"][0]["id"] == 35436


# --- refusals ------------------------------------------------------------------------------------------------
def test_there_are_recorded_answers_for_each_action() -> None:
    for spec in Zendesk.actions:
        statuses = {name.split("__")[1] for name in recorded.answer_names("zendesk", f"{spec.name}__")}
        assert statuses & {"200", "201"}, spec.name
        assert len(statuses - {"200", "201"}) >= 2, spec.name
        assert spec.name in {action for action, _ in FAILURES}


@pytest.mark.parametrize(("action", "parameters"), FAILURES)
def test_refusals_are_sorted_into_classes(action: str, parameters: dict[str, Any]) -> None:
    tried = 0
    for name in recorded.answer_names("zendesk", f"{action}__"):
        status = name.split("__")[1]
        if status not in CLASSES:
            continue
        tried += 1
        with FakePlatform.of("zendesk", name) as platform, pytest.raises(IntegrationError) as raised:
            execute(platform, action, parameters)
        assert type(raised.value) is CLASSES[status], name
        assert API_TOKEN["api_token"] not in f"{raised.value} {raised.value.detail}"
    assert tried >= 2


def test_refusals_name_the_fields() -> None:
    with FakePlatform.of("zendesk", "create_ticket__422") as platform, pytest.raises(InvalidInput) as raised:
        execute(platform, "create_ticket", CREATE)
    assert "grace is not properly formatted" in raised.value.message


def test_errors_in_objects_are_read() -> None:
    with FakePlatform.of("zendesk", "create_ticket__403") as platform, pytest.raises(Forbidden) as raised:
        execute(platform, "create_ticket", CREATE)
    assert "You do not have access to this page" in raised.value.message


def test_a_closed_ticket_asks_for_a_follow_up() -> None:
    with FakePlatform.of("zendesk", "update_ticket__422") as platform, pytest.raises(InvalidInput) as raised:
        execute(platform, "update_ticket", {"ticket_id": 35436, "priority": "high"})
    assert "follow-up" in raised.value.message


def test_the_wait_that_zendesk_asks_for_is_kept() -> None:
    with FakePlatform.of("zendesk", "create_ticket__429") as platform, pytest.raises(RateLimited) as limited:
        execute(platform, "create_ticket", CREATE)
    assert limited.value.retry_after == 41
    with FakePlatform.of("zendesk", "create_ticket__503") as platform, pytest.raises(Unavailable) as down:
        execute(platform, "create_ticket", CREATE)
    assert down.value.retry_after == 30


# --- macros, names, many tickets -----------------------------------------------------------------------------
def test_a_macro_that_changes_nothing_sends_nothing() -> None:
    with FakePlatform.of("zendesk", "apply_macro__200__nothing") as platform:
        result = execute(platform, "apply_macro", MACRO)
    assert result.message == "The macro changes nothing on ticket 35436."
    assert [request.method for request in platform.requests] == ["GET", "GET"]


def test_a_macro_must_have_that_very_title() -> None:
    with (
        FakePlatform.of("zendesk", "apply_macro__200__unknown") as platform,
        pytest.raises(InvalidInput, match="no macro 'Refund'"),
    ):
        execute(platform, "apply_macro", {"ticket_id": 35436, "macro": "Refund"})


def test_an_unknown_status_is_refused_with_those_there_are() -> None:
    with FakePlatform.of("zendesk", "change_status__200__unknown") as platform, pytest.raises(InvalidInput) as raised:
        execute(platform, "change_status", {"ticket_id": 35436, "status": "parked"})
    assert "solved, closed, Open, Waiting for bank" in raised.value.message


def test_a_bulk_update_waits_for_its_job(waits: list[float]) -> None:
    with FakePlatform.of("zendesk", "bulk_update__200") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert platform.sent(0) == {"ticket": {"status": "solved", "additional_tags": ["done"], "remove_tags": ["vip"]}}
    assert result.data["updated"] == [35436, 35437]
    assert len(waits) == 2


def test_a_bulk_update_lists_what_failed() -> None:
    with FakePlatform.of("zendesk", "bulk_update__200__partly") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert not result.success
    assert result.data["updated"] == [35436]
    assert result.data["failed"] == [{"id": 35437, "reason": "Status: closed prevents ticket update"}]
    with FakePlatform.of("zendesk", "bulk_update__200__failed") as platform:
        result = execute(platform, "bulk_update", BULK)
    assert [item["reason"] for item in result.data["failed"]] == ["Job was killed", "Job was killed"]


def test_a_bulk_update_gives_up_with_its_time() -> None:
    with FakePlatform.of("zendesk", "bulk_update__200__slow") as platform:
        connector = platform.connect(Zendesk, API_TOKEN, call=Call(idempotency_key=KEY, deadline=4.3))
        with pytest.raises(Unavailable, match="still at work") as raised:
            connector.execute(Action("bulk_update", BULK))
    assert raised.value.may_have_reached


# --- earlier work --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "action", "parameters", "found"),
    [
        ("find_created_ticket__200", "create_ticket", CREATE, 35436),
        ("find_created_ticket__200__none", "create_ticket", CREATE, None),
        ("find_created_ticket__200__own_id", "create_ticket", {**CREATE, "external_id": "order-58211"}, 35436),
        ("find_comment__200", "add_comment", COMMENT, 8447486342014),
        ("find_comment__200__none", "add_comment", COMMENT, None),
        ("find_applied_macro__200", "apply_macro", MACRO, 35436),
        ("find_created_user__200", "create_user", USER, 8447388090495),
        ("find_created_user__200__older", "create_user", USER, None),
        ("find_created_user__200__by_mark", "create_user", {"name": "Grace Okafor"}, 8447388090495),
        ("find_created_organization__200", "create_organization", {"name": "Northwind Traders"}, 8447346622462),
    ],
)
def test_earlier_work_is_found(answers: str, action: str, parameters: dict[str, Any], found: int | None) -> None:
    with FakePlatform.of("zendesk", answers) as platform:
        result = find_earlier(platform, action, parameters)
    assert (result and result.data["id"]) == found


def test_every_action_may_be_repeated() -> None:
    for spec in Zendesk.actions:
        assert spec.may_repeat, spec.name


# --- signing in ----------------------------------------------------------------------------------------------
def test_the_connection_test_says_who_we_are() -> None:
    with FakePlatform.of("zendesk", "test_connection__200") as platform:
        result = platform.connect(Zendesk, API_TOKEN).test_connection()
    assert result.message == "Signed in at acme.zendesk.com as robot@acme.example."
    assert result.data["account"] == Account(id="22129848", actor_id="8447388099999")


def test_an_account_that_does_not_tell_its_number_works_too() -> None:
    with FakePlatform.of("zendesk", "test_connection__200__no_account") as platform:
        result = platform.connect(Zendesk, API_TOKEN).test_connection()
    assert result.data["account"] == Account(id="", actor_id="8447388099999")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ("test_connection__200__anonymous", CredentialsRejected),
        ("test_connection__200__customer", Forbidden),
        ("test_connection__401", CredentialsRejected),
        ("test_connection__403", Forbidden),
    ],
)
def test_a_connection_that_does_not_work(answers: str, error: type[IntegrationError]) -> None:
    with FakePlatform.of("zendesk", answers) as platform, pytest.raises(error):
        platform.connect(Zendesk, API_TOKEN).test_connection()


def test_an_access_token_is_used_as_it_is() -> None:
    with FakePlatform.of("zendesk", "set_priority__200") as platform:
        connector = platform.connect(Zendesk, {"subdomain": "acme", "access_token": "zd-access-zero"}, call=CALL)
        connector.execute(Action("set_priority", {"ticket_id": 35436, "priority": "low"}))
    assert platform.requests[0].headers["authorization"] == "Bearer zd-access-zero"


SET = Action("set_priority", {"ticket_id": 35436, "priority": "low"})


def test_an_oauth_client_gets_a_token_once() -> None:
    call = replace(CALL, tokens=KeptTokens())
    with FakePlatform.of("zendesk", "sign_in__200", "set_priority__200", "set_priority__200") as platform:
        for _ in range(2):
            platform.connect(Zendesk, CLIENT, call=call).execute(SET)
    assert [request.headers.get("authorization") for request in platform.requests] == [
        None,
        "Bearer zd-access-one",
        "Bearer zd-access-one",
    ]
    assert platform.sent(0) == {
        "grant_type": "client_credentials",
        "client_id": "supportops",
        "client_secret": "zd-secret-88",
        "scope": "read write",
    }


def test_a_kept_token_that_was_revoked_is_got_anew() -> None:
    call = replace(CALL, tokens=KeptTokens(Token("zd-access-one")))
    with FakePlatform.of("zendesk", "add_comment__401", "sign_in__200__again", "add_comment__200") as platform:
        platform.connect(Zendesk, CLIENT, call=call).execute(Action("add_comment", COMMENT))
    assert platform.requests[-1].headers["authorization"] == "Bearer zd-access-two"


def test_a_fresh_token_that_is_refused_is_not_got_again() -> None:
    call = replace(CALL, tokens=KeptTokens())
    with FakePlatform.of("zendesk", "sign_in__200", "add_comment__401") as platform, pytest.raises(CredentialsRejected):
        platform.connect(Zendesk, CLIENT, call=call).execute(Action("add_comment", COMMENT))


def test_a_granted_token_is_refreshed_when_it_is_refused() -> None:
    granted = {**CLIENT, "access_token": "zd-granted", "refresh_token": "zd-refresh-1"}
    keeper = KeptTokens()
    answers = ("set_priority__200", "add_comment__401", "sign_in__200__refreshed", "add_comment__200")
    with FakePlatform.of("zendesk", *answers) as platform:
        for action in (SET, Action("add_comment", COMMENT)):
            platform.connect(Zendesk, granted, call=replace(CALL, tokens=keeper)).execute(action)
    assert [request.headers.get("authorization") for request in platform.requests] == [
        "Bearer zd-granted",
        "Bearer zd-granted",
        None,
        "Bearer zd-access-three",
    ]
    assert platform.sent(2) == {
        "grant_type": "refresh_token",
        "refresh_token": "zd-refresh-1",
        "client_id": "supportops",
        "client_secret": "zd-secret-88",
    }
    assert keeper.token is not None and keeper.token.refresh_token == "zd-refresh-2"


@pytest.mark.parametrize("answers", ["sign_in__400", "sign_in__401"])
def test_an_oauth_client_that_is_refused(answers: str) -> None:
    with FakePlatform.of("zendesk", answers) as platform, pytest.raises(CredentialsRejected) as raised:
        platform.connect(Zendesk, CLIENT, call=CALL).execute(Action("add_comment", COMMENT))
    assert "zd-secret-88" not in raised.value.message


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({"subdomain": "acme"}, "give one of"),
        ({**API_TOKEN, "access_token": "x"}, "give one of"),
        ({"subdomain": "acme", "client_id": "x"}, "client_id needs client_secret"),
        ({"subdomain": "acme", "api_token": "x"}, "api_token needs email"),
        ({"subdomain": "acme", "refresh_token": "x"}, "refresh_token needs access_token"),
        ({**API_TOKEN, "subdomain": "https://acme.zendesk.com"}, "subdomain"),
        ({**API_TOKEN, "subdomain": "help.acme.example"}, "subdomain"),
        ({**API_TOKEN, "subdomain": "acme.zendesk.com.evil.example"}, "subdomain"),
    ],
)
def test_credentials_that_cannot_be(credentials: dict[str, str], message: str) -> None:
    with FakePlatform([]) as platform, pytest.raises(InvalidInput, match=message):
        platform.connect(Zendesk, credentials)


def test_a_subdomain_may_be_given_as_address() -> None:
    with FakePlatform.of("zendesk", "test_connection__200") as platform:
        platform.connect(Zendesk, {**API_TOKEN, "subdomain": "ACME.zendesk.com"}).test_connection()
    assert str(platform.requests[0].url) == "https://acme.zendesk.com/api/v2/users/me"


@pytest.mark.parametrize(("kind", "name"), [("groups", "Billing"), ("macros", "Refund approved")])
def test_forms_can_offer_choices(kind: str, name: str) -> None:
    with FakePlatform.of("zendesk", f"choices_{kind}__200") as platform:
        (choice,) = platform.connect(Zendesk, API_TOKEN).choices(kind)
    assert choice["name"] == name


# --- parameters ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("create_ticket", {"priority": "low"}, "a subject or a description"),
        ("create_ticket", {**CREATE, "requester_id": 5}, "not both"),
        ("create_ticket", {**CREATE, "priority": "top"}, "priority"),
        ("create_ticket", {**CREATE, "colour": "red"}, "colour"),
        ("create_ticket", {**CREATE, "tags": ["two words"]}, "tags"),
        ("update_ticket", {"ticket_id": 1}, "nothing to change"),
        ("update_ticket", {"ticket_id": "1/tags", "priority": "low"}, "not an id"),
        ("assign_ticket", {"ticket_id": 1}, "give an assignee or a group"),
        ("add_tags", {"ticket_id": 1, "tags": []}, "tags"),
        ("update_user", {"user_id": 1}, "nothing to change"),
        ("search", {"query": "x", "limit": 1000}, "limit"),
        ("bulk_update", {"ticket_ids": [1]}, "nothing to change"),
        ("bulk_update", {"ticket_ids": list(range(1, 102)), "priority": "low"}, "ticket_ids"),
    ],
)
def test_parameters_that_cannot_be_are_refused_before_a_call(
    action: str, parameters: dict[str, Any], message: str
) -> None:
    with FakePlatform([]) as platform, pytest.raises(InvalidInput, match=message):
        execute(platform, action, parameters)


def test_parameters_have_a_schema_for_forms() -> None:
    for spec in Zendesk.actions:
        schema = spec.model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field.get("title") for field in schema["properties"].values()), spec.name


# --- attachments ----------------------------------------------------------------------------------------------
FILES = {"notes.txt": File("notes.txt", b"hello", "text/plain")}
TOKEN = "6bk3gql82em5nmf"


def test_files_are_uploaded_and_named_by_the_comment() -> None:
    """https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/"""
    given = {**COMMENT, "attachments": ["notes.txt", {"content": "more", "filename": "more.txt"}]}
    with FakePlatform.of("zendesk", "add_comment__200__with_files") as zendesk:
        connector = zendesk.connect(Zendesk, API_TOKEN, call=replace(CALL, files=FILES))
        assert connector.execute(Action("add_comment", given)).success
    assert [request.content for request in zendesk.requests[:2]] == [b"hello", b"more"]
    assert zendesk.requests[0].headers["content-type"] == "text/plain"
    assert zendesk.sent()["ticket"]["comment"]["uploads"] == [TOKEN]


def test_a_ticket_takes_files_with_its_description() -> None:
    with FakePlatform.of("zendesk", "create_ticket__201__with_file") as zendesk:
        connector = zendesk.connect(Zendesk, API_TOKEN, call=replace(CALL, files=FILES))
        connector.execute(Action("create_ticket", {**CREATE, "attachments": "notes.txt"}))
    assert zendesk.sent()["ticket"]["comment"]["uploads"] == [TOKEN]


def test_an_upload_that_was_cut_off_harms_nothing() -> None:
    with FakePlatform.of("zendesk", "add_comment__upload_cut_off") as zendesk:
        connector = zendesk.connect(Zendesk, API_TOKEN, call=replace(CALL, files=FILES))
        with pytest.raises(Unreachable):
            connector.execute(Action("add_comment", {**COMMENT, "attachments": ["notes.txt"]}))
        assert connector.http.has_written is False


# --- webhooks -------------------------------------------------------------------------------------------------
HERE = "https://supportops.example/api/webhooks/zendesk/key"
TARGET = WebhookTarget(HERE, events=tuple(spec.name for spec in Zendesk.events))
SIGNING = "c2lnbmluZy1zZWNyZXQtb2YtdGhlLXdlYmhvb2s="


def test_a_webhook_is_made_with_every_subscription_and_its_secret_taken() -> None:
    """https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/"""
    with FakePlatform.of("zendesk", "register_webhook__201") as platform:
        made = platform.connect(Zendesk, API_TOKEN).register_webhook(TARGET, None)
    assert made == Registration(("01H-ours",), SIGNING)
    webhook = platform.sent(1)["webhook"]
    assert (webhook["endpoint"], webhook["status"], webhook["request_format"]) == (HERE, "active", "json")
    subscriptions = webhook["subscriptions"]
    assert {
        "zen:event-type:ticket.created",
        "zen:event-type:ticket.status_changed",
        "zen:event-type:ticket.comment_added",
        "zen:event-type:user.created",
        "zen:event-type:organization.name_changed",
    } <= set(subscriptions)
    # Names that Zendesk does not have would refuse the whole webhook.
    assert not {name for name in subscriptions if name.endswith((".updated", ".solved", "comment.created"))}


def test_a_webhook_that_stands_there_is_changed_and_doubles_go() -> None:
    with FakePlatform.of("zendesk", "register_webhook__204__again") as platform:
        made = platform.connect(Zendesk, API_TOKEN).register_webhook(TARGET, Registration(("01H-ours",)))
    assert made == Registration(("01H-ours",), SIGNING)
    assert platform.sent(1)["webhook"]["subscriptions"]


def test_a_webhook_that_is_gone_is_fine() -> None:
    with FakePlatform.of("zendesk", "unregister_webhook__404") as platform:
        platform.connect(Zendesk, API_TOKEN).unregister_webhook(Registration(("01H-ours",)))


def test_what_is_subscribed_to_comes_back_as_the_events_that_were_wanted() -> None:
    for event in ("ticket.updated", "ticket.solved", "comment.created", "user.updated", "organization.updated"):
        for subscription in events.subscriptions_for([event]):
            subject = subscription.rpartition(":")[2].partition(".")[0]
            detail = {"id": "1", "status": "SOLVED"}
            told = {"current": "SOLVED", "previous": "OPEN", "comment": {"id": "2", "body": "x", "author": {"id": "3"}}}
            found = events.events_in({"type": subscription, "detail": detail, "event": told, "id": "e"})
            assert event in [one.type for one in found], (event, subscription, subject)


# --- what changed ---------------------------------------------------------------------------------------------
def test_changes_are_listed_by_the_incremental_export() -> None:
    """https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/"""
    since, until = datetime(2025, 11, 21, 8, tzinfo=UTC), datetime(2025, 11, 21, 9, tzinfo=UTC)
    with FakePlatform.of("zendesk", "list_changes__200") as platform:
        found = platform.connect(Zendesk, API_TOKEN).list_changes(since, until)
    assert [(event.type, event.external_id) for event in found] == [("ticket.updated", "1"), ("ticket.created", "2")]
    assert found[0].updated_at == datetime(2025, 11, 21, 8, 5, tzinfo=UTC)
    assert found[0].payload["ticket"]["status"] == "open" and found[0].payload["requester"]["id"] == 5
