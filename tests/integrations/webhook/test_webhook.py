"""JSON in from anybody who can sign it, JSON out to anywhere."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations import registry
from integrations.connectors.webhook.connector import Webhook
from integrations.errors import Forbidden, InvalidInput, NotFound, Permanent, Uncertain
from integrations.signatures import StandardWebhooks
from integrations.specs import CREATES, SETS, Action, Call, Result, WebhookRequest
from supportops import clock
from tests.integrations.recorded import FakePlatform, handle, request

URL = "https://a.example/hooks/tickets"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def perform(answers: str, parameters: dict[str, Any], key: str = "") -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("webhook", answers) as anywhere:
        connector = anywhere.connect(Webhook, {}, call=Call(idempotency_key=key))
        result = connector.execute(Action("webhook", parameters))
    return result, anywhere.requests


# --- out ------------------------------------------------------------------------------------------------------
def test_the_payload_is_the_whole_body() -> None:
    found = registry.generic_action("webhook")
    assert found is not None and found[0] is Webhook
    result, [call] = perform("webhook__200", {"url": URL, "payload": {"a": "ü"}, "headers": {"X-From": "ops"}})
    assert call.content.decode() == '{"a":"ü"}' and call.headers["content-type"] == "application/json"
    assert call.headers["x-from"] == "ops" and "webhook-signature" not in call.headers
    assert (result.data["status"], result.data["body"]) == (200, "taken")
    _, [call] = perform("webhook__200", {"url": URL, "payload": "as it is"})
    assert call.content == b"as it is"


def test_with_a_secret_it_is_signed_and_a_repeat_bears_the_same_id() -> None:
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    ids = set()
    for _ in range(2):
        with clock.frozen(now):
            _, [call] = perform("webhook__200", {"url": URL, "payload": {"a": 1}, "secret": SECRET}, key="01a0-step")
        received = WebhookRequest("POST", URL, {k.lower(): v for k, v in call.headers.items()}, call.content)
        assert StandardWebhooks().verify(received, [SECRET], now)
        ids.add(call.headers["webhook-id"])
    assert ids == {"msg_01a0-step"}


def test_only_a_signed_one_may_be_repeated() -> None:
    spec = Webhook.action_spec("webhook")
    assert spec.effect_of is not None
    plain = spec.model.model_validate({"url": URL, "payload": {}})
    signed = spec.model.model_validate({"url": URL, "payload": {}, "secret": SECRET})
    assert (spec.effect_of(plain), spec.effect_of(signed)) == (CREATES, SETS)


def test_failures() -> None:
    with pytest.raises(NotFound, match="gone"):
        perform("webhook__410", {"url": URL, "payload": {}})
    with pytest.raises(Permanent, match="307"):
        perform("webhook__307", {"url": URL, "payload": {}})
    with pytest.raises(Uncertain):
        perform("webhook__cut_off", {"url": URL, "payload": {}})
    with FakePlatform([]) as anywhere, pytest.raises(InvalidInput, match="secret"):
        anywhere.connect(Webhook, {}).execute(Action("webhook", {"url": URL, "payload": {}, "secret": "%%%"}))
    with FakePlatform([]) as anywhere, pytest.raises(InvalidInput, match="payload"):
        anywhere.connect(Webhook, {}).execute(Action("webhook", {"url": URL}))


def test_private_addresses_are_refused() -> None:
    from integrations.connecting import connect_with

    with pytest.raises(Forbidden):
        connect_with(Webhook, {}).execute(Action("webhook", {"url": "http://169.254.169.254/", "payload": {}}))


# --- in -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "type_", "external_id", "at"),
    [
        ("webhook.received", "webhook.received", "4711", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("invoice.overdue", "invoice.overdue", "inv_9", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("by_event", "build_failed", "77", None),
    ],
)
def test_an_object_is_one_event_of_the_type_that_it_names(
    name: str, type_: str, external_id: str, at: datetime | None
) -> None:
    recorded = request("webhook", name)
    [event] = handle(Webhook, recorded)
    assert (event.type, event.external_id, event.occurred_at) == (type_, external_id, at)
    assert event.payload == recorded.payload
    spec = Webhook.event_spec(event.type)
    assert spec is not None and spec.name == event.type and spec.subject == "data"


def test_what_is_no_object_is_no_event() -> None:
    assert handle(Webhook, request("webhook", "list")) == []


@pytest.mark.parametrize(
    "payload",
    [
        {"type": 3, "event": {"a": 1}, "timestamp": True, "id": False, "data": "x"},
        {"type": "with spaces", "timestamp": "soon", "data": {"id": [1]}},
        {"type": "x" * 101, "timestamp": 10**15},
        {},
    ],
)
def test_odd_fields_are_left_alone(payload: Any) -> None:
    [event] = Webhook().handle_webhook(payload)
    assert (event.type, event.external_id, event.occurred_at) == ("webhook.received", "", None)


def test_a_repeat_is_known_by_the_senders_header_and_never_by_the_objects_id() -> None:
    assert Webhook.delivery_key({"webhook-id": "msg_1", "x-delivery-id": "2"}, {"id": 3}) == "msg_1"
    assert Webhook.delivery_key({"x-delivery-id": "2"}, {"id": 3}) == "2"
    assert Webhook.delivery_key({}, {"id": 3}) is None


def test_header_encoding_and_prefix_are_the_senders_choice() -> None:
    scheme = Webhook.scheme("hmac_sha256")
    assert scheme is not None and Webhook.scheme_names() == ["standard_webhooks", "hmac_sha256"]
    recorded, now = request("webhook", "invoice.overdue"), datetime(2026, 11, 20, tzinfo=UTC)
    for encoding in ("hex", "base64"):
        options = scheme.check_options({"header": "X-Hub-Signature-256", "encoding": encoding, "prefix": "sha256="})
        signed = recorded.signed(scheme, "a secret", now=now, options=options)
        assert signed.headers["x-hub-signature-256"].startswith("sha256=")
        assert scheme.verify(signed, ["a secret"], now, options)
        assert not scheme.verify(signed, ["another"], now, options)
        assert not scheme.verify(signed, ["a secret"], now, {**options, "prefix": ""})
    assert json.loads(recorded.body)["type"] == "invoice.overdue"
