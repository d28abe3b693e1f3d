"""Addresses that are right with and without their closing slash, for every method; nothing is redirected."""

import re
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, re_path
from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """Makes the addresses of view sets: ``router.register("tokens", TokenViewSet, basename="token")``."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False)
        self.trailing_slash = "/?"


def address(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    """Return the pattern of a single view: ``address("jobs/<id>/cancel", CancelJob.as_view(), "job-cancel")``."""
    pattern = "".join(
        # A hyphen needs no escape here, and the API's description would show it.
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("<") else re.escape(part).replace(r"\-", "-")
        for part in re.split(r"(<\w+>)", route.strip("/"))
    )
    return re_path(f"^{pattern}/?$", view, name=name)
