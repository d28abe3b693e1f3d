"""Twilio: text messages out, text messages in."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.twilio import events
from integrations.connectors.twilio.client import TwilioApi, error_for
from integrations.connectors.twilio.schemas import MAX_TEXT, SendSms, TwilioConfig, TwilioCredentials
from integrations.connectors.twilio.signature import TwilioSignature
from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound, Permanent
from integrations.specs import (
    Account,
    ActionSpec,
    Event,
    HandshakeAnswer,
    Registration,
    Result,
    WebhookRequest,
    WebhookTarget,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


class Twilio(BaseIntegration):
    key, name = "twilio", "Twilio"
    description = "Send text messages, and hear what people answer."
    Credentials = TwilioCredentials
    Config = TwilioConfig
    base_url = "https://api.twilio.com/2010-04-01"
    choice_kinds = ("numbers",)
    # Twilio queues what comes too fast for a number by itself, and publishes no rate of calls.
    schemes = {
        "twilio": TwilioSignature("twilio", "sha1", "Twilio signs with the account's auth token."),
        "twilio_shared_key": TwilioSignature(
            "twilio_shared_key",
            "sha256",
            "Twilio signs with a shared key, which can be changed without the auth token.",
        ),
    }
    platform_makes_secret = True
    webhook_secret_field = "auth_token"  # noqa: S105 - the name of a field
    accepts_forms = True
    events = events.EVENTS
    actions = [
        ActionSpec("send_sms", "Send a text message.", model=SendSms, handler="send_sms", label="Send an SMS"),
    ]

    credentials: TwilioCredentials
    config: TwilioConfig
    api: TwilioApi

    def authorize(self, http: "PlatformClient") -> None:
        http.auth = (self.credentials.account_sid, self.credentials.auth_token)
        self.api = TwilioApi(http, self.credentials.account_sid)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask for the account; sends nothing."""
        account = self.api.account()
        status = account.get("status")
        if status != "active":
            raise Forbidden(f"The Twilio account is {status}: it sends nothing.")
        kind = " It is a trial: it sends to verified numbers only." if account.get("type") == "Trial" else ""
        data = {"account": Account(id=str(account.get("sid"))), "type": account.get("type")}
        return Result(True, f"Twilio knows us as {account.get('friendly_name')}.{kind}", data)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "numbers":
            return [
                {"id": item["phone_number"], "name": item.get("friendly_name") or item["phone_number"]}
                for item in self.api.numbers()
            ]
        return super().choices(kind)

    def send_sms(self, data: SendSms) -> Result:
        body = data.body
        if len(body) > MAX_TEXT:
            if not self.config.cut_long_texts:
                raise InvalidInput(f"The text has {len(body)} characters; Twilio takes at most {MAX_TEXT}.")
            body = body[: MAX_TEXT - 1] + "…"
        if not body.strip() and not data.media_urls:
            raise InvalidInput("Give a text or the address of a picture.")
        sender = data.from_number or self.credentials.from_number
        message: dict[str, Any] = {}
        message["MessagingServiceSid" if sender.startswith("MG") and len(sender) == 34 else "From"] = sender
        if body.strip():
            message["Body"] = body
        if data.media_urls:
            message["MediaUrl"] = data.media_urls
        if self.config.validity_seconds is not None:
            message["ValidityPeriod"] = str(self.config.validity_seconds)
        if len(data.to) > 1:
            return self._send_each(data.to, message)
        [number] = data.to
        kept = self._send(number, message)
        return Result(True, f"Twilio has taken the message to {number} ({kept['status']}).", kept)

    def _send_each(self, numbers: Sequence[str], message: Mapping[str, Any]) -> Result:
        """Send to each number; one that Twilio refuses keeps the message from none of the others."""
        sent: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        for number in numbers:
            try:
                sent.append(self._send(number, message))
            except Permanent as error:
                refused.append({"to": number, "error": error.message})
        output = {"sent": sent, "failed": refused}
        if refused:
            named = "; ".join(f"{item['to']}: {item['error']}" for item in refused[:5])
            raise Permanent(f"{len(sent)} of {len(numbers)} messages were taken. Not taken: {named}", data=output)
        return Result(True, f"Twilio has taken the message to {len(sent)} numbers.", output)

    def _send(self, number: str, message: Mapping[str, Any]) -> dict[str, Any]:
        sent = self.api.send({"To": number, **message})
        if sent.get("error_code"):
            raise Permanent(f"Twilio did not send the message ({sent['error_code']}): {sent.get('error_message')}")
        return {name: sent.get(name) for name in ("sid", "status", "to", "from", "num_segments", "date_created")}

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have messages to the integration's number sent to the address; setting it again changes nothing."""
        number = self.credentials.from_number
        found = next(self.api.numbers(PhoneNumber=number), None) if number.startswith("+") else None
        if found is None:
            raise NotFound(
                f"The account has no number {number} whose messages could be sent here: see the set-up steps."
            )
        self.api.change_number(str(found["sid"]), SmsUrl=target.url, SmsMethod="POST")
        return Registration((str(found["sid"]), target.url))

    def unregister_webhook(self, known: Registration) -> None:
        """Take our address out of the number, unless it is gone or has another one by now."""
        sid, *addresses = known.ids
        try:
            if self.api.number(sid).get("sms_url") in addresses:
                self.api.change_number(sid, SmsUrl="")
        except NotFound:
            return

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        # The auth token is the account's own; should it sign for another account, that one's messages are not ours.
        return events.events_of(payload, self.request.account_id if self.request is not None else "")

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.delivery_id(headers, payload)

    @classmethod
    def accepted_answer(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        # Whatever text we answer would be sent to the person as an SMS.
        # https://www.twilio.com/docs/messaging/twiml, read 2026-11
        return HandshakeAnswer(body=b"<Response/>", content_type="text/xml; charset=utf-8")
