"""The admin's pages of runs: what happened and why, to be read; and what a person may do about it."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rules import interventions
from rules.about import names_of
from rules.api_runs import OUTCOMES
from rules.approvals import why_not
from rules.models import Run, RunStatus, StepContent
from rules.models.history import RUN_UNFINISHED
from rules.run_filters import (
    CauseFilter,
    DeliveryFilter,
    RuleFilter,
    StatusFilter,
    WaitsForFilter,
    runs_found_by,
)
from rules.run_page import context_of
from rules.workflow_runs import picture_of_run, states_of_run
from supportops.tenancy.admin import may, place_of
from supportops.tenancy.list_filters import FromFilter, SinceFilter, UntilFilter
from supportops.tenancy.lists import ListAdmin
from supportops.tenancy.pages import Asked, Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge, lasting, words

# What one click may set going; more than that is a matter for the API's jobs.
_MOST_AT_ONCE = 100


@admin.register(Run)
class RunAdmin(ListAdmin):
    """Runs, newest first. Nothing here is added, changed or deleted: it is history."""

    add_permission = change_permission = delete_permission = None
    list_display: ClassVar = ["planned", "name", "about", "state", "cause", "took"]
    list_filter: ClassVar = [
        StatusFilter,
        RuleFilter,
        WaitsForFilter,
        SinceFilter,
        CauseFilter,
        DeliveryFilter,
        FromFilter,
        UntilFilter,
    ]
    list_select_related: ClassVar = ["rule", "event"]
    search_fields: ClassVar = ["id"]
    search_help_text = gettext_lazy("Ticket number, or id of a run or delivery")
    actions: ClassVar = ["retry_selected", "cancel_selected"]
    pages: ClassVar = (
        Page("live", "live_view", Permission.READ, methods=("GET",)),
        Page("retry", "retry_view", Permission.EXECUTE),
        Page("cancel", "cancel_view", Permission.EXECUTE),
        Page("resolve", "resolve_view", Permission.EXECUTE),
        Page("decide", "decide_view", Permission.EXECUTE),
        Page("states", "states_view", Permission.READ, methods=("GET",)),
    )

    def has_execute_permission(self, request: HttpRequest) -> bool:
        return may(request, Permission.EXECUTE)

    # --- the list -----------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("planned (UTC)"))
    def planned(self, run: Run) -> str:
        return f"{run.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=gettext_lazy("rule"))
    def name(self, run: Run) -> str:
        return str(run.rule.name)

    @admin.display(description=gettext_lazy("about"))
    def about(self, run: Run) -> str:
        return f"{run.event.external_id} {getattr(run, 'event_name', '')}".strip() if run.event else "–"

    @admin.display(description=gettext_lazy("status"))
    def state(self, run: Run) -> SafeString:
        return badge(run.status)

    @admin.display(description=gettext_lazy("cause"))
    def cause(self, run: Run) -> str:
        return words(run.cause)

    @admin.display(description=gettext_lazy("took"))
    def took(self, run: Run) -> str:
        return lasting(run.started_at, run.finished_at) or "–"

    def prepare(self, page: list[Any]) -> None:
        names = names_of(run.event for run in page if run.event)
        for run in page:
            run.event_name = names.get(run.event_id, "")

    def list_title(self) -> str:
        return _("Runs")

    def empty_state(self, request: HttpRequest) -> dict[str, str]:
        return {
            "title": _("No run yet"),
            "text": _("A run appears here as soon as an event meets a rule, or somebody starts a rule by hand."),
            "address": reverse("admin:rules_rule_changelist"),
            "label": _("To the rules"),
        }

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        term = search_term.strip()
        return (runs_found_by(term, queryset) if term else queryset), False

    @admin.action(description=gettext_lazy("Retry from the step that failed…"), permissions=["execute"])
    def retry_selected(self, request: HttpRequest, queryset: "QuerySet[Run]") -> HttpResponse | None:
        runs = queryset.filter(status=RunStatus.FAILED)
        touches = [
            _("Each goes on from the step that failed: that step is done again, and what follows it."),
            _("Steps that succeeded are not repeated."),
        ]
        asked = Asked(_("Retry these runs?"), _("Retry"), touches)
        return self._each(request, queryset, runs, interventions.retry_run, asked)

    @admin.action(description=gettext_lazy("Cancel…"), permissions=["execute"])
    def cancel_selected(self, request: HttpRequest, queryset: "QuerySet[Run]") -> HttpResponse | None:
        runs = queryset.filter(status__in=RUN_UNFINISHED)
        touches = [
            _("Nothing new starts in them. A call under way is waited for; what was done is not undone."),
            _("A cancelled run can be retried only where a step had failed."),
        ]
        asked = Asked(_("Cancel these runs?"), _("Cancel the runs"), touches, is_danger=True)
        return self._each(request, queryset, runs, interventions.cancel, asked)

    def _each(
        self, request: HttpRequest, chosen: "QuerySet[Run]", fitting: "QuerySet[Run]", deed: Any, asked: Asked
    ) -> HttpResponse | None:
        """Ask first; once it is confirmed, do it to each run, and say how many were left as they are."""
        if request.POST.get("confirmed") != "yes":
            runs = list(fitting.select_related("rule").order_by("-id")[:_MOST_AT_ONCE])
            if not runs:
                messages.warning(request, _("None of these is in a state in which this can be done."))
                return None
            left = chosen.count() - len(runs)
            if left:
                asked.touches.append(
                    ngettext(
                        "%(count)s of the selected is left as it is: it is not in a state in which this can be done.",
                        "%(count)s of the selected are left as they are: they are not in a state for this.",
                        left,
                    )
                    % {"count": left}
                )
            return self.asked(
                request, asked, runs, [f"{run.rule.name} · {run.created_at:%Y-%m-%d %H:%M}" for run in runs]
            )
        count = left = 0
        for run_id in fitting.order_by("-id").values_list("pk", flat=True)[:_MOST_AT_ONCE]:
            try:
                deed(run_id)
                count += 1
            except interventions.NotPossible:
                left += 1
        messages.success(
            request, ngettext("Done for %(count)s run.", "Done for %(count)s runs.", count) % {"count": count}
        )
        if left:
            said = ngettext("%(count)s was left as it is.", "%(count)s were left as they are.", left)
            messages.warning(request, said % {"count": left})
        return None

    # --- one run ------------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id) if object_id is not None else None
        if object_id is None or request.method != "GET":
            raise PermissionDenied
        if run is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        context = context_of(request, run)
        return self.shown(
            request,
            "admin/rules/run/page.html",
            str(context["shown"]["rule_name"]),
            original=run,
            **context,
            workflow={
                "mode": "run",
                "drawing": picture_of_run(run),
                "states": states_of_run(run),
                "statesAt": self.address("states_view", run.pk),
                "entries": "step-",
            },
        )

    def live_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Return the parts of the page that change while the run is going."""
        return self.shown(request, "admin/rules/run/live.html", "", **context_of(request, run))

    def states_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Answer how far the run and each of its steps is, as JSON: the picture asks while the run goes on."""
        return JsonResponse(states_of_run(run))

    def retry_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        return self._done(
            request, run, _("Goes on from the step that failed."), lambda: interventions.retry_run(run.pk)
        )

    def cancel_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        said = _("Cancelled: nothing new starts. A call under way is waited for.")
        return self._done(request, run, said, lambda: interventions.cancel(run.pk))

    def resolve_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        step, outcome = request.POST.get("step", ""), request.POST.get("outcome", "")
        if outcome not in OUTCOMES:
            return self.back(request, run, said=_("Say what became of it."), level=messages.ERROR)
        said = {
            "done": _("Noted: it took effect."),
            "failed": _("Noted: it did not."),
            "repeat": _("It is done again."),
        }
        return self._done(request, run, said[outcome], lambda: interventions.resolve(run.pk, step, outcome))

    def decide_view(self, request: HttpRequest, run: Run) -> HttpResponse:
        name, decision = request.POST.get("step", ""), request.POST.get("decision", "")
        content = StepContent.objects.filter(step__run=run, step__name=name).first()
        place = place_of(request)
        reason = why_not(content.parameters if content else None, str(place.role) if place else "")
        if reason or decision not in ("approve", "reject"):
            return self.back(request, run, said=reason or _("Approve or reject."), level=messages.ERROR)
        comment = request.POST.get("comment", "")[:1000]
        said = _("Approved.") if decision == "approve" else _("Rejected.")
        return self._done(
            request, run, said, lambda: interventions.decide(run.pk, name, decision == "approve", comment)
        )

    def _done(self, request: HttpRequest, run: Run, said: str, deed: Any) -> HttpResponse:
        try:
            deed()
        except interventions.NotPossible as error:
            return self.back(request, run, said=str(error), level=messages.ERROR)
        return self.back(request, run, said=said)
