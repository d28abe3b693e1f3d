"""The outermost stop of a request: gives it an id that answers, logs and audit entries carry."""

import logging
import re
from collections.abc import Callable

from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from supportops.addresses import client_ip
from supportops.api import errors
from supportops.context import acting_as
from supportops.ids import new_id

logger = logging.getLogger(__name__)

# A caller's own id is kept when it can stand in a log line and in a column of an audit entry as it is.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=@-]{0,63}")


def request_id_of(given: str) -> str:
    """Return the id of a request whose X-Request-ID was `given`: that one where it is well formed, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else str(new_id())


class RequestIdMiddleware:
    """Sets `request.request_id`, the context's request id and caller's address, and the X-Request-ID of the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_of(request.headers.get("X-Request-ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        with acting_as(request_id=request_id, ip=client_ip(request)):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for plain views under /api/ even with DEBUG, whose own page would show the stack to a client."""
        if not request.path.startswith("/api/"):
            return None
        got_request_exception.send(sender=type(self), request=request)
        logger.error("Unforeseen error at %s.", request.path, exc_info=exception)
        return errors.unforeseen(request, exception)
