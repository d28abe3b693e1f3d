"""What a request to a played platform means, in words for people."""

import re
from typing import Any

from django.utils.html import strip_tags
from django.utils.translation import gettext as _

_MOST = 300


def meaning_of(platform: str, method: str, path: str, body: Any) -> tuple[str, str]:
    """Return what a request does, and the text that it carries where it carries one."""
    fields = body if isinstance(body, dict) else {}
    known = {"slack": _slack, "trello": _trello, "freshdesk": _help_desk, "zendesk": _help_desk}.get(platform)
    said = known(method, path, fields) if known is not None else None
    what, text = said or (f"{method} {path}", "")
    return what, strip_tags(str(text))[:_MOST]


def _slack(method: str, path: str, fields: dict[str, Any]) -> tuple[str, Any] | None:
    channel = fields.get("channel") or fields.get("channel_id") or ""
    if path == "/chat.postMessage" or path.startswith("/_hooks/"):
        where = str(channel or _("the webhook's channel"))
        return _("Message to %(channel)s") % {"channel": where}, fields.get("text") or ""
    if path == "/conversations.create":
        return _("Channel created"), fields.get("name") or ""
    return None


def _trello(method: str, path: str, fields: dict[str, Any]) -> tuple[str, Any] | None:
    if (method, path) == ("POST", "/cards"):
        return _("Card created"), fields.get("name") or ""
    if method == "PUT" and path.startswith("/cards/"):
        return _("Card changed"), fields.get("name") or ""
    if method == "POST" and path.endswith("/actions/comments"):
        return _("Comment on a card"), fields.get("text") or ""
    return None


def _help_desk(method: str, path: str, fields: dict[str, Any]) -> tuple[str, Any] | None:
    inner = fields.get("ticket") if isinstance(fields.get("ticket"), dict) else fields
    given: dict[str, Any] = inner or {}
    comment = given.get("comment") if isinstance(given.get("comment"), dict) else {}
    text = given.get("body") or (comment or {}).get("body") or given.get("subject") or ""
    if (method, path) == ("POST", "/tickets"):
        return _("Ticket created"), text
    found = re.fullmatch(r"/tickets/(\d+)(/notes|/reply)?", path)
    if found is None or method == "GET":
        return None
    number = {"number": found[1]}
    if found[2] == "/notes":
        return _("Note on ticket %(number)s") % number, text
    if found[2] == "/reply":
        return _("Reply on ticket %(number)s") % number, text
    return _("Ticket %(number)s changed") % number, text
