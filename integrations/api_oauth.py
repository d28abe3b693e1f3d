"""Where people come back to from a platform at which they granted access."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import urlencode
from django.views import View

from integrations import oauth
from integrations.errors import IntegrationError
from integrations.models import OAuthRequest
from integrations.refusals import Refused
from supportops.api.errors import ApiProblem, body_of
from supportops.api.json import dumps
from supportops.context import Actor, acting_as
from supportops.people.second_factor import is_kept_out
from supportops.tenancy.memberships import Place, places_of
from supportops.tenancy.middleware import CHOICE
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import working_for


class CallbackView(View):
    """Takes the code that a platform sends along, for a signed-in person who may change integrations there."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Finish what was started, and lead to the integration's page, which says what came of it."""
        pending = oauth.pending(request.GET.get("state", ""))
        if pending is None:
            return _refused("invalid_state", "This way back is not known, was taken before, or took too long.")
        if not request.user.is_authenticated:
            return HttpResponseRedirect(f"{resolve_url('admin:login')}?{urlencode({'next': request.get_full_path()})}")
        place = next(
            (item for item in places_of(request.user) if item.organization.pk == pending.organization_id), None
        )
        # The same words for all of them: whoever was lured here learns nothing.
        if (
            place is None
            or Permission.WRITE not in place.permissions
            or is_kept_out(request.user, place.organization)
            or not oauth.is_of_session(pending, request.session.session_key or "")
        ):
            return _refused("invalid_state", "This way back is not yours. Begin again in the integration's page.")
        actor = Actor("user", str(request.user.pk), request.user.get_username())
        with working_for(place.organization), acting_as(actor):
            return self._finish(request, pending, place)

    def _finish(self, request: HttpRequest, pending: oauth.Pending, place: Place) -> HttpResponse:
        row = OAuthRequest.objects.filter(pk=pending.id).values_list("integration_id", flat=True).first()
        # His pages show the organization that he acts for.
        request.session[CHOICE] = place.organization.slug
        code = request.GET.get("code", "")
        try:
            if not code:
                said = request.GET.get("error_description") or request.GET.get("error") or "no reason given"
                OAuthRequest.objects.filter(pk=pending.id).delete()
                messages.error(request, f"No access was granted: {said[:300]}.")
            else:
                integration = oauth.finish(pending, code)
                messages.success(request, f"{integration.name} is authorized.")
        except IntegrationError as error:
            messages.error(request, f"No access was granted: {error.message}")
        except Refused as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:integrations_integration_change", args=[row]))


def _refused(code: str, detail: str) -> HttpResponse:
    problem = ApiProblem("state", code, detail)
    return HttpResponse(dumps(body_of(problem)), status=problem.status_code, content_type="application/json")
