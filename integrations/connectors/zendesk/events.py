"""What Zendesk says of events, from both kinds of its webhooks. Pure.

* event subscriptions: ``zen:event-type:ticket.status_changed`` with ``detail`` and ``event``; ids as texts, values in
  upper case (https://developer.zendesk.com/api-reference/webhooks/event-types/, read 2026-11)
* webhooks that a trigger or automation calls, with a body that we document in the README; values as people see them

Both come out in the vocabulary of the REST API: lower case, numeric ids. What Zendesk has no event for is derived:
`ticket.updated`, `ticket.solved`, `ticket.closed`, `user.updated`, `organization.updated`.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations import markers
from integrations.specs import Event

# Kinds of change of a ticket → the field of the REST API that changed.
_TICKET_CHANGES = {
    "status_changed": "status",
    "priority_changed": "priority",
    "type_changed": "type",
    "subject_changed": "subject",
    "description_changed": "description",
    "tags_changed": "tags",
    "custom_field_changed": "custom_field",
    "custom_status_changed": "custom_status_id",
    "agent_assignment_changed": "assignee_id",
    "group_assignment_changed": "group_id",
    "organization_changed": "organization_id",
    "requester_changed": "requester_id",
    "submitter_changed": "submitter_id",
    "brand_changed": "brand_id",
    "form_changed": "ticket_form_id",
    "external_id_changed": "external_id",
    "followers_changed": "follower_ids",
    "email_ccs_changed": "email_cc_ids",
    "problem_link_changed": "problem_id",
    "task_due_at_changed": "due_at",
}
_OTHER_CHANGES = {
    "active_changed": "active",
    "alias_changed": "alias",
    "custom_field_changed": "custom_field",
    "custom_role_changed": "custom_role_id",
    "default_group_changed": "default_group_id",
    "details_changed": "details",
    "external_id_changed": "external_id",
    "last_login_changed": "last_login_at",
    "name_changed": "name",
    "notes_changed": "notes",
    "only_private_comments_changed": "only_private_comments",
    "photo_changed": "photo",
    "role_changed": "role",
    "suspended_changed": "suspended",
    "tags_changed": "tags",
    "time_zone_changed": "time_zone",
}
# Changes of what belongs to a user: identities (e-mail addresses, phones) and memberships.
_BELONGINGS = re.compile(r"(identity|organization_membership|group_membership)_(created|changed|deleted)")
_SOLVED_AND_CLOSED = {"solved": "ticket.solved", "closed": "ticket.closed"}
_LOWER = ("status", "priority", "type")
# What rules see of a person of whom Zendesk tells the id alone.
_NOBODY = {"id": None, "name": None, "email": None}


# Of users and organizations what people change; sign-ins and photos would come all day and tell nothing.
_USER_SUBSCRIPTIONS = (
    *("active_changed", "alias_changed", "custom_field_changed", "custom_role_changed", "default_group_changed"),
    *("details_changed", "external_id_changed", "identity_changed", "identity_created", "identity_deleted"),
    *("name_changed", "notes_changed", "organization_membership_created", "organization_membership_deleted"),
    *("role_changed", "suspended_changed", "tags_changed"),
)
_ORGANIZATION_SUBSCRIPTIONS = ("custom_field_changed", "external_id_changed", "name_changed", "tags_changed")


def subscriptions_for(events: Collection[str]) -> list[str]:
    """Return the event types of Zendesk from which these events of ours are made, sorted.

    https://developer.zendesk.com/api-reference/webhooks/event-types/webhook-event-types/ (read 2026-11)
    """
    found: set[str] = set()
    for event in events:
        subject, _, what = event.partition(".")
        if what == "created":
            found.add("ticket.comment_added" if subject == "comment" else event)
        elif event == "ticket.updated":
            found.update(f"ticket.{change}" for change in _TICKET_CHANGES)
        elif event in _SOLVED_AND_CLOSED.values():
            found.add("ticket.status_changed")
        elif event == "user.updated":
            found.update(f"user.{change}" for change in _USER_SUBSCRIPTIONS)
        elif event == "organization.updated":
            found.update(f"organization.{change}" for change in _ORGANIZATION_SUBSCRIPTIONS)
    return sorted(f"zen:event-type:{name}" for name in found)


def events_in(payload: Any) -> list[Event]:
    """Return the events in a webhook's body; what no event of ours fits comes under Zendesk's own name."""
    if not isinstance(payload, dict):
        return []
    kind = payload.get("type")
    if isinstance(kind, str) and kind.startswith("zen:event-type"):
        return _from_subscription(kind, payload)
    return _from_trigger(payload)


def _from_subscription(kind: str, payload: Mapping[str, Any]) -> list[Event]:
    # The vendor's index prints two of the types with a slash instead of the colon.
    subject, _, change = re.sub(r"^zen:event-type[:/]", "", kind).partition(".")
    detail, event = payload.get("detail"), payload.get("event")
    if not isinstance(detail, dict):
        return []
    told = event if isinstance(event, dict) else {}
    if subject == "ticket":
        found = _ticket_events(change, detail, told)
    elif subject in ("user", "organization"):
        found = [_other_event(subject, change, detail, told)]
    else:
        return [Event(f"{subject}.{change}", external_id=_text(detail.get("id")), payload={subject: dict(detail)})]
    sequence, own_id = _sequence(told), _text(payload.get("id"))
    for one in found:
        one.occurred_at = moment(payload.get("time"))
        one.actor_id = _text(detail.get("actor_id")) or None
        # One act of a person changes several fields, each told in a delivery of its own; what we derive is one event,
        # to which planning adds each piece (rules/acts.py).
        is_derived = one.type.partition(".")[2] in ("updated", "solved", "closed")
        if is_derived and sequence:
            one.key = f"{one.external_id}:{sequence}"
        elif own_id:
            one.key = own_id
    return found


def _ticket_events(change: str, detail: Mapping[str, Any], told: Mapping[str, Any]) -> list[Event]:
    fields = ticket_fields(detail)
    people = {"requester": {**_NOBODY, "id": fields.get("requester_id")}}
    if change == "created":
        created = _ticket_event("ticket.created", fields, people)
        created.marker = markers.key_of(fields.get("external_id") or "")
        return [created]
    if change == "comment_added" and isinstance(told.get("comment"), dict):
        comment = _comment(told["comment"])
        return [_ticket_event("comment.created", fields, people, first={"comment": comment})]
    field = _TICKET_CHANGES.get(change)
    if field is None:
        return [_ticket_event(f"ticket.{change}", fields, people)]
    extra: dict[str, Any] = {}
    changed = _changed(field, told, fields)
    if field == "custom_field":
        extra["custom_field"] = _custom_field(told)
    found = [_ticket_event("ticket.updated", fields, people, last=extra, changed=changed)]
    status = changed["status"][1] if changed and "status" in changed else None
    if status in _SOLVED_AND_CLOSED:
        found.append(_ticket_event(_SOLVED_AND_CLOSED[status], fields, people, changed=changed))
    return found


def _other_event(subject: str, change: str, detail: Mapping[str, Any], told: Mapping[str, Any]) -> Event:
    fields = _with_ids(detail)
    fields.pop("actor_id", None)
    field = _OTHER_CHANGES.get(change)
    changed, extra = None, {}
    if change == "created":
        kind = f"{subject}.created"
    elif field is not None or _BELONGINGS.fullmatch(change):
        kind = f"{subject}.updated"
        changed = _changed(field, told, fields) if field else None
        if field == "custom_field":
            extra["custom_field"] = _custom_field(told)
    else:
        kind = f"{subject}.{change}"
    return Event(
        kind,
        external_id=_text(fields.get("id")),
        payload={subject: fields, **extra},
        changed=changed,
        updated_at=moment(fields.get("updated_at")),
    )


def _ticket_event(
    kind: str,
    fields: dict[str, Any],
    people: Mapping[str, Any],
    *,
    first: Mapping[str, Any] | None = None,
    last: Mapping[str, Any] | None = None,
    changed: dict[str, tuple[Any, Any]] | None = None,
) -> Event:
    return Event(
        kind,
        external_id=_text(fields.get("id")),
        payload={**(first or {}), "ticket": dict(fields), **people, **(last or {})},
        changed=changed,
        updated_at=moment(fields.get("updated_at")),
    )


def exported_ticket_event(ticket: Mapping[str, Any], since: datetime) -> Event:
    """Return what a ticket of the incremental export means: made since then, or only changed."""
    fields = ticket_fields(ticket)
    created = moment(fields.get("created_at"))
    kind = "ticket.created" if created is not None and created >= since else "ticket.updated"
    event = _ticket_event(kind, fields, {"requester": {**_NOBODY, "id": fields.get("requester_id")}})
    event.occurred_at = created if kind == "ticket.created" else event.updated_at
    event.marker = markers.key_of(fields.get("external_id") or "") if kind == "ticket.created" else None
    return event


def _from_trigger(body: Mapping[str, Any]) -> list[Event]:
    """The body of a trigger's webhook: ``event`` (or ``type``), and the ticket's fields in `ticket` or beside it."""
    kind = body.get("event") or body.get("type")
    inner = body.get("ticket")
    said: dict[str, Any] = dict(inner) if isinstance(inner, dict) else _flat(body)
    if not isinstance(kind, str) or not re.fullmatch(r"[0-9]{1,19}", _text(said.get("id"))):
        return []
    fields = ticket_fields(said)
    requester = body.get("requester") or said.get("requester")
    fields.pop("requester", None)
    person = _with_ids(_seen(requester)) if isinstance(requester, dict) else {}
    if fields.get("requester_id") is None and person.get("id"):
        fields["requester_id"] = person["id"]
    people = {"requester": {**_NOBODY, "id": fields.get("requester_id"), **person}}
    first: dict[str, Any] = {}
    if kind == "comment.created":
        comment = body.get("comment")
        first["comment"] = _comment(comment if isinstance(comment, dict) else {"body": comment})
    found = _ticket_event(kind, fields, people, first=first)
    found.occurred_at = found.updated_at
    actor = body.get("current_user")
    found.actor_id = _text(actor.get("id") if isinstance(actor, dict) else body.get("actor_id")) or None
    if kind == "ticket.created":
        found.marker = markers.key_of(fields.get("external_id") or "")
    return [found]


def _flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The ticket's fields of a body that has them at its top: ``ticket_id``, ``status``, …"""
    others = ("event", "type", "via", "comment", "requester", "current_user", "actor_id", "ticket_id")
    fields = {name.removeprefix("ticket_"): value for name, value in body.items() if name not in others}
    return {"id": body.get("ticket_id", body.get("id")), **fields}


