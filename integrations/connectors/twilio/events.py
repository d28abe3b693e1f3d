"""Twilio's requests to us as events. https://www.twilio.com/docs/messaging/guides/webhook-request, read 2026-11.

`sms` has the names of Twilio's REST API; the fields as they came stand beside it.
"""

from collections.abc import Mapping
from typing import Any

from integrations.payloads import mapping, text
from integrations.specs import Event, EventSpec

MOST_MEDIA = 10
# Field of the request → name in the REST API's Message.
_NAMES = {
    "MessageSid": "sid",
    "AccountSid": "account_sid",
    "MessagingServiceSid": "messaging_service_sid",
    "From": "from",
    "To": "to",
    "Body": "body",
}

_FIELDS = {
    "ToCountry": "US",
    "ToState": "CA",
    "SmsMessageSid": "SM5ef8732a3c49700934481addd5ce1659",
    "NumMedia": "0",
    "ToCity": "SAN FRANCISCO",
    "FromZip": "94107",
    "SmsSid": "SM5ef8732a3c49700934481addd5ce1659",
    "FromState": "CA",
    "SmsStatus": "received",
    "FromCity": "SAN FRANCISCO",
    "Body": "The printer is on fire",
    "FromCountry": "US",
    "To": "+14155550100",
    "ToZip": "94105",
    "NumSegments": "1",
    "MessageSid": "SM5ef8732a3c49700934481addd5ce1659",
    "AccountSid": "AC0123456789abcdef0123456789abcdef",
    "From": "+14158675309",
    "ApiVersion": "2010-04-01",
}

EVENTS = [
    EventSpec(
        "sms.received",
        "Somebody sent a text message to one of the account's numbers.",
        subject="sms",
        sample={
            "sms": {
                "sid": "SM5ef8732a3c49700934481addd5ce1659",
                "account_sid": "AC0123456789abcdef0123456789abcdef",
                "messaging_service_sid": None,
                "from": "+14158675309",
                "to": "+14155550100",
                "body": "The printer is on fire",
                "num_media": 0,
                "num_segments": 1,
                "media": [],
            },
            "fields": _FIELDS,
        },
        label="SMS received",
    )
]


def events_of(payload: Any, account_sid: str = "") -> list[Event]:
    """Return the event in a request: one, or none for reports on sent messages and another account's messages."""
    fields = mapping(payload)
    sid = text(fields.get("MessageSid")) or text(fields.get("SmsMessageSid")) or text(fields.get("SmsSid"))
    if sid is None or _is_report(fields) or text(fields.get("From")) is None:
        return []
    if account_sid and fields.get("AccountSid") != account_sid:
        return []
    sms: dict[str, Any] = {name: text(fields.get(field)) for field, name in _NAMES.items()}
    sms |= {"sid": sid, "body": sms["body"] or "", "num_media": _count(fields.get("NumMedia"))}
    sms |= {"num_segments": _count(fields.get("NumSegments")), "media": _media(fields, sms["num_media"])}
    return [
        Event(
            type="sms.received",
            external_id=sid,
            payload={"sms": sms, "fields": dict(fields)},
            key=sid,
            actor_id=sms["from"],
        )
    ]


def delivery_id(headers: Mapping[str, str], payload: Any) -> str | None:
    """Return Twilio's id of a request, the same whenever it is sent; else the message's id with its status."""
    fields = mapping(payload)
    sid, status = text(fields.get("MessageSid")), text(fields.get("MessageStatus"))
    return text(headers.get("i-twilio-idempotency-token")) or (f"{sid}:{status}" if sid and status else sid)


def _is_report(fields: Mapping[str, Any]) -> bool:
    """Whether the request tells what became of a message of ours, rather than of one that came in."""
    status = text(fields.get("MessageStatus")) or text(fields.get("SmsStatus")) or "received"
    return status not in ("received", "receiving")


def _count(value: Any) -> int:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else 0


def _media(fields: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    return [
        {"url": url, "content_type": text(fields.get(f"MediaContentType{number}"))}
        for number in range(min(count, MOST_MEDIA))
        if (url := text(fields.get(f"MediaUrl{number}")))
    ]
