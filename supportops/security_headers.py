"""What browsers may load: from here alone, and no script that stands inside a page."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

_COMMON = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    # The admin's theme and the API's pages carry styles of their own inside the page; images are drawn as data.
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'"
)
# Alpine, which the admin's theme is built upon, makes functions of the expressions in its attributes.
# https://alpinejs.dev/advanced/csp (its other build refuses most of the expressions that the theme uses)
_ADMIN = f"{_COMMON} 'unsafe-eval'"


class SecurityHeadersMiddleware:
    """Adds the Content-Security-Policy; `unsafe-eval` under /admin/ alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        policy = _ADMIN if request.path.startswith(("/admin/", "/people/")) else _COMMON
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response
