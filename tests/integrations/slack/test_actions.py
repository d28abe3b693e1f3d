"""What Slack is asked for, and what its answers mean."""

import json
from typing import Any

import httpx
import pytest

from integrations.connectors.slack.approvals import email_of
from integrations.connectors.slack.connector import Slack
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import Account, Action, Call, ChatQuestion, File, Limit, Result
from tests.integrations.recorded import FakePlatform, handle
from tests.integrations.recorded import request as recorded_request

BOT = {"bot_token": "xoxb-123-456-abcdefghijkl"}
USER = {"user_token": "xoxp-123-456-mnopqrstuvwx"}
HOOK = {"webhook_url": "https://hooks.slack.com/services/T024BE7LD/B024BE7LH/" + "x" * 24}


def perform(
    answers: str,
    action: str,
    parameters: dict[str, Any],
    credentials: dict[str, Any] = BOT,
    config: dict[str, Any] | None = None,
) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("slack", answers) as slack:
        result = slack.connect(Slack, credentials, config).execute(Action(action, parameters))
    return result, slack.requests


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


# --- messages -------------------------------------------------------------------------------------------------
def test_a_message_goes_to_the_channel_as_written() -> None:
    result, [call] = perform(
        "send_message__200", "send_message", {"channel": "#urgent-tickets", "message": "Urgent ticket: Payment fails"}
    )
    assert result.as_dict() == {
        "success": True,
        "message": "Sent to #urgent-tickets.",
        "data": {"channel": "C024BE91L", "ts": "1763719400.000500"},
    }
    assert body_of(call) == {"channel": "#urgent-tickets", "text": "Urgent ticket: Payment fails"}
    assert call.headers["authorization"] == "Bearer xoxb-123-456-abcdefghijkl"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.url.host == "slack.com"


def test_text_is_another_name_of_message() -> None:
    _, [call] = perform("send_message__200", "send_message", {"channel": "C024BE91L", "text": "Hi"})
    assert body_of(call)["text"] == "Hi"


def test_everything_that_a_message_can_have() -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Hi*"}}]
    _, [call] = perform(
        "send_message__200",
        "send_message",
        {
            "channel": "C024BE91L",
            "message": "Hi",
            "blocks": blocks,
            "thread_ts": "1763719200.000200",
            "reply_broadcast": True,
            "unfurl_links": False,
            "username": "Ops",
            "icon_emoji": ":robot_face:",
        },
    )
    assert body_of(call) == {
        "channel": "C024BE91L",
        "text": "Hi",
        "blocks": blocks,
        "thread_ts": "1763719200.000200",
        "reply_broadcast": True,
        "unfurl_links": False,
        "username": "Ops",
        "icon_emoji": ":robot_face:",
    }


def test_a_person_by_mail_address_is_looked_up() -> None:
    result, calls = perform("send_message__200__to_a_person", "send_message", {"user": "bo@example.com", "text": "Hi"})
    assert body_of(calls[1]) == {"channel": "U2147483697", "text": "Hi"}
    assert result.data["channel"] == "D024BFF1M"


def test_a_person_by_id_needs_no_look_up() -> None:
    _, [call] = perform("send_message__200", "send_message", {"user": "U2147483697", "text": "Hi"})
    assert body_of(call)["channel"] == "U2147483697"


def test_nobody_of_that_address_is_not_found() -> None:
    with pytest.raises(NotFound, match="Nobody in the workspace"):
        perform("send_message__200__nobody", "send_message", {"user": "bo@example.com", "text": "Hi"})


def test_the_default_channel_is_where_messages_without_target_go() -> None:
    _, [call] = perform("send_message__200", "send_message", {"text": "Hi"}, config={"default_channel": "#ops"})
    assert body_of(call)["channel"] == "#ops"


def test_without_any_target_nothing_is_sent() -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="default channel"):
        slack.connect(Slack, BOT).execute(Action("send_message", {"text": "Hi"}))


