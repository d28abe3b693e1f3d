"""Slack's requests to us as events: the Events API, slash commands and pressed buttons.

https://docs.slack.dev/apis/events-api, https://docs.slack.dev/interactivity/implementing-slash-commands and
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload, read 2026-11.
The payload is Slack's own inner event, so that `event.text` here is what Slack's documentation calls so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.specs import Event, EventSpec
from supportops import odd_json

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
    EventSpec(
        "button_clicked",
        "Somebody pressed a button in a message of the bot's.",
        sample={
            "action_id": "take_ticket",
            "block_id": "ticket",
            "value": "4711",
            "text": "I take it",
            "user": "U2147483697",
            "user_name": "ada",
            "channel": "C024BE91L",
            "channel_name": "support",
            "message_ts": "1763719400.000500",
            "response_url": "https://hooks.slack.com/actions/T024BE7LD/1/x",
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            **_ACCOUNT,
        },
        label="Button pressed",
    ),
]


def events_of(payload: Any) -> list[Event]:
    """Return the events in a request: one, or none for copies, bots' webhook posts and what is no event."""
    if not isinstance(payload, Mapping):
        return []
    if payload.get("command"):
        return [_slash_command(payload)]
    interaction = interaction_of(payload)
    if interaction is not None:
        return _buttons(interaction)
    inner = payload.get("event")
    if payload.get("type") != "event_callback" or not isinstance(inner, Mapping):
        return []
    if inner.get("type") == "message" and (inner.get("subtype") in UNINTERESTING or inner.get("hidden")):
        return []
    return [_callback(payload, inner)]


def interaction_of(payload: Any) -> Mapping[str, Any] | None:
    """Return what an interaction says, which comes as JSON in a form's one field; None for all other requests."""
    text = payload.get("payload") if isinstance(payload, Mapping) and "command" not in payload else None
    if not isinstance(text, str):
        return None
    try:
        found = odd_json.loads(text.encode("utf-8", "replace"))
    except odd_json.MalformedJson:
        return None
    return found if isinstance(found, Mapping) else None


def request_id(payload: Any) -> str | None:
    """Return what Slack repeats when it sends a request again."""
    payload = interaction_of(payload) or payload
    if not isinstance(payload, Mapping):
        return None
    value = payload.get("event_id") or payload.get("trigger_id")
    return value if isinstance(value, str) else None


def account_of(payload: Any) -> str | None:
    """Return the workspace, or the organization where the app was installed for a whole one."""
    interaction = interaction_of(payload)
    payload = payload if interaction is None else {**interaction, **_account(interaction)}
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


def _buttons(interaction: Mapping[str, Any]) -> list[Event]:
    """Return an event for each button that was pressed, which is one; menus and modals are none."""
    actions = interaction.get("actions")
    if interaction.get("type") != "block_actions" or not isinstance(actions, list):
        return []
    channel, container, user = (_part(interaction, name) for name in ("channel", "container", "user"))
    place = {
        "user": _text(user.get("id")),
        "user_name": _text(user.get("username")) or _text(user.get("name")),
        "channel": _text(channel.get("id")) or _text(container.get("channel_id")),
        "channel_name": _text(channel.get("name")),
        "message_ts": _text(container.get("message_ts")),
        "response_url": _text(interaction.get("response_url")),
        "trigger_id": _text(interaction.get("trigger_id")),
        **_account(interaction),
    }
    request = request_id(interaction)
    return [
        Event(
            type="button_clicked",
            external_id=f"{place['channel'] or ''}:{place['message_ts'] or ''}".strip(":"),
            payload={
                **{name: _text(pressed.get(name)) for name in ("action_id", "block_id", "value")},
                "text": _text(_part(pressed, "text").get("text")),
                **place,
            },
            key=f"{request}:{number}" if request else None,
            actor_id=place["user"],
        )
        for number, pressed in enumerate(actions)
        if isinstance(pressed, Mapping) and pressed.get("type") == "button"
    ]


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


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
    account = {name: payload[name] for name in ("team_id", "enterprise_id", "api_app_id") if payload.get(name)}
    # Interactions name them as objects.
    for name in ("team", "enterprise"):
        if named := _text(_part(payload, name).get("id")):
            account.setdefault(f"{name}_id", named)
    return account


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
