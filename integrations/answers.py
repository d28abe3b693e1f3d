"""A platform's answer: read within bounds, and sorted into the classes of integrations.errors."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.payloads import identifier
from integrations.rate_headers import rate_limit
from integrations.retry_after import clamped, wait_of
from integrations.vendor_message import plain_text_message, shortened, vendor_message
from supportops import odd_json

MOST_BYTES = 5 * 1024 * 1024
# Of an answer that only says what went wrong, this much is read.
MOST_BYTES_OF_ERROR = 64 * 1024


@dataclass
class Response:
    """What a platform answered. `headers` do not care about case; `body` is decompressed."""

    status_code: int
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    method: str = "GET"
    # The platform's name, for messages.
    platform: str = ""
    elapsed: float = 0.0

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    @cached_property
    def text(self) -> str:
        """The body as text, in the encoding that it names; what cannot be read becomes U+FFFD."""
        encoding = httpx.Response(200, headers=self.headers, content=b"").charset_encoding or "utf-8"
        try:
            return self.body.decode(encoding, errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the parsed body.

        Raises, when it is not JSON, Uncertain for a success of what may have changed something, Permanent otherwise.
        """
        try:
            return odd_json.loads(self.body)
        except odd_json.MalformedJson as error:
            said = shortened(plain_text_message(self.text), 100)
            may_have_reached = self.is_success and self.method not in SAFE_METHODS
            raise (Uncertain if may_have_reached else Permanent)(
                f"{self.platform or 'The platform'} answered {self.status_code} with something that is not JSON"
                + (f": {said}" if said else "."),
                detail=str(error),
                status_code=self.status_code,
                may_have_reached=may_have_reached,
            ) from None

    def made(self, *, by: str = "id", inside: str = "") -> dict[str, Any]:
        """Return the object that a call made or changed; `inside` names the field that holds it.

        `by` names the field (a text or a whole number) that proves it. Raises Uncertain where it is missing, whatever
        the status: some platforms answer a refusal with 2xx, so nobody knows what became of the call.
        """
        answer = self.json()
        found = answer.get(inside) if inside and isinstance(answer, dict) else answer
        if isinstance(found, dict) and identifier(found.get(by)) is not None:
            return dict(found)
        said = shortened(self.message) if isinstance(answer, dict) else ""
        raise Uncertain(
            f"{self.platform or 'The platform'} answered {self.status_code} without the "
            f"{f'{inside}.{by}' if inside else by} of what was to be done"
            + (f": {said.rstrip('.')}." if said else ".")
            + " It may be done all the same.",
            status_code=self.status_code,
            may_have_reached=True,
        )

    def json_or_none(self) -> Any:
        """Return the parsed body, None when it is not JSON."""
        try:
            return odd_json.loads(self.body)
        except odd_json.MalformedJson:
            return None

    @property
    def message(self) -> str:
        """The platform's own words for what went wrong, "" when it has none. May hold secrets that we sent."""
        document = self.json_or_none()
        return plain_text_message(self.text) if document is None else vendor_message(document)


class TooBig(Exception):
    """An answer is larger than we are ready to read."""


class Unreadable(Exception):
    """An answer is compressed in a way that we did not ask for, or broken."""


def read_body(chunks: Iterable[bytes], encoding: str, most: int) -> bytes:
    """Return the decompressed body; never holds more than `most` bytes of it. Raises TooBig and Unreadable."""
    unpacker = _unpacker(encoding)
    parts: list[bytes] = []
    size = received = 0
    for chunk in chunks:
        received += len(chunk)
        part = unpacker.take(chunk, most - size)
        size += len(part)
        # Also counts what arrives packed: an endless stream may decompress to nothing.
        if size > most or received > most:
            raise TooBig
        parts.append(part)
    unpacker.end()
    return b"".join(parts)


class _Plain:
    def take(self, chunk: bytes, most: int) -> bytes:
        return chunk

    def end(self) -> None:
        """Nothing is left over."""


class _Inflater:
    """Undoes gzip or deflate, a bounded piece at a time."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._has_begun = False

    def take(self, chunk: bytes, most: int) -> bytes:
        parts = []
        while chunk:
            part = self._inflated(chunk, most + 1)
            parts.append(part)
            most -= len(part)
            if most < 0:
                raise TooBig
            # A gzip body may consist of several members one after the other (RFC 1952, section 2.2).
            chunk = self._stream.unused_data if self._window > zlib.MAX_WBITS else b""
            if chunk:
                self._stream = zlib.decompressobj(self._window)
        return b"".join(parts)

    def end(self) -> None:
        if self._has_begun and not self._stream.eof:
            raise Unreadable("the compressed data ends too early")

    def _inflated(self, chunk: bytes, most: int) -> bytes:
        try:
            part = self._stream.decompress(chunk, most)
        except zlib.error as error:
            if self._has_begun or self._window != zlib.MAX_WBITS:
                raise Unreadable(str(error)) from None
            # Some servers send bare deflate data where RFC 9110 (section 8.4.1.2) wants the zlib form.
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._has_begun = True
            return self._inflated(chunk, most)
        self._has_begun = True
        return part


def _unpacker(encoding: str) -> _Plain | _Inflater:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Inflater(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflater(zlib.MAX_WBITS)
    raise Unreadable(f"the content encoding '{encoding[:40]}'")


def error_of(response: Response, now: datetime, *, mask: Callable[[str], str] = str) -> IntegrationError | None:
    """Return the error that an answer's status means, None for success. `mask` takes secrets out of its words."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    name = response.platform or "The platform"
    said = shortened(mask(response.message))
    words = f"{name} answered {status}" + (f": {said}" if said else ".")
    if 300 <= status < 400:
        return Permanent(f"{name} answered {status}: it sends us elsewhere, which is not followed.", status_code=status)
    if status == 429:
        return RateLimited(words, retry_after=_wait(response, now), status_code=status)
    if status in _TRANSIENT or (status >= 500 and status not in _PERMANENT_5XX):
        return Unavailable(
            words,
            retry_after=_retry_after(response, now),
            status_code=status,
            may_have_reached=response.method not in SAFE_METHODS and status not in _NOT_PROCESSED,
        )
    return _PERMANENT.get(status, Permanent)(words, status_code=status)


# Methods that change nothing at the platform (RFC 9110, section 9.2.1): cut off, they may simply be made again.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# 408: our request did not arrive whole. 425: the platform will not risk that it is a repeat; later it is none.
_TRANSIENT = frozenset({408, 425})
_PERMANENT_5XX = frozenset({501, 505})
# Answers that say that the request was turned away before anything was done; of the others nobody knows.
# 52x are Cloudflare's: down, no connection, unreachable, TLS.
_NOT_PROCESSED = frozenset({408, 425, 503, 521, 523, 525, 526})
_PERMANENT: dict[int, type[IntegrationError]] = {
    400: InvalidInput,
    401: CredentialsRejected,
    402: Forbidden,
    403: Forbidden,
    404: NotFound,
    410: NotFound,
    413: InvalidInput,
    414: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    451: Forbidden,
}


def _retry_after(response: Response, now: datetime) -> float | None:
    return wait_of(response.headers.get("retry-after"), now, date=response.headers.get("date"))


def _wait(response: Response, now: datetime) -> float | None:
    """A 429's wait: what it says, else until the limit that it names begins anew."""
    said = _retry_after(response, now)
    if said is not None:
        return said
    limit = rate_limit(response.headers, now)
    if limit and limit["reset_at"] and not limit["remaining"]:
        return clamped((datetime.fromisoformat(limit["reset_at"]) - now).total_seconds())
    return None