def test_an_incoming_webhook_posts_to_its_own_address_only() -> None:
    result, [call] = perform("send_message__200__webhook", "send_message", {"channel": "#x", "text": "Hi"}, HOOK)
    assert (call.url.host, body_of(call)) == ("hooks.slack.com", {"text": "Hi"})
    assert "authorization" not in call.headers
    assert result.success and "decide" not in result.message and result.data["ts"] is None


def test_with_both_a_named_channel_is_the_bots_and_the_rest_the_webhooks() -> None:
    _, [call] = perform("send_message__200", "send_message", {"channel": "#x", "text": "Hi"}, {**BOT, **HOOK})
    assert call.url.host == "slack.com"
    _, [call] = perform("send_message__200__webhook", "send_message", {"text": "Hi"}, {**BOT, **HOOK})
    assert call.url.host == "hooks.slack.com" and "authorization" not in call.headers


def test_an_incoming_webhook_reaches_no_person() -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="bot token"):
        slack.connect(Slack, HOOK).execute(Action("send_message", {"user": "U2147483697", "text": "Hi"}))


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("send_message__200__channel_not_found", NotFound, "no such channel"),
        ("send_message__200__not_in_channel", Forbidden, "Invite the bot"),
        ("send_message__200__missing_scope", Forbidden, "Add the scope chat:write"),
        ("send_message__200__token_revoked", CredentialsRejected, "token_revoked"),
        ("send_message__200__internal_error", Unavailable, "internal_error"),
        ("send_message__200__fatal_error", Uncertain, "fatal_error"),
        ("send_message__200__invalid_blocks", InvalidInput, "must be a valid block type"),
        ("send_message__200__ratelimited", RateLimited, "ratelimited"),
        ("send_message__429", RateLimited, "429"),
        ("send_message__500", Unavailable, "500"),
        ("send_message__cut_off", Uncertain, "may have had its effect"),
        ("send_message__unreachable", Unreachable, "Nothing was sent"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, "send_message", {"channel": "#x", "text": "Hi"})
    assert type(caught.value) is error
    assert BOT["bot_token"] not in str(caught.value)


@pytest.mark.parametrize(("answers", "seconds"), [("send_message__200__ratelimited", 7), ("send_message__429", 30)])
def test_a_limit_says_how_long(answers: str, seconds: float) -> None:
    with pytest.raises(RateLimited) as caught:
        perform(answers, "send_message", {"channel": "#x", "text": "Hi"})
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ("send_message__404__webhook_gone", CredentialsRejected),
        ("send_message__410__webhook_archived", Permanent),
    ],
)
def test_a_dead_webhook_is_told_from_an_archived_channel(answers: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        perform(answers, "send_message", {"text": "Hi"}, HOOK)
    assert HOOK["webhook_url"] not in str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"channel": "#x"},
        {"channel": "#x", "message": "  "},
        {"channel": "#x", "user": "U2147483697", "text": "Hi"},
        {"user": "bo", "text": "Hi"},
        {"channel": "#x", "text": "Hi", "colour": "red"},
        {"channel": "#x", "text": "x" * 40_001},
        {"channel": "#x", "blocks": [{}] * 51},
        {"channel": "", "text": "Hi"},
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput):
        slack.connect(Slack, BOT).execute(Action("send_message", parameters))


def test_a_notification_has_title_bar_and_fields() -> None:
    _, [call] = perform(
        "send_notification__200",
        "send_notification",
        {
            "channel": "#ops",
            "title": "Environment ready",
            "message": "prod is up",
            "color": "good",
            "fields": {"Branch": "main", "Cost": 12},
            "footer": "deployment 7",
        },
    )
    assert body_of(call) == {
        "channel": "#ops",
        "text": "*Environment ready*",
        "attachments": [
            {
                "color": "good",
                "fallback": "Environment ready: prod is up",
                "mrkdwn_in": ["text", "fields"],
                "text": "prod is up",
                "fields": [
                    {"title": "Branch", "value": "main", "short": True},
                    {"title": "Cost", "value": "12", "short": True},
                ],
                "footer": "deployment 7",
            }
        ],
    }


