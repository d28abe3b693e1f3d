"""Marks by which a connector finds what an earlier, cut-off call of its own made. Pure.

A mark is made from the call's idempotency key, which is the same for every attempt at one step.
"""

import base64
import hashlib
import re
import uuid
from datetime import UTC, datetime, timedelta

_PREFIX = "so-"
_TAG = re.compile(r"so-[a-z2-7]{26}")
_HIDDEN = re.compile(r"<!--\s*so:([A-Za-z0-9-]{1,36})\s*-->")
# How far a platform's clock may lie behind ours when its time stamps are compared with the age of a key.
CLOCK_SKEW = timedelta(minutes=5)


def tag(key: str) -> str:
    """Return a short mark for fields such as tags: 29 letters, digits and a hyphen, lower case."""
    try:
        raw = uuid.UUID(key).bytes
    except ValueError:
        raw = hashlib.sha256(key.encode()).digest()[:16]
    return _PREFIX + base64.b32encode(raw).decode().rstrip("=").lower()


def key_of(text: str) -> str | None:
    """Return the key that a tag was made of, None for anything else."""
    if not _TAG.fullmatch(text):
        return None
    return str(uuid.UUID(bytes=base64.b32decode(text.removeprefix(_PREFIX).upper() + "======")))


def hidden(key: str) -> str:
    """Return a mark for HTML that nobody sees."""
    return f"<!-- so:{key} -->"


def hidden_key(html: str) -> str | None:
    """Return the key of the hidden mark in `html`, None where there is none."""
    found = _HIDDEN.search(html)
    return found[1] if found else None


def born_at(key: str) -> datetime | None:
    """Return the earliest time at which a call with `key` can have been made; None when the key does not tell.

    Our keys are version 7 UUIDs, which begin with their time (RFC 9562, section 5.7).
    """
    try:
        value = uuid.UUID(key)
    except ValueError:
        return None
    if value.version != 7:
        return None
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC) - CLOCK_SKEW
