"""What SendGrid sends, as it came, becomes events."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integrations.connectors.sendgrid.connector import SendGrid
from integrations.connectors.sendgrid.signature import EcdsaSignature
from tests.builders import World
from tests.integrations.recorded import handle, request, same_shape
from tests.integrations.vectors import VECTORS
from tests.webhooks.senders import make_sender, only_delivery

NOW = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", [spec.name for spec in SendGrid.events])
def test_a_request_is_one_event_with_what_the_sample_has(name: str) -> None:
    recorded = request("sendgrid", name)
    [event] = handle(SendGrid, recorded)
    assert (event.type, event.external_id) == (name, "LRzXl_NHStOGhQ4kofSm_A")
    assert event.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert event.key == recorded.payload[0]["sg_event_id"]
    spec = SendGrid.event_spec(name)
    assert spec is not None
    missing = [told for told in same_shape(dict(spec.sample), event.payload) if "only in the first" in told]
    assert missing == []
    assert event.payload["email"] == "ana@example.com" and event.payload["categories"] == ["supportops"]


def test_a_batch_is_many_events_and_other_kinds_are_left_out() -> None:
    found = handle(SendGrid, request("sendgrid", "batch"))
    assert [event.type for event in found] == ["processed", "delivered", "bounce", "open"]
    assert len({event.key for event in found}) == 4
    assert SendGrid.delivery_key({}, request("sendgrid", "batch").payload) is None


def test_the_step_that_sent_a_mail_is_known() -> None:
    [event] = handle(SendGrid, request("sendgrid", "delivered"))
    assert event.marker == "01a1b1d2-73e4-7f00-8a1b-2c2d3e4f6071"
    [other] = handle(SendGrid, request("sendgrid", "open"))
    assert other.marker is None


@pytest.mark.parametrize(
    "payload",
    [
        [3, None, "x", []],
        [{"event": []}, {"event": {}}, {"event": 3}],
        [{"event": "open", "timestamp": "x", "sg_event_id": 7, "sg_message_id": [], "category": 5}],
        {"event": "delivered", "email": "a@b.example"},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert all(event.type in ("open", "delivered") for event in SendGrid().handle_webhook(payload))


# --- the signature --------------------------------------------------------------------------------------------
def test_the_last_line_break_is_signed_too() -> None:
    recorded, scheme = request("sendgrid", "delivered"), EcdsaSignature()
    assert recorded.body.endswith(b"\r\n")
    secret = scheme.new_secret()
    signed = recorded.signed(scheme, secret, now=NOW)
    assert scheme.verify(signed, [secret], NOW)
    stripped = type(signed)("POST", signed.url, signed.headers, signed.body.rstrip())
    assert not scheme.verify(stripped, [secret], NOW)


def test_a_batch_that_comes_again_a_day_later_is_taken() -> None:
    recorded, scheme = request("sendgrid", "delivered"), EcdsaSignature()
    secret = scheme.new_secret()
    assert scheme.verify(recorded.signed(scheme, secret, now=NOW), [secret], NOW + timedelta(hours=23))


def test_only_a_key_of_the_right_kind_is_a_secret() -> None:
    scheme = EcdsaSignature()
    vector = next(vector for vector in VECTORS if vector["id"] == "sendgrid-01")
    scheme.check_secret(vector["secret"])
    with pytest.raises(ValueError, match="Only SendGrid can sign"):
        scheme.sign(b"", vector["secret"], NOW)
    others = (ec.generate_private_key(ec.SECP384R1()).public_key(), ed25519.Ed25519PrivateKey.generate().public_key())
    for other in others:
        der = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(ValueError, match="verification key"):
            scheme.check_secret(base64.b64encode(der).decode())
    with pytest.raises(ValueError, match="verification key"):
        scheme.check_secret("not-a-key")


@pytest.mark.django_db
def test_a_vendors_own_batch_comes_through_the_front_door(world: World) -> None:
    from supportops.tenancy.scope import working_for

    vector = next(vector for vector in VECTORS if vector["id"] == "sendgrid-01")
    sender = make_sender(world.ada, "sendgrid", secret=vector["secret"])
    assert sender.send_raw(vector["body"].encode(), vector["headers"]).status_code == 202
    with working_for(world.ada.organization):
        assert bytes(only_delivery(world.ada).body.raw) == vector["body"].encode()