def test_fields_may_come_in_slacks_own_form() -> None:
    _, [call] = perform(
        "send_notification__200",
        "send_notification",
        {"channel": "#ops", "title": "T", "color": "#439fe0", "fields": [{"title": "A", "value": "b" * 50}]},
    )
    assert body_of(call)["attachments"][0]["fields"] == [{"title": "A", "value": "b" * 50, "short": False}]


def test_a_notification_fails_like_a_message() -> None:
    with pytest.raises(InvalidInput, match="archived"):
        perform("send_notification__200__is_archived", "send_notification", {"channel": "#x", "title": "T"})
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="color"):
        slack.connect(Slack, BOT).execute(
            Action("send_notification", {"channel": "#x", "title": "T", "color": "greenish"})
        )


# --- channels -------------------------------------------------------------------------------------------------
def test_a_channel_is_created_with_its_topic() -> None:
    result, calls = perform("create_channel__200", "create_channel", {"name": "Incident 4711", "topic": "Payment"})
    assert body_of(calls[0]) == {"name": "incident-4711", "is_private": False}
    assert body_of(calls[1]) == {"channel": "C0NEWCH4N", "topic": "Payment"}
    assert result.data == {"channel": "C0NEWCH4N", "name": "incident-4711", "is_new": True}


def test_a_topic_that_fails_does_not_hide_the_new_channel() -> None:
    result, _ = perform("create_channel__200__topic_refused", "create_channel", {"name": "incident-4711", "topic": "P"})
    assert result.success and "channels:manage" in result.message


def test_a_taken_name_fails_or_is_used() -> None:
    with pytest.raises(Permanent, match="name_taken"):
        perform("create_channel__200__name_taken", "create_channel", {"name": "incident-4711"})
    result, _ = perform("create_channel__200__used", "create_channel", {"name": "incident-4711", "if_exists": "use"})
    assert result.data == {"channel": "C0NEWCH4N", "name": "incident-4711", "is_new": False}


@pytest.mark.parametrize(
    ("answers", "is_found"),
    [("create_channel__200__found_earlier", True), ("create_channel__200__of_somebody_else", False)],
)
def test_an_earlier_cut_off_call_is_found_by_name_and_creator(answers: str, is_found: bool) -> None:
    spec = Slack.action_spec("create_channel")
    with FakePlatform.of("slack", answers) as slack:
        found = slack.connect(Slack, BOT).find_created_channel(spec.model(name="incident-4711"))
    assert (found is not None) == is_found
    assert not is_found or found.data["channel"] == "C0NEWCH4N"


def test_a_channel_name_is_looked_up_through_all_pages() -> None:
    result, calls = perform("archive_channel__200", "archive_channel", {"channel": "#support"})
    assert body_of(calls[-1]) == {"channel": "C024BE91L"}
    assert result.data == {"channel": "C024BE91L"}


def test_archiving_what_is_archived_is_done() -> None:
    result, _ = perform("archive_channel__200__already", "archive_channel", {"channel": "C024BE91L"})
    assert result.success


def test_archiving_fails_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match="general channel"):
        perform("archive_channel__200__general", "archive_channel", {"channel": "C024BE91L"})
    with pytest.raises(NotFound, match="'#gone'"):
        perform("archive_channel__200__unknown", "archive_channel", {"channel": "#gone"})


def test_a_topic_is_set() -> None:
    _, calls = perform("set_topic__200", "set_topic", {"channel": "support", "topic": "On call: Ada"})
    assert body_of(calls[-1]) == {"channel": "C024BE91L", "topic": "On call: Ada"}
    with pytest.raises(Forbidden, match="restricted_action"):
        perform("set_topic__200__restricted", "set_topic", {"channel": "C024BE91L", "topic": "x"})


