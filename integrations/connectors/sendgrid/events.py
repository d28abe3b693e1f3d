"""SendGrid's event webhook as events: what became of mails.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event, read 2026-11. The payload is SendGrid's own
event; the fields by which it is joined with what was sent stand beside: `message_id` and `categories`.
"""

from collections.abc import Mapping
from typing import Any

from integrations.payloads import items, mapping, text, unix_moment
from integrations.specs import Event, EventSpec

# The custom argument in which a mail bears the key of the step that sent it.
EXECUTION = "supportops_execution"

_MAIL = {
    "email": "ana@example.com",
    "timestamp": 1795168800,
    "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
    "category": ["supportops"],
    "sg_event_id": "ZGVsaXZlcmVkLTAtMTA5OTQ5MTktTFJ6WGxfTkhTdE9HaFE0a29mU21fQS0w",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "message_id": "LRzXl_NHStOGhQ4kofSm_A",
    "categories": ["supportops"],
}
_OPENED = {**_MAIL, "ip": "203.0.113.7", "useragent": "Mozilla/5.0"}
_GROUP = {**_OPENED, "asm_group_id": 10, "url": "http://www.sendgrid.com/"}


def _spec(name: str, label: str, description: str, common: Mapping[str, Any], **more: Any) -> EventSpec:
    return EventSpec(name, description, sample={**common, "event": name, **more}, label=label)


EVENTS = [
    _spec("processed", "Mail taken", "SendGrid has taken a mail and will deliver it.", _MAIL),
    _spec(
        "dropped", "Mail dropped", "SendGrid does not deliver a mail.", _MAIL, reason="Bounced Address", status="5.0.0"
    ),
    _spec(
        "delivered",
        "Mail delivered",
        "The receiver's server has taken a mail.",
        _MAIL,
        response="250 OK",
        ip="167.89.1.2",
    ),
    _spec(
        "deferred",
        "Mail deferred",
        "The receiver's server has put a mail off; SendGrid tries again.",
        _MAIL,
        response="400 try again later",
        attempt="5",
    ),
    _spec(
        "bounce",
        "Mail bounced",
        "The receiver's server has refused a mail (type bounce), or SendGrid was blocked there (type blocked).",
        _MAIL,
        reason="500 unknown recipient",
        status="5.1.1",
        type="bounce",
        bounce_classification="Invalid Address",
    ),
    _spec("open", "Mail opened", "Somebody opened a mail.", _OPENED, sg_machine_open=False),
    _spec("click", "Link clicked", "Somebody clicked on a link in a mail.", _OPENED, url="https://example.com/x"),
    _spec("spamreport", "Marked as spam", "Somebody marked a mail as spam.", _MAIL),
    _spec("unsubscribe", "Unsubscribed", "Somebody wants no more mails.", _MAIL),
    _spec("group_unsubscribe", "Unsubscribed from a group", "Somebody wants no more mails of a group.", _GROUP),
    _spec("group_resubscribe", "Subscribed to a group again", "Somebody wants mails of a group again.", _GROUP),
]
NAMES = frozenset(spec.name for spec in EVENTS)


def events_of(payload: Any) -> list[Event]:
    """Return the events in a batch, in order; those of other kinds are left out."""
    batch = [payload] if isinstance(payload, Mapping) else items(payload)
    return [_event(item) for item in batch if text(mapping(item).get("event")) in NAMES]


def _event(item: Mapping[str, Any]) -> Event:
    category = item.get("category")
    message_id = (text(item.get("sg_message_id")) or "").partition(".")[0]
    return Event(
        type=str(item["event"]),
        external_id=message_id[:200],
        payload={**item, "message_id": message_id, "categories": [category] if text(category) else items(category)},
        occurred_at=unix_moment(item.get("timestamp")),
        key=text(item.get("sg_event_id")),
        marker=(text(mapping(item).get(EXECUTION)) or "")[:36] or None,
    )
