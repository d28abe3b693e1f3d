"""What Telegram is asked for, and what its answers mean."""

import json
import logging
from typing import Any

import httpx
import pytest
from django.test import override_settings

from integrations.connectors.telegram.connector import Telegram
from integrations.connectors.telegram.schemas import SendMessage
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.specs import Account, Action, Call, Encode, File, Registration, Result, WebhookTarget
from tests.integrations.recorded import FakePlatform

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
URL = "https://ops.example/api/webhooks/telegram/abc"
FILES = {"report.pdf": File("report.pdf", b"%PDF", "application/pdf")}


def perform(
    answers: str, action: str, parameters: dict[str, Any], config: dict[str, Any] | None = None
) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("telegram", answers) as telegram:
        instance = telegram.connect(Telegram, {"bot_token": TOKEN}, config, call=Call(files=FILES))
        result = instance.execute(Action(action, parameters))
    return result, telegram.requests


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_a_message_goes_to_a_chat() -> None:
    result, [call] = perform("send_message__200", "send_message", {"chat_id": 5000000002, "message": "Hi & <bye>"})
    assert (call.url.host, call.url.path) == ("api.telegram.org", f"/bot{TOKEN}/sendMessage")
    assert body_of(call) == {"chat_id": 5000000002, "text": "Hi & <bye>"}
    assert result.as_dict() == {
        "success": True,
        "message": "Sent to 5000000002.",
        "data": {"message_id": 42, "chat_id": 5000000002},
    }


def test_everything_that_a_message_can_have() -> None:
    _, [call] = perform(
        "send_message__200__group",
        "send_message",
        {
            "chat_id": "-1001234567890",
            "html": "<b>Urgent</b>",
            "message_thread_id": 5,
            "reply_to": 11,
            "is_silent": True,
            "protect_content": True,
            "show_preview": False,
        },
    )
    assert body_of(call) == {
        "chat_id": -1001234567890,
        "text": "<b>Urgent</b>",
        "parse_mode": "HTML",
        "message_thread_id": 5,
        "reply_parameters": {"message_id": 11},
        "disable_notification": True,
        "protect_content": True,
        "link_preview_options": {"is_disabled": True},
    }


def test_values_of_events_are_escaped_in_html_alone() -> None:
    assert Encode("html") in SendMessage.model_fields["html"].metadata
    assert not any(isinstance(mark, Encode) for mark in SendMessage.model_fields["text"].metadata)


def test_a_channel_may_be_named() -> None:
    result, [call] = perform("send_message__200__channel", "send_message", {"chat": "@acme_news", "text": "Hi"})
    assert body_of(call)["chat_id"] == "@acme_news" and result.message == "Sent to @acme_news."


def test_the_configuration_names_the_chat_and_the_sound() -> None:
    config = {"default_chat": "5000000002", "is_silent": True}
    _, [call] = perform("send_message__200", "send_message", {"text": "Hi"}, config)
    assert body_of(call) == {"chat_id": 5000000002, "text": "Hi", "disable_notification": True}
    _, [call] = perform("send_message__200", "send_message", {"text": "Hi", "is_silent": False}, config)
    assert "disable_notification" not in body_of(call)


def test_without_any_chat_nothing_is_sent() -> None:
    with FakePlatform([]) as telegram, pytest.raises(InvalidInput, match="default chat"):
        telegram.connect(Telegram, {"bot_token": TOKEN}).execute(Action("send_message", {"text": "Hi"}))


def test_a_group_that_moved_is_followed_once() -> None:
    result, calls = perform("send_message__200__migrated", "send_message", {"chat_id": -4567, "text": "Hi"})
    assert [body_of(call)["chat_id"] for call in calls] == [-4567, -1001234567890]
    assert "new id, -1001234567890" in result.message and result.data["chat_id"] == -1001234567890


def test_a_file_is_uploaded() -> None:
    parameters = {"chat_id": 5000000002, "file": "report.pdf", "caption": "July", "reply_to": 11}
    result, [call] = perform("send_document__200", "send_document", parameters)
    assert call.headers["content-type"].startswith("multipart/form-data")
    sent = call.content.decode()
    for part in (
        'name="document"; filename="report.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n',
        'name="caption"\r\n\r\nJuly\r\n',
        'name="chat_id"\r\n\r\n5000000002\r\n',
        'name="reply_parameters"\r\n\r\n{"message_id":11}\r\n',
    ):
        assert part in sent
    assert result.data == {"message_id": 42, "chat_id": 5000000002, "file_id": "BQACAgIAAxkDAAM"}


def test_an_empty_or_unknown_file_is_refused() -> None:
    for source, says in (({"content": ""}, "empty"), ({"file": "/etc/passwd"}, "no file")):
        with FakePlatform([]) as telegram, pytest.raises(InvalidInput, match=says):
            telegram.connect(Telegram, {"bot_token": TOKEN}).execute(
                Action("send_document", {"chat_id": 5000000002, **source})
            )


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("send_message__400__chat_not_found", NotFound, "must write to the bot first"),
        ("send_message__400__entities", InvalidInput, "can't parse entities"),
        ("send_message__401", CredentialsRejected, "token is not valid"),
        ("send_message__403__blocked", Forbidden, "blocked by the user"),
        ("send_message__404", CredentialsRejected, "token is not valid"),
        ("send_message__409", Permanent, "one only"),
        ("send_message__429", RateLimited, "retry after 35"),
        ("send_message__500", Unavailable, "500"),
        ("send_message__502", Unavailable, "502"),
        ("send_message__cut_off", Uncertain, "may have had its effect"),
        ("send_message__unreachable", Unreachable, "Nothing was sent"),
    ],
)
def test_a_failure_has_its_class_and_never_the_token(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, "send_message", {"chat_id": 5000000002, "text": "Hi"})
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value} {caught.value!r}" and isinstance(caught.value, IntegrationError)
    assert TOKEN not in caught.value.detail


