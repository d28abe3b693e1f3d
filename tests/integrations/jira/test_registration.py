"""Webhooks that are registered at Jira, and what is asked for that no webhook told."""

from datetime import UTC, datetime

import pytest

from integrations.connectors.jira.connector import Jira
from integrations.errors import Forbidden
from integrations.specs import Registration, WebhookTarget
from supportops import clock
from tests.integrations.calls import Caller, body_of
from tests.integrations.jira.test_actions import jira
from tests.integrations.jira.test_events import ADA, BO, US

TARGET = WebhookTarget("https://supportops.example/api/webhooks/jira/abc", "our-secret", ("issue_created",))
REGISTERED = Registration(("7",))


def test_a_webhook_is_made_with_our_secret() -> None:
    given, calls = jira.ask("register_webhook__201", "register_webhook", TARGET, None)
    assert given == REGISTERED
    assert body_of(calls[-1]) == {
        "name": "SupportOps",
        "url": TARGET.url,
        "events": ["jira:issue_created"],
        "filters": {"issue-related-events-section": ""},
        "excludeBody": False,
        "enabled": True,
        "secret": "our-secret",
    }


def test_one_that_is_there_is_changed_and_not_doubled() -> None:
    for answers, known in (("by_address", None), ("known", Registration(("99", "7")))):
        given, _ = jira.ask(f"register_webhook__200__{answers}", "register_webhook", TARGET, known)
        assert given == REGISTERED


def test_the_new_one_is_found_where_jira_does_not_name_it() -> None:
    given, _ = jira.ask("register_webhook__204", "register_webhook", TARGET, None)
    assert given == REGISTERED


def test_the_configuration_narrows_what_is_sent() -> None:
    narrow = Caller(Jira, jira.credentials, {"webhook_jql": "project = OPS"})
    whole = WebhookTarget(TARGET.url, "our-secret")
    _, calls = narrow.ask("register_webhook__201", "register_webhook", whole, None)
    assert body_of(calls[-1])["filters"] == {"issue-related-events-section": "project = OPS"}
    assert body_of(calls[-1])["events"] == ["jira:issue_created", "jira:issue_updated", "comment_created"]


def test_only_administrators_register_webhooks() -> None:
    with pytest.raises(Forbidden):
        jira.ask("register_webhook__403", "register_webhook", TARGET, None)


def test_a_webhook_that_is_gone_is_gone() -> None:
    jira.ask("unregister_webhook__404", "unregister_webhook", REGISTERED)


def test_what_was_missed_is_told_oldest_first() -> None:
    since, until = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC)
    with clock.frozen(until):
        found, calls = jira.ask(
            "list_changes__200", "list_changes", since, until, config={"webhook_jql": "project = OPS"}
        )
    assert body_of(calls[0]) == {
        "jql": "updated >= -62m AND (project = OPS) ORDER BY updated ASC",
        "fields": ["*all"],
        "maxResults": 100,
        "expand": "changelog",
    }
    assert body_of(calls[2])["nextPageToken"] == "t2"
    assert [(event.type, event.external_id, event.key, event.actor_id) for event in found] == [
        ("issue_created", "10042", None, ADA),
        ("issue_updated", "10042", "10100", BO),
        ("comment_created", "10500", "10500", US),
        ("issue_updated", "10001", "10103", ADA),
    ]
    created, moved, comment, _ = found
    assert created.updated_at == datetime(2026, 11, 20, 10, 0, 0, 123000, tzinfo=UTC)
    assert moved.changed == {"status": ("To Do", "In Progress")}
    # As webhooks tell it: texts, no documents.
    assert created.payload["issue"]["fields"]["description"] == comment.payload["comment"]["body"] == "Looking into it."
    assert "changelog" not in created.payload["issue"]
