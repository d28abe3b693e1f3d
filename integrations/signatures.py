"""How requests to us are signed. Pure: verify(request, secrets, now) and nothing else.

Connectors declare a scheme from these blocks. What is compared is bytes, in constant time; a request that is odd in any
way (letters beyond ASCII, garbage, missing headers) is refused, never an exception.
"""

import base64
import hashlib
import hmac
import re
import secrets as random_secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from integrations.proofs import (
    Clock,
    Encoding,
    any_fits,
    decoded,
    encoded,
    from_base64,
    header_of,
    is_ed25519,
    is_near,
    moment_of,
    padded,
    raw,
    stamp_of,
)
from integrations.specs import WebhookRequest

Digest = Literal["sha1", "sha256", "sha384", "sha512"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class Signature:
    """A way of proving who sent a request. `scheme` is its name in the API.

    `options` are an endpoint's own settings (header, encoding, prefix) for schemes that have any.
    """

    scheme: str = ""
    description: str = ""

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether one of `secrets` signed `request`. No secret means no. Never raises for odd requests."""
        raise NotImplementedError

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Return the headers that a sender would add: for samples, the demo and tests."""
        raise NotImplementedError

    def new_secret(self) -> str:
        """Return a fresh secret of the form that this scheme wants."""
        return random_secrets.token_urlsafe(32)

    def check_secret(self, secret: str) -> None:
        """Raise ValueError, which says why, when `secret` may not be configured."""
        if not secret.strip():
            raise ValueError("The secret is empty.")
        if secret != secret.strip() or _CONTROL.search(secret):
            raise ValueError("The secret holds a space at its edge or a control character; copy it again.")

    def check_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return an endpoint's options, completed. Raises ValueError that says what is wrong."""
        if options:
            raise ValueError(f"the scheme '{self.scheme}' has no options")
        return {}


@dataclass(frozen=True)
class Covered:
    """What a signature may cover, as bytes: for `HmacSignature(covers=lambda r: r.timestamp + r.body)`."""

    body: bytes
    timestamp: bytes = b""
    url: bytes = b""
    method: bytes = b""


def body_alone(covered: Covered) -> bytes:
    return covered.body


def as_text(secret: str) -> bytes:
    """Use a secret as the text that it is, also where it looks like base64."""
    return secret.encode(errors="surrogatepass")


def as_base64(secret: str) -> bytes:
    """Use the bytes that a secret stands for; none when it is not base64."""
    return from_base64(raw(secret)) or b""


class HmacSignature(Signature):
    """A keyed hash of the request in a header.

    * `covers`: what is hashed, from a `Covered`; the body alone by default
    * `prefix`: stands before the value, such as ``sha256=``; `separator`: the header may list several, one of which
      must fit
    * `timestamp`: the header with the time of signing, in the form `clock`; a time further away than `tolerance` is
      refused. Without it there is no replay window: deliveries are recognised by their id alone
    * `key`: how the secret becomes the key: `as_text` or `as_base64`
    * `public_secrets`: secrets that everybody knows, refused as configuration
    """

    def __init__(
        self,
        *,
        header: str,
        scheme: str = "",
        covers: Callable[[Covered], bytes] = body_alone,
        digest: Digest = "sha256",
        encoding: Encoding = "hex",
        prefix: str = "",
        separator: str = "",
        timestamp: str = "",
        clock: Clock = "unix",
        tolerance: timedelta = timedelta(minutes=5),
        key: Callable[[str], bytes] = as_text,
        public_secrets: Collection[str] = (),
        description: str = "",
    ) -> None:
        self.scheme = scheme or f"hmac_{digest}"
        self.header, self.covers, self.digest, self.encoding = header, covers, digest, encoding
        self.prefix, self.separator = prefix, separator
        self.timestamp, self.clock, self.tolerance = timestamp, clock, tolerance
        self.key, self.public_secrets, self.description = key, frozenset(public_secrets), description

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether one of `secrets` signed `request` within the tolerance."""
        stamp = b""
        if self.timestamp:
            stamp = header_of(request, self.timestamp)
            at = moment_of(stamp, self.clock)
            if at is None or not is_near(at, now, self.tolerance):
                return False
        found = header_of(request, self.header)
        values = found.split(self.separator.encode()) if self.separator else [found]
        given = [mac for value in values[:20] if (mac := self._mac_in(value)) is not None]
        covered = self.covers(
            Covered(request.body, stamp, request.url.encode(errors="surrogatepass"), raw(request.method))
        )
        return any_fits(given, [self._mac(key, covered) for secret in secrets if (key := self._key_of(secret))])

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
        method: str = "POST",
    ) -> dict[str, str]:
        """Return the headers with which a sender that holds `secret` would prove itself."""
        stamp = stamp_of(now, self.clock) if self.timestamp else ""
        covered = self.covers(Covered(body, stamp.encode(), url.encode(), method.encode()))
        value = self.prefix + encoded(self._mac(self.key(secret), covered), self.encoding)
        return {self.header: value, **({self.timestamp: stamp} if self.timestamp else {})}

    def new_secret(self) -> str:
        """Return a fresh secret, in base64 where that is how the secret becomes the key."""
        if self.key is as_base64:
            return base64.b64encode(random_secrets.token_bytes(32)).decode()
        return super().new_secret()

    def check_secret(self, secret: str) -> None:
        """Raise ValueError for an empty secret, one that everybody knows, and one that makes no key."""
        super().check_secret(secret)
        if secret in self.public_secrets:
            raise ValueError("This secret is published in the platform's documentation: anybody could sign with it.")
        if not self._key_of(secret):
            raise ValueError("The secret is not valid base64; copy it again.")

    def _key_of(self, secret: str) -> bytes:
        return self.key(secret) if secret.strip() else b""

    def _mac(self, key: bytes, covered: bytes) -> bytes:
        return hmac.new(key, covered, self.digest).digest()

    def _mac_in(self, value: bytes) -> bytes | None:
        text, prefix = value.strip(), self.prefix.encode()
        if not text.startswith(prefix):
            return None
        return decoded(text[len(prefix) :], self.encoding)


class GenericHmac(Signature):
    """HMAC-SHA256 over the body, with header and encoding of the sender's choice.

    Options: `header`, `encoding` (hex, base64), `prefix`; `timestamp_header` where the sender adds unix seconds, which
    are then signed before the body with `separator` in between. A platform that leaves only some of them to its users
    names those as `options`, and what the others are by the rest.
    """

    tolerance = timedelta(minutes=5)
    _DEFAULTS: Mapping[str, str] = {
        "header": "X-Signature",
        "encoding": "hex",
        "prefix": "",
        "timestamp_header": "",
        "separator": ":",
    }

    def __init__(
        self,
        *,
        scheme: str = "hmac_sha256",
        description: str = "HMAC-SHA256 over the raw body; header and encoding as the sender has them.",
        options: Collection[str] | None = None,
        **defaults: str,
    ) -> None:
        self.scheme, self.description = scheme, description
        self._defaults = {**self._DEFAULTS, **defaults}
        self._options = frozenset(self._DEFAULTS if options is None else options)

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether one of `secrets` signed `request` in the way that `options` describe."""
        try:
            scheme = self._with(options)
        except ValueError:
            return False
        return scheme.verify(request, secrets, now)

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Return the headers as `options` describe them."""
        return self._with(options).sign(body, secret, now, url=url)

    def check_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with defaults filled in. Raises ValueError that names what is wrong."""
        whole = self._checked(options)
        return {name: value for name, value in whole.items() if name in self._options}

    def _checked(self, options: Mapping[str, Any]) -> dict[str, str]:
        if unknown := sorted(set(options) - self._options):
            raise ValueError(f"'{unknown[0]}' is no option of the scheme '{self.scheme}'")
        whole = {**self._defaults, **{name: value for name, value in options.items() if value is not None}}
        for name, value in whole.items():
            if not isinstance(value, str) or _CONTROL.search(value) or not value.isascii() or len(value) > 100:
                raise ValueError(f"{name} must be a short text of ASCII characters")
        for name in ("header", "timestamp_header"):
            if (whole[name] or name == "header") and not _TOKEN.fullmatch(whole[name]):
                raise ValueError(f"{name} is not the name of a header")
        if whole["encoding"] not in ("hex", "base64"):
            raise ValueError("encoding must be 'hex' or 'base64'")
        return whole

    def _with(self, options: Mapping[str, Any] | None) -> HmacSignature:
        whole = self._checked(options or {})
        separator = whole["separator"].encode()
        return HmacSignature(
            header=whole["header"],
            scheme=self.scheme,
            encoding="hex" if whole["encoding"] == "hex" else "base64",
            prefix=whole["prefix"],
            timestamp=whole["timestamp_header"],
            tolerance=self.tolerance,
            covers=(lambda r: r.timestamp + separator + r.body) if whole["timestamp_header"] else body_alone,
        )


class SharedSecretHeader(Signature):
    """A secret that the sender repeats in a header: what platforms can do that cannot sign. The body is not protected.

    * `header`: the header that holds the secret as it is; "" for none
    * `basic`: the secret may also come as the password of HTTP Basic. A secret of the form ``user:password`` with
      `basic="user"` asks for both
    * `bearer`: it may also come as ``Authorization: Bearer``
    """

    def __init__(
        self,
        *,
        header: str = "X-SupportOps-Token",
        basic: Literal["", "password", "user"] = "password",
        bearer: bool = False,
        scheme: str = "shared_secret",
        description: str = "Authenticated by a shared secret, not signed: the body counts as a hint.",
    ) -> None:
        self.header, self.basic, self.bearer = header, basic, bearer
        self.scheme, self.description = scheme, description

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether `request` holds one of `secrets`."""
        given = [header_of(request, self.header)] if self.header else []
        kind, _, value = header_of(request, "authorization").strip().partition(b" ")
        if self.basic and kind.lower() == b"basic":
            user_and_password = from_base64(value.strip()) or b""
            given.append(user_and_password if self.basic == "user" else user_and_password.partition(b":")[2])
        if self.bearer and kind.lower() == b"bearer":
            given.append(value.strip())
        return any_fits([item for item in given if item], [raw(item) for item in secrets if item.strip()])

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Return the header with the secret, in the first way that this scheme takes."""
        if self.basic:
            pair = secret if self.basic == "user" else f"supportops:{secret}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        return {"Authorization": f"Bearer {secret}"} if self.bearer else {self.header: secret}

    def new_secret(self) -> str:
        """Return a random secret, with a user name before it where the scheme asks for one."""
        return ("supportops:" if self.basic == "user" else "") + super().new_secret()

    def check_secret(self, secret: str) -> None:
        """Raise ValueError for an empty secret, a pair that is none, and letters that do not travel in headers."""
        super().check_secret(secret)
        if self.basic == "user" and not all(secret.partition(":")[::2]):
            raise ValueError("The secret must be a user name and a password with a colon in between.")
        if not secret.isascii():
            raise ValueError("The secret holds letters beyond ASCII, which do not travel in headers.")


class StandardWebhooks(Signature):
    """Standard Webhooks 1.0: `v1` (HMAC-SHA256) with ``whsec_`` secrets, `v1a` (ed25519) with ``whpk_`` public keys.

    Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md. Our own on bytes: the reference
    library decodes bodies as UTF-8 and raises on a list entry without a comma.
    """

    scheme = "standard_webhooks"
    description = "Standard Webhooks: the headers webhook-id, webhook-timestamp and webhook-signature."
    tolerance = timedelta(minutes=5)
    # The specification asks for 24 to 64 bytes; shorter ones are in use.
    _SHORTEST_KEY = 16

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether an entry of the signature list was made with one of `secrets`, within five minutes."""
        delivery_id = header_of(request, "webhook-id").strip()
        stamp = header_of(request, "webhook-timestamp").strip()
        at = moment_of(stamp, "unix")
        # A full stop in the id would let the same bytes be read as another id and time.
        if not delivery_id or b"." in delivery_id or at is None or not is_near(at, now, self.tolerance):
            return False
        content = b".".join((delivery_id, stamp, request.body))
        entries = [entry.partition(b",") for entry in header_of(request, "webhook-signature").split()[:20]]
        given = {
            version: [mac for name, _, value in entries if name == version and (mac := from_base64(value)) is not None]
            for version in (b"v1", b"v1a")
        }
        keys = [found for secret in secrets if (found := self._key_of(secret)) is not None]
        expected = [hmac.new(key, content, hashlib.sha256).digest() for kind, key in keys if kind == "v1"]
        fits = any_fits(given[b"v1"], expected)
        public_keys = [key for kind, key in keys if kind == "v1a"]
        return fits or any(is_ed25519(key, mac, content) for key in public_keys for mac in given[b"v1a"])

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Return the three headers. A secret starting with ``whsk_`` (an ed25519 private key) signs as `v1a`.

        Raises ValueError for a secret that is no key.
        """
        delivery_id = delivery_id or f"msg_{random_secrets.token_hex(13)}"
        stamp = stamp_of(now, "unix")
        content = b".".join((delivery_id.encode(), stamp.encode(), body))
        if secret.startswith("whsk_"):
            seed = (from_base64(secret.removeprefix("whsk_").encode()) or b"")[:32]
            value = "v1a," + encoded(Ed25519PrivateKey.from_private_bytes(seed).sign(content), "base64")
        else:
            found = self._key_of(secret)
            if found is None or found[0] != "v1":
                raise ValueError("The secret is not a whsec_ secret.")
            value = "v1," + encoded(hmac.new(found[1], content, hashlib.sha256).digest(), "base64")
        return {"webhook-id": delivery_id, "webhook-timestamp": stamp, "webhook-signature": value}

    def new_secret(self) -> str:
        """Return ``whsec_`` and 32 random bytes in base64."""
        return "whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode()

    def check_secret(self, secret: str) -> None:
        """Raise ValueError when `secret` is neither a whsec_ secret nor a whpk_ public key, or too short."""
        super().check_secret(secret)
        if secret.startswith("whsk_"):
            raise ValueError("This is a private key (whsk_): it stays with the sender; give the public key (whpk_).")
        found = self._key_of(secret)
        if found is None:
            raise ValueError("The secret must be 'whsec_' and base64, or 'whpk_' and a public key in base64.")
        if len(found[1]) < self._SHORTEST_KEY:
            raise ValueError(f"The secret is too short: it must stand for at least {self._SHORTEST_KEY} bytes.")

    def _key_of(self, secret: str) -> tuple[Literal["v1", "v1a"], bytes] | None:
        """The key that a secret stands for; with or without prefix and padding, as the libraries take it."""
        text = secret.strip()
        if text.startswith("whpk_"):
            key = from_base64(padded(text.removeprefix("whpk_")))
            return ("v1a", key) if key is not None and len(key) == 32 else None
        key = from_base64(padded(text.removeprefix("whsec_")))
        return ("v1", key) if key else None
