"""Texts of strangers as databases take them."""

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Return `text` with U+FFFD for what PostgreSQL holds in no text (zero) or UTF-8 cannot say (half characters)."""
    return _UNSTORABLE.sub("\ufffd", text)
