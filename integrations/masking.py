"""Takes secrets out of texts by value, also in the encodings in which they travel."""

import base64
from collections.abc import Callable, Collection
from urllib.parse import quote, quote_plus

MASK = "••••••"
# A shorter value stands in texts by chance.
_SHORTEST = 8


def masker(secrets: Collection[str]) -> Callable[[str], str]:
    """Return a function that replaces every one of `secrets` in a text."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)

    def mask(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return text

    return mask


def _forms(secret: str) -> set[str]:
    if len(secret) < _SHORTEST:
        return set()
    raw = secret.encode("utf-8", errors="replace")
    # Inside a longer text a value has three base64 forms; the characters at its edges depend on its neighbours.
    packed = [
        base64.b64encode(b"\0" * shift + raw).decode()[(shift * 8 + 5) // 6 : (shift * 8 + len(raw) * 8) // 6]
        for shift in range(3)
    ]
    urlsafe = [form.translate(str.maketrans("+/", "-_")) for form in packed]
    return {secret, quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper(), *packed, *urlsafe}
