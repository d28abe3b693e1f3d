"""What Twilio is asked for, and what its answers mean."""

from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from integrations.connectors.twilio.connector import Twilio
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
from integrations.specs import Account, Action, Registration, Result, WebhookTarget
from tests.integrations.recorded import FakePlatform

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
NUMBER = "+14155550100"
CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": TOKEN, "from_number": NUMBER}
SERVICE = "MG0123456789abcdef0123456789abcdef"
SMS = {"to": "+14158675309", "message": "Hi"}
URL = "https://ops.example/x"


def perform(
    answers: str,
    parameters: dict[str, Any],
    config: dict[str, Any] | None = None,
    credentials: dict[str, Any] = CREDENTIALS,
) -> tuple[Result, httpx.Request]:
    with FakePlatform.of("twilio", answers) as twilio:
        result = twilio.connect(Twilio, credentials, config).execute(Action("send_sms", parameters))
    [call] = twilio.requests
    return result, call


def form_of(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(request.content.decode(), keep_blank_values=True)


def test_a_message() -> None:
    result, call = perform("send_sms__201", {"to": "+1 (415) 867-5309", "message": "Größe ☃"})
    assert str(call.url) == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert call.headers["authorization"] == httpx.BasicAuth(ACCOUNT, TOKEN)._auth_header
    assert form_of(call) == {"To": ["+14158675309"], "From": [NUMBER], "Body": ["Größe ☃"]}
    assert result.data == {
        "sid": "SM0123456789abcdef0123456789abcdef",
        "status": "queued",
        "to": "+14158675309",
        "from": NUMBER,
        "num_segments": "1",
        "date_created": "Fri, 20 Nov 2026 10:00:00 +0000",
    }


def sent_to(answers: str, to: Any) -> tuple[Result, list[str]]:
    """Return what came of a message to several, and the numbers that it was sent to."""
    with FakePlatform.of("twilio", answers) as twilio:
        result = twilio.connect(Twilio, CREDENTIALS).execute(Action("send_sms", {**SMS, "to": to}))
    return result, [form_of(request)["To"][0] for request in twilio.requests]


@pytest.mark.parametrize(
    "to", [["+14158675309", "+4915112345678", "+1 415 867 5309"], "+14158675309, +49 151 12345678"]
)
def test_a_message_to_several_is_sent_to_each_once(to: Any) -> None:
    result, numbers = sent_to("send_sms__201__two", to)
    assert numbers == ["+14158675309", "+4915112345678"]
    assert [item["to"] for item in result.data["sent"]] == numbers and result.data["failed"] == []


def test_a_number_that_is_refused_keeps_the_message_from_no_other() -> None:
    with FakePlatform.of("twilio", "send_sms__400__one_of_two") as twilio:
        connected = twilio.connect(Twilio, CREDENTIALS)
        with pytest.raises(Permanent, match=r"1 of 2 messages were taken.*\+4915112345678: .*21211") as raised:
            connected.execute(Action("send_sms", {**SMS, "to": ["+4915112345678", "+14158675309"]}))
    assert [item["to"] for item in raised.value.data["sent"]] == ["+14158675309"]
    assert [item["to"] for item in raised.value.data["failed"]] == ["+4915112345678"]


def test_everything_that_a_message_can_have() -> None:
    media = ["https://acme.example/a.png", "https://acme.example/b.png"]
    _, call = perform(
        "send_sms__201__service", {**SMS, "from": SERVICE, "media_urls": ", ".join(media)}, {"validity_seconds": 600}
    )
    assert form_of(call) == {
        "To": ["+14158675309"],
        "MessagingServiceSid": [SERVICE],
        "Body": ["Hi"],
        "MediaUrl": media,
        "ValidityPeriod": ["600"],
    }


@pytest.mark.parametrize("sender", [NUMBER, "whatsapp:+14155238886", "72975", "ACME Ops", SERVICE])
def test_a_sender_has_many_forms(sender: str) -> None:
    _, call = perform("send_sms__201", SMS, credentials={**CREDENTIALS, "from_number": sender})
    sent = form_of(call)
    assert (sent.get("From") or sent.get("MessagingServiceSid")) == [sender]


def test_a_long_text_is_refused_or_cut() -> None:
    long = {**SMS, "message": "x" * 1601}
    with FakePlatform([]) as twilio, pytest.raises(InvalidInput, match="1601 characters"):
        twilio.connect(Twilio, CREDENTIALS).execute(Action("send_sms", long))
    _, call = perform("send_sms__201", long, {"cut_long_texts": True})
    assert form_of(call)["Body"] == ["x" * 1599 + "…"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"to": "4158675309", "body": "Hi"},
        {"to": "+0123456", "body": "Hi"},
        {"to": "+14158675309"},
        {"to": "+14158675309", "body": "  "},
        {"to": "+14158675309", "body": "Hi", "from": "no such sender!"},
        {"to": "+14158675309", "body": "Hi", "media_urls": ["https://a.example/x"] * 11},
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as twilio, pytest.raises(InvalidInput):
        twilio.connect(Twilio, CREDENTIALS).execute(Action("send_sms", parameters))


@pytest.mark.parametrize(
    "wrong", [{"account_sid": "AC1"}, {"account_sid": "AC/../x"}, {"auth_token": ""}, {"from_number": ""}]
)
def test_credentials_have_their_form(wrong: dict[str, Any]) -> None:
    with FakePlatform([]) as twilio, pytest.raises(InvalidInput):
        twilio.connect(Twilio, {**CREDENTIALS, **wrong})


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("send_sms__400__21211", InvalidInput, r"\(21211\): The 'To' number"),
        ("send_sms__400__21606", InvalidInput, "no number of this account"),
        ("send_sms__400__21610", Forbidden, "STOP"),
        ("send_sms__400__21408", Forbidden, "geographic permissions"),
        ("send_sms__401__20003", CredentialsRejected, "Authenticate"),
        ("send_sms__404__20404", NotFound, "not found"),
        ("send_sms__429", RateLimited, "20429"),
        ("send_sms__500", Unavailable, "500"),
        ("send_sms__201__failed_at_once", Permanent, "Unregistered number"),
        ("send_sms__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, SMS)
    assert type(caught.value) is error and TOKEN not in str(caught.value)


def test_the_connection_test_says_who_we_are() -> None:
    with FakePlatform.of("twilio", "test_connection__200") as twilio:
        result = twilio.connect(Twilio, CREDENTIALS).test_connection()
    assert result.data["account"] == Account(id=ACCOUNT) and "Acme" in result.message
    with FakePlatform.of("twilio", "test_connection__200__trial") as twilio:
        assert "trial" in twilio.connect(Twilio, CREDENTIALS).test_connection().message


@pytest.mark.parametrize(
    ("answers", "error"),
    [("test_connection__401", CredentialsRejected), ("test_connection__200__suspended", Forbidden)],
)
def test_an_account_that_cannot_send_is_told(answers: str, error: type[Exception]) -> None:
    with FakePlatform.of("twilio", answers) as twilio, pytest.raises(error):
        twilio.connect(Twilio, CREDENTIALS).test_connection()


def test_numbers_may_be_chosen() -> None:
    with FakePlatform.of("twilio", "choices_numbers__200") as twilio:
        assert twilio.connect(Twilio, CREDENTIALS).choices("numbers") == [{"id": NUMBER, "name": "(415) 555-0100"}]


def test_the_numbers_messages_are_sent_to_the_address() -> None:
    with FakePlatform.of("twilio", "register_webhook__200") as twilio:
        registration = twilio.connect(Twilio, CREDENTIALS).register_webhook(WebhookTarget(URL), None)
    assert registration == Registration(("PN0123456789abcdef0123456789abcdef", URL))
    assert form_of(twilio.requests[1]) == {"SmsUrl": [URL], "SmsMethod": ["POST"]}


@pytest.mark.parametrize(("plan", "sender"), [("register_webhook__200__no_such_number", NUMBER), (None, SERVICE)])
def test_a_sender_that_is_no_number_of_the_account_is_set_up_by_hand(plan: str | None, sender: str) -> None:
    with FakePlatform.of("twilio", *([plan] if plan else [])) as twilio, pytest.raises(NotFound, match="set-up steps"):
        twilio.connect(Twilio, {**CREDENTIALS, "from_number": sender}).register_webhook(WebhookTarget(URL), None)


@pytest.mark.parametrize(
    "answers", ["unregister_webhook__200", "unregister_webhook__200__of_another", "unregister_webhook__404"]
)
def test_only_our_own_address_is_taken_out(answers: str) -> None:
    known = Registration(("PN0123456789abcdef0123456789abcdef", URL))
    with FakePlatform.of("twilio", answers) as twilio:
        twilio.connect(Twilio, CREDENTIALS).unregister_webhook(known)
    if answers == "unregister_webhook__200":
        assert form_of(twilio.requests[1]) == {"SmsUrl": [""]}
