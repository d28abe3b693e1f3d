"""AWS Signature Version 4 for S3: in headers, and in the query of a link. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, read 2026-11.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
# A link's body cannot be known when it is signed.
UNSIGNED = "UNSIGNED-PAYLOAD"
# The longest that S3 lets a link live.
LONGEST_LINK = 7 * 24 * 3600


@dataclass(frozen=True, repr=False)
class Key:
    """An access key for one region."""

    access_key: str
    secret_key: str
    region: str


def encoded_path(key: str) -> str:
    """Return an object's key as it stands in addresses: slashes stay, all but unreserved characters are encoded."""
    return quote(key, safe="/-._~")


def signed_headers(
    method: str, url: str, headers: Mapping[str, str], body: bytes, key: Key, at: datetime
) -> dict[str, str]:
    """Return `headers` with the three that prove them: date, digest of the body, signature.

    `url` as it is requested; its path must be encoded as `encoded_path` does. All of `headers` are covered.
    """
    digest = hashlib.sha256(body).hexdigest()
    whole = {**headers, "x-amz-content-sha256": digest, "x-amz-date": _stamp(at)}
    covered = {name.lower(): " ".join(value.split()) for name, value in whole.items()}
    covered["host"] = urlsplit(url).netloc
    signature = _signature(_canonical(method, url, _query(url), covered, digest), key, at)
    credential = f"{key.access_key}/{_scope(key, at)}"
    names = ";".join(sorted(covered))
    return {
        **whole,
        "Authorization": f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}",
    }


def link(url: str, seconds: int, key: Key, at: datetime) -> str:
    """Return an address with which anybody may fetch the object at `url` for `seconds` from `at`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. Raises ValueError beyond a week.
    """
    if not 0 < seconds <= LONGEST_LINK:
        raise ValueError(f"a link lives between 1 and {LONGEST_LINK} seconds")
    query = [
        *_query(url),
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{key.access_key}/{_scope(key, at)}"),
        ("X-Amz-Date", _stamp(at)),
        ("X-Amz-Expires", str(seconds)),
        ("X-Amz-SignedHeaders", "host"),
    ]
    parts = urlsplit(url)
    canonical = _canonical("GET", url, query, {"host": parts.netloc}, UNSIGNED)
    signed = [*query, ("X-Amz-Signature", _signature(canonical, key, at))]
    return parts._replace(query=_written(signed)).geturl()


def _canonical(
    method: str, url: str, query: list[tuple[str, str]], headers: Mapping[str, str], body_digest: str
) -> str:
    names = sorted(headers)
    lines = [
        method,
        urlsplit(url).path or "/",
        _written(sorted(query)),
        *(f"{name}:{headers[name]}" for name in names),
        "",
        ";".join(names),
        body_digest,
    ]
    return "\n".join(lines)


def _signature(canonical: str, key: Key, at: datetime) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, _stamp(at), _scope(key, at), digest))
    derived = ("AWS4" + key.secret_key).encode()
    for part in _scope(key, at).split("/"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()


def _scope(key: Key, at: datetime) -> str:
    return f"{_stamp(at)[:8]}/{key.region}/{SERVICE}/aws4_request"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def _written(query: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in query)
