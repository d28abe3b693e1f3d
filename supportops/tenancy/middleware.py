"""Puts the organization of a signed-in person in scope for the whole request: what the admin shows and changes."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

from supportops.context import Actor, acting_as
from supportops.tenancy.memberships import Place, operated_place, places_of
from supportops.tenancy.scope import working_for

# Where a session keeps the slug of the organization that its owner chose.
CHOICE = "organization"


class OrganizationMiddleware:
    """Sets `request.place` (organization, role, permissions; None where there is none) and works in its scope.

    `request.places` are all places of the person.

    The API's views enter the scope themselves, from token or session; its path is left alone.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.place = None  # type: ignore[attr-defined]
        if request.path.startswith("/api/") or not request.user.is_authenticated:
            return self.get_response(request)
        place = chosen_place(request)
        request.place = place  # type: ignore[attr-defined]
        actor = Actor("user", str(request.user.pk), request.user.get_username())
        if place is None:
            with acting_as(actor):
                return self.get_response(request)
        with working_for(place.organization), acting_as(actor):
            response = self.get_response(request)
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                # The admin's pages query when they are rendered, which Django would do after this scope.
                response.render()
            return response


def chosen_place(request: HttpRequest) -> Place | None:
    """Return where the signed-in person works; None when he belongs nowhere.

    The session's choice while it is still his, else the one that he chose last, else his first.
    """
    slug = request.session.get(CHOICE, "")
    places = places_of(request.user)
    request.places = places  # type: ignore[attr-defined]
    slug = slug or getattr(request.user, "last_organization", "")
    chosen = next((place for place in places if place.organization.slug == slug), None)
    if chosen is None and slug and getattr(request.user, "is_superuser", False):
        chosen = operated_place(slug)
    return chosen or (places[0] if places else None)
