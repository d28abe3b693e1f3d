"""Twilio's signature: a keyed hash of the registered address and each parameter. Pure.

https://www.twilio.com/docs/usage/webhooks/webhooks-security, .../webhook-shared-keys, read 2026-11.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

from integrations.proofs import any_fits, encoded, from_base64, header_of, raw
from integrations.signatures import Signature
from integrations.specs import WebhookRequest

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
BODY_HASH = "bodySHA256"
_MOST_PARAMETERS = 1000
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TwilioSignature(Signature):
    """HMAC over the address, and over the parameters of a form in the order of their names.

    A body that is no form is covered by its hash in the address (`bodySHA256`). Which hash is used is the endpoint's
    to say: with shared keys (sha256) the request must say so too, which alone would decide nothing, as nobody signs it.
    No time is signed, so there is no replay window.
    """

    def __init__(self, scheme: str, digest: Literal["sha1", "sha256"], description: str) -> None:
        self.scheme, self.description = scheme, description
        self._digest: Literal["sha1", "sha256"] = digest

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether one of `secrets` signed address and body."""
        given = from_base64(header_of(request, SIGNATURE_HEADER))
        if not given or not self._names_our_digest(request):
            return False
        try:
            contents = [
                content for url in _forms_of(request.url) if (content := _content(url, request.body)) is not None
            ]
        except ValueError:
            return False
        keys = [secret.encode(errors="surrogatepass") for secret in secrets if secret.strip()]
        return any_fits([given], [self._mac(key, content) for key in keys for content in contents])

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
        """Return the headers as Twilio would add them for `url`, which must hold the hash of a body that is no form."""
        content = _content(url, body)
        if content is None:
            raise ValueError(f"The address holds another {BODY_HASH} than that of the body.")
        headers = {SIGNATURE_HEADER: encoded(self._mac(secret.encode(), content), "base64")}
        if self._digest == "sha256":
            headers[SETTINGS_HEADER] = "key=webhooks_sharedkey_sample,algorithm=HMAC_SHA256"
        return headers

    def _names_our_digest(self, request: WebhookRequest) -> bool:
        if self._digest == "sha1":
            return True
        parts = header_of(request, SETTINGS_HEADER).split(b",")
        return b"algorithm=HMAC_SHA256" in [part.strip() for part in parts]

    def _mac(self, key: bytes, content: bytes) -> bytes:
        return hmac.new(key, content, self._digest).digest()


def _forms_of(url: str) -> list[str]:
    """The address with and without its usual port: Twilio signs either. Raises ValueError for no address."""
    parts = urlsplit(url)
    usual = _DEFAULT_PORTS.get(parts.scheme)
    start, rest = f"{parts.scheme}://{parts.netloc}", url[len(f"{parts.scheme}://{parts.netloc}") :]
    if usual is None or parts.port not in (None, usual):
        return [url]
    return [url, start.removesuffix(f":{usual}") + rest if parts.port else f"{start}:{usual}{rest}"]


def _content(url: str, body: bytes) -> bytes | None:
    """What is signed, None where the address holds the hash of another body. Raises ValueError for too many fields."""
    start = url.encode(errors="surrogatepass")
    claimed = parse_qs(urlsplit(url).query).get(BODY_HASH)
    if claimed is not None:
        fits = any_fits([raw(claimed[0].lower())], [hashlib.sha256(body).hexdigest().encode()])
        return start if fits else None
    # Bytes that are no UTF-8 stay what they are: two bodies never look the same.
    pairs = parse_qsl(
        body.decode("utf-8", "surrogateescape"),
        keep_blank_values=True,
        errors="surrogateescape",
        max_num_fields=_MOST_PARAMETERS,
    )
    # Of a name that comes again each value counts once.
    return start + b"".join((name + value).encode("utf-8", "surrogateescape") for name, value in sorted(set(pairs)))
