"""Payloads as rules see them, cut down to what people write conditions on."""

from typing import Any

_ADA = {"accountId": "5b10a2844c20165700ede21g", "displayName": "Ada Byron", "active": True}
_STATUS = {"id": "10000", "name": "To Do", "statusCategory": {"key": "new", "name": "To Do"}}
_ISSUE: dict[str, Any] = {
    "id": "10042",
    "key": "OPS-7",
    "self": "https://acme.atlassian.net/rest/api/2/issue/10042",
    "url": "https://acme.atlassian.net/browse/OPS-7",
    "fields": {
        "summary": "Payment fails",
        "description": "Since this morning.",
        "issuetype": {"id": "10001", "name": "Bug", "subtask": False},
        "project": {"id": "10000", "key": "OPS", "name": "Operations"},
        "priority": {"id": "2", "name": "High"},
        "status": _STATUS,
        "labels": ["payments"],
        "assignee": None,
        "reporter": _ADA,
        "created": "2026-11-20T10:00:00.000+0000",
        "updated": "2026-11-20T10:00:00.000+0000",
    },
}

ISSUE_CREATED = {
    "timestamp": 1795168800000,
    "webhookEvent": "jira:issue_created",
    "issue_event_type_name": "issue_created",
    "user": _ADA,
    "issue": _ISSUE,
}
ISSUE_UPDATED = {
    "timestamp": 1795169400000,
    "webhookEvent": "jira:issue_updated",
    "issue_event_type_name": "issue_generic",
    "user": _ADA,
    "issue": {
        **_ISSUE,
        "fields": {
            **_ISSUE["fields"],
            "status": {
                "id": "3",
                "name": "In Progress",
                "statusCategory": {"key": "indeterminate", "name": "In Progress"},
            },
            "updated": "2026-11-20T10:10:00.000+0000",
        },
    },
    "changelog": {
        "id": "10100",
        "items": [
            {
                "field": "status",
                "fieldId": "status",
                "fieldtype": "jira",
                "from": "10000",
                "fromString": "To Do",
                "to": "3",
                "toString": "In Progress",
            }
        ],
    },
}
COMMENT_CREATED = {
    "timestamp": 1795169700000,
    "webhookEvent": "comment_created",
    "user": _ADA,
    "comment": {
        "id": "10500",
        "self": "https://acme.atlassian.net/rest/api/2/issue/10042/comment/10500",
        "body": "Looking into it.",
        "author": _ADA,
        "created": "2026-11-20T10:15:00.000+0000",
        "updated": "2026-11-20T10:15:00.000+0000",
    },
    "issue": {name: value for name, value in _ISSUE.items() if name != "fields"}
    | {
        "fields": {
            name: _ISSUE["fields"][name]
            for name in ("summary", "issuetype", "project", "priority", "status", "assignee")
        }
    },
}