def test_people_are_invited_by_address() -> None:
    result, calls = perform("invite_user__200", "invite_user", {"channel": "C024BE91L", "user": "bo@example.com"})
    assert body_of(calls[-1]) == {"channel": "C024BE91L", "users": "U2147483697"}
    assert result.data["users"] == ["U2147483697"]


def test_who_is_in_the_channel_already_stays() -> None:
    result, _ = perform("invite_user__200__already", "invite_user", {"channel": "C024BE91L", "users": "U2147483697"})
    assert result.success


def test_of_several_those_who_were_refused_are_named() -> None:
    with pytest.raises(Permanent, match=r"U3333333333 \(user_is_restricted\)") as caught:
        perform("invite_user__200__some", "invite_user", {"channel": "C024BE91L", "users": "U2147483697, U3333333333"})
    assert caught.value.data == {"refused": [{"user": "U3333333333", "error": "user_is_restricted"}]}


def test_the_bot_cannot_invite_itself() -> None:
    with pytest.raises(Forbidden, match="cant_invite_self"):
        perform("invite_user__200__cant_invite_self", "invite_user", {"channel": "C024BE91L", "users": ["U0LAN0Z89"]})


# --- files ----------------------------------------------------------------------------------------------------
def test_a_file_goes_the_three_steps() -> None:
    result, calls = perform(
        "upload_file__200",
        "upload_file",
        {"content": "größer", "title": "report", "channels": "C024BE91L", "comment": "Here", "thread": "1.2"},
    )
    assert calls[0].content == b"filename=report.txt&length=8"
    assert calls[1].url.host == "files.slack.com" and calls[1].content == "größer".encode()
    assert "authorization" not in calls[1].headers, "the upload address is its own permission"
    assert body_of(calls[2]) == {
        "files": [{"id": "F044GKUHN9Z", "title": "report"}],
        "channel_id": "C024BE91L",
        "initial_comment": "Here",
        "thread_ts": "1.2",
    }
    assert result.data["file_id"] == "F044GKUHN9Z" and result.data["size"] == 8


def test_a_file_may_be_fetched_without_our_credentials() -> None:
    _, calls = perform(
        "upload_file__200__fetched",
        "upload_file",
        {"url": "https://files.example.com/report.csv", "channels": ["C024BE91L", "C111111111"]},
    )
    assert "authorization" not in calls[0].headers and calls[2].content == b"a,b\n1,2\n"
    assert calls[1].content == b"filename=report.csv&length=8"
    assert body_of(calls[3])["channels"] == "C024BE91L,C111111111"


def test_a_file_of_the_organization_is_sent_by_its_name() -> None:
    call = Call(files={"q3.csv": File("q3.csv", b"a,b\n1,2\n", "text/csv")})
    with FakePlatform.of("slack", "upload_file__200") as slack:
        connector = slack.connect(Slack, BOT, call=call)
        connector.execute(
            Action("upload_file", {"file_path": "q3.csv", "title": "Third quarter", "channels": "C024BE91L"})
        )
    assert slack.requests[0].content == b"filename=q3.csv&length=8" and slack.requests[1].content == b"a,b\n1,2\n"
    assert body_of(slack.requests[2])["files"] == [{"id": "F044GKUHN9Z", "title": "Third quarter"}]


def test_a_stranger_who_answers_like_slack_does_not_spoil_our_credentials() -> None:
    with pytest.raises(Forbidden):
        perform("upload_file__403__fetched", "upload_file", {"url": "https://files.example.com/report.csv"})


def test_before_the_file_is_shared_a_cut_off_harms_nothing() -> None:
    with FakePlatform.of("slack", "upload_file__200__bytes_cut_off") as slack:
        connector = slack.connect(Slack, BOT)
        with pytest.raises(Unreachable):
            connector.execute(Action("upload_file", {"content": "x", "channels": "C024BE91L"}))
        assert connector.http.has_written is False


