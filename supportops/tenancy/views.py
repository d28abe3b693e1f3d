"""Which organization a signed-in person works for."""

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View

from supportops.tenancy.memberships import Place, operated_place, places_of
from supportops.tenancy.middleware import CHOICE
from supportops.tenancy.models import Organization
from supportops.tenancy.roles import Role

_MOST = 200


@method_decorator(staff_member_required, name="dispatch")
class ChooseOrganizationView(View):
    """Shows a person's organizations and lets him go to one. A superuser may go to any."""

    def get(self, request: HttpRequest) -> HttpResponse:
        search = request.GET.get("q", "").strip()
        context = {
            **admin.site.each_context(request),
            "title": _("Organizations"),
            "places": _offered(request, search),
            "present": getattr(request, "place", None),
            "search": search,
            "may_search": getattr(request.user, "is_superuser", False),
        }
        return render(request, "tenancy/choose_organization.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        slug = request.POST.get("organization", "")
        place = next((place for place in places_of(request.user) if place.organization.slug == slug), None)
        if place is None and getattr(request.user, "is_superuser", False):
            place = operated_place(slug)
        if place is None:
            raise PermissionDenied
        request.session[CHOICE] = slug
        # Where he goes on after his next sign-in.
        get_user_model().objects.filter(email=request.user.get_username()).update(last_organization=slug)
        text = _("You work for %(organization)s now.")
        messages.success(request, text % {"organization": place.organization.name})
        return HttpResponseRedirect(reverse("admin:index"))


def _offered(request: HttpRequest, search: str) -> list[Place]:
    places = places_of(request.user)
    if getattr(request.user, "is_superuser", False):
        known = {place.organization.pk for place in places}
        others = Organization.objects.filter(is_active=True, slug__contains=search.lower()).exclude(pk__in=known)
        places += [Place(organization, Role.OWNER) for organization in others[:_MOST]]
    return [place for place in places if search.lower() in place.organization.slug]
