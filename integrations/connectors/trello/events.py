"""Trello's webhooks as events. https://developer.atlassian.com/cloud/trello/guides/rest-api/action-types, read 2026-11.

A webhook tells every action of a board; those that are no events here keep Trello's name and end as ignored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.connectors.trello.client import key_in, without_mark
from integrations.specs import Event, EventSpec

CREATING = frozenset({"createCard", "copyCard", "moveCardToBoard", "convertToCardFromCheckItem", "emailCard"})
COMMENTING = frozenset({"commentCard", "updateComment"})

_CARD = {
    "id": "53582e2da0fac5676a714290",
    "idShort": 17,
    "name": "Payment fails",
    "shortLink": "H0TZyzbK",
    "url": "https://trello.com/c/H0TZyzbK",
    "idBoard": "53582e2da0fac5676a714277",
    "idList": "53582e2da0fac5676a714278",
}
_LIST = {"id": "53582e2da0fac5676a714278", "name": "To do"}
_DONE = {"id": "53582e2da0fac5676a714279", "name": "Done"}
_AROUND = {
    "board": {"id": "53582e2da0fac5676a714277", "name": "Support", "shortLink": "kwuymsNk"},
    "member": {"id": "53582e2da0fac5676a714201", "username": "ada", "fullName": "Ada Byron"},
    "action": {"id": "572a340644ed9c7d8b6f9a30", "type": "createCard", "date": "2026-11-20T10:00:00.000Z"},
}


def _acted(type_: str) -> dict[str, Any]:
    return {**_AROUND, "action": {**_AROUND["action"], "type": type_}}


EVENTS = [
    EventSpec(
        "card.created",
        "A card came into being: typed, copied, mailed, moved here from another board or made of a checklist's item.",
        subject="card",
        sample={"card": _CARD, "list": _LIST, **_acted("createCard")},
        label="Card created",
    ),
    EventSpec(
        "card.moved",
        "A card went to another list.",
        subject="card",
        sample={
            "card": {**_CARD, "idList": _DONE["id"]},
            "list": _DONE,
            "listBefore": _LIST,
            "listAfter": _DONE,
            "old": {"idList": _LIST["id"]},
            **_acted("updateCard"),
        },
        label="Card moved",
    ),
    EventSpec(
        "card.updated",
        "A card's title, description, dates or archived state changed. A new position alone is no event.",
        subject="card",
        sample={
            "card": {**_CARD, "desc": "Since this morning"},
            "list": _LIST,
            "old": {"desc": ""},
            **_acted("updateCard"),
        },
        label="Card updated",
    ),
    EventSpec(
        "card.commented",
        "Somebody commented on a card, or changed a comment.",
        subject="card",
        sample={
            "card": _CARD,
            "list": _LIST,
            "comment": {"id": "572a340644ed9c7d8b6f9a30", "text": "Looking into it", "is_edit": False},
            **_acted("commentCard"),
        },
        label="Card commented",
    ),
]


def events_of(payload: Any) -> list[Event]:
    """Return the event in a request; none for a mere change of position and for what is no action."""
    action = _mapping(_mapping(payload).get("action"))
    if not isinstance(action.get("type"), str):
        return []
    data = _mapping(action.get("data"))
    old = _mapping(data.get("old"))
    name = _event_name(str(action["type"]), data, old)
    if name is None:
        return []
    card = _card_of(data)
    comment = _comment_of(action, data)
    member = _mapping(action.get("memberCreator"))
    found: dict[str, Any] = {
        "card": card,
        "list": data.get("listAfter") or data.get("list") or {},
        "board": data.get("board") or {},
        "member": {key: member[key] for key in ("id", "username", "fullName") if key in member},
        "action": {key: action.get(key) for key in ("id", "type", "date")},
    }
    found.update({key: data[key] for key in ("listBefore", "listAfter", "old") if key in data})
    if comment is not None:
        found["comment"] = comment
    happened_at = _time(action.get("date"))
    return [
        Event(
            type=name,
            external_id=str(card.get("id", "")),
            payload=found,
            occurred_at=happened_at,
            key=delivery_id(payload),
            changed={field: (before, card.get(field)) for field, before in old.items()} if name in _CHANGES else None,
            actor_id=_text(action.get("idMemberCreator")),
            updated_at=happened_at,
            marker=key_in(data.get("text")) or key_in(_mapping(data.get("card")).get("desc")),
        )
    ]


_CHANGES = ("card.updated", "card.moved")


def delivery_id(payload: Any) -> str | None:
    """Return the id of the action, which stays the same when Trello tries again."""
    return _text(_mapping(_mapping(payload).get("action")).get("id"))


def _event_name(type_: str, data: Mapping[str, Any], old: Mapping[str, Any]) -> str | None:
    if type_ in CREATING:
        return "card.created"
    if type_ in COMMENTING:
        return "card.commented"
    if type_ == "updateCard":
        if data.get("listAfter"):
            return "card.moved"
        return None if set(old) == {"pos"} else "card.updated"
    return type_


def _card_of(data: Mapping[str, Any]) -> dict[str, Any]:
    card = dict(_mapping(data.get("card")))
    if isinstance(card.get("desc"), str):
        card["desc"] = without_mark(card["desc"])
    if isinstance(card.get("shortLink"), str):
        card["url"] = f"https://trello.com/c/{card['shortLink']}"
    for field, place in (("idBoard", "board"), ("idList", "listAfter"), ("idList", "list")):
        if place_id := _mapping(data.get(place)).get("id"):
            card.setdefault(field, place_id)
    return card


def _comment_of(action: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any] | None:
    if action["type"] == "commentCard":
        return {"id": action.get("id"), "text": without_mark(str(data.get("text", ""))), "is_edit": False}
    if action["type"] == "updateComment":
        # The comment is an action itself; this one tells that it changed.
        comment = _mapping(data.get("action"))
        return {"id": comment.get("id"), "text": without_mark(str(comment.get("text", ""))), "is_edit": True}
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
