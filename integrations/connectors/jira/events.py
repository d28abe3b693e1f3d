"""Jira's webhooks as events. The payload is Jira's own: `issue.fields.status.name` here is what its documentation says.

https://developer.atlassian.com/cloud/jira/platform/webhooks, read 2026-11. Texts in webhooks are plain, no documents.
"""

import re
from collections.abc import Mapping
from typing import Any

from integrations.connectors.jira import samples
from integrations.connectors.jira.client import user_id
from integrations.connectors.jira.documents import text_of
from integrations.payloads import identifier, items, mapping, moment, text, unix_moment
from integrations.specs import Event, EventSpec

EVENTS = [
    EventSpec("issue_created", "An issue was opened.", subject="issue", sample=samples.ISSUE_CREATED,
              label="Issue created"),
    EventSpec("issue_updated", "An issue was changed, moved to another status or commented.", subject="issue",
              sample=samples.ISSUE_UPDATED, label="Issue updated"),
    EventSpec("comment_created", "Somebody commented on an issue.", subject="comment", sample=samples.COMMENT_CREATED,
              label="Comment created"),
]  # fmt: skip
# Our name → Jira's, whose prefixes follow no rule.
VENDOR_NAMES = {
    "issue_created": "jira:issue_created",
    "issue_updated": "jira:issue_updated",
    "comment_created": "comment_created",
}
_OURS = {vendor: ours for ours, vendor in VENDOR_NAMES.items()}
_COMMENT_OF = re.compile(r"(.+/rest/api/[^/]+/issue/([0-9]+))/comment/")
_PLACE = re.compile(r"https?://([^/?#]+)((?:/[^/?#]+)*?)/rest/")


def events_of(payload: Any) -> list[Event]:
    """Return the events in a request; none for kinds that are no events here."""
    told = mapping(payload)
    vendor_name = text(told.get("webhookEvent")) or ""
    name = _OURS.get(vendor_name) or (vendor_name if vendor_name in VENDOR_NAMES else None)
    found: list[Event] = []
    if name in ("issue_created", "issue_updated") and mapping(told.get("issue")):
        found.append(_of_issue(name, told))
    is_comment = name == "comment_created" or (
        # Older editions tell a comment as a change of its issue alone. Where both come, the comment's id tells.
        name == "issue_updated" and told.get("issue_event_type_name") == "issue_commented"
    )
    if is_comment and mapping(told.get("comment")):
        found.append(_of_comment(told))
    return found


def account_of(payload: Any) -> str | None:
    """Return the site that a request comes from: host, and path where there is one."""
    told = mapping(payload)
    for name in ("issue", "comment", "user"):
        place = place_of(text(mapping(told.get(name)).get("self")) or "")
        if place:
            return place
    return None


def place_of(address: str) -> str | None:
    """Return host and path of the site that an address of Jira's API belongs to: acme.atlassian.net."""
    found = _PLACE.match(address)
    return f"{found[1].lower()}{found[2]}" if found else None


def _of_issue(name: str, told: Mapping[str, Any]) -> Event:
    issue = _issue(mapping(told.get("issue")))
    fields, changelog = mapping(issue.get("fields")), mapping(told.get("changelog"))
    happened_at = _told_at(told)
    return Event(
        name,
        external_id=identifier(issue.get("id")) or text(issue.get("key")) or "",
        payload={**text_of(dict(told)), "issue": issue},
        occurred_at=happened_at,
        key=identifier(changelog.get("id")) if name == "issue_updated" else None,
        changed=_changed(changelog) if "changelog" in told else None,
        actor_id=user_id(mapping(told.get("user"))),
        updated_at=moment(fields.get("updated")) or happened_at,
    )


def _of_comment(told: Mapping[str, Any]) -> Event:
    comment = text_of(dict(mapping(told.get("comment"))))
    author = mapping(comment.get("author"))
    issue = mapping(told.get("issue")) or _issue_of(comment)
    comment_id = identifier(comment.get("id"))
    return Event(
        "comment_created",
        external_id=comment_id or "",
        payload={
            **text_of(dict(told)),
            "user": dict(mapping(told.get("user")) or author),
            "comment": comment,
            "issue": _issue(issue),
        },
        occurred_at=_told_at(told) or moment(comment.get("created")),
        key=comment_id,
        actor_id=user_id(author) or user_id(mapping(told.get("user"))),
        updated_at=moment(comment.get("updated")) or moment(comment.get("created")),
    )


def _issue(issue: Mapping[str, Any]) -> dict[str, Any]:
    """An issue with the address at which people read it."""
    place, key = str(issue.get("self") or "").partition("/rest/")[0], text(issue.get("key"))
    plain: dict[str, Any] = text_of(dict(issue))
    return {**plain, "url": f"{place}/browse/{key}"} if place and key else plain


def _issue_of(comment: Mapping[str, Any]) -> dict[str, Any]:
    """What a comment's own address tells of its issue, where nothing else does."""
    found = _COMMENT_OF.match(text(comment.get("self")) or "")
    return {"id": found[2], "self": found[1]} if found else {}


def _changed(changelog: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for item in map(mapping, items(changelog.get("items"))):
        field = text(item.get("fieldId")) or text(item.get("field"))
        if field:
            found[field] = (item.get("fromString"), item.get("toString"))
    return found


def _told_at(told: Mapping[str, Any]) -> Any:
    stamp = told.get("timestamp")
    return unix_moment(stamp / 1000) if isinstance(stamp, int | float) and not isinstance(stamp, bool) else None
