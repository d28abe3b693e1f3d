"""Telegram's updates as events. https://core.telegram.org/bots/api#update, read 2026-11.

`message` is Telegram's own object; what rules ask for most stands beside it: text, user, chat, command.
"""

from collections.abc import Mapping
from typing import Any

from integrations.payloads import identifier, items, mapping, text, unix_moment
from integrations.specs import Event, EventSpec

MESSAGE_RECEIVED = "telegram.message.received"

_USER = {"id": 5000000001, "is_bot": False, "first_name": "Ana", "last_name": "Silva", "username": "anasilva"}
_CHAT = {"id": -1001234567890, "type": "supergroup", "title": "Support"}

EVENTS = [
    EventSpec(
        MESSAGE_RECEIVED,
        "Somebody wrote to the bot, or in a group that it may read. Also files, photos and locations.",
        subject="message",
        sample={
            "update_id": 715200001,
            "message": {
                "message_id": 11,
                "from": {**_USER, "language_code": "pt"},
                "chat": _CHAT,
                "date": 1795168800,
                "text": "/ticket the printer is on fire",
                "entities": [{"offset": 0, "length": 7, "type": "bot_command"}],
            },
            "text": "/ticket the printer is on fire",
            "user": {"id": 5000000001, "username": "anasilva", "name": "Ana Silva", "language": "pt"},
            "chat": _CHAT,
            "command": {"name": "ticket", "arguments": "the printer is on fire"},
        },
        label="Message received",
    )
]


def events_of(payload: Any) -> list[Event]:
    """Return the event in an update: one, or none for bots' messages, edits and other kinds of updates."""
    update = mapping(payload)
    message = mapping(update.get("message"))
    sender, chat = mapping(message.get("from")), mapping(message.get("chat"))
    if not message or (sender.get("is_bot") is True and not message.get("sender_chat")):
        # Two bots that answer each other would never end. People who write as their group look like bots.
        return []
    said = text(message.get("text")) or text(message.get("caption")) or ""
    chat_id, message_id = identifier(chat.get("id")) or "", identifier(message.get("message_id")) or ""
    return [
        Event(
            type=MESSAGE_RECEIVED,
            external_id=f"{chat_id}:{message_id}".strip(":"),
            payload={
                "update_id": update.get("update_id"),
                "message": dict(message),
                "text": said,
                "user": _user(sender),
                "chat": dict(chat),
                "command": _command(message, said),
            },
            occurred_at=unix_moment(message.get("date")),
            key=update_id(payload),
            actor_id=identifier(sender.get("id")),
        )
    ]


def update_id(payload: Any) -> str | None:
    """Return the id of an update, which stays the same when Telegram sends it again."""
    return identifier(mapping(payload).get("update_id"))


def _user(sender: Mapping[str, Any]) -> dict[str, Any] | None:
    if not sender:
        return None
    names = [name for field in ("first_name", "last_name") if (name := text(sender.get(field)))]
    return {
        "id": sender.get("id"),
        "username": sender.get("username"),
        "name": " ".join(names),
        "language": sender.get("language_code"),
    }


def _command(message: Mapping[str, Any], said: str) -> dict[str, str] | None:
    """Return the command at the very beginning of a message, without the bot's name behind it."""
    marks = [mapping(entity) for entity in [*items(message.get("entities")), *items(message.get("caption_entities"))]]
    if not any(mark.get("type") == "bot_command" and mark.get("offset") == 0 for mark in marks):
        return None
    word, _, arguments = said.partition(" ")
    return {"name": word.removeprefix("/").partition("@")[0], "arguments": arguments.strip()}