def ticket_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ticket's fields in the vocabulary of the REST API."""
    fields = _with_ids(_seen(said))
    fields.pop("actor_id", None)
    for theirs, ours in (("form_id", "ticket_form_id"), ("custom_status", "custom_status_id")):
        if theirs in fields:
            fields[ours] = _id(fields.pop(theirs))
    for name in _LOWER:
        if isinstance(fields.get(name), str):
            fields[name] = _lower(name, fields[name])
    if isinstance(fields.get("tags"), str):
        # A placeholder gives them as one text.
        fields["tags"] = fields["tags"].split()
    return fields


def moment(value: Any) -> datetime | None:
    """Return an aware time for a time stamp, None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _changed(field: str, told: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, tuple[Any, Any]] | None:
    if field == "tags":
        added, removed = (_texts(told.get(f"tags_{what}")) for what in ("added", "removed"))
        after = _texts(fields.get("tags"))
        if not added and not removed:
            return None
        before = [tag for tag in after if tag not in added] + [tag for tag in removed if tag not in after]
        return {"tags": (before, after)}
    if "current" not in told and "previous" not in told:
        return None
    before, after = (_value(field, told.get(name)) for name in ("previous", "current"))
    if field == "custom_field":
        which = _custom_field(told)["id"]
        return {f"custom_field.{which}" if which else "custom_field": (before, after)}
    return {field: (before, after)}


def _custom_field(told: Mapping[str, Any]) -> dict[str, Any]:
    """Which of the account's own fields changed, and its value; under its parts' names in event payloads."""
    about = told.get("custom_field") or told.get("field")
    about = about if isinstance(about, dict) else {}
    return {
        "id": _id(about.get("id")),
        "title": about.get("title"),
        "type": about.get("field_type") or about.get("type"),
        "value": told.get("current"),
    }


def _comment(said: Mapping[str, Any]) -> dict[str, Any]:
    author = said.get("author")
    author = _with_ids(author) if isinstance(author, dict) else {}
    public = said.get("is_public", said.get("public"))
    return {
        "id": _id(said.get("id")),
        "body": said.get("body"),
        "public": public.strip().lower() == "true" if isinstance(public, str) else public,
        "author_id": author.get("id") or _id(said.get("author_id")),
        "author": {"id": author.get("id"), "name": author.get("name"), "is_staff": author.get("is_staff")},
    }


def _seen(said: Mapping[str, Any]) -> dict[str, Any]:
    """Values of placeholders: an empty one is nothing, and so is the dash that stands for no priority."""
    return {name: None if value in ("", "-") else value for name, value in said.items()}


def _with_ids(said: Mapping[str, Any]) -> dict[str, Any]:
    """Ids as numbers; Zendesk writes "0" for none, and "" for no external id."""
    fields = dict(said)
    for name, value in said.items():
        if name == "external_id":
            fields[name] = value or None
        elif name == "id" or name.endswith("_id"):
            fields[name] = _id(value)
    return fields


def _value(field: str, value: Any) -> Any:
    if field.endswith("_ids"):
        return [_id(item) for item in value] if isinstance(value, list) else value
    if field.endswith("_id") and field != "external_id":
        return _id(value)
    return _lower(field, value) if field in _LOWER and isinstance(value, str) else value


def _lower(field: str, value: str) -> str:
    text = value.strip().lower()
    if field == "status":
        # People see On-hold.
        text = "hold" if text in ("on-hold", "on hold", "on_hold") else text
    return text


def _id(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()):
        value = int(value)
    return None if value in (0, "") and not isinstance(value, bool) else value


def _sequence(told: Mapping[str, Any]) -> str:
    meta = told.get("meta")
    sequence = meta.get("sequence") if isinstance(meta, dict) else None
    return _text(sequence.get("id")) if isinstance(sequence, dict) else ""


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()
