"""Answers probes before everything that costs: no session, no organization, no Host that must be known."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from supportops.status.probes import VIEWS


class ProbesFirst:
    """Hands /healthz, /readyz and /metrics to their views at once; a load balancer asks by address, not by name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = VIEWS.get(request.path_info.strip("/"))
        answer: HttpResponseBase = view(request) if view else self.get_response(request)
        return answer
