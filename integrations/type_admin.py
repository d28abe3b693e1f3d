"""The admin's pages of integration types: describe one, its actions one by one, and try them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel

from integrations import trying, type_lifecycle
from integrations.forms import SettingsForm
from integrations.lifecycle import Refused
from integrations.models import Integration, IntegrationType
from integrations.own_types import connector_of_type
from integrations.type_documents import TypeDocument
from integrations.type_forms import ActionForm, SignInForm, TypeForm, parameter_forms, parameters_of, show
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission

_FOLDER = "admin/integrations/integrationtype"


@admin.register(IntegrationType)
class IntegrationTypeAdmin(PagedAdmin):
    """Kinds of platforms that the organization describes itself."""

    list_display: ClassVar = ["name", "key", "module", "updated_at"]
    search_fields: ClassVar = ["name", "key"]
    pages: ClassVar = (
        Page("action", "action_view", Permission.WRITE, methods=("GET", "POST")),
        Page("try", "try_view", Permission.EXECUTE, methods=("GET", "POST")),
    )

    # --- the type -----------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id) if object_id is not None else None
        if object_id is not None and row is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        may_see = self.has_view_permission(request, row) if row else self.has_add_permission(request)
        may_save = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if not may_see or (request.method == "POST" and not may_save):
            raise PermissionDenied
        return self._edited(request, row, may_save)

    def _edited(self, request: HttpRequest, row: IntegrationType | None, may_save: bool) -> HttpResponse:
        data = request.POST if request.method == "POST" else None
        document = row.document if row else {}
        basics, sign_in = TypeForm(data, document=document), SignInForm(data, document=document)
        parameters = parameter_forms(data, document.get("parameters", []))
        problems: list[str] = []
        if data is not None and all([basics.is_valid(), sign_in.is_valid(), parameters.is_valid()]):
            given = {**basics.values(), "parameters": parameters_of(parameters)}
            given["sign_in"] = sign_in.values() if not given["module"] else {"kind": "none"}
            try:
                forget = bool(basics.cleaned_data.get("forget_credentials"))
                saved = (
                    type_lifecycle.change(row, given, forget_credentials=forget)
                    if row
                    else type_lifecycle.create(given)
                )
            except Refused as refusal:
                problems = show(refusal.problems, basics)
            else:
                return self.back(request, saved, said=_("%(name)s is saved.") % {"name": saved.name})
        return self.shown(
            request,
            f"{_FOLDER}/form.html",
            row.name if row else _("Describe an integration type"),
            row=row,
            original=row,
            may_save=may_save,
            basics=basics,
            sign_in=sign_in,
            parameters=parameters,
            problems=problems,
            actions=document.get("actions", []),
            action_address=self.address("action_view", row.pk) if row else "",
            try_address=self.address("try_view", row.pk) if row else "",
        )

    # --- its actions --------------------------------------------------------------------------------------------
    def action_view(self, request: HttpRequest, row: IntegrationType) -> HttpResponse:
        """One action of a type, named by ``?name=``; without a name a new one."""
        name = request.GET.get("name", "")
        actions = list(row.document.get("actions", []))
        place = next((number for number, action in enumerate(actions) if action["name"] == name), len(actions))
        present = actions[place] if place < len(actions) else None
        data = request.POST if request.method == "POST" else None
        form = ActionForm(data, action=present)
        parameters = parameter_forms(data, (present or {}).get("parameters", []))
        problems: list[str] = []
        if data is not None and "_remove" in data and present is not None:
            type_lifecycle.change(row, {"actions": actions[:place] + actions[place + 1 :]})
            return self.back(request, row, said=_("The action %(name)s is removed.") % {"name": name})
        if data is not None and all([form.is_valid(), parameters.is_valid()]):
            given = {**form.values(), "parameters": parameters_of(parameters)}
            try:
                type_lifecycle.change(row, {"actions": [*actions[:place], given, *actions[place + 1 :]]})
            except Refused as refusal:
                problems = show(refusal.problems, form, at=f"actions.{place}")
            else:
                return self.back(request, row, said=_("The action %(name)s is saved.") % {"name": given["name"]})
        title = f"{row.name}: {name}" if present else _("A new action of %(name)s") % {"name": row.name}
        return self.shown(
            request,
            f"{_FOLDER}/action.html",
            title,
            row=row,
            original=row,
            form=form,
            parameters=parameters,
            problems=problems,
            is_new=present is None,
        )

    # --- a test call --------------------------------------------------------------------------------------------
    def try_view(self, request: HttpRequest, row: IntegrationType) -> HttpResponse:
        """Make a test call with an integration's credentials and show what went to and fro."""
        connector = connector_of_type(TypeDocument.model_validate(row.document))
        if connector is None:
            return self.back(
                request,
                row,
                said=_("The module '%(module)s' is not installed.") % {"module": row.module},
                level=messages.ERROR,
            )
        known = {spec.name: spec for spec in connector.all_actions()}
        chosen = request.GET.get("action", trying.TEST)
        spec = known.get(chosen, known[trying.TEST])
        data = request.POST if request.method == "POST" else None
        form = SettingsForm(spec.model, prefix="p", data=data)
        problems: list[str] = []
        trial: dict[str, Any] | None = None
        if data is not None and form.is_valid():
            try:
                reference = data.get("integration") or None
                given = _given(form.values(), spec.model)
                trial = trying.try_type(row, spec.name, given, integration=reference).as_dict()
            except Refused as refusal:
                for problem in refusal.problems:
                    if not form.add_problem(problem.attr.removeprefix("parameters."), problem.detail):
                        problems.append(problem.detail)
        response = self.shown(
            request,
            f"{_FOLDER}/try.html",
            _("Try %(name)s") % {"name": row.name},
            row=row,
            original=row,
            actions=list(known.values()),
            chosen=spec,
            form=form,
            problems=problems,
            trial=trial,
            integrations=Integration.objects.filter(platform=row.key),
        )
        response["Cache-Control"] = "no-store"
        return response

    def delete_model(self, request: HttpRequest, obj: IntegrationType) -> None:
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[IntegrationType]") -> None:
        self._remove(request, list(queryset))

    def _remove(self, request: HttpRequest, rows: list[IntegrationType]) -> None:
        for row in rows:
            try:
                type_lifecycle.delete(row)
            except Refused as refusal:
                messages.error(request, _("%(name)s stays. %(why)s") % {"name": row.name, "why": refusal})


def _given(values: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return what was typed; what was left empty is not given, so that defaults hold."""
    return {name: value for name, value in values.items() if value not in ("", None)}
