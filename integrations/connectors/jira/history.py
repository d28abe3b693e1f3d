"""What changed in issues in between, told as webhooks would have told it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from integrations.connectors.jira import events
from integrations.connectors.jira.client import JiraClient
from integrations.payloads import items, mapping, moment
from integrations.specs import Event
from supportops import clock


def changes_in(client: JiraClient, jql: str, since: datetime, until: datetime) -> list[Event]:
    """Return events for issues opened, changed and commented, oldest first; a change by its entry in the history."""
    # Relative, since times in JQL are those of the account's own zone.
    minutes = int((clock.now() - since).total_seconds() // 60) + 2
    condition = f"updated >= -{minutes}m" + (f" AND ({jql})" if jql else "")
    found: list[Event] = []
    for issue in client.all_found(f"{condition} ORDER BY updated ASC", ["*all"], "changelog"):
        histories = items(mapping(issue.get("changelog")).get("histories"))
        whole = {key: value for key, value in issue.items() if key not in ("changelog", "expand")}
        told = [*_created(whole), *_changes(whole, histories), *_comments(client, whole)]
        found += [event for at, event in _events(told) if since <= at < until]
    return sorted(found, key=lambda event: event.occurred_at or since)


def _events(told: Iterable[dict[str, Any]]) -> Iterator[tuple[datetime, Event]]:
    for payload in told:
        at = moment(payload.pop("at"))
        if at is None:
            continue
        for event in events.events_of({"timestamp": round(at.timestamp() * 1000), **payload}):
            event.updated_at = at
            yield at, event


def _created(issue: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    fields = mapping(issue.get("fields"))
    creator = fields.get("creator") or fields.get("reporter")
    yield {
        "at": fields.get("created"),
        "webhookEvent": "jira:issue_created",
        "issue_event_type_name": "issue_created",
        "user": creator,
        "issue": issue,
    }


def _changes(issue: Mapping[str, Any], histories: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for history in map(mapping, histories):
        yield {
            "at": history.get("created"),
            "webhookEvent": "jira:issue_updated",
            "issue_event_type_name": "issue_generic",
            "user": history.get("author"),
            "issue": issue,
            "changelog": {"id": history.get("id"), "items": history.get("items")},
        }


def _comments(client: JiraClient, issue: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for comment in client.comments(str(issue["id"])):
        yield {
            "at": comment.get("created"),
            "webhookEvent": "comment_created",
            "comment": comment,
            "issue": issue,
        }
