"""What Twilio sends, as it came, becomes events."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.twilio.connector import Twilio
from integrations.connectors.twilio.signature import TwilioSignature
from integrations.specs import WebhookRequest
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.integrations.recorded import handle, request, same_shape
from tests.webhooks.senders import deliveries, make_sender
from webhooks.models import DeliveryStatus
from webhooks.processing import process_due

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
SID = "SM5ef8732a3c49700934481addd5ce1659"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_message_is_one_event_of_the_samples_form() -> None:
    recorded = request("twilio", "sms.received")
    [event] = handle(Twilio, recorded)
    assert (event.type, event.external_id, event.key, event.actor_id) == ("sms.received", SID, SID, "+14158675309")
    assert same_shape(dict(Twilio.events[0].sample), event.payload) == []
    assert event.payload["sms"]["body"] == "Der Drucker brennt ☃ & raucht = viel"
    assert event.payload["sms"]["to"] == "+14155550100" and event.payload["fields"] == recorded.payload


def test_pictures_and_whatsapp() -> None:
    [event] = handle(Twilio, request("twilio", "sms.received__pictures"))
    sms = event.payload["sms"]
    assert (sms["body"], sms["num_media"]) == ("", 2) and sms["messaging_service_sid"].startswith("MG")
    assert [item["content_type"] for item in sms["media"]] == ["image/jpeg", "image/png"]
    [event] = handle(Twilio, request("twilio", "sms.received__whatsapp"))
    assert event.payload["sms"]["from"] == "whatsapp:+14158675309"


def test_a_report_on_a_sent_message_is_no_event() -> None:
    assert handle(Twilio, request("twilio", "status_callback")) == []


def test_a_delivery_is_known_by_its_token_else_by_the_message() -> None:
    recorded = request("twilio", "sms.received")
    assert Twilio.delivery_key(recorded.headers, recorded.payload) == "1f9d8e0c-5b7a-4c8e-9a51-7d3f2b6c4e01"
    assert Twilio.delivery_key({}, recorded.payload) == SID
    report = request("twilio", "status_callback")
    assert Twilio.delivery_key({}, report.payload) == "SM2:delivered"


def test_another_accounts_message_is_left_out() -> None:
    recorded = request("twilio", "sms.received")
    for account, count in ((ACCOUNT, 1), ("AC" + "9" * 32, 0), ("", 1)):
        connector = Twilio()
        connector.request = WebhookRequest("POST", "", recorded.headers, recorded.body, account_id=account)
        assert len(connector.handle_webhook(recorded.payload)) == count


@pytest.mark.parametrize(
    "payload",
    [
        {"MessageSid": []},
        {"MessageSid": "SM1"},
        {"MessageSid": "SM1", "From": 7},
        {"MessageSid": "SM1", "From": "+1", "NumMedia": "9" * 50, "Body": None, "AccountSid": []},
        {"MessageSid": "SM1", "From": "+1", "NumMedia": "-1", "SmsStatus": 3},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert all(event.external_id == "SM1" for event in Twilio().handle_webhook(payload))


# --- signatures -----------------------------------------------------------------------------------------------
def test_the_endpoint_says_which_hash_counts() -> None:
    recorded = request("twilio", "sms.received")
    sha1, sha256 = Twilio.schemes["twilio"], Twilio.schemes["twilio_shared_key"]
    signed = recorded.signed(sha256, "key", now=NOW)
    assert sha256.verify(signed, ["key"], NOW) and not sha1.verify(signed, ["key"], NOW)
    assert not sha256.verify(recorded.signed(sha1, "key", now=NOW), ["key"], NOW)


def test_a_json_body_is_covered_by_its_hash_alone() -> None:
    scheme, body = TwilioSignature("twilio", "sha1", ""), b'{"a": 1}'
    url = f"https://ops.example/x?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {name.lower(): value for name, value in scheme.sign(body, "key", NOW, url=url).items()}
    assert scheme.verify(WebhookRequest("POST", url, headers, body), ["key"], NOW)
    assert not scheme.verify(WebhookRequest("POST", url, headers, b'{"a": 2}'), ["key"], NOW)
    assert not scheme.verify(WebhookRequest("POST", url.partition("?")[0], headers, body), ["key"], NOW)
    with pytest.raises(ValueError, match="another bodySHA256"):
        scheme.sign(b"other", "key", NOW, url=url)


@pytest.mark.parametrize("url", ["https://[", "", "https://ops.example:x/", "https://ops.example:99999/"])
def test_odd_addresses_and_endless_forms_are_refused(url: str) -> None:
    scheme = TwilioSignature("twilio", "sha1", "")
    headers = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    assert not scheme.verify(WebhookRequest("POST", url, headers, b"a=1"), ["key"], NOW)
    endless = b"&".join(b"a=1" for _ in range(1001))
    assert not scheme.verify(WebhookRequest("POST", "https://ops.example/", headers, endless), ["key"], NOW)


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    scheme, url = TwilioSignature("twilio", "sha1", ""), "https://ops.example/"
    headers = {name.lower(): value for name, value in scheme.sign(b"a=%FF", "key", NOW, url=url).items()}
    assert scheme.verify(WebhookRequest("POST", url, headers, b"a=%FF"), ["key"], NOW)
    assert not scheme.verify(WebhookRequest("POST", url, headers, b"a=%FE"), ["key"], NOW)


# --- through the front door -----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_message_is_answered_with_nothing_to_say(world: World) -> None:
    sender = make_sender(world.ada, "twilio")
    answer = sender.send(request("twilio", "sms.received").body, content_type=FORM)
    assert (answer.status_code, answer.content) == (200, b"<Response/>")
    assert answer["Content-Type"].startswith("text/xml")
    with working_for(world.ada.organization):
        assert len(deliveries(world.ada)) == 1


@pytest.mark.django_db
def test_a_repeat_and_a_conflict_are_answered_with_nothing_to_say_too(world: World) -> None:
    sender = make_sender(world.ada, "twilio")
    body = request("twilio", "sms.received").body
    for sent in (body, body, body + b"&Further=1"):
        answer = sender.send(sent, content_type=FORM)
        assert (answer.status_code, answer.content) == (200, b"<Response/>")
    with working_for(world.ada.organization):
        assert len(deliveries(world.ada)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("account", "status"), [(ACCOUNT, DeliveryStatus.PROCESSED), ("AC" + "9" * 32, DeliveryStatus.IGNORED)]
)
def test_only_the_accounts_own_messages_are_events(world: World, account: str, status: str) -> None:
    sender = make_sender(world.ada, "twilio", account_id=account)
    sender.send(request("twilio", "sms.received").body, content_type=FORM)
    process_due()
    with working_for(world.ada.organization):
        [delivery] = deliveries(world.ada)
        assert delivery.status == status
