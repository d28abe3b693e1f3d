"""The way into the demo organization."""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View

from supportops.people.models import User
from supportops.tenancy.middleware import CHOICE
from webhooks.demo.organization import make_demo


@method_decorator(staff_member_required, name="dispatch")
class DemoView(View):
    """Makes a person's demo organization where there is none yet, and goes there."""

    def post(self, request: HttpRequest) -> HttpResponse:
        if not settings.DEMO or not isinstance(request.user, User):
            raise PermissionDenied
        organization = make_demo(request.user)
        request.session[CHOICE] = organization.slug
        messages.success(
            request,
            _("This is your demo organization. Two weeks of tickets are coming in."),
        )
        return HttpResponseRedirect(reverse("admin:index"))
