"""Every address of the application. Each part of the API has a module with `urlpatterns`, one line here."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.i18n import set_language

from supportops.api import errors
from supportops.languages import texts
from supportops.tenancy.views import ChooseOrganizationView
from webhooks.demo.views import DemoView

# Relative to /api/, in this order.
API_URLS = [
    "supportops.api.urls",
    "supportops.people.api_urls",
    "supportops.jobs.api_urls",
    "audit.api_urls",
    "integrations.api_urls",
    "rules.api_urls",
    "webhooks.api_urls",
    "supportops.status.api_urls",
]


def _no_such_page(request: HttpRequest) -> HttpResponse:
    """Stands for the theme's search over page names, which the sidebar makes needless and odd input breaks."""
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    # Whoever types the bare address is a person.
    path("", lambda request: redirect("admin:index"), name="front-page"),
    # Before the admin's own addresses, whose last one catches everything.
    path("admin/search/", _no_such_page),
    path("", include("supportops.people.urls")),
    path("admin/organization/", ChooseOrganizationView.as_view(), name="choose-organization"),
    path("admin/texts.js", texts, name="texts"),
    path("admin/language/", set_language, name="set_language"),
    path("admin/demo/", DemoView.as_view(), name="demo"),
    path("admin/", admin.site.urls),
    path("", include("rules.urls")),
    path("", include("webhooks.urls")),
    path("", include("supportops.status.urls")),
    *[path("api/", include(module)) for module in API_URLS],
    # Also with DEBUG on, whose own page would answer a program with HTML.
    re_path(r"^api(?:/.*)?$", errors.no_such_address),
]

handler400 = "supportops.api.errors.handler400"
handler403 = "supportops.api.errors.handler403"
handler404 = "supportops.api.errors.handler404"
handler500 = "supportops.api.errors.handler500"
