"""Small parts of the admin's pages: values as JSON, durations, states as coloured words."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from supportops.texts import translated

register = template.Library()

# A value longer than this is cut where it is shown; the API gives all of it.
MOST_CHARACTERS = 20_000

# What a state means for whoever looks: the colour goes by it, the word stands beside it.
_TONES = {
    "good": ("succeeded", "healthy", "ready", "processed", "matched", "enabled", "closed", "done", "sealed"),
    "bad": ("failed", "unhealthy", "rejected", "open", "dead letter"),
    "warn": (
        "uncertain",
        "degraded",
        "could_not_tell",
        "waiting",
        "awaiting_secret",
        "awaiting_handshake",
        "half_open",
    ),
    "busy": ("running", "pending", "sending", "accepted"),
}
# Words of badges that are no choice of a model.
BADGE_WORDS = (*(word for words in _TONES.values() for word in words), "disabled", "sealed", "unknown", "expired")
_TONE_OF = {word: tone for tone, words in _TONES.items() for word in words}


@register.filter
def as_json(value: Any) -> str:
    """Return a value as indented JSON, cut where it is very long."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}\n… {len(text)} characters in all"


@register.filter
def as_value(value: Any) -> str:
    """Return a value in one line, as people write it: a text as it is, everything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 300 else f"{text[:300]}…"


def tone_of(state: str) -> str:
    """Return what a state means for whoever looks: good, bad, warn, busy or plain."""
    return _TONE_OF.get(state, "plain")


@register.filter
def badge(state: Any) -> SafeString:
    """Return a state as a coloured word; the word says it, the colour only helps."""
    word = str(state or "unknown")
    return format_html('<span class="so-badge so-{}">{}</span>', tone_of(word), words(word))


@register.filter
def declared(text: Any) -> str:
    """Return what a connector, a template of the gallery or the like says of itself, in the reader's language."""
    return translated(str(text or ""))


@register.filter
def lasting(start: datetime | None, end: datetime | None) -> str:
    """Return how long it took from one time to another, nothing when either is missing."""
    if start is None or end is None:
        return ""
    return milliseconds((end - start).total_seconds() * 1000)


@register.filter
def milliseconds(value: float | None) -> str:
    """Return a duration in the unit that fits it."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value:.0f} ms"
    if value < 60_000:
        return f"{value / 1000:.1f} s"
    return f"{value / 60_000:.0f} min"


@register.filter
def words(name: str) -> str:
    """Return a name of code as words, in the reader's language where they have a translation: `error class`."""
    return translated(str(name).replace("_", " ").replace(".", " "))


@register.filter
def seconds(value: float | None) -> str:
    """Return a duration given in seconds in the unit that fits it, up to days."""
    if value is None:
        return ""
    if value < 3600:
        return milliseconds(value * 1000)
    return f"{value / 3600:.0f} h" if value < 172_800 else f"{value / 86_400:.0f} d"
