"""Questions with two buttons, and what a press on one of them says. Pure.

https://docs.slack.dev/reference/block-kit and https://docs.slack.dev/reference/interaction-payloads/block_actions-payload,
read 2026-11. What people and events wrote stands in `plain_text`, where nothing is a mention or a link.
"""

from collections.abc import Mapping
from typing import Any

from integrations.specs import ChatAnswer, ChatQuestion, Event

APPROVE, REJECT = "supportops_approve", "supportops_reject"
_BUTTONS = {APPROVE: ("Approve", "primary"), REJECT: ("Reject", "danger")}
# Slack's limits for a section's text, one of its fields, and their number.
_MOST_TEXT, _MOST_FIELD, _MOST_FIELDS = 3000, 2000, 10


def message_of(question: ChatQuestion) -> dict[str, Any]:
    """Return the parameters of `send_message` that ask a question."""
    buttons = [
        {
            "type": "button",
            "action_id": action_id,
            "text": {"type": "plain_text", "text": text},
            "style": style,
            "value": question.key,
        }
        for action_id, (text, style) in _BUTTONS.items()
    ]
    blocks = [*_blocks(question), {"type": "actions", "block_id": "supportops_approval", "elements": buttons}]
    return {"channel": question.place, "message": escaped(question.title), "blocks": blocks, "unfurl_links": False}


def closed_message_of(question: ChatQuestion, told: str, channel: str, ts: str) -> dict[str, Any]:
    """Return the parameters of `update_message` that put what was decided in place of the buttons."""
    decided = {"type": "context", "elements": [{"type": "plain_text", "text": told[:_MOST_FIELD]}]}
    text = f"{escaped(question.title)} {escaped(told)}"
    return {"channel": channel, "ts": ts, "message": text, "blocks": [*_blocks(question), decided]}


def answer_of(event: Event) -> ChatAnswer | None:
    """Return the answer that a press on one of our buttons is; None for all other events."""
    payload = event.payload
    if event.type != "button_clicked" or payload.get("action_id") not in _BUTTONS:
        return None
    channel, ts, user = (str(payload.get(name) or "") for name in ("channel", "message_ts", "user"))
    return ChatAnswer(
        key=str(payload.get("value") or ""),
        is_approved=payload.get("action_id") == APPROVE,
        email=str(payload.get("user_email") or ""),
        message={"channel": channel, "ts": ts},
        person={"channel": channel, "user": user},
    )


def email_of(user: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return the address of a person of the bot's own workspace, "" where it cannot be relied upon.

    In a shared channel people of other workspaces press buttons too, and what addresses they have is for strangers to
    say. `user` is what `users.info` tells, `own` what `auth.test` does.
    """
    organization = user.get("enterprise_user")
    of_organization = organization.get("enterprise_id") if isinstance(organization, Mapping) else None
    is_own = bool(user.get("team_id")) and user.get("team_id") == own.get("team_id")
    is_own = is_own or (bool(of_organization) and of_organization == own.get("enterprise_id"))
    is_person = not any(user.get(name) for name in ("deleted", "is_bot", "is_stranger", "is_workflow_bot"))
    if not (is_own and is_person) or user.get("is_email_confirmed") is False:
        return ""
    profile = user.get("profile")
    email = profile.get("email") if isinstance(profile, Mapping) else None
    return email if isinstance(email, str) else ""


def escaped(text: str) -> str:
    """Return a text as Slack's mrkdwn takes it for itself: https://docs.slack.dev/messaging/formatting-message-text"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(question: ChatQuestion) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [_section(question.title)]
    if question.text.strip():
        blocks.append(_section(question.text))
    fields = [
        {"type": "plain_text", "text": f"{name}\n{value}"[:_MOST_FIELD]}
        for name, value in question.facts[:_MOST_FIELDS]
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    link = {"type": "mrkdwn", "text": f"<{question.url}|{escaped(question.url_title)}>"}
    return [*blocks, {"type": "context", "elements": [link]}]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text[:_MOST_TEXT]}}
