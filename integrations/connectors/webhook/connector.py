"""Webhook: any JSON from any sender who can sign it in; any JSON to any public address out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.http.outgoing import call, error_for
from integrations.connectors.webhook.schemas import SendWebhook
from integrations.errors import IntegrationError, InvalidInput
from integrations.signatures import GenericHmac, StandardWebhooks
from integrations.specs import CREATES, SETS, ActionSpec, Effect, Event, EventSpec, Result
from supportops import clock, odd_json

if TYPE_CHECKING:
    from integrations.http import Response

_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
RECEIVED = "webhook.received"
# Headers in which senders put the id of a delivery, the standard's own first.
_ID_HEADERS = ("webhook-id", "svix-id", "x-webhook-id", "x-delivery-id", "idempotency-key")


def effect_of(data: SendWebhook) -> Effect:
    """A signed request bears an id that stays the same, by which receivers of Standard Webhooks know a repeat."""
    return SETS if data.secret else CREATES


class Webhook(BaseIntegration):
    key, name = "webhook", "Webhook"
    description = "Receives JSON from any system that can sign it, and sends JSON to any public address."
    is_generic = True
    open_events = True
    # What comes without a scheme of its own: see the options of GenericHmac for header, encoding and prefix.
    schemes = {"standard_webhooks": StandardWebhooks(), "hmac_sha256": GenericHmac()}
    events = [
        EventSpec(
            RECEIVED,
            "JSON that names no type. What names one, as `type` or `event`, is an event of that name.",
            subject="data",
            sample={"timestamp": "2026-11-20T10:00:00Z", "data": {"id": 4711, "status": "failed"}},
            label="Webhook received",
        )
    ]
    actions = [
        ActionSpec(
            "webhook",
            "Send JSON to an address by POST, signed where a secret is given.",
            model=SendWebhook,
            handler="webhook",
            effect_of=effect_of,
            goes_to=attrgetter("url"),
            label="Send a webhook",
        )
    ]

    def test_connection(self) -> Result:
        """There is no account that could be wrong."""
        return Result(True, "Webhooks need no account: send a signed request to the integration's address.")

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    def webhook(self, data: SendWebhook) -> Result:
        headers = {name: str(value) for name, value in data.headers.items()}
        is_text = isinstance(data.payload, str)
        body = data.payload.encode() if is_text else odd_json.dumps(data.payload)
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "text/plain; charset=utf-8" if is_text else "application/json"
        if data.secret:
            self.http.add_secret(data.secret)
            try:
                signed = StandardWebhooks().sign(
                    body, data.secret, clock.now(), delivery_id=self.call.idempotency_key and self._delivery_id()
                )
            except ValueError as error:
                raise InvalidInput(f"secret: {error}") from None
            headers.update(signed)
        # A redirect is a failure by Standard Webhooks; and what was signed is meant for this address alone.
        return call(
            self.http,
            "POST",
            data.url,
            data.expected_status,
            headers=headers,
            content=body,
            timeout=data.timeout,
            follow=False,
        )

    def _delivery_id(self) -> str:
        """The same for every attempt at one step; without a full stop, which the scheme separates by."""
        return "msg_" + self.call.idempotency_key.replace(".", "_")

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        if not isinstance(payload, dict):
            return []
        inner = payload.get("data") if isinstance(payload.get("data"), dict) else {}
        return [
            Event(
                type=_type_of(payload),
                external_id=_id_of(payload) or _id_of(inner or {}),
                payload=payload,
                occurred_at=_time_of(payload.get("timestamp")),
            )
        ]

    @classmethod
    def event_spec(cls, name: str) -> EventSpec | None:
        """Any name is an event here; its main object stands under `data`, as Standard Webhooks wants it."""
        known = next((spec for spec in cls.events if spec.name == name), None)
        return known or EventSpec(name, subject="data")

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        # Not the payload's `id`: that is often the id of the object, which changes more than once.
        for name in _ID_HEADERS:
            if headers.get(name, "").strip():
                return headers[name].strip()
        return None


def _type_of(payload: Mapping[str, Any]) -> str:
    for field in ("type", "event"):
        value = payload.get(field)
        if isinstance(value, str) and _TYPE.fullmatch(value):
            return value
    return RECEIVED


def _id_of(payload: Mapping[str, Any]) -> str:
    value = payload.get("id")
    return str(value)[:200] if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _time_of(value: Any) -> datetime | None:
    """The time of the event: RFC 3339, or unix seconds."""
    try:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**33:
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
