"""Payloads as rules see them, cut down to what people write conditions on."""

from typing import Any

_ADA = {"login": "ada", "id": 583231, "type": "User", "html_url": "https://github.com/ada"}
_REPOSITORY = {
    "id": 1296269,
    "name": "shop",
    "full_name": "acme/shop",
    "private": True,
    "html_url": "https://github.com/acme/shop",
    "default_branch": "main",
    "owner": {"login": "acme", "id": 9919, "type": "Organization"},
}
_AROUND: dict[str, Any] = {"repository": _REPOSITORY, "sender": _ADA}
_ISSUE = {
    "id": 2981734112,
    "number": 7,
    "title": "Payment fails",
    "body": "Since this morning.",
    "state": "open",
    "labels": [{"id": 208045946, "name": "bug", "color": "d73a4a"}],
    "assignees": [],
    "user": _ADA,
    "comments": 0,
    "html_url": "https://github.com/acme/shop/issues/7",
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:00:00Z",
}

ISSUES = {"action": "opened", "issue": _ISSUE, **_AROUND}
ISSUE_COMMENT = {
    "action": "created",
    "issue": _ISSUE,
    "comment": {
        "id": 1763719200,
        "body": "Looking into it.",
        "user": _ADA,
        "html_url": "https://github.com/acme/shop/issues/7#issuecomment-1763719200",
        "created_at": "2026-11-20T10:05:00Z",
        "updated_at": "2026-11-20T10:05:00Z",
    },
    **_AROUND,
}
PULL_REQUEST = {
    "action": "opened",
    "number": 8,
    "pull_request": {
        "id": 1934512201,
        "number": 8,
        "title": "Retry payments",
        "body": "Fixes #7.",
        "state": "open",
        "draft": False,
        "merged": False,
        "user": _ADA,
        "head": {"ref": "retry-payments", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e"},
        "base": {"ref": "main", "sha": "c5b97d5ae6c19d5c5df71a34c7fbeeda2479ccbc"},
        "html_url": "https://github.com/acme/shop/pull/8",
        "created_at": "2026-11-20T11:00:00Z",
        "updated_at": "2026-11-20T11:00:00Z",
    },
    **_AROUND,
}
PUSH = {
    "ref": "refs/heads/main",
    "before": "c5b97d5ae6c19d5c5df71a34c7fbeeda2479ccbc",
    "after": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
    "created": False,
    "deleted": False,
    "forced": False,
    "compare": "https://github.com/acme/shop/compare/c5b97d5ae6c1...6dcb09b5b578",
    "commits": [
        {
            "id": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
            "message": "Retry payments",
            "timestamp": "2026-11-20T12:00:00+01:00",
            "url": "https://github.com/acme/shop/commit/6dcb09b5b57875f334f61aebed695e2e4193db5e",
            "author": {"name": "Ada Byron", "email": "ada@acme.example", "username": "ada"},
            "added": [],
            "removed": [],
            "modified": ["payments.py"],
        }
    ],
    "pusher": {"name": "ada", "email": "ada@acme.example"},
    **_AROUND,
}
RELEASE = {
    "action": "published",
    "release": {
        "id": 52714921,
        "tag_name": "v1.4.0",
        "name": "1.4",
        "body": "Payments are tried again.",
        "draft": False,
        "prerelease": False,
        "author": _ADA,
        "html_url": "https://github.com/acme/shop/releases/tag/v1.4.0",
        "created_at": "2026-11-20T12:30:00Z",
        "published_at": "2026-11-20T13:00:00Z",
    },
    **_AROUND,
}
