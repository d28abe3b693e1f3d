"""The picture of a rule in the admin, and the editor on it. Every change is a deed of authoring."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from rules import authoring, interventions
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.compiled import compiled_version
from rules.drafts import new_document
from rules.execution_form import ExecutionForm
from rules.inputs import checked_inputs
from rules.models import Rule, RuleVersion, Run
from rules.problems import Problem, Refused
from rules.script_checks import refuse_without_grant
from rules.template_admin import TemplatePages
from rules.workflow import NotDrawable, Workflow, document_of, workflow_of, workflow_of_drawing
from rules.workflow_faces import face_of, picture_of, start_face
from rules.workflow_steps import NotOfAPicture, StartPanel, StepPanel, chosen_step, palette, posted_object
from supportops import odd_json
from supportops.tenancy.admin import may
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission

PAGES = (
    Page("workflow", "new_workflow_view", Permission.WRITE, methods=("GET",), of_row=False),
    Page("workflow/step", "workflow_step_view", Permission.WRITE, of_row=False),
    Page("workflow/start", "workflow_start_view", Permission.WRITE, of_row=False),
    Page("workflow/check", "workflow_check_view", Permission.WRITE, of_row=False),
    Page("workflow/save", "new_workflow_save_view", Permission.WRITE, of_row=False),
    Page("workflow", "workflow_view", Permission.READ, methods=("GET",)),
    Page("workflow/save", "workflow_save_view", Permission.WRITE),
    Page("workflow/run", "workflow_run_view", Permission.EXECUTE, methods=("GET", "POST")),
)
_PAGE = "admin/rules/rule/workflow.html"
_STEP = "admin/rules/rule/workflow_step.html"
_START = "admin/rules/rule/workflow_start.html"
_RUN = "admin/rules/rule/workflow_run.html"
START = "start"


class WorkflowPages(TemplatePages):
    """What the admin of rules has for seeing and changing steps as a picture."""

    # --- pages --------------------------------------------------------------------------------------------------
    def new_workflow_view(self, request: HttpRequest) -> HttpResponse:
        """Show the editor of a rule that does not exist yet."""
        document = {**new_document(), "actions": []}
        return self.shown(
            request, _PAGE, _("New rule"), config=self._editor(workflow_of(document), None), is_editor=True
        )

    def workflow_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Show a version of a rule as a picture, the live one to be edited by whoever may write."""
        asked = request.GET.get("version", "")
        number = int(asked) if asked.isdigit() and len(asked) < 10 else rule.version
        version = RuleVersion.objects.filter(rule=rule, number=number).first()
        if version is None:
            messages.error(request, _("There is no such version."))
            return HttpResponseRedirect(request.path)
        own = {"name": rule.name, "enabled": rule.is_enabled}
        workflow = workflow_of({**own, "description": rule.description, **version.document})
        is_editor = number == rule.version and may(request, Permission.WRITE)
        config = self._editor(workflow, rule) if is_editor else _picture(workflow)
        return self.shown(
            request,
            _PAGE,
            rule.name,
            rule=rule,
            original=rule,
            version=version,
            is_live=number == rule.version,
            is_editor=is_editor,
            config={**config, "mayRun": may(request, Permission.EXECUTE)},
        )

    def _editor(self, workflow: Workflow, rule: Rule | None) -> dict[str, Any]:
        catalogue = OrganizationCatalogue()
        addresses = {
            "step": self.address("workflow_step_view"),
            "start": self.address("workflow_start_view"),
            "check": self.address("workflow_check_view"),
            "save": self.address("workflow_save_view", rule.pk) if rule else self.address("new_workflow_save_view"),
            "run": self.address("workflow_run_view", rule.pk) if rule else "",
        }
        return {
            "mode": "editor",
            "drawing": picture_of(workflow, catalogue),
            "palette": palette(catalogue),
            "addresses": addresses,
            "version": rule.version if rule else 0,
        }

    # --- what the editor asks -----------------------------------------------------------------------------------
    def workflow_step_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the form of a step; with what was filled in, also with the step that it makes.

        `use`: what it shall do instead. `json`: the form is its JSON.
        """
        catalogue = OrganizationCatalogue()
        is_json, is_filled = "json" in request.POST, "filled" in request.POST
        try:
            step = posted_object(request.POST, "original")
            if "use" in request.POST:
                step = chosen_step(step, request.POST["use"], catalogue)
        except NotOfAPicture as error:
            return _refused(str(error))
        panel = StepPanel(step, catalogue, request.POST if is_filled else None, is_json=is_json)
        if is_filled:
            made = panel.step()
            if made is None:
                html = render_to_string(_STEP, {"panel": panel}, request)
                return JsonResponse({"step": None, "face": None, "errors": panel.errors, "html": html})
            step, panel = made, StepPanel(made, catalogue, is_json=is_json)
        html = render_to_string(_STEP, {"panel": panel}, request)
        return JsonResponse({"step": step, "face": face_of(step, catalogue), "errors": [], "html": html})

    def workflow_start_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the form of a rule's name and trigger; with what was filled in, also with what it makes."""
        catalogue = OrganizationCatalogue()
        try:
            original = posted_object(request.POST, "original")
            panel = StartPanel(original, catalogue, request.POST if "filled" in request.POST else None)
        except NotOfAPicture as error:
            return _refused(str(error))
        base = original
        if "filled" in request.POST:
            made = panel.document()
            if made is None:
                html = render_to_string(_START, {"panel": panel}, request)
                return JsonResponse({"step": None, "face": None, "errors": panel.errors, "html": html})
            base, panel = made, StartPanel(made, catalogue)
        html = render_to_string(_START, {"panel": panel}, request)
        return JsonResponse({"step": base, "face": start_face(base, catalogue), "errors": [], "html": html})

    def workflow_check_view(self, request: HttpRequest) -> HttpResponse:
        """Answer what is wrong with a drawing, by its nodes."""
        try:
            workflow = workflow_of_drawing(_body(request).get("drawing"))
        except NotDrawable as error:
            return _refused(str(error))
        checked = check(document_of(workflow), OrganizationCatalogue())
        problems = [problem for problem in checked.problems if problem.attr != "name"]
        return JsonResponse(_findings(workflow, problems, checked.warnings))

    def new_workflow_save_view(self, request: HttpRequest) -> HttpResponse:
        return self._saved(request, None)

    def workflow_save_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        return self._saved(request, rule)

    def _saved(self, request: HttpRequest, rule: Rule | None) -> HttpResponse:
        """Save a drawing as a new version; 409 where somebody else saved one since the page was opened."""
        body = _body(request)
        try:
            workflow = workflow_of_drawing(body.get("drawing"))
        except NotDrawable as error:
            return _refused(str(error))
        if rule is not None and body.get("version") != rule.version:
            detail = _(
                "Somebody else saved version %(number)s meanwhile. Open it in another tab, and make your change there."
            ) % {"number": rule.version}
            return _refused(detail, status=409)
        document = document_of(workflow)
        author = request.user.get_username()
        try:
            saved, warnings = (
                authoring.change(rule, {"description": "", **document}, author=author)
                if rule
                else authoring.create(document, author=author)
            )
        except Refused as refusal:
            return JsonResponse(_findings(workflow, refusal.problems, []), status=400)
        said = _("Saved as version %(number)s.") % {"number": saved.version}
        if rule is None:
            messages.success(request, said)
        names = [node.name for node in workflow_of(document).nodes]
        return JsonResponse(
            {
                "version": saved.version,
                "said": said,
                "warnings": warnings,
                "address": self.address("workflow_view", saved.pk),
                "names": dict(zip((node.key for node in workflow.nodes), names, strict=True)),
            }
        )

    def workflow_run_view(self, request: HttpRequest, rule: Rule) -> HttpResponse:
        """Answer with the form of a rule's inputs; with what was filled in, start a run and say where to follow it."""
        form, run = self.started(request, rule)
        if run is None:
            html = render_to_string(_RUN, {"form": form, "rule": rule}, request)
            return JsonResponse({"html": html}, status=400 if request.method == "POST" else 200)
        return JsonResponse(
            {
                "address": reverse("admin:rules_run_change", args=[run.pk]),
                "statesAt": reverse("admin:rules_run_states_view", args=[run.pk]),
            }
        )

    def started(self, request: HttpRequest, rule: Rule) -> tuple[ExecutionForm, Run | None]:
        """Start a rule by hand where its inputs were sent and are right; else return the form that says so."""
        document = compiled_version(authoring.live_version(rule).pk).document
        form = ExecutionForm(request.POST if request.method == "POST" else None, declared=document.inputs)
        if request.method != "POST" or not form.is_valid():
            return form, None
        try:
            refuse_without_grant(document)
            inputs = checked_inputs(document.inputs, form.inputs())
        except Refused as refusal:
            form.show(refusal.problems)
            return form, None
        return form, interventions.start(rule, inputs, environment=form.cleaned_data["environment"], cause="manual")


def _picture(workflow: Workflow) -> dict[str, Any]:
    return {"mode": "picture", "drawing": picture_of(workflow, OrganizationCatalogue())}


def _findings(workflow: Workflow, problems: Sequence[Problem], warnings: Sequence[Problem]) -> dict[str, Any]:
    """Return problems and warnings by the key of the node that each belongs to."""
    return {"problems": _by_node(workflow, problems), "warnings": _by_node(workflow, warnings)}


def _by_node(workflow: Workflow, problems: Sequence[Problem]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for problem in problems:
        part, _dot, rest = problem.attr.partition(".")
        number, _dot, at = rest.partition(".")
        is_step = part in ("steps", "actions") and number.isdigit() and int(number) < len(workflow.nodes)
        key = workflow.nodes[int(number)].key if is_step else START
        found.setdefault(key, []).append({"at": at if is_step else problem.attr, "detail": problem.detail})
    return found


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = odd_json.loads(request.body)
    except odd_json.MalformedJson:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(detail: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
