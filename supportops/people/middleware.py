"""Keeps out whoever has no second factor where the organization asks its members for one."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from supportops.people.second_factor import is_kept_out
from supportops.tenancy.admin import place_of

# What stays open: setting one up, going to another organization, leaving.
_OPEN = (
    "account",
    "choose-organization",
    "admin:logout",
    "admin:jsi18n",
    "admin:password_change",
    "sign-in",
    "set_language",
    "texts",
)


class SecondFactorMiddleware:
    """Leads to the set-up page from every page of an organization that demands a second factor.

    After OrganizationMiddleware, which says where the person works. The API looks for itself (people.authentication).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        place = place_of(request)
        if place is None or not request.path.startswith("/admin/"):
            return self.get_response(request)
        if not is_kept_out(request.user, place.organization):  # type: ignore[arg-type]
            return self.get_response(request)
        if request.path.startswith(tuple(reverse(name) for name in _OPEN)):
            return self.get_response(request)
        # Which says why one is there.
        return HttpResponseRedirect(reverse("second-factor"))
