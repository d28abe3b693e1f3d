"""Texts of strangers as databases take them."""

import re

from django.utils.translation import gettext

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Return `text` with U+FFFD for what PostgreSQL holds in no text (zero) or UTF-8 cannot say (half characters)."""
    return _UNSTORABLE.sub("\ufffd", text)


def translated(text: str) -> str:
    """Return a declared text (a connector's, a template's) in the reader's language; nothing for nothing."""
    return gettext(text) if text else ""
