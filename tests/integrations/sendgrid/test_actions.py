"""What SendGrid is asked for, and what its answers mean."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.connectors.sendgrid.connector import SendGrid
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import Account, Action, Call, File, Registration, Result, WebhookTarget
from supportops import clock
from tests.integrations.recorded import FakePlatform

KEY = {"api_key": "SG.abcdefghijklmnopqrstuv.wxyz"}
FROM = {"default_from": "Support <support@acme.example>"}
STEP = "01a1b1d2-73e4-7f00-8a1b-2c2d3e4f6071"
URL = "https://ops.example/api/webhooks/sendgrid/abc"
MAIL = {"to": "ana@example.com", "subject": "Hi", "body": "Hello"}


def perform(
    answers: str, parameters: dict[str, Any], config: dict[str, Any] | None = None
) -> tuple[Result, list[httpx.Request]]:
    call = Call(idempotency_key=STEP, files={"report.pdf": File("report.pdf", b"%PDF", "application/pdf")})
    with FakePlatform.of("sendgrid", answers) as sendgrid:
        result = sendgrid.connect(SendGrid, KEY, FROM if config is None else config, call=call).execute(
            Action("send_email", parameters)
        )
    return result, sendgrid.requests


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_a_mail() -> None:
    result, [call] = perform("send_email__202", MAIL)
    assert str(call.url) == "https://api.sendgrid.com/v3/mail/send"
    assert call.headers["authorization"] == "Bearer SG.abcdefghijklmnopqrstuv.wxyz"
    assert body_of(call) == {
        "personalizations": [{"to": [{"email": "ana@example.com"}]}],
        "from": {"email": "support@acme.example", "name": "Support"},
        "subject": "Hi",
        "content": [{"type": "text/plain", "value": "Hello"}],
        "custom_args": {"supportops_execution": STEP},
    }
    assert result.data == {"message_id": "LRzXl_NHStOGhQ4kofSm_A", "recipients": 1}


def test_everything_that_a_mail_can_have() -> None:
    result, [call] = perform(
        "send_email__202",
        {
            "to": ["ana@example.com", "Bo <bo@example.com>"],
            "cc": "ANA@example.com, cy@example.com",
            "bcc": ["cy@example.com", "dee@example.com"],
            "from": "Ops <ops@acme.example>",
            "reply_to": "tickets@acme.example",
            "subject": "Größer",
            "body": "Hello",
            "html": "<b>Hello</b>",
            "attachments": ["report.pdf", {"content": "a,b", "filename": "list.csv"}],
        },
        {**FROM, "categories": "alerts, ops"},
    )
    assert body_of(call) == {
        "personalizations": [
            {
                "to": [{"email": "ana@example.com"}, {"email": "bo@example.com", "name": "Bo"}],
                "cc": [{"email": "cy@example.com"}],
                "bcc": [{"email": "dee@example.com"}],
            }
        ],
        "from": {"email": "ops@acme.example", "name": "Ops"},
        "reply_to": {"email": "tickets@acme.example"},
        "subject": "Größer",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<b>Hello</b>"}],
        "attachments": [
            {
                "content": base64.b64encode(b"%PDF").decode(),
                "filename": "report.pdf",
                "type": "application/pdf",
                "disposition": "attachment",
            },
            {
                "content": base64.b64encode(b"a,b").decode(),
                "filename": "list.csv",
                "type": "text/csv",
                "disposition": "attachment",
            },
        ],
        "categories": ["alerts", "ops"],
        "custom_args": {"supportops_execution": STEP},
    }
    assert result.data["recipients"] == 4


def test_an_attachment_may_be_fetched_without_the_key() -> None:
    parameters = {**MAIL, "attachments": [{"url": "https://files.example/report.csv"}]}
    _, [fetch, send] = perform("send_email__202__fetched", parameters)
    assert "authorization" not in fetch.headers and fetch.url.host == "files.example"
    assert body_of(send)["attachments"][0]["filename"] == "report.csv"


def test_the_sandbox_delivers_nothing_and_says_so() -> None:
    result, [call] = perform("send_email__200__sandbox", MAIL, {**FROM, "is_sandbox": True})
    assert body_of(call)["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert "checked" in result.message


def test_the_region_decides_on_the_host() -> None:
    _, [call] = perform("send_email__202", MAIL, {**FROM, "region": "eu"})
    assert call.url.host == "api.eu.sendgrid.com"


def test_without_sender_and_with_too_large_files_nothing_is_sent() -> None:
    with FakePlatform([]) as sendgrid, pytest.raises(InvalidInput, match="sender"):
        sendgrid.connect(SendGrid, KEY).execute(Action("send_email", MAIL))
    call = Call(files={"big": File("big", b"x" * (23 * 1024 * 1024))})
    with FakePlatform([]) as sendgrid, pytest.raises(InvalidInput, match="too large"):
        sendgrid.connect(SendGrid, KEY, FROM, call=call).execute(Action("send_email", {**MAIL, "attachments": "big"}))


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("send_email__400", InvalidInput, "personalizations.0: The personalizations block"),
        ("send_email__401", CredentialsRejected, "invalid, expired"),
        ("send_email__403", Forbidden, "Sender Authentication"),
        ("send_email__403__scope", Forbidden, "access forbidden"),
        ("send_email__413", InvalidInput, "too large"),
        ("send_email__429", RateLimited, "too many requests"),
        ("send_email__500", Unavailable, "500"),
        ("send_email__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, MAIL)
    assert type(caught.value) is error and KEY["api_key"] not in str(caught.value)


def test_a_limit_says_until_when() -> None:
    with clock.frozen(datetime(2026, 11, 20, 10, tzinfo=UTC)), pytest.raises(RateLimited) as caught:
        perform("send_email__429", MAIL)
    assert caught.value.retry_after == 42


@pytest.mark.parametrize("config", [{"default_from": "x"}, {"categories": ["ü"]}, {"categories": list("abcdefghijk")}])
def test_a_configuration_that_sendgrid_would_refuse_is_refused(config: dict[str, Any]) -> None:
    with FakePlatform([]) as sendgrid, pytest.raises(InvalidInput, match="configuration"):
        sendgrid.connect(SendGrid, KEY, config)


def test_the_connection_test_says_what_the_key_may_do() -> None:
    with FakePlatform.of("sendgrid", "test_connection__200") as sendgrid:
        result = sendgrid.connect(SendGrid, KEY).test_connection()
    assert result.data["account"] == Account(id="4711") and "acme" in result.message
    with FakePlatform.of("sendgrid", "test_connection__200__send_only") as sendgrid:
        assert sendgrid.connect(SendGrid, KEY).test_connection().success


@pytest.mark.parametrize(
    ("answers", "error"),
    [("test_connection__401", CredentialsRejected), ("test_connection__200__may_not_send", Forbidden)],
)
def test_a_key_that_cannot_send_is_told(answers: str, error: type[Exception]) -> None:
    with FakePlatform.of("sendgrid", answers) as sendgrid, pytest.raises(error):
        sendgrid.connect(SendGrid, KEY).test_connection()


@pytest.mark.parametrize(
    ("answers", "known"),
    [
        ("register_webhook__201", None),
        ("register_webhook__200__kept", None),
        ("register_webhook__200__moved", Registration(("77d4a5da",))),
    ],
)
def test_the_webhook_is_made_or_changed_and_signed(answers: str, known: Registration | None) -> None:
    target = WebhookTarget(URL, events=("delivered", "spamreport"))
    with FakePlatform.of("sendgrid", answers) as sendgrid:
        registration = sendgrid.connect(SendGrid, KEY).register_webhook(target, known)
    assert registration.ids == ("77d4a5da",) and (registration.secret or "").startswith("MFkw")
    settings, signed = sendgrid.sent(1), sendgrid.sent(2)
    assert settings["url"] == URL and settings["enabled"] and signed == {"enabled": True}
    wanted = {name for name, value in settings.items() if value is True and name != "enabled"}
    assert wanted == {"delivered", "spam_report"} and settings["bounce"] is False


def test_registering_needs_the_permission_and_removing_forgives() -> None:
    with FakePlatform.of("sendgrid", "register_webhook__403") as sendgrid, pytest.raises(Forbidden):
        sendgrid.connect(SendGrid, KEY).register_webhook(WebhookTarget(URL), None)
    with FakePlatform.of("sendgrid", "unregister_webhook__204") as sendgrid:
        sendgrid.connect(SendGrid, KEY).unregister_webhook(Registration(("77d4a5da", "gone")))
