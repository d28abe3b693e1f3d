"""A 2xx alone is no proof: what an answer must hold before a change counts as made, at each platform that tells it."""

from typing import Any

import pytest

from integrations import registry
from integrations.answers import Response
from integrations.errors import InvalidInput, Permanent, Uncertain
from integrations.specs import Action
from tests.integrations.recorded import FakePlatform

_FRESHDESK = {"domain": "acme.freshdesk.com", "api_key": "fd-key-3f9a"}
_ZENDESK = {"subdomain": "acme", "email": "robot@acme.example", "api_token": "zd-token-77"}
_GITHUB = {"token": "github_pat_11AAAAAAA0" + "x" * 40}
_PAGERDUTY = {"routing_key": "0" * 32, "api_token": "u+abcdefghijklmnopqr", "from_email": "ops@acme.example"}
_TRELLO = {"api_key": "a" * 32, "token": "ATTA" + "t" * 60}
_JIRA = {"site_url": "https://acme.atlassian.net", "email": "robot@acme.example", "api_token": "j" * 24}
_TWILIO = {"account_sid": "AC" + "1" * 32, "auth_token": "2" * 32, "from_number": "+15005550006"}
_CARD, _LIST = "5" * 24, "6" * 24

# Platform, credentials, action, parameters, and the call that is answered without a proof.
CHANGES: list[tuple[str, dict[str, Any], str, dict[str, Any], str]] = [
    ("freshdesk", _FRESHDESK, "create_ticket", {"subject": "S", "email": "a@b.example"}, "POST /api/v2/tickets"),
    ("freshdesk", _FRESHDESK, "update_ticket", {"ticket_id": 7, "priority": 1}, "PUT /api/v2/tickets/7"),
    ("freshdesk", _FRESHDESK, "add_note", {"ticket_id": 7, "body": "N"}, "POST /api/v2/tickets/7/notes"),
    ("freshdesk", _FRESHDESK, "add_reply", {"ticket_id": 7, "body": "N"}, "POST /api/v2/tickets/7/reply"),
    ("freshdesk", _FRESHDESK, "create_contact", {"name": "N", "email": "a@b.example"}, "POST /api/v2/contacts"),
    ("freshdesk", _FRESHDESK, "create_company", {"name": "N"}, "POST /api/v2/companies"),
    ("zendesk", _ZENDESK, "create_ticket", {"subject": "S"}, "POST /api/v2/tickets"),
    ("zendesk", _ZENDESK, "add_comment", {"ticket_id": 7, "body": "C"}, "PUT /api/v2/tickets/7"),
    ("zendesk", _ZENDESK, "set_priority", {"ticket_id": 7, "priority": "low"}, "PUT /api/v2/tickets/7"),
    ("zendesk", _ZENDESK, "add_tags", {"ticket_id": 7, "tags": ["a"]}, "PUT /api/v2/tickets/7/tags"),
    ("zendesk", _ZENDESK, "bulk_update", {"ticket_ids": [7], "priority": "low"},
     "PUT /api/v2/tickets/update_many?ids=7"),
    ("zendesk", _ZENDESK, "create_user", {"name": "N", "email": "a@b.example"}, "POST /api/v2/users"),
    ("zendesk", _ZENDESK, "create_organization", {"name": "N"}, "POST /api/v2/organizations"),
    ("github", _GITHUB, "create_issue", {"repo": "a/b", "title": "T"}, "POST /repos/a/b/issues"),
    ("github", _GITHUB, "close_issue", {"repo": "a/b", "issue_number": 7}, "PATCH /repos/a/b/issues/7"),
    ("github", _GITHUB, "create_repo", {"repo_name": "b"}, "POST /user/repos"),
    ("github", _GITHUB, "create_pull_request", {"repo": "a/b", "title": "T", "head": "h", "base": "main"},
     "POST /repos/a/b/pulls"),
    ("github", _GITHUB, "add_comment", {"repo": "a/b", "issue_number": 7, "body": "C"},
     "POST /repos/a/b/issues/7/comments"),
    ("pagerduty", _PAGERDUTY, "trigger_incident", {"summary": "S", "dedup_key": "k"}, "POST /v2/enqueue"),
    ("pagerduty", _PAGERDUTY, "resolve_incident", {"incident": "PT4KHLK"}, "PUT /incidents/PT4KHLK"),
    ("pagerduty", _PAGERDUTY, "add_note", {"incident": "PT4KHLK", "content": "N"}, "POST /incidents/PT4KHLK/notes"),
    ("trello", _TRELLO, "create_card", {"list": _LIST, "name": "N"}, "POST /1/cards"),
    ("trello", _TRELLO, "add_comment", {"card": _CARD, "text": "T"}, f"POST /1/cards/{_CARD}/actions/comments"),
    ("jira", _JIRA, "create_issue", {"project": "OPS", "summary": "S", "issue_type": "Task"}, "POST /rest/api/3/issue"),
    ("jira", _JIRA, "add_comment", {"issue": "OPS-1", "body": "C"}, "POST /rest/api/3/issue/OPS-1/comment"),
    ("twilio", _TWILIO, "send_sms", {"to": "+15005550010", "body": "B"},
     f"POST /2010-04-01/Accounts/AC{'1' * 32}/Messages.json"),
    ("datadog", {"api_key": "0" * 32}, "create_event", {"title": "T", "text": "X"}, "POST /api/v1/events"),
    ("telegram", {"bot_token": "123456:" + "A" * 35}, "send_message", {"chat_id": "@acme", "text": "T"},
     f"POST /bot123456:{'A' * 35}/sendMessage"),
    ("notion", {"token": "ntn_" + "a" * 46}, "add_comment", {"page": "1" * 32, "text": "T"}, "POST /v1/comments"),
]  # fmt: skip
ERROR = {"errors": [{"message": "Quota exceeded"}]}