def test_a_share_that_was_cut_off_is_uncertain() -> None:
    with pytest.raises(Uncertain):
        perform("upload_file__200__sharing_cut_off", "upload_file", {"content": "x", "channels": "C024BE91L"})


def test_a_file_is_not_uploaded_to_strangers() -> None:
    with pytest.raises(Forbidden, match="not one of this platform's"):
        perform("upload_file__200__elsewhere", "upload_file", {"content": "x", "channels": "C024BE91L"})


def test_a_file_needs_the_bot_in_the_channel() -> None:
    with pytest.raises(Forbidden, match="Invite the bot"):
        perform("upload_file__200__not_in_channel", "upload_file", {"content": "x", "channels": "C024BE91L"})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"content": "x", "url": "https://a.example/b"},
        {"content": ""},
        {"content": "x", "thread": "1.2"},
        {"url": "file:///etc/passwd"},
        {"file_path": "/etc/passwd"},
    ],
)
def test_a_file_that_cannot_be_is_refused(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput):
        slack.connect(Slack, BOT).execute(Action("upload_file", parameters))


# --- people ---------------------------------------------------------------------------------------------------
def test_a_status_is_set_by_the_users_token() -> None:
    _, [call] = perform(
        "set_status__200",
        "set_status",
        {"text": "On call", "emoji": "pager", "expires_at": "2025-11-21T16:00:00Z"},
        {**BOT, **USER},
    )
    assert call.headers["authorization"] == f"Bearer {USER['user_token']}"
    assert body_of(call) == {
        "profile": {"status_text": "On call", "status_emoji": ":pager:", "status_expiration": 1763740800}
    }


def test_a_bot_has_no_status() -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="user token"):
        slack.connect(Slack, BOT).execute(Action("set_status", {"text": "x"}))
    with pytest.raises(Forbidden, match="another kind of token"):
        perform("set_status__200__not_allowed_token_type", "set_status", {"text": "x"}, USER)


@pytest.mark.parametrize(("credentials", "token"), [(BOT, BOT["bot_token"]), ({**BOT, **USER}, USER["user_token"])])
def test_presence_is_the_persons_where_there_is_one(credentials: dict[str, Any], token: str) -> None:
    _, [call] = perform("set_presence__200", "set_presence", {"presence": "away"}, credentials)
    assert call.headers["authorization"] == f"Bearer {token}" and body_of(call) == {"presence": "away"}
    with pytest.raises(Forbidden, match="users:write"):
        perform("set_presence__200__missing_scope", "set_presence", {"presence": "auto"}, credentials)


# --- who we are -----------------------------------------------------------------------------------------------
def test_the_connection_test_says_who_we_are_and_what_is_missing() -> None:
    with FakePlatform.of("slack", "test_connection__200") as slack:
        result = slack.connect(Slack, BOT).test_connection()
    assert result.success and "supportops in Acme" in result.message
    assert result.data["account"] == Account(id="T024BE7LD", actor_id="U0LAN0Z89")
    assert "chat:write" not in result.data["missing_scopes"] and "files:write" in result.data["missing_scopes"]


def test_the_connection_test_is_an_action() -> None:
    result, _ = perform("test_connection__200", "test_connection", {})
    assert result.data["account"] == {"id": "T024BE7LD", "actor_id": "U0LAN0Z89"}
    json.dumps(result.data)


def test_a_dead_token_is_rejected() -> None:
    with pytest.raises(CredentialsRejected):
        perform("test_connection__200__invalid_auth", "test_connection", {})


