"""What a rule's page asks while somebody writes: the rows of conditions drawn anew, in step with their JSON."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from pydantic import BaseModel, Field, ValidationError

from integrations.pieces import NotReadable, parsed
from rules.catalogue import OrganizationCatalogue
from rules.drafts import event_types_of
from rules.form_conditions import ConditionsForm, NotOfThisPage
from rules.forms import TriggerForm
from rules.previewing import LONGEST_TEXT, MOST_TEXTS, Preview, Wanted
from rules.trying import fields_of, judge
from supportops.tenancy.admin import place_of
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

PAGES = (
    Page("conditions", "conditions_view", Permission.WRITE, of_row=False),
    Page("preview", "preview_view", Permission.WRITE, of_row=False),
)


class BuilderPages(PagedAdmin):
    """What the page of a rule fetches in parts. Nothing of it is saved and nothing is sent."""

    def conditions_view(self, request: HttpRequest) -> HttpResponse:
        """Draw the conditions as the page has them, after the button `_row` where one was pressed."""
        trigger = _trigger_of(request)
        types = event_types_of(trigger)
        original = trigger.original.get("conditions")
        try:
            fields = fields_of(trigger.shown_platform, types, request.POST.get("try-on", ""))
            form = ConditionsForm(request.POST, original=original, fields=fields)
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

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Return what texts of the page, sent as JSON, become for the chosen event, by their keys."""
        place = place_of(request)
        if place is None:
            raise PermissionDenied
        try:
            asked = PreviewRequest.model_validate_json(request.body)
        except ValidationError as error:
            return JsonResponse({"problem": str(error.errors(include_url=False)[0]["msg"])}, status=400)
        preview = Preview(
            OrganizationCatalogue(),
            place.organization,
            platform=asked.platform,
            types=asked.types,
            chosen=asked.event,
            names=asked.steps,
            rule_id=asked.rule,
        )
        return JsonResponse({"results": {one.key: preview.of(Wanted(**one.model_dump())) for one in asked.fields}})


class PreviewText(BaseModel):
    """One text of the page, see Wanted."""

    key: str = Field(max_length=200)
    text: str = Field(max_length=LONGEST_TEXT)
    choice: str = Field("", max_length=200)
    parameter: str = Field("", max_length=200)
    position: int = Field(0, ge=0, le=1000)


class PreviewRequest(BaseModel):
    """What a page asks of its texts."""

    fields: list[PreviewText] = Field(max_length=MOST_TEXTS)
    platform: str = Field("", max_length=63)
    types: list[str] = Field([], max_length=200)
    event: str = Field("", max_length=64)
    steps: list[str] = Field([], max_length=200)
    rule: uuid.UUID | None = None


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