@pytest.mark.parametrize(
    ("answers", "error"),
    [("send_document__400", InvalidInput), ("send_document__413", InvalidInput), ("send_document__cut_off", Uncertain)],
)
def test_a_file_fails_like_a_message(answers: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        perform(answers, "send_document", {"chat_id": 5000000002, "content": "x"})


def test_a_limit_says_how_long() -> None:
    with pytest.raises(RateLimited) as caught:
        perform("send_message__429", "send_message", {"chat_id": 5000000002, "text": "Hi"})
    assert caught.value.retry_after == 35


@override_settings(INTEGRATION_DEBUG=True)
def test_the_token_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    perform("send_message__200", "send_message", {"chat_id": 5000000002, "text": f"my token is {TOKEN}"})
    assert "sendMessage" in caplog.text and TOKEN not in caplog.text and TOKEN.partition(":")[2] not in caplog.text


def test_an_error_that_repeats_the_address_is_masked() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"while reading {request.url}", request=request)

    from integrations.connecting import connect_with

    instance = connect_with(Telegram, {"bot_token": TOKEN}, transport=httpx.MockTransport(broken))
    with pytest.raises(Uncertain) as caught:
        instance.execute(Action("send_message", {"chat_id": 5, "text": "Hi"}))
    assert "sendMessage" in caught.value.detail and TOKEN not in caught.value.detail + caught.value.message


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("send_message", {"chat_id": 5}),
        ("send_message", {"chat_id": 5, "text": "a", "html": "b"}),
        ("send_message", {"chat_id": "Bo", "text": "a"}),
        ("send_message", {"chat_id": True, "text": "a"}),
        ("send_message", {"chat_id": "", "text": "a"}),
        ("send_message", {"chat_id": 5, "text": "x" * 4097}),
        ("send_document", {"chat_id": 5}),
        ("send_document", {"chat_id": 5, "file": "a", "content": "b"}),
        ("send_document", {"chat_id": 5, "content": "b", "caption": "x" * 1025}),
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as telegram, pytest.raises(InvalidInput):
        telegram.connect(Telegram, {"bot_token": TOKEN}).execute(Action(action, parameters))


@override_settings(PLATFORM_URLS={"telegram": "http://127.0.0.1:8081/self-hosted"})
def test_an_operators_own_server_is_asked_in_the_same_way() -> None:
    plan = {
        "request": f"POST /self-hosted/bot{TOKEN}/getMe",
        "body": {"ok": True, "result": {"id": 1, "username": "b"}},
    }
    with FakePlatform([plan]) as telegram:
        assert telegram.connect(Telegram, {"bot_token": TOKEN}).test_connection().success


@pytest.mark.parametrize("token", ["", "123", "123456789:short", f"bot{TOKEN}", f"{TOKEN}/../x"])
def test_a_token_has_its_form(token: str) -> None:
    with FakePlatform([]) as telegram, pytest.raises(InvalidInput):
        telegram.connect(Telegram, {"bot_token": token})


def test_the_connection_test_says_which_bot_we_are() -> None:
    with FakePlatform.of("telegram", "test_connection__200") as telegram:
        result = telegram.connect(Telegram, {"bot_token": TOKEN}).test_connection()
    assert result.data["account"] == Account(id="123456789", actor_id="123456789")
    assert "@acme_ops_bot" in result.message and "commands" in result.message
    with FakePlatform.of("telegram", "test_connection__401") as telegram, pytest.raises(CredentialsRejected):
        telegram.connect(Telegram, {"bot_token": TOKEN}).test_connection()


def test_the_webhook_is_set_with_our_secret() -> None:
    with FakePlatform.of("telegram", "register_webhook__200") as telegram:
        instance = telegram.connect(Telegram, {"bot_token": TOKEN})
        registration = instance.register_webhook(WebhookTarget(URL, secret="s3cret_-"), None)
    assert telegram.sent() == {"url": URL, "secret_token": "s3cret_-", "allowed_updates": ["message"]}
    assert registration == Registration((URL,))
    with FakePlatform.of("telegram", "register_webhook__400") as telegram, pytest.raises(InvalidInput, match="HTTPS"):
        telegram.connect(Telegram, {"bot_token": TOKEN}).register_webhook(WebhookTarget("http://x/", "s"), None)


@pytest.mark.parametrize("answers", ["unregister_webhook__200", "unregister_webhook__200__of_another"])
def test_only_our_own_webhook_is_removed(answers: str) -> None:
    with FakePlatform.of("telegram", answers) as telegram:
        telegram.connect(Telegram, {"bot_token": TOKEN}).unregister_webhook(Registration((URL,)))


def test_each_chat_and_each_group_has_its_own_limit() -> None:
    chat, group = (SendMessage(chat_id=chat_id, text="x") for chat_id in (5, -5))
    keys = {limit.name: limit.key for limit in Telegram.limits if limit.key is not None}
    assert keys["messages in a chat"]("send_message", chat) == "5"
    assert keys["messages in a group"]("send_message", chat) is None
    assert keys["messages in a group"]("send_message", group) == "-5"
