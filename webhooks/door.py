"""The front door: where a platform's request comes in and its answer goes out, in the terms of WSGI.

Receipts pass by Django's handler and all middleware: sessions, cookies, hosts and pages are nothing to them, and would
take more time than everything else that is done here. What they need of it is done here: an id for the request, the
caller's address, a limit while the body is read, answers in the form of the API.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.encoding import iri_to_uri

from integrations.specs import WebhookRequest
from supportops import odd_json
from supportops.addresses import caller_of
from supportops.api.middleware import request_id_of
from supportops.context import acting_as
from webhooks.giving_way import RECEIPTS
from webhooks.receiving import Answer, Refused, receive

log = structlog.get_logger()

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

PLATFORM, ENDPOINT = r"(?P<platform>[a-z0-9_-]{1,63})", r"(?P<endpoint>[A-Za-z0-9_-]{16,64})"
# Right with and without the closing slash.
_ADDRESS = re.compile(rf"/api/webhooks/{PLATFORM}(?:/{ENDPOINT})?/?")
_METHODS = ("POST", "PUT", "HEAD", "GET")
_JSON = "application/json"
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way out."""

    status: int
    content_type: str
    body: bytes
    retry_after: int | None = None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Its headers."""
        fields = [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            # A handshake's answer holds what the sender wrote: no browser shall take it for a page.
            ("X-Content-Type-Options", "nosniff"),
        ]
        return fields if self.retry_after is None else [*fields, ("Retry-After", str(self.retry_after))]


class FrontDoor:
    """WSGI application: answers receipts, and hands everything else to the one behind it."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        address = _ADDRESS.fullmatch(environ.get("PATH_INFO", ""))
        if address is None:
            return self._application(environ, start_response)
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            with RECEIPTS, acting_as(request_id=request_id, ip=caller_of(environ)):
                reply = answer(
                    environ, environ["wsgi.input"].read, address["platform"], address["endpoint"], request_id
                )
        except Exception:
            log.exception("delivery.not_received", path=environ.get("PATH_INFO", ""))
            reply = _error(500, "error", "Something unforeseen happened here. It was logged.")
        finally:
            _end_use_of_database()
        start_response(_STATUS_LINES[reply.status], [*reply.headers, ("X-Request-ID", request_id)])
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else reply.body]


def answer(
    environ: Mapping[str, Any], read: Callable[[int], bytes], platform: str, endpoint: str | None, request_id: str
) -> Reply:
    """Answer 202 taken, 200 repeat or conflict or handshake, 400, 401, 404, 405, 413, 503. `read` reads the body."""
    if environ["REQUEST_METHOD"] not in _METHODS:
        return _error(405, "method_not_allowed", "Send a POST.")
    try:
        return _reply(receive(_incoming(environ, read), platform, endpoint, request_id))
    except Refused as refusal:
        return _error(refusal.status, refusal.code, refusal.detail)
    except DatabaseError as error:
        log.warning("delivery.not_kept", error=str(error)[:200])
        connection.close()
        return _error(503, "unavailable", "The delivery could not be kept. Send it again.")


def _reply(given: Answer) -> Reply:
    if given.handshake is not None:
        shake = given.handshake
        return Reply(shake.status, shake.content_type, shake.body)
    return Reply(given.status, _JSON, odd_json.dumps(given.body))


def _error(status: int, code: str, detail: str) -> Reply:
    kind = "server_error" if status >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
    return Reply(status, _JSON, odd_json.dumps(body), RETRY_AFTER_SECONDS if status == 503 else None)


def _incoming(environ: Mapping[str, Any], read: Callable[[int], bytes]) -> WebhookRequest:
    query = environ.get("QUERY_STRING", "")
    path = f"{environ.get('SCRIPT_NAME', '')}{environ['PATH_INFO']}"
    return WebhookRequest(
        method=environ["REQUEST_METHOD"],
        url=f"{path}?{iri_to_uri(query)}" if query else path,
        headers={name: value for key, value in environ.items() if (name := _header(key)) is not None},
        body=_body(environ, read),
        ip=caller_of(environ),
    )


@lru_cache(maxsize=1024)
def _header(key: str) -> str | None:
    """Return the header that a name of the environment stands for, in lower case; None when it is no header."""
    if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return key.replace("_", "-").lower()
    return key[5:].replace("_", "-").lower() if key.startswith("HTTP_") else None


def _body(environ: Mapping[str, Any], read: Callable[[int], bytes]) -> bytes:
    """Return the body, read as a stream up to the limit. Raises Refused beyond it, whatever its length claims."""
    limit = settings.MAX_WEBHOOK_BYTES
    declared = environ.get("CONTENT_LENGTH") or ""
    has_length = declared.isascii() and declared.isdigit()
    if has_length and (len(declared) > 18 or int(declared) > limit):
        raise _too_large()
    # Without a length the server knows where the body ends.
    left = int(declared) if has_length else limit + 1
    chunks, size = [], 0
    while left and (chunk := read(min(65536, left))):
        chunks.append(chunk)
        size, left = size + len(chunk), left - len(chunk)
        if size > limit:
            raise _too_large()
    if has_length and left:
        # A scheme that does not cover the body would let half of it pass.
        raise Refused(400, "incomplete", f"The body ended {left} bytes before its Content-Length.")
    return b"".join(chunks)


def _too_large() -> Refused:
    return Refused(413, "too_large", f"The body is larger than {settings.MAX_WEBHOOK_BYTES} bytes.")


def _end_use_of_database() -> None:
    """Do for this thread's connection what Django does at the end of a request; most receipts have used none."""
    if connection.connection is not None and not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