@pytest.mark.parametrize("change", CHANGES, ids=[f"{change[0]}.{change[2]}" for change in CHANGES])
@pytest.mark.parametrize("body", [ERROR, {}, "<html>Maintenance</html>"], ids=["error", "nothing", "page"])
def test_a_success_without_what_proves_it_is_uncertain(
    change: tuple[str, dict[str, Any], str, dict[str, Any], str], body: Any
) -> None:
    key, credentials, action, parameters, request = change
    with FakePlatform([{"request": request, "status": 200, "body": body}]) as platform:
        instance = platform.connect(registry.get(key), credentials)
        with pytest.raises(Uncertain) as caught:
            instance.execute(Action(action, parameters))
    assert caught.value.may_have_reached and caught.value.status_code in (200, None)


def test_an_event_that_pagerduty_calls_a_failure_is_refused_whatever_the_status() -> None:
    said = {"status": "invalid event", "message": "Event object is invalid", "dedup_key": "k"}
    with FakePlatform([{"request": "POST /v2/enqueue", "status": 202, "body": said}]) as platform:
        instance = platform.connect(registry.get("pagerduty"), _PAGERDUTY)
        with pytest.raises(InvalidInput, match="did not take the event: Event object is invalid"):
            instance.execute(Action("trigger_incident", {"summary": "S", "dedup_key": "k"}))


def test_what_is_made_is_known_by_the_field_that_proves_it() -> None:
    answer = Response(201, body=b'{"ticket": {"id": 7}, "message": "fine"}', method="POST", platform="Acme")
    assert answer.made(inside="ticket") == {"id": 7}
    assert answer.made(by="message")["message"] == "fine"
    with pytest.raises(Uncertain, match=r"^Acme answered 201 without the note\.id of what was to be done: fine\. It "):
        answer.made(inside="note")


@pytest.mark.parametrize("proof", ["true", "null", '""', "[]", "1.5"])
def test_an_odd_id_proves_nothing(proof: str) -> None:
    with pytest.raises(Uncertain):
        Response(200, body=f'{{"id": {proof}}}'.encode(), method="POST").made()


@pytest.mark.parametrize(
    ("method", "status", "kind"), [("POST", 200, Uncertain), ("GET", 200, Permanent), ("POST", 400, Permanent)]
)
def test_what_is_no_json_is_uncertain_only_after_a_success_that_may_have_changed_something(
    method: str, status: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        Response(status, body=b"<html>", method=method).json()
    assert type(caught.value) is kind
