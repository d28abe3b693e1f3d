"""The address that platforms send to. A plain Django view: nothing touches the body before it is verified."""

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.specs import WebhookRequest
from supportops import odd_json
from supportops.addresses import client_ip
from webhooks.receiving import Refused, receive

log = structlog.get_logger()

_METHODS = ("POST", "PUT", "HEAD", "GET")


@csrf_exempt
def take(request: HttpRequest, platform: str, endpoint: str | None = None) -> HttpResponse:
    """Answer 202 taken, 200 repeat or conflict or handshake, 400, 401, 404, 405, 413, 503."""
    if request.method not in _METHODS:
        return _error(405, "method_not_allowed", "Send a POST.")
    try:
        answer = receive(_incoming(request), platform, endpoint, getattr(request, "request_id", ""))
    except Refused as refusal:
        return _error(refusal.status, refusal.code, refusal.detail)
    except DatabaseError as error:
        log.warning("delivery.not_kept", error=str(error)[:200])
        connection.close()
        response = _error(503, "unavailable", "The delivery could not be kept. Send it again.")
        response["Retry-After"] = "5"
        return response
    if answer.handshake is not None:
        shake = answer.handshake
        return HttpResponse(shake.body, status=shake.status, content_type=shake.content_type)
    return HttpResponse(odd_json.dumps(answer.body), status=answer.status, content_type="application/json")


def _incoming(request: HttpRequest) -> WebhookRequest:
    return WebhookRequest(
        method=request.method or "POST",
        url=request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=_read(request),
        ip=client_ip(request),
    )


def _read(request: HttpRequest) -> bytes:
    """Return the body, read as a stream up to the limit. Raises Refused beyond it, whatever its length claims."""
    limit = settings.MAX_WEBHOOK_BYTES
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > limit:
        raise _too_large()
    chunks, size = [], 0
    while chunk := request.read(min(65536, limit + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise _too_large()
    return b"".join(chunks)


def _too_large() -> Refused:
    return Refused(413, "too_large", f"The body is larger than {settings.MAX_WEBHOOK_BYTES} bytes.")


def _error(status: int, code: str, detail: str) -> HttpResponse:
    kind = "server_error" if status >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
    return HttpResponse(odd_json.dumps(body), status=status, content_type="application/json")
