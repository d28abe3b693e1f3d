"""What schemes of signing are made of: bytes of headers, times of signing, encodings, comparison. Pure."""

import base64
import binascii
import hmac
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from integrations.specs import WebhookRequest

Encoding = Literal["hex", "base64"]
Clock = Literal["unix", "iso8601"]

_UNIX = re.compile(r"[0-9]{1,12}")


def moment_of(stamp: bytes, clock: Clock) -> datetime | None:
    """Return the time that a sender's header tells, None when it is not of that form."""
    try:
        text = stamp.decode("ascii").strip()
        if clock == "unix":
            return datetime.fromtimestamp(int(text), UTC) if _UNIX.fullmatch(text) else None
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo is not None else None


def stamp_of(now: datetime, clock: Clock) -> str:
    """Return `now` as a sender would write it."""
    if clock == "unix":
        return str(math.floor(now.timestamp()))
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_near(at: datetime, now: datetime, tolerance: timedelta) -> bool:
    """Return whether the two times lie within `tolerance` of each other, both ways."""
    # In whole seconds, as senders and the reference libraries count: 300 s pass, 301 s do not.
    try:
        return abs(math.floor(now.timestamp()) - math.floor(at.timestamp())) <= tolerance.total_seconds()
    except (OverflowError, ValueError):
        return False


def any_fits(given: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Return whether any of the given values is one of the expected; takes the same time whichever it is."""
    fits = False
    for one in given:
        for other in expected:
            fits |= hmac.compare_digest(one, other)
    return fits


def is_ed25519(key: bytes, signature: bytes, content: bytes) -> bool:
    """Return whether the holder of the private key to `key` signed `content`."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def header_of(request: WebhookRequest, name: str) -> bytes:
    """Return a request's header as bytes, none when it is missing."""
    return raw(request.headers.get(name.lower()) or "")


def raw(text: str) -> bytes:
    """Return a header as it came over the wire: servers hand its bytes over as Latin-1 text."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", errors="surrogatepass")


def encoded(mac: bytes, encoding: Encoding) -> str:
    """Return bytes as the text that stands in a header."""
    return mac.hex() if encoding == "hex" else base64.b64encode(mac).decode()


def decoded(value: bytes, encoding: Encoding) -> bytes | None:
    """Return the bytes that stand in a header, None when they are not of that encoding."""
    if encoding == "base64":
        return from_base64(value)
    try:
        return binascii.unhexlify(value)
    except (binascii.Error, ValueError):
        return None


def padded(text: str) -> bytes:
    """Return base64 with the padding that some leave out."""
    value = raw(text)
    return value + b"=" * (-len(value) % 4)


def from_base64(value: bytes) -> bytes | None:
    """Return the bytes that `value` stands for, None when it is not base64 to the last character."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
