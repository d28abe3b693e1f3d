"""What rules see of Zendesk's events: one payload for each, as `handle_webhook` produces them."""

from typing import Any

_REQUESTER: dict[str, Any] = {"id": 8447388090495, "name": None, "email": None}
_TICKET: dict[str, Any] = {
    "assignee_id": None,
    "brand_id": 8447346621310,
    "created_at": "2026-11-20T10:00:00Z",
    "description": "My card was charged twice.",
    "external_id": None,
    "group_id": 8447320466430,
    "id": 35436,
    "is_public": True,
    "organization_id": 8447346622462,
    "priority": "urgent",
    "requester_id": 8447388090495,
    "status": "new",
    "subject": "Charged twice for order 58211",
    "submitter_id": 8447388090495,
    "tags": ["billing", "refund"],
    "type": "incident",
    "updated_at": "2026-11-20T10:00:00Z",
    "via": {"channel": "email"},
    "ticket_form_id": 8646151517822,
    "custom_status_id": 8447320465790,
}
_AGENT = 8447388090494


def _with_ticket(**changes: Any) -> dict[str, Any]:
    return {"ticket": {**_TICKET, **changes}, "requester": _REQUESTER}


TICKET_CREATED = _with_ticket()
TICKET_UPDATED = _with_ticket(status="open", priority="high", assignee_id=_AGENT, updated_at="2026-11-20T10:42:17Z")
TICKET_SOLVED = _with_ticket(status="solved", assignee_id=_AGENT, updated_at="2026-11-21T08:05:41Z")
TICKET_CLOSED = _with_ticket(status="closed", assignee_id=_AGENT, updated_at="2026-11-25T08:06:02Z")
COMMENT_CREATED = {
    "comment": {
        "id": 8447486342014,
        "body": "Refund of 129.90 approved.",
        "public": False,
        "author_id": _AGENT,
        "author": {"id": _AGENT, "name": "Mina Park", "is_staff": True},
    },
    **_with_ticket(status="open", assignee_id=_AGENT, updated_at="2026-11-20T11:15:30Z"),
}
_USER: dict[str, Any] = {
    "created_at": "2026-11-20T09:58:12Z",
    "email": "grace.okafor@northwind.example",
    "external_id": None,
    "default_group_id": None,
    "id": 8447388090495,
    "organization_id": None,
    "role": "end-user",
    "updated_at": "2026-11-20T09:58:12Z",
}
USER_CREATED = {"user": _USER}
USER_UPDATED = {"user": {**_USER, "role": "agent", "updated_at": "2026-11-20T16:20:44Z"}}
_ORGANIZATION: dict[str, Any] = {
    "created_at": "2026-11-20T09:50:00Z",
    "external_id": None,
    "group_id": None,
    "id": 8447346622462,
    "name": "Northwind Traders",
    "shared_comments": False,
    "shared_tickets": False,
    "updated_at": "2026-11-20T09:50:00Z",
}
ORGANIZATION_CREATED = {"organization": _ORGANIZATION}
ORGANIZATION_UPDATED = {
    "organization": {**_ORGANIZATION, "name": "Northwind Trading", "updated_at": "2026-11-20T17:01:09Z"}
}