def test_a_webhook_is_tested_without_posting() -> None:
    result, [call] = perform("test_connection__400__webhook", "test_connection", {}, HOOK)
    assert result.success and body_of(call) == {} and result.data["account"]["id"] == "T024BE7LD"
    with pytest.raises(CredentialsRejected, match="removed or disabled"):
        perform("test_connection__404__webhook_gone", "test_connection", {}, HOOK)


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"bot_token": ""},
        {"bot_token": "xoxb 1"},
        {"webhook_url": "https://evil.example/services/T1/B1/x"},
        {"webhook_url": "https://hooks.slack.com.evil.example/services/T1/B1/x"},
        {"webhook_url": "https://hooks.slack.com/services/../../admin"},
        {"webhook_url": "http://hooks.slack.com/services/T1/B1/x"},
        {"token": "xoxb-1"},
    ],
)
def test_credentials_that_are_none_are_refused(credentials: dict[str, Any]) -> None:
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="credentials"):
        slack.connect(Slack, credentials)


# --- what forms offer -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "offered"),
    [
        ("channels", [{"id": "C024BE91L", "name": "#support"}]),
        ("users", [{"id": "U2147483697", "name": "Ada Byron"}]),
    ],
)
def test_forms_can_offer_choices(kind: str, offered: list[dict[str, str]]) -> None:
    with FakePlatform.of("slack", f"choices_{kind}__200") as slack:
        assert slack.connect(Slack, BOT).choices(kind) == offered
    with FakePlatform([]) as slack, pytest.raises(InvalidInput, match="channels, users"):
        slack.connect(Slack, BOT).choices("moods")


# --- limits ---------------------------------------------------------------------------------------------------
def buckets(action: str, parameters: dict[str, Any]) -> dict[str, str]:
    data = Slack.action_spec(action).model.model_validate(parameters)
    found: dict[Limit, str | None] = {limit: limit.key(action, data) for limit in Slack.limits if limit.key}
    return {limit.name: bucket for limit, bucket in found.items() if bucket is not None}


def test_messages_are_limited_by_channel_and_nothing_else() -> None:
    first = buckets("send_message", {"channel": "#Urgent", "text": "x"})
    assert first == {"messages in a channel": "urgent"}
    assert buckets("send_notification", {"channel": "urgent", "title": "x"}) == first
    assert buckets("send_message", {"user": "bo@example.com", "text": "x"}) != first
    [limit] = [limit for limit in Slack.limits if limit.name == "messages in a channel"]
    # One a second, and a little room.
    assert (limit.calls, limit.burst) == (1, 1)
    assert 1 < limit.seconds <= 1.2


def test_other_methods_have_their_tier() -> None:
    assert buckets("set_topic", {"channel": "#x", "topic": "y"}) == {"20 a minute": "set_topic"}
    assert buckets("invite_user", {"channel": "#x", "user": "U2147483697"}) == {"50 a minute": "invite_user"}


# --- questions with buttons -----------------------------------------------------------------------------------
QUESTION = ChatQuestion(
    key="01a1ff34-590e-73ee-a584-53739244562a",
    place="#ops",
    title="Your decision is needed: Refund & <close>",
    text="Refund <!channel> 4711?",
    facts=[("Rule", "Refund"), ("Asked by", "x" * 3000)],
    url="https://support.example.com/admin/rules/run/1/change/",
    url_title="Open the run",
)


def test_a_question_has_two_buttons_and_pings_nobody() -> None:
    action = Slack.question_message(QUESTION)
    assert action is not None and action.name == "send_message"
    _, [call] = perform("send_message__200", action.name, dict(action.payload))
    body = body_of(call)
    assert body["channel"] == "#ops" and body["text"] == "Your decision is needed: Refund &amp; &lt;close&gt;"
    [buttons] = [block for block in body["blocks"] if block["type"] == "actions"]
    assert [(b["action_id"], b["style"], b["value"]) for b in buttons["elements"]] == [
        ("supportops_approve", "primary", QUESTION.key),
        ("supportops_reject", "danger", QUESTION.key),
    ]
    written = [block["text"] for block in body["blocks"] if block["type"] == "section" and "text" in block]
    assert {"type": "plain_text", "text": "Refund <!channel> 4711?"} in written
    [fields] = [block["fields"] for block in body["blocks"] if "fields" in block]
    assert all(field["type"] == "plain_text" and len(field["text"]) <= 2000 for field in fields)


