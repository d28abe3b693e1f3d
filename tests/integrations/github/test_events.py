"""What GitHub sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.github.connector import Github
from integrations.specs import Event
from tests.integrations.calls import KEY
from tests.integrations.recorded import RecordedRequest, handle, request, request_names, same_shape

ADA, BO = "583231", "583232"
ISSUE, COMMENT, PULL = "2981734112", "1763719200", "1934512201"
# Recorded request → event, what it is about, who did it.
REQUESTS = {
    "issues": ("issues", ISSUE, ADA),
    "issues__edited": ("issues", ISSUE, ADA),
    "issues__labeled": ("issues", ISSUE, ADA),
    "issues__assigned": ("issues", ISSUE, ADA),
    "issues__closed": ("issues", ISSUE, BO),
    "issues__form": ("issues", ISSUE, ADA),
    "issues__by_us": ("issues", ISSUE, "9000001"),
    "issue_comment": ("issue_comment", COMMENT, ADA),
    "issue_comment__edited": ("issue_comment", COMMENT, ADA),
    "issue_comment__on_pull_request": ("issue_comment", COMMENT, ADA),
    "pull_request": ("pull_request", PULL, ADA),
    "pull_request__base_changed": ("pull_request", PULL, ADA),
    "pull_request__merged": ("pull_request", PULL, BO),
    "push": ("push", "acme/shop:refs/heads/main", ADA),
    "release": ("release", "52714921", ADA),
    "ping": None,
    "star": None,
}


def only(name: str) -> Event:
    [event] = handle(Github, request("github", name))
    return event


def test_every_recorded_request_is_looked_at() -> None:
    assert set(request_names("github")) == set(REQUESTS)


@pytest.mark.parametrize(("name", "expected"), REQUESTS.items())
def test_a_request_is_one_event_or_none(name: str, expected: tuple[str, str, str] | None) -> None:
    recorded = request("github", name)
    found = [(event.type, event.external_id, event.actor_id) for event in handle(Github, recorded)]
    assert found == ([expected] if expected else [])
    assert Github.delivery_key(recorded.headers, recorded.payload) == recorded.headers["x-github-delivery"]
    assert Github.account_key(recorded.headers, recorded.payload) == "9919"
    for event in handle(Github, recorded):
        assert event.key == recorded.headers["x-github-delivery"]


@pytest.mark.parametrize("name", ["issues", "issue_comment", "pull_request", "push", "release"])
def test_the_sample_has_what_really_comes(name: str) -> None:
    spec = Github.event_spec(name)
    assert spec is not None
    missing = same_shape(dict(spec.sample), only(name).payload)
    assert [line for line in missing if not line.endswith("in the second")] == []


@pytest.mark.parametrize("name", ["issues", "issue_comment", "pull_request", "push", "release"])
def test_without_the_header_the_form_tells_the_kind(name: str) -> None:
    recorded = request("github", name)
    [event] = handle(Github, RecordedRequest(name, {}, recorded.body))
    assert event.type == name and event.key is None


def test_an_issue_says_what_and_when() -> None:
    event = only("issues")
    assert event.payload["issue"]["title"] == "Payment fails"
    assert event.payload["issue"]["user"]["login"] == event.payload["sender"]["login"] == "ada"
    assert event.payload["repository"]["full_name"] == "acme/shop"
    assert event.occurred_at == event.updated_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert event.changed is None and event.marker is None


def test_a_hook_that_sends_forms_says_the_same() -> None:
    assert only("issues__form").payload == only("issues").payload


def test_what_changed_is_told_with_before_and_after() -> None:
    assert only("issues__edited").changed == {
        "title": ("Payment failed", "Payment fails"),
        "body": ("Since this morning.", "Since this morning – größer als gestern."),
    }
    assert only("issue_comment__edited").changed == {"body": ("Looking", "Looking into it.")}
    assert only("pull_request__base_changed").changed == {
        "base.ref": ("develop", "main"),
        "base.sha": ("0000000000000000000000000000000000000001", "c5b97d5ae6c19d5c5df71a34c7fbeeda2479ccbc"),
    }


def test_what_an_action_changes_is_told_too() -> None:
    assert only("issues__closed").changed == {"state": ("open", "closed")}
    before, after = (only("issues__labeled").changed or {})["labels"]
    assert [label["name"] for label in before] == ["bug"]
    assert [label["name"] for label in after] == ["bug", "vip"]
    before, after = (only("issues__assigned").changed or {})["assignees"]
    assert (before, [person["login"] for person in after]) == ([], ["bo"])


def test_a_label_that_was_taken_off_was_there_before() -> None:
    payload = {"action": "unlabeled", "issue": {"id": 1, "labels": []}, "label": {"id": 3, "name": "vip"}}
    [event] = Github().handle_webhook(payload)
    assert event.changed == {"labels": ([{"id": 3, "name": "vip"}], [])}


def test_a_comment_on_a_pull_request_says_so() -> None:
    event = only("issue_comment__on_pull_request")
    assert event.payload["issue"]["pull_request"]["html_url"] == "https://github.com/acme/shop/pull/8"


def test_a_merge_is_a_closed_pull_request() -> None:
    event = only("pull_request__merged")
    assert (event.payload["action"], event.payload["pull_request"]["merged"]) == ("closed", True)
    assert event.updated_at == datetime(2026, 11, 20, 11, 20, tzinfo=UTC)


def test_a_push_says_when_and_what() -> None:
    event = only("push")
    assert event.payload["commits"][0]["message"] == "Retry payments"
    assert event.occurred_at == datetime.fromtimestamp(1795172405, UTC)


def test_our_own_issue_is_known_by_its_mark_which_rules_do_not_see() -> None:
    event = only("issues__by_us")
    assert event.marker == KEY
    assert event.payload["issue"]["body"] == "From the ticket"


def test_the_first_request_of_a_webhook_is_answered() -> None:
    recorded = request("github", "ping")
    answer = Github.handshake(recorded.as_request(), recorded.payload)
    assert answer is not None and answer.status == 200
    issue = request("github", "issues")
    assert Github.handshake(issue.as_request(), issue.payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        {},
        {"payload": "no json"},
        {"payload": "[]"},
        {"action": 3, "issue": {}},
        {"action": "edited", "issue": {"id": [], "labels": 3, "updated_at": "soon"}, "changes": {"title": 3, "x": {}}},
        {"action": "labeled", "issue": {"id": 1, "labels": None}, "label": "x"},
        {"action": "created", "issue": None, "comment": {"body": None}},
        {"ref": None, "commits": None, "repository": {"pushed_at": 10**30}, "sender": 3},
        {"action": "submitted", "review": {}, "pull_request": {"id": 1}},
        {"repository": {"owner": []}, "organization": {"id": True}},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    found = Github().handle_webhook(payload)
    assert isinstance(found, list)
    assert Github.account_key({}, payload) is None
    assert Github.delivery_key({}, payload) is None
