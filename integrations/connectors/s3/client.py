"""Calls to S3 and to storage that speaks as it does, and what the answers mean.

https://docs.aws.amazon.com/AmazonS3/latest/API, read 2026-11.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from html import unescape
from typing import TYPE_CHECKING

from integrations.answers import SAFE_METHODS
from integrations.connectors.s3.schemas import S3Config, S3Credentials
from integrations.connectors.s3.signing import Key, encoded_path, link, signed_headers
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
)
from integrations.retry_after import wait_of
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_DEAD_CREDENTIALS = frozenset(
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "NotSignedUp", "InvalidSecurity"]
)
_NOT_ALLOWED = frozenset(["AccessDenied", "AllAccessDisabled", "AccountProblem", "AccessForbidden"])
_NOT_THERE = frozenset(["NoSuchBucket", "NoSuchKey", "NoSuchUpload"])
_BUSY = frozenset(["SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"])
# Turned away before anything was done, some of them by 400 or 403.
_AGAIN = frozenset(
    ["ServiceUnavailable", "RequestTimeout", "RequestTimeTooSkewed", "OperationAborted", "ConditionalRequestConflict"]
)
_WRONG_REGION = frozenset(
    ["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"]
)
_ELEMENT = re.compile(r"<(Code|Message|Region)>([^<]*)</\1>")


class S3Api:
    """One bucket as one integration sees it."""

    def __init__(self, http: "PlatformClient", credentials: S3Credentials, config: S3Config) -> None:
        self.http, self.bucket, self.config = http, credentials.bucket, config
        self._key = Key(credentials.access_key, credentials.secret_key, credentials.region)
        self._host, self._folder = _where(credentials, config)

    def put(
        self, key: str, content: bytes, headers: Mapping[str, str], *, expected: Collection[int] = ()
    ) -> "Response":
        """Write an object."""
        return self._call("PUT", self._path(key), headers, content, expected)

    def head(self, key: str) -> "Response | None":
        """Return what is known of an object, None where there is none."""
        response = self._call("HEAD", self._path(key), {}, b"", (404,))
        return None if response.status_code == 404 else response

    def list_one(self) -> "Response":
        """Ask for one name in the bucket: the cheapest call whose refusal says why."""
        return self._call("GET", f"{self._folder or '/'}?list-type=2&max-keys=1", {}, b"", ())

    def address(self, key: str) -> str:
        """Return where an object is, without anything that opens it."""
        return self.http.address_of(self._path(key), self._host)

    def link(self, key: str, seconds: int, at: datetime) -> str:
        """Return an address that lets anybody fetch an object for so long."""
        return link(self.address(key), seconds, self._key, at)

    def _path(self, key: str) -> str:
        return f"{self._folder}/{encoded_path(key)}"

    def _call(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes, expected: Collection[int]
    ) -> "Response":
        url = self.http.address_of(path, self._host)
        signed = signed_headers(method, url, headers, content, self._key, clock.now())
        body = content if method == "PUT" else None
        return self.http.request(method, url, content=body, headers=signed, expected=expected)


def _where(credentials: S3Credentials, config: S3Config) -> tuple[str | None, str]:
    """Return which of the connector's hosts serves the bucket, and what stands before a key in the path."""
    in_path = "/" + credentials.bucket
    if credentials.endpoint_url:
        return "endpoint", "" if config.addressing == "virtual" else in_path
    # A certificate for *.s3.<region>.amazonaws.com does not cover a name with a dot.
    by_path = config.addressing == "path" or (config.addressing == "auto" and "." in credentials.bucket)
    return ("region", in_path) if by_path else (None, "")


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means, by the code in its XML; None leaves it to the status."""
    if response.is_success:
        return None
    said = {name: unescape(text) for name, text in _ELEMENT.findall(response.text)}
    code, status = said.get("Code", ""), response.status_code
    region = response.headers.get("x-amz-bucket-region") or said.get("Region", "")
    if code in _WRONG_REGION or status == 301:
        hint = f" It is in {region}: change the integration's region." if region else ""
        return InvalidInput(f"S3 answered {status}: the bucket is in another region.{hint}", status_code=status)
    if not code:
        return None
    words = f"S3 answered {status}: {code}. {shortened(said.get('Message', ''))}".strip()
    wait = wait_of(response.headers.get("retry-after"), clock.now(), date=response.headers.get("date"))
    if code in _DEAD_CREDENTIALS:
        return CredentialsRejected(words, status_code=status)
    if code in _BUSY:
        return RateLimited(words, retry_after=wait, status_code=status)
    if code in _AGAIN:
        return Unavailable(words, retry_after=wait, status_code=status)
    if code == "InternalError":
        reached = response.method not in SAFE_METHODS
        return Unavailable(words, retry_after=wait, status_code=status, may_have_reached=reached)
    if code in _NOT_ALLOWED:
        return Forbidden(words, status_code=status)
    if code in _NOT_THERE:
        return NotFound(words, status_code=status)
    return InvalidInput(words, status_code=status) if 400 <= status < 500 else None