def test_what_was_decided_takes_the_place_of_the_buttons() -> None:
    message = {"channel": "C024BE91L", "ts": "1763719400.000500"}
    action = Slack.closing_message(QUESTION, "Approved by ada@acme.example", message)
    assert action is not None
    result, [call] = perform("update_message__200", action.name, dict(action.payload))
    body = body_of(call)
    assert (body["channel"], body["ts"]) == ("C024BE91L", "1763719400.000500")
    assert "Approved by ada@acme.example" in str(body["blocks"]) and "button" not in str(body["blocks"])
    assert result.data == {"channel": "C024BE91L", "ts": "1763719400.000500"}
    assert Slack.closing_message(QUESTION, "Approved", {"channel": None, "ts": None}) is None


def test_a_message_of_somebody_else_cannot_be_changed() -> None:
    with pytest.raises(InvalidInput, match="cant_update_message"):
        perform(
            "update_message__200__cant_update_message",
            "update_message",
            {"channel": "C024BE91L", "ts": "1763719400.000500", "message": "x"},
        )


def test_a_word_for_one_person_alone() -> None:
    action = Slack.private_word({"channel": "C024BE91L", "user": "U2147483697"}, "Not <you>.")
    assert action is not None
    _, [call] = perform("send_ephemeral__200", action.name, dict(action.payload))
    assert body_of(call) == {"channel": "C024BE91L", "user": "U2147483697", "text": "Not &lt;you&gt;."}
    with pytest.raises(InvalidInput, match="user_not_in_channel"):
        perform("send_ephemeral__200__user_not_in_channel", action.name, dict(action.payload))


@pytest.mark.parametrize(
    ("answers", "email"),
    [
        ("enrich__200", "ada@acme.example"),
        # In a shared channel others press too: what address they have is for strangers to say.
        ("enrich__200__of_another_workspace", None),
        ("enrich__200__missing_scope", None),
    ],
)
def test_who_pressed_is_known_by_his_address_in_our_own_workspace(answers: str, email: str | None) -> None:
    [event] = handle(Slack, recorded_request("slack", "button_clicked__approval"))
    with FakePlatform.of("slack", answers) as slack:
        known = slack.connect(Slack, BOT, None).enrich(event)
    assert known.payload["user_email"] == email
    answer = Slack.chat_answer(known)
    assert answer is not None and answer.email == (email or "")


def test_a_busy_slack_is_asked_again_who_it_was() -> None:
    [event] = handle(Slack, recorded_request("slack", "button_clicked__approval"))
    with FakePlatform.of("slack", "enrich__429") as slack, pytest.raises(RateLimited):
        slack.connect(Slack, BOT, None).enrich(event)


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"team_id": "T1", "profile": None},
        {"team_id": "T1", "deleted": True, "profile": {"email": "a@x.example"}},
        {"team_id": "T1", "is_bot": True, "profile": {"email": "a@x.example"}},
        {"team_id": "T1", "is_email_confirmed": False, "profile": {"email": "a@x.example"}},
        {"team_id": "T2", "profile": {"email": "a@x.example"}},
        {"team_id": "T2", "enterprise_user": {"enterprise_id": "E2"}, "profile": {"email": "a@x.example"}},
    ],
)
def test_an_address_that_nobody_vouches_for_is_none(user: dict[str, Any]) -> None:
    assert email_of(user, {"team_id": "T1", "enterprise_id": "E1"}) == ""


def test_one_organization_has_many_workspaces() -> None:
    user = {"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}, "profile": {"email": "a@x.example"}}
    assert email_of(user, {"team_id": "T1", "enterprise_id": "E1"}) == "a@x.example"
    assert email_of({**user, "enterprise_user": None}, {"team_id": "T1", "enterprise_id": None}) == ""
