"""GitHub's webhooks as events. The payload is GitHub's own, so that `issue.title` here is what its documentation calls
so. https://docs.github.com/en/webhooks/webhook-events-and-payloads, read 2026-11.
"""

import re
from collections.abc import Mapping
from typing import Any

from integrations import markers
from integrations.connectors.github import samples
from integrations.payloads import identifier, mapping, moment, text, unix_moment
from integrations.specs import Event, EventSpec
from supportops import odd_json

EVENTS = [
    EventSpec(
        "issues",
        "An issue was opened, changed, closed, labelled, assigned, …: see `action`.",
        subject="issue",
        sample=samples.ISSUES,
        label="Issue",
    ),
    EventSpec(
        "issue_comment",
        "Somebody commented on an issue or pull request, or changed or deleted a comment.",
        subject="comment",
        sample=samples.ISSUE_COMMENT,
        label="Comment",
    ),
    EventSpec(
        "pull_request",
        "A pull request was opened, changed, closed, merged, …: see `action` and `pull_request.merged`.",
        subject="pull_request",
        sample=samples.PULL_REQUEST,
        label="Pull request",
    ),
    EventSpec("push", "Commits or a tag were pushed to a branch.", sample=samples.PUSH, label="Push"),
    EventSpec(
        "release",
        "A release was published, changed or deleted: see `action`.",
        subject="release",
        sample=samples.RELEASE,
        label="Release",
    ),
]
# Event → the name of the object that it is about.
_OBJECTS = {"issues": "issue", "issue_comment": "comment", "pull_request": "pull_request", "release": "release"}
_CREATING = frozenset({"opened", "created"})
# Action → the field that it adds to or takes from, the field of the payload with the item, and whether it adds.
_ITEMS = {
    "labeled": ("labels", "label", True),
    "unlabeled": ("labels", "label", False),
    "assigned": ("assignees", "assignee", True),
    "unassigned": ("assignees", "assignee", False),
}
_HIDDEN = re.compile(r"\s*<!--\s*so:[A-Za-z0-9-]{1,36}\s*-->")


def opened(payload: Any) -> Any:
    """Return what GitHub tells: a hook of the type `form` has it as a text in the field `payload`."""
    if isinstance(payload, Mapping) and isinstance(payload.get("payload"), str) and "repository" not in payload:
        try:
            return odd_json.loads(payload["payload"].encode())
        except odd_json.MalformedJson:
            return {}
    return payload


def events_of(payload: Any, headers: Mapping[str, str]) -> list[Event]:
    """Return the event in a request; none for kinds that are no events here."""
    told = opened(payload)
    if not isinstance(told, Mapping):
        return []
    kind = headers.get("x-github-event") or _kind_of(told)
    if kind == "push":
        return [_push(told, headers)]
    name = _OBJECTS.get(kind)
    item = told.get(name) if name else None
    if not isinstance(item, Mapping) or not name:
        return []
    action = text(told.get("action")) or ""
    clean = {key: _without_mark(value) if key in _OBJECTS.values() else value for key, value in told.items()}
    created_at = moment(item.get("published_at") if name == "release" else item.get("created_at"))
    updated_at = moment(item.get("updated_at")) or created_at
    return [
        Event(
            kind,
            external_id=identifier(item.get("id")) or "",
            payload=clean,
            occurred_at=created_at if action in _CREATING else updated_at,
            key=headers.get("x-github-delivery") or None,
            changed=changes_of(told, name, clean[name]),
            actor_id=identifier(mapping(told.get("sender")).get("id")),
            updated_at=updated_at,
            marker=markers.hidden_key(str(item.get("body") or "")) if action in _CREATING else None,
        )
    ]


def changes_of(told: Mapping[str, Any], name: str, item: Mapping[str, Any]) -> dict[str, tuple[Any, Any]] | None:
    """Return what changed on the event's object: GitHub's `changes`, and what the action itself says."""
    action, changes = told.get("action"), told.get("changes")
    if action in ("closed", "reopened") and name != "comment":
        return {"state": ("open", "closed") if action == "closed" else ("closed", "open")}
    if action in _ITEMS:
        field, one, is_added = _ITEMS[str(action)]
        there, moved = item.get(field), told.get(one)
        if not isinstance(there, list) or not isinstance(moved, Mapping):
            return None
        others = [entry for entry in there if mapping(entry).get("id") != moved.get("id")]
        return {field: (others if is_added else [*others, dict(moved)], there)}
    if not isinstance(changes, Mapping):
        return None
    found: dict[str, tuple[Any, Any]] = {}
    for field, change in changes.items():
        if not isinstance(change, Mapping):
            continue
        if "from" in change:
            found[field] = (change["from"], item.get(field))
            continue
        inner = mapping(item.get(field))
        for part, value in change.items():
            if isinstance(value, Mapping) and "from" in value:
                found[f"{field}.{part}"] = (value["from"], inner.get(part))
    return found


def account_of(payload: Any) -> str | None:
    """Return the id of the person or organization whose repository it is."""
    told = mapping(opened(payload))
    owner = mapping(mapping(told.get("repository")).get("owner"))
    return identifier(owner.get("id")) or identifier(mapping(told.get("organization")).get("id"))


def is_ping(payload: Any, headers: Mapping[str, str]) -> bool:
    """Return whether this is the request by which GitHub tries a new webhook."""
    told = mapping(opened(payload))
    return headers.get("x-github-event") == "ping" or ("zen" in told and "hook_id" in told)


def _push(told: Mapping[str, Any], headers: Mapping[str, str]) -> Event:
    repository = mapping(told.get("repository"))
    branch = f"{repository.get('full_name') or repository.get('name') or ''}:{told.get('ref') or ''}"
    return Event(
        "push",
        external_id=branch[:200],
        payload=dict(told),
        # In pushes alone this is in seconds: the time of the push.
        occurred_at=unix_moment(repository.get("pushed_at"))
        or moment(mapping(told.get("head_commit")).get("timestamp")),
        key=headers.get("x-github-delivery") or None,
        actor_id=identifier(mapping(told.get("sender")).get("id")),
    )


def _kind_of(told: Mapping[str, Any]) -> str:
    """What a payload is by its form, where no header says so."""
    if "action" not in told:
        return "push" if "ref" in told and "commits" in told else ""
    if "comment" in told:
        return "issue_comment" if "issue" in told else ""
    if "review" in told or "thread" in told:
        return ""
    return next((kind for kind in ("pull_request", "issues", "release") if _OBJECTS[kind] in told), "")


def _without_mark(value: Any) -> Any:
    if not isinstance(value, Mapping) or not isinstance(value.get("body"), str):
        return value
    return {**value, "body": _HIDDEN.sub("", value["body"])}
