"""What Jira sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.jira.connector import Jira
from integrations.specs import Event
from tests.integrations.recorded import handle, request, request_names, same_shape

ADA, BO, US = (
    "5b10a2844c20165700ede21a",
    "712020:f5cf5fae-4c7d-4a4c-9d3e-0f8e6a2b1c11",
    "557058:0867a421-a9ee-4659-801a-bc0ee4a4487e",
)
ISSUE, COMMENT = "10042", "10500"
# Recorded request → events: type, what it is about, who did it, key.
REQUESTS: dict[str, list[tuple[str, str, str, str | None]]] = {
    "issue_created": [("issue_created", ISSUE, ADA, None)],
    "issue_updated": [("issue_updated", ISSUE, BO, "10100")],
    "issue_updated__datacenter": [("issue_updated", ISSUE, "JIRAUSER10100", "10101")],
    "issue_updated__commented": [("issue_updated", ISSUE, ADA, None), ("comment_created", COMMENT, ADA, COMMENT)],
    "comment_created": [("comment_created", COMMENT, ADA, COMMENT)],
    "comment_created__no_issue": [("comment_created", COMMENT, ADA, COMMENT)],
    "comment_created__document": [("comment_created", COMMENT, ADA, COMMENT)],
    "comment_created__by_us": [("comment_created", COMMENT, US, COMMENT)],
    "issue_deleted": [],
    "worklog_created": [],
}


def only(name: str) -> Event:
    [event] = handle(Jira, request("jira", name))
    return event


def test_every_recorded_request_is_looked_at() -> None:
    assert set(request_names("jira")) == set(REQUESTS)


@pytest.mark.parametrize(("name", "expected"), REQUESTS.items())
def test_the_events_in_a_request(name: str, expected: list[tuple[str, str, str, str | None]]) -> None:
    recorded = request("jira", name)
    found = handle(Jira, recorded)
    assert [(event.type, event.external_id, event.actor_id, event.key) for event in found] == expected
    assert Jira.delivery_key(recorded.headers, recorded.payload) == recorded.headers["x-atlassian-webhook-identifier"]


@pytest.mark.parametrize("name", ["issue_created", "issue_updated", "comment_created"])
def test_the_sample_has_what_really_comes(name: str) -> None:
    spec = Jira.event_spec(name)
    assert spec is not None
    missing = same_shape(dict(spec.sample), only(name).payload)
    assert [line for line in missing if not line.endswith("in the second")] == []


def test_an_issue_says_what_when_and_where() -> None:
    event = only("issue_created")
    assert event.payload["issue"]["fields"]["summary"] == "Payment fails"
    assert event.payload["issue"]["fields"]["priority"]["name"] == "High"
    assert event.payload["issue"]["url"] == "https://acme.atlassian.net/browse/OPS-7"
    assert event.payload["user"]["displayName"] == "Ada Byron"
    assert event.occurred_at == event.updated_at == datetime(2026, 11, 20, 10, 0, 0, 123000, tzinfo=UTC)
    assert event.changed is None


def test_a_change_says_before_and_after() -> None:
    assert only("issue_updated").changed == {
        "status": ("To Do", "In Progress"),
        "assignee": (None, "Bo Diddley"),
        "customfield_10016": ("2", "3"),
    }
    assert only("issue_updated__datacenter").changed == {"priority": ("Low", "High")}


def test_a_comment_has_its_text_author_and_issue() -> None:
    event = only("comment_created")
    assert event.payload["comment"]["body"] == "Looking into it."
    assert event.payload["user"]["accountId"] == event.payload["comment"]["author"]["accountId"] == ADA
    assert event.payload["issue"]["key"] == "OPS-7"
    assert event.updated_at == datetime(2026, 11, 20, 10, 15, 0, 500000, tzinfo=UTC)


def test_a_comment_without_its_issue_says_which_it_was() -> None:
    issue = only("comment_created__no_issue").payload["issue"]
    assert issue == {"id": ISSUE, "self": "https://acme.atlassian.net/rest/api/2/issue/10042"}


def test_a_text_reads_the_same_however_it_came() -> None:
    assert only("comment_created__document").payload["comment"]["body"] == "Looking into it."


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("issue_created", "acme.atlassian.net"),
        ("comment_created__no_issue", "acme.atlassian.net"),
        ("issue_updated__datacenter", "jira.example.com/tracker"),
        ("worklog_created", None),
    ],
)
def test_the_account_is_the_site(name: str, account: str | None) -> None:
    recorded = request("jira", name)
    assert Jira.account_key(recorded.headers, recorded.payload) == account


def test_names_without_their_prefix_are_known_too() -> None:
    [event] = Jira().handle_webhook({"webhookEvent": "issue_created", "issue": {"key": "OPS-7"}})
    assert (event.type, event.external_id, event.updated_at) == ("issue_created", "OPS-7", None)


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        {},
        {"webhookEvent": []},
        {"webhookEvent": "jira:issue_updated", "issue": []},
        {"webhookEvent": "jira:issue_updated", "issue": {"id": [], "fields": 3, "self": 7}, "changelog": {"items": 3}},
        {"webhookEvent": "jira:issue_updated", "issue": {"id": 1}, "changelog": {"items": [3, {"field": None}]}},
        {"webhookEvent": "jira:issue_created", "issue": {"id": "1"}, "timestamp": 10**30, "user": "x"},
        {"webhookEvent": "comment_created", "comment": {"self": 3, "author": None, "created": "soon"}},
        {"webhookEvent": "comment_created", "comment": None},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert isinstance(Jira().handle_webhook(payload), list)
    assert Jira.account_key({}, payload) is None
    assert Jira.delivery_key({}, payload) is None
