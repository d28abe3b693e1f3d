"""What a rule's page asks while somebody writes: the rows of conditions drawn anew, in step with their JSON."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from integrations.pieces import NotReadable, parsed
from rules.catalogue import OrganizationCatalogue
from rules.drafts import event_types_of
from rules.form_conditions import ConditionsForm, NotOfThisPage
from rules.forms import TriggerForm
from rules.trying import fields_of, judge
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

PAGES = (Page("conditions", "conditions_view", Permission.WRITE, of_row=False),)


class BuilderPages(PagedAdmin):
    """What the page of a rule fetches in parts. Nothing of it is saved and nothing is sent."""

    def conditions_view(self, request: HttpRequest) -> HttpResponse:
        """Draw the conditions as the page has them, after the button `_row` where one was pressed."""
        trigger = _trigger_of(request)
        types = event_types_of(trigger)
        original = trigger.original.get("conditions")
        try:
            form = ConditionsForm(request.POST, original=original, fields=fields_of(trigger.shown_platform, types))
        except NotOfThisPage as error:
            return HttpResponse(str(error), status=400, content_type="text/plain")
        if "_row" in request.POST:
            form.change(request.POST["_row"])
        outcome = judge(form, trigger.shown_platform, types, request.POST.get("try-on", ""))
        context = {
            "conditions": form,
            "outcome": outcome,
            "may_save": True,
            "conditions_address": self.address("conditions_view"),
        }
        return TemplateResponse(request, "admin/rules/rule/conditions.html", context)


def _trigger_of(request: HttpRequest) -> TriggerForm:
    """Return the trigger that the page shows, whatever else was sent."""
    try:
        base: Any = parsed(request.POST.get("base", "{}"))
    except NotReadable:
        base = {}
    original = base.get("trigger") if isinstance(base, Mapping) else None
    return TriggerForm(
        request.POST,
        original=original if isinstance(original, Mapping) else {},
        catalogue=OrganizationCatalogue(),
        platform=request.POST.get("shown-platform") or None,
    )
