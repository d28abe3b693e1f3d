"""One form for everything that goes wrong under /api/.

``{"type": "validation_error|client_error|server_error", "errors": [{"code", "detail", "attr"}]}`` with `attr` a
dotted path into the body. No stack trace and no secret ever gets out; what was unforeseen is in the log.
"""

import logging
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from supportops import odd_json

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
# Most characters of a sentence about what is wrong.
LONGEST_DETAIL = 1000


class ApiProblem(exceptions.APIException):
    """A refusal with a place: `attr` is a dotted path into the body, or None when no single place is wrong."""

    def __init__(self, attr: str | None, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(detail, code)
        self.attr, self.code, self.status_code = attr, code, status

    def entries(self) -> list[dict[str, Any]]:
        return [{"code": self.code, "detail": str(self.detail), "attr": self.attr}]


class ApiProblems(exceptions.APIException):
    """Several refusals at once, such as all that is wrong with a document."""

    def __init__(self, problems: Sequence[ApiProblem]) -> None:
        super().__init__("; ".join(str(problem.detail) for problem in problems))
        self.problems = list(problems)
        self.status_code = max((problem.status_code for problem in problems), default=400)

    def entries(self) -> list[dict[str, Any]]:
        return [entry for problem in self.problems for entry in problem.entries()]


class Conflict(ApiProblem):
    """409: the request does not fit the present state of what it is about."""

    def __init__(self, code: str, detail: str, *, attr: str | None = None) -> None:
        super().__init__(attr, code, detail, status=409)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Return the answer to whatever was raised in a view of REST framework."""
    error = _as_api_exception(error)
    if isinstance(error, exceptions.APIException):
        response = Response(body_of(error), status=error.status_code)
        wait = getattr(error, "wait", None)
        if wait is not None:
            response["Retry-After"] = str(max(1, math.ceil(wait)))
        auth_header = getattr(error, "auth_header", None)
        if auth_header:
            response["WWW-Authenticate"] = auth_header
        return response
    request = context.get("request")
    django_request = getattr(request, "_request", request)
    # Tells the test client and error trackers, as Django itself does for views of its own.
    got_request_exception.send(sender=None, request=django_request)
    if is_database_away(error):
        logger.warning("The database is out of reach.", exc_info=error)
        response = Response(_unavailable(), status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    logger.error("Unforeseen error in %s.", type(context.get("view")).__name__, exc_info=error)
    return Response(_server_error(), status=500)


def body_of(error: exceptions.APIException) -> dict[str, Any]:
    """Return the one form for `error`."""
    if isinstance(error, (ApiProblem, ApiProblems)):
        entries = error.entries()
        is_validation = error.status_code == 400
    elif isinstance(error, exceptions.ValidationError):
        entries = list(_flatten(error.detail, ()))
        is_validation = True
    else:
        entries = list(_flatten(error.detail, ()))
        is_validation = False
    for entry in entries:
        entry["detail"] = _shortened(entry["detail"])
    kind = "validation_error" if is_validation else "client_error"
    return {"type": "server_error" if error.status_code >= 500 else kind, "errors": entries}


def _shortened(detail: str) -> str:
    """Return what is said, without the whole of a long value that it repeats."""
    half = LONGEST_DETAIL // 2
    return detail if len(detail) <= LONGEST_DETAIL else f"{detail[:half]} … {detail[-half:]}"


def is_database_away(error: BaseException | None) -> bool:
    """Return whether `error` says that the database cannot be reached, rather than that a query is wrong."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    # SQLite uses the same class for queries that are wrong.
    return not any(sign in str(error) for sign in ("no such", "syntax error", "has no column"))


# --- answers outside of REST framework ---------------------------------------------------------------------------
# Programs get the one form, people (the admin) Django's pages.


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    """404 for every address under /api/ that is none."""
    return _plain(404, "client_error", "not_found", "There is nothing at this address.")


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return no_such_address(request) if _is_api(request) else defaults.page_not_found(request, exception)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return _plain(413, "client_error", "too_large", "The request's body is too large.")
    return _plain(400, "client_error", "bad_request", "The request is malformed.")


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return _plain(403, "client_error", "permission_denied", "You may not do this.")


def handler500(request: HttpRequest) -> HttpResponse:
    """500, or 503 when it was the database that is out of reach."""
    # Django calls this while it handles the exception, but does not hand it over.
    return unforeseen(request, sys.exc_info()[1])


def unforeseen(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """Return the answer to an exception that nobody named."""
    if is_database_away(error):
        response = _json(503, _unavailable())
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    return _json(500, _server_error()) if _is_api(request) else defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _plain(status: int, kind: str, code: str, detail: str) -> HttpResponse:
    return _json(status, {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]})


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(odd_json.dumps(body), status=status, content_type="application/json")


def _unavailable() -> dict[str, Any]:
    detail = "The database is out of reach at the moment. Try again in a few seconds."
    return {"type": "server_error", "errors": [{"code": "unavailable", "detail": detail, "attr": None}]}


def _server_error() -> dict[str, Any]:
    detail = "Something went wrong on our side. The X-Request-ID of this answer finds it in the log."
    return {"type": "server_error", "errors": [{"code": "error", "detail": detail, "attr": None}]}


# --- other people's exceptions -----------------------------------------------------------------------------------


def _as_api_exception(error: Exception) -> Exception:
    if isinstance(error, Http404):
        return exceptions.NotFound("There is no such object.")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return ApiProblem(None, "too_large", "The request's body is too large.", status=413)
    if isinstance(error, DjangoValidationError):
        return exceptions.ValidationError(_details_of(error))
    return error


def _details_of(error: DjangoValidationError) -> Any:
    if hasattr(error, "error_dict"):
        return {
            "non_field_errors" if field == "__all__" else field: [
                exceptions.ErrorDetail(message, problem.code or "invalid")
                for problem in problems
                for message in problem.messages
            ]
            for field, problems in error.error_dict.items()
        }
    return [
        exceptions.ErrorDetail(message, problem.code or "invalid")
        for problem in error.error_list
        for message in problem.messages
    ]


def _flatten(detail: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield one entry for each detail in REST framework's nested dictionaries and lists."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _flatten(inner, path if key == "non_field_errors" else (*path, str(key)))
    elif isinstance(detail, (list, tuple)):
        for position, inner in enumerate(detail):
            # A list of texts belongs to one field; a list of dictionaries to the items of a list.
            yield from _flatten(inner, (*path, str(position)) if isinstance(inner, (Mapping, list)) else path)
    else:
        yield {
            "code": getattr(detail, "code", None) or "invalid",
            "detail": str(detail),
            "attr": ".".join(path) or None,
        }
