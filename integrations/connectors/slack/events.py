"""Slack's requests to us as events: the Events API and slash commands.

https://docs.slack.dev/apis/events-api, https://docs.slack.dev/interactivity/implementing-slash-commands, read 2026-11.
The payload is Slack's own inner event, so that `event.text` here is what Slack's documentation calls so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.specs import Event, EventSpec

# Copies and changes of messages that were reported before; bots' own posts by webhook.
UNINTERESTING = frozenset({"bot_message", "message_changed", "message_deleted", "message_replied"})

_ACCOUNT = {"team_id": "T024BE7LD", "api_app_id": "A0FFV41KK"}
EVENTS = [
    EventSpec(
        "message",
        "Somebody wrote in a channel that the bot is in, or to the bot.",
        sample={
            "type": "message",
            "channel": "C024BE91L",
            "channel_type": "channel",
            "user": "U2147483697",
            "text": "The export fails with error 502",
            "ts": "1763719200.000200",
            **_ACCOUNT,
        },
        label="Message",
    ),
    EventSpec(
        "app_mention",
        "Somebody mentioned the bot. The same message also arrives as `message`.",
        sample={
            "type": "app_mention",
            "channel": "C024BE91L",
            "user": "U2147483697",
            "text": "<@U0LAN0Z89> who is on call?",
            "ts": "1763719260.000300",
            **_ACCOUNT,
        },
        label="Mention of the bot",
    ),
    EventSpec(
        "reaction_added",
        "Somebody reacted to a message with an emoji.",
        sample={
            "type": "reaction_added",
            "user": "U2147483697",
            "reaction": "eyes",
            "item": {"type": "message", "channel": "C024BE91L", "ts": "1763719200.000200"},
            "item_user": "U0LAN0Z89",
            **_ACCOUNT,
        },
        label="Reaction",
    ),
    EventSpec(
        "slash_command",
        "Somebody used a slash command of the app.",
        sample={
            "command": "/escalate",
            "text": "4711 payment fails",
            "user_id": "U2147483697",
            "user_name": "ada",
            "channel_id": "C024BE91L",
            "channel_name": "support",
            "response_url": "https://hooks.slack.com/commands/T024BE7LD/1/x",
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            **_ACCOUNT,
        },
        label="Slash command",
    ),
]


def events_of(payload: Any) -> list[Event]:
    """Return the events in a request: one, or none for copies, bots' webhook posts and what is no event."""
    if not isinstance(payload, Mapping):
        return []
    if payload.get("command"):
        return [_slash_command(payload)]
    inner = payload.get("event")
    if payload.get("type") != "event_callback" or not isinstance(inner, Mapping):
        return []
    if inner.get("type") == "message" and (inner.get("subtype") in UNINTERESTING or inner.get("hidden")):
        return []
    return [_callback(payload, inner)]


def request_id(payload: Any) -> str | None:
    """Return what Slack repeats when it sends a request again."""
    if not isinstance(payload, Mapping):
        return None
    value = payload.get("event_id") or payload.get("trigger_id")
    return value if isinstance(value, str) else None


def account_of(payload: Any) -> str | None:
    """Return the workspace, or the organization where the app was installed for a whole one."""
    if not isinstance(payload, Mapping):
        return None
    authorizations = payload.get("authorizations")
    first = authorizations[0] if isinstance(authorizations, list) and authorizations else payload
    source = first if isinstance(first, Mapping) else payload
    if source.get("is_enterprise_install") in (True, "true"):
        value = source.get("enterprise_id") or payload.get("enterprise_id")
    else:
        value = payload.get("team_id") or source.get("team_id")
    return value if isinstance(value, str) else None


def _callback(payload: Mapping[str, Any], inner: Mapping[str, Any]) -> Event:
    item = inner.get("item") if isinstance(inner.get("item"), Mapping) else {}
    where = inner if inner.get("ts") else item or {}
    told_at = payload.get("event_time")
    return Event(
        type=str(inner.get("type", "")),
        external_id=f"{where.get('channel', '')}:{where.get('ts', '')}".strip(":"),
        payload={**inner, **_account(payload)},
        occurred_at=datetime.fromtimestamp(told_at, UTC) if type(told_at) is int and 0 < told_at < 2**33 else None,
        key=request_id(payload),
        actor_id=_text(inner.get("user")) or _text(inner.get("bot_id")),
    )


def _slash_command(payload: Mapping[str, Any]) -> Event:
    # `token` is Slack's retired way of signing: it is a secret that nobody needs any more.
    kept = {name: value for name, value in payload.items() if name != "token"}
    return Event(
        type="slash_command",
        external_id=str(payload.get("trigger_id", "")),
        payload=kept,
        key=request_id(payload),
        actor_id=_text(payload.get("user_id")),
    )


def _account(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in ("team_id", "enterprise_id", "api_app_id") if payload.get(name)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
