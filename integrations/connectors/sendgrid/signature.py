"""SendGrid's signature: ECDSA over time and body. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features,
read 2026-11.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
)

from integrations.proofs import encoded, from_base64, header_of, padded, stamp_of
from integrations.signatures import Signature
from integrations.specs import WebhookRequest

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"
_SHA256 = ec.ECDSA(hashes.SHA256())


class EcdsaSignature(Signature):
    """ECDSA (P-256, SHA-256) over the timestamp's text and the raw body, verified with the sender's public key.

    The secret is that key, as base64 of its DER form; a private key works too, and can sign, for samples and tests.
    The time is signed but not held to a tolerance: it says when a batch was made, and SendGrid sends a batch again for
    as long as a day. What was taken already is recognised by each event's id.
    """

    scheme = "sendgrid"
    description = "SendGrid signs with a key pair of its own; the secret is its public key."

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether the holder of one of the keys signed timestamp and body."""
        stamp = header_of(request, TIMESTAMP_HEADER)
        signature = from_base64(header_of(request, SIGNATURE_HEADER))
        if not stamp or not signature:
            return False
        keys = [key for secret in secrets if (key := _public_key(secret)) is not None]
        return any(_is_signed(key, signature, stamp + request.body) for key in keys)

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
        """Return the two headers. Raises ValueError for a secret that is no private key."""
        key = _private_key(secret)
        if key is None:
            raise ValueError("Only SendGrid can sign for its public key.")
        stamp = stamp_of(now, "unix")
        # Of the same bytes always the same signature (RFC 6979).
        ecdsa = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = key.sign(stamp.encode() + body, ecdsa)
        return {SIGNATURE_HEADER: encoded(signature, "base64"), TIMESTAMP_HEADER: stamp}

    def new_secret(self) -> str:
        """Return a new private key, with which samples and tests can be signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()

    def check_secret(self, secret: str) -> None:
        """Raise ValueError when `secret` is no key of the kind that SendGrid shows."""
        super().check_secret(secret)
        if _public_key(secret) is None:
            raise ValueError("The secret must be the verification key that SendGrid shows (it begins with MFkw).")


def _public_key(secret: str) -> ec.EllipticCurvePublicKey | None:
    private = _private_key(secret)
    if private is not None:
        return private.public_key()
    der = from_base64(padded(secret.strip()))
    try:
        key = load_der_public_key(der) if der else None
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def _private_key(secret: str) -> ec.EllipticCurvePrivateKey | None:
    der = from_base64(padded(secret.strip()))
    try:
        key = load_der_private_key(der, None) if der else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1) else None


def _is_signed(key: ec.EllipticCurvePublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content, _SHA256)
    except (InvalidSignature, ValueError):
        return False
    return True
