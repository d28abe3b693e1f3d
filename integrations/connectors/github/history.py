"""What changed in repositories in between, told as webhooks would have told it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from integrations.connectors.github import events
from integrations.connectors.github.client import GithubClient, Json
from integrations.payloads import moment
from integrations.specs import Event


def changes_in(client: GithubClient, repositories: Iterable[str], since: datetime, until: datetime) -> list[Event]:
    """Return events for issues, pull requests, comments and releases that changed, oldest first.

    Pushes leave no list behind. What exactly changed is not told: an object that was not made and not closed in
    between is `edited`.
    """
    found: list[Event] = []
    for name in repositories:
        around = {"repository": client.repository(name)}
        told = [*_issues(client, name, since), *_pulls(client, name, since), *_comments(client, name, since)]
        told += [_told("release", release, since, "author") for release in client.releases(name)]
        for kind, payload in told:
            for event in events.events_of({**payload, **around}, {"x-github-event": kind}):
                if event.updated_at is not None and since <= event.updated_at < until:
                    found.append(event)
    return sorted(found, key=lambda event: event.updated_at or since)


def _issues(client: GithubClient, name: str, since: datetime) -> Iterable[tuple[str, Json]]:
    for issue in client.issues(name, since, sort="updated", direction="asc"):
        if "pull_request" not in issue:
            yield _told("issues", issue, since, "user")


def _pulls(client: GithubClient, name: str, since: datetime) -> Iterable[tuple[str, Json]]:
    for pull in client.pulls(name, sort="updated", direction="desc"):
        updated_at = moment(pull.get("updated_at"))
        if updated_at is not None and updated_at < since:
            return
        # The list does not say whether it was merged; the time of it does.
        whole = {**pull, "merged": pull.get("merged_at") is not None}
        kind, payload = _told("pull_request", whole, since, "user")
        yield kind, {**payload, "number": pull.get("number")}


def _comments(client: GithubClient, name: str, since: datetime) -> Iterable[tuple[str, Json]]:
    issues: dict[str, Json] = {}
    for comment in client.comments(name, None, since, sort="updated", direction="asc"):
        number = str(comment.get("issue_url", "")).rpartition("/")[2]
        if number.isdecimal():
            if number not in issues:
                issues[number] = client.issue(name, number)
            kind, payload = _told("issue_comment", comment, since, "user")
            yield kind, {**payload, "issue": issues[number]}


def _told(kind: str, item: Mapping[str, Any], since: datetime, author: str) -> tuple[str, Json]:
    name = {"issues": "issue", "issue_comment": "comment"}.get(kind, kind)
    made = moment(item.get("published_at") if kind == "release" else item.get("created_at"))
    closed = moment(item.get("closed_at"))
    action = "edited"
    if made is not None and made >= since:
        action = {"issue_comment": "created", "release": "published"}.get(kind, "opened")
    elif closed is not None and closed >= since:
        action = "closed"
    # Only of what was made is it known by whom.
    sender = item.get(author) if action in ("opened", "created", "published") else None
    return kind, {"action": action, name: dict(item), **({"sender": sender} if sender else {})}
