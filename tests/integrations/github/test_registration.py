"""Webhooks that are registered at GitHub, and what is asked for that no webhook told."""

from datetime import UTC, datetime

import pytest

from integrations.connectors.github.connector import Github
from integrations.errors import Forbidden, InvalidInput
from integrations.specs import Registration, WebhookTarget
from tests.integrations.calls import Caller, body_of

github = Caller(Github, {"token": "ghp_" + "x" * 36}, {"default_repo": "acme/shop"})
TARGET = WebhookTarget("https://supportops.example/api/webhooks/github/abc", "our-secret", ("issues", "push"))
REGISTERED = Registration(("acme/shop:292430182",))


def test_a_webhook_is_made_with_our_secret() -> None:
    registered, calls = github.ask("register_webhook__201", "register_webhook", TARGET, None)
    assert registered == REGISTERED
    assert body_of(calls[-1]) == {
        "name": "web",
        "active": True,
        "events": ["issues", "push"],
        "config": {"url": TARGET.url, "content_type": "json", "secret": "our-secret", "insecure_ssl": "0"},
    }


def test_one_that_is_there_is_changed_and_not_doubled() -> None:
    registered, calls = github.ask("register_webhook__200__by_address", "register_webhook", TARGET, None)
    assert registered == REGISTERED and "name" not in body_of(calls[-1])
    known = Registration(("acme/shop:292430182", "acme/old:77"))
    registered, _ = github.ask("register_webhook__200__known", "register_webhook", TARGET, known)
    assert registered == REGISTERED, "what is not watched any more is taken away"


def test_every_event_is_asked_for_where_none_is_named() -> None:
    _, calls = github.ask("register_webhook__201", "register_webhook", WebhookTarget(TARGET.url, "s"), None)
    assert body_of(calls[-1])["events"] == ["issues", "issue_comment", "pull_request", "push", "release"]


def test_watched_repositories_are_those_of_the_configuration() -> None:
    config = {"repositories": ["shop"], "default_owner": "acme"}
    registered, _ = github.ask("register_webhook__201", "register_webhook", TARGET, None, config=config)
    assert registered == REGISTERED
    with pytest.raises(InvalidInput, match="default repository"):
        Caller(Github, {"token": "x"}).ask("register_webhook__201", "register_webhook", TARGET, None)


def test_who_may_not_register_is_told_what_is_needed() -> None:
    with pytest.raises(Forbidden, match="repository_hooks=read"):
        github.ask("register_webhook__403", "register_webhook", TARGET, None)


def test_a_webhook_is_taken_away() -> None:
    _, calls = github.ask("unregister_webhook__204", "unregister_webhook", REGISTERED)
    assert len(calls) == 1


def test_what_was_missed_is_told_oldest_first() -> None:
    since, until = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 14, tzinfo=UTC)
    found, _ = github.ask("list_changes__200", "list_changes", since, until)
    assert [(event.type, event.payload["action"], event.external_id) for event in found] == [
        ("issues", "opened", "2981734112"),
        ("issue_comment", "created", "1763719200"),
        ("issue_comment", "edited", "12"),
        ("issues", "closed", "3"),
        ("issues", "edited", "4"),
        ("pull_request", "closed", "1934512201"),
        ("release", "published", "52714921"),
    ]
    opened, comment, changed, *_, pull, _ = found
    assert opened.actor_id == "583231" and changed.actor_id is None
    assert comment.payload["issue"]["number"] == 7 and pull.payload["pull_request"]["merged"] is True
    assert all(event.payload["repository"]["full_name"] == "acme/shop" and event.key is None for event in found)
