"""What a platform says went wrong, found in the shapes that platforms use. Pure."""

import re
from typing import Any

MOST_CHARACTERS = 300

_FIRST = ("message", "error_description", "error_message", "detail", "description", "title", "msg", "reason", "error")
_LISTS = ("errorMessages", "error_messages", "errors", "details", "messages")
_SPACE = re.compile(r"\s+")


def vendor_message(document: Any) -> str:
    """Return the message in a parsed error document, "" when there is none. One line, not shortened.

    Knows the common shapes: a text under `message`, `error`, `detail`, …; an `error` object; lists of texts or of
    objects with `field` and `message`; objects of field → message (or list of them).
    """
    return _SPACE.sub(" ", "; ".join(dict.fromkeys(_said(document, depth=0)))).strip()


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` on one line with at most `most` characters."""
    line = _SPACE.sub(" ", text).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def plain_text_message(text: str) -> str:
    """Return what a plain text answer says; "" for web pages, which say nothing to our people."""
    return "" if text.lstrip()[:1] == "<" else _SPACE.sub(" ", text).strip()


def _said(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if depth > 3 or value is None or isinstance(value, bool):
        return []
    if isinstance(value, list):
        return [text for item in value[:10] for text in _said(item, depth + 1)]
    if not isinstance(value, dict):
        return []
    main = next((said for key in _FIRST if (said := _said(value.get(key), depth + 1))), [])
    lists = [text for key in _LISTS for text in _of_details(value.get(key), depth + 1)]
    field = value.get("field") or value.get("attr")
    if isinstance(field, str) and main:
        main = [f"{field}: {main[0]}", *main[1:]]
    return [*main, *lists]


def _of_details(value: Any, depth: int) -> list[str]:
    """Field → message objects, beside what `_said` knows."""
    if not isinstance(value, dict) or any(key in value for key in _FIRST):
        return _said(value, depth)
    return [f"{field}: {text}" for field, item in list(value.items())[:10] for text in _said(item, depth + 1)]
