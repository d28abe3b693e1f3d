"""Takes secrets out of whatever is about to be stored or logged: by value, and in nested data also by name.

By value means: wherever the characters of a known secret stand, plain or in a usual encoding. Nothing else can
help against a platform that repeats a credential in its error text.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

from ahocorasick_rs import AhoCorasick, Implementation

MASK = "••••••"
# Shorter values stand in ordinary words and numbers: masking them would blank out what people need to read.
SHORTEST = 8

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
# A key names a secret when its last words are one of these: `api_key`, `clientSecret`, `X-Auth-Token`.
_SECRET_NAMES = frozenset(
    {"password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "jwt"}
    | {"authorization", "cookie", "cookies", "credential", "credentials", "apikey", "apitoken", "accesstoken"}
    | {"refreshtoken", "authtoken", "clientsecret", "privatekey", "secretkey", "accesskey", "signingkey"}
)
_SECRET_PAIRS = frozenset(
    {"api key", "private key", "secret key", "access key", "signing key", "encryption key", "master key", "auth key"}
)
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"})


class Redactor:
    """Masks a set of secrets. Building costs some microseconds per secret, using it one pass over the text.

    Immutable and safe to share between threads.
    """

    __slots__ = ("_count", "_finder", "_loose")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        patterns: dict[str, tuple[bool, bool]] = {}
        self._count = 0
        for secret in {text for given in secrets for text in _texts_within(given)}:
            if len(secret) < SHORTEST:
                continue
            self._count += 1
            for pattern, loose in _forms(secret):
                before = patterns.get(pattern, (False, False))
                patterns[pattern] = (before[0] or loose[0], before[1] or loose[1])
        self._loose = list(patterns.values())
        # The library's own choice for few patterns, a DFA, takes a minute to build for a long secret that repeats
        # itself.
        way = Implementation.ContiguousNFA
        self._finder = AhoCorasick(list(patterns), implementation=way) if patterns else None

    def text(self, text: str) -> str:
        """Return `text` with every known secret masked."""
        if self._finder is None or len(text) < SHORTEST:
            return text
        # Overlapping, so that of two secrets that share characters neither leaves a rest behind.
        found = self._finder.find_matches_as_indexes(_without_surrogates(text), overlapping=True)
        if not found:
            return text
        spans = sorted(self._span(text, *match) for match in found)
        parts, position = [], 0
        start, end = spans[0]
        for next_start, next_end in spans[1:]:
            if next_start <= end:
                end = max(end, next_end)
                continue
            parts += [text[position:start], MASK]
            position, start, end = end, next_start, next_end
        return "".join([*parts, text[position:start], MASK, text[end:]])

    def value(self, value: Any) -> Any:
        """Return a copy of the JSON `value`: known secrets masked, and whatever stands under a secret's name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            names = value.get("name")
            named_beside = isinstance(names, str) and names_secret(names)
            return {
                self.text(key) if isinstance(key, str) else key: _masked(item)
                if names_secret(key) or (named_beside and key == "value")
                else self.value(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            if len(value) == 2 and isinstance(value[0], str) and value[0].lower() in _HEADERS:
                return [value[0], _masked(value[1])]
            return [self.value(item) for item in value]
        return value

    def _span(self, text: str, pattern: int, start: int, end: int) -> tuple[int, int]:
        # In base64 a first or last character may hold bits of the secret and of its neighbour: mask it along.
        before, after = self._loose[pattern]
        if before and start > 0 and text[start - 1] in _BASE64:
            start -= 1
        if after and end < len(text) and text[end] in _BASE64:
            end += 1
        return start, end

    def __repr__(self) -> str:
        return f"Redactor({self._count} secrets)"


def names_secret(key: object) -> bool:
    """Say whether `key`, as the key of an object or the name of a header or field, names a secret."""
    if not isinstance(key, str) or len(key) > 200:
        return False
    words = [word for word in _NOT_WORD.split(_CAMEL.sub(" ", key).lower()) if word]
    return bool(words) and (words[-1] in _SECRET_NAMES or " ".join(words[-2:]) in _SECRET_PAIRS)


NOTHING = Redactor()
_current: ContextVar[Redactor] = ContextVar("redactor", default=NOTHING)


@contextmanager
def redacting(secrets: "Iterable[str] | Redactor") -> Iterator[Redactor]:
    """Mask `secrets` in every audit entry and log line made within the block."""
    redactor = secrets if isinstance(secrets, Redactor) else Redactor(secrets)
    token = _current.set(redactor)
    try:
        yield redactor
    finally:
        _current.reset(token)


def current() -> Redactor:
    """Return what masks right now; without a block of `redacting` one that masks by name alone."""
    return _current.get()


def _masked(value: Any) -> Any:
    # That a secret is set or not is no secret: `{"secret": true}` says what kind of variable it is.
    return value if value is None or isinstance(value, bool) or value in ("", [], {}) else MASK


def _texts_within(secret: str) -> Iterator[str]:
    """Yield a secret and, for a JSON document such as a service account's, the texts that it keeps secret."""
    yield secret
    yield secret.strip()
    if secret.lstrip()[:1] not in ("{", "["):
        return
    try:
        document = json.loads(secret)
    except (ValueError, RecursionError):
        return
    yield from _secret_leaves(document, named=False)


def _secret_leaves(value: Any, *, named: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_leaves(item, named=named or names_secret(key))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_leaves(item, named=named)
    elif named and isinstance(value, str):
        yield value


def secrets_named_in(value: Any) -> Iterator[str]:
    """Yield the texts that stand in the JSON `value` under a secret's name, such as an action's `secret`.

    Of an `Authorization` header also what follows the scheme, which a platform may repeat alone.
    """
    for text in _secret_leaves(value, named=False):
        yield text
        scheme, _, rest = text.partition(" ")
        if scheme.lower() in ("basic", "bearer", "token"):
            yield rest.strip()


_EXACT = (False, False)


def _forms(secret: str) -> Iterator[tuple[str, tuple[bool, bool]]]:
    """Yield how `secret` may look in a text, and whether its first and last character run on into the next ones."""
    secret = _without_surrogates(secret)
    raw = secret.encode()
    yield secret, _EXACT
    for text in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield text[1:-1], _EXACT
        yield text[1:-1].replace("/", "\\/"), _EXACT
    yield html.escape(secret), _EXACT
    for text in (
        quote(secret, safe=""),
        quote(secret, safe="/"),
        quote(secret, safe="!'()*"),
        quote_plus(secret),
        "".join(f"%{byte:02X}" for byte in raw),
    ):
        yield text, _EXACT
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text), _EXACT
    yield raw.hex(), _EXACT
    yield raw.hex().upper(), _EXACT
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        first, bits = (0, 2, 3)[offset], (offset + len(raw)) * 8
        core = encoded[first : bits // 6]
        loose = (offset > 0, bits % 6 > 0)
        yield core, loose
        yield core.replace("+", "-").replace("/", "_"), loose
        # Inside JSON or a URL the characters of base64 are themselves escaped.
        yield core.replace("/", "\\/"), loose
        yield quote(core, safe=""), loose


def _without_surrogates(text: str) -> str:
    """Return `text` with each lone surrogate replaced by one other character, so that positions stay."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)
