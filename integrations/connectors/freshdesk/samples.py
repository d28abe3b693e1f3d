"""What rules see of Freshdesk's events: one payload for each, as `handle_webhook` and `enrich` produce them."""

from typing import Any

_REQUESTER: dict[str, Any] = {
    "id": 43004412765,
    "name": "Grace Okafor",
    "email": "grace.okafor@northwind.example",
    "mobile": None,
    "phone": "+4915112345678",
}
_COMPANY: dict[str, Any] = {"id": 43000218114, "name": "Northwind Traders"}
_TICKET: dict[str, Any] = {
    "cc_emails": [],
    "fwd_emails": [],
    "reply_cc_emails": [],
    "ticket_cc_emails": [],
    "fr_escalated": False,
    "spam": False,
    "email_config_id": None,
    "group_id": 43000187422,
    "priority": 4,
    "priority_name": "urgent",
    "requester_id": 43004412765,
    "responder_id": None,
    "source": 1,
    "source_name": "email",
    "company_id": 43000218114,
    "status": 2,
    "status_name": "open",
    "subject": "Charged twice for order 58211",
    "association_type": None,
    "support_email": "support@acme.example",
    "to_emails": ["support@acme.example"],
    "product_id": None,
    "id": 3417,
    "type": "Refund",
    "due_by": "2026-11-23T10:00:00Z",
    "fr_due_by": "2026-11-20T14:00:00Z",
    "is_escalated": False,
    "description": "<div>My card was charged twice.</div>",
    "description_text": "My card was charged twice.",
    "custom_fields": {"cf_order_number": "58211", "cf_amount": 129.9},
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:00:00Z",
    "tags": ["billing", "vip"],
    "attachments": [],
    "stats": {
        "agent_responded_at": None,
        "requester_responded_at": None,
        "first_responded_at": None,
        "status_updated_at": "2026-11-20T10:00:00Z",
        "reopened_at": None,
        "resolved_at": None,
        "closed_at": None,
        "pending_since": None,
    },
}


def _with_ticket(**changes: Any) -> dict[str, Any]:
    return {"ticket": {**_TICKET, **changes}, "requester": _REQUESTER, "company": _COMPANY}


TICKET_CREATED = _with_ticket()
TICKET_UPDATED = _with_ticket(
    priority=3, priority_name="high", responder_id=43001902117, updated_at="2026-11-20T10:42:17Z"
)
TICKET_RESOLVED = _with_ticket(
    status=4,
    status_name="resolved",
    responder_id=43001902117,
    updated_at="2026-11-21T08:05:41Z",
    stats={**_TICKET["stats"], "status_updated_at": "2026-11-21T08:05:41Z", "resolved_at": "2026-11-21T08:05:41Z"},
)
TICKET_CLOSED = _with_ticket(
    status=5,
    status_name="closed",
    responder_id=43001902117,
    updated_at="2026-11-23T08:06:02Z",
    stats={
        **_TICKET["stats"],
        "status_updated_at": "2026-11-23T08:06:02Z",
        "resolved_at": "2026-11-21T08:05:41Z",
        "closed_at": "2026-11-23T08:06:02Z",
    },
)
NOTE_CREATED = {
    "note": {
        "id": 43029384711,
        "body": "<div>Refund of 129.90 approved.</div>",
        "body_text": "Refund of 129.90 approved.",
        "incoming": False,
        "private": True,
        "user_id": 43001902117,
        "support_email": None,
        "source": 2,
        "category": 2,
        "to_emails": [],
        "from_email": None,
        "cc_emails": [],
        "bcc_emails": None,
        "ticket_id": 3417,
        "created_at": "2026-11-20T11:15:30Z",
        "updated_at": "2026-11-20T11:15:30Z",
        "attachments": [],
        "kind": "note",
    },
    **_with_ticket(responder_id=43001902117, updated_at="2026-11-20T11:15:30Z"),
}
_CONTACT: dict[str, Any] = {
    "active": False,
    "address": None,
    "company_id": 43000218114,
    "view_all_tickets": False,
    "description": None,
    "email": "grace.okafor@northwind.example",
    "id": 43004412765,
    "job_title": "Buyer",
    "language": "en",
    "mobile": None,
    "name": "Grace Okafor",
    "phone": "+4915112345678",
    "time_zone": "Berlin",
    "twitter_id": None,
    "custom_fields": {"customer_tier": "gold"},
    "tags": ["wholesale"],
    "other_emails": [],
    "facebook_id": None,
    "created_at": "2026-11-20T09:58:12Z",
    "updated_at": "2026-11-20T09:58:12Z",
    "other_companies": [],
    "unique_external_id": None,
    "avatar": None,
}
CONTACT_CREATED = {"contact": _CONTACT}
CONTACT_UPDATED = {"contact": {**_CONTACT, "job_title": "Head of purchasing", "updated_at": "2026-11-20T16:20:44Z"}}
