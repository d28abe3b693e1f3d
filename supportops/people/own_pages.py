"""The base of pages about the signed-in person himself."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from supportops.people.models import User


@method_decorator([sensitive_post_parameters(), never_cache, staff_member_required], name="dispatch")
class OwnPage(View):
    """A page in the admin's frame, for whoever is signed in."""

    def user(self) -> User:
        """Return the signed-in person."""
        found: User = self.request.user  # type: ignore[assignment]
        return found

    def shown(self, template: str, title: str, **context: Any) -> HttpResponse:
        """Return the page made from `template`."""
        return render(self.request, template, {**admin.site.each_context(self.request), "title": title, **context})
