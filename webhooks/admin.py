"""The admin's pages of deliveries and dead letters: to be read, replayed and retried; nothing is changed or deleted."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rules.about import names_of
from rules.models import Event, Run, Step
from rules.replay import ContentForgotten
from supportops.api.errors import ApiProblem
from supportops.jobs.models import Job
from supportops.jobs.running import start as start_job
from supportops.tenancy.admin import may
from supportops.tenancy.list_filters import FromFilter, SinceFilter, UntilFilter
from supportops.tenancy.lists import ListAdmin
from supportops.tenancy.pages import Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge
from webhooks import replaying, sandbox_admin
from webhooks.api import delivery_as_dict
from webhooks.api_dead_letters import grouped
from webhooks.dead_letters import Merged, dead_letters
from webhooks.delivery_filters import (
    EventFilter,
    ExternalIdFilter,
    IntegrationFilter,
    PlatformFilter,
    StatusFilter,
    deliveries_found_by,
)
from webhooks.models import Delivery

__all__ = ["DeliveryAdmin", "sandbox_admin"]

_MOST_AT_ONCE = 100
_LETTERS_SHOWN = 50
# By these a group of dead letters is named in addresses and forms.
_CAUSE = ("kind", "platform", "action", "error_class")


@admin.register(Delivery)
class DeliveryAdmin(ListAdmin):
    """Deliveries, newest first."""

    add_permission = change_permission = delete_permission = None
    list_display: ClassVar = ["received", "platform", "event", "about", "state", "account"]
    list_filter: ClassVar = [
        StatusFilter,
        PlatformFilter,
        IntegrationFilter,
        SinceFilter,
        EventFilter,
        ExternalIdFilter,
        FromFilter,
        UntilFilter,
    ]
    list_select_related: ClassVar = ["integration"]
    search_fields: ClassVar = ["external_id"]
    search_help_text = gettext_lazy("Ticket number, or id of a delivery")
    actions: ClassVar = ["replay_selected"]
    pages: ClassVar = (
        Page("dead-letters", "dead_letters_view", Permission.READ, methods=("GET",), of_row=False),
        Page("dead-letters/retry", "retry_dead_letters_view", Permission.EXECUTE, of_row=False),
        Page("replay", "replay_view", Permission.EXECUTE),
    )

    def has_execute_permission(self, request: HttpRequest) -> bool:
        return may(request, Permission.EXECUTE)

    # --- the list -----------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("received (UTC)"))
    def received(self, delivery: Delivery) -> str:
        return f"{delivery.received_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description=gettext_lazy("event"))
    def event(self, delivery: Delivery) -> str:
        return str(delivery.event_type) or "–"

    @admin.display(description=gettext_lazy("about"))
    def about(self, delivery: Delivery) -> str:
        return getattr(delivery, "about", "") or "–"

    @admin.display(description=gettext_lazy("status"))
    def state(self, delivery: Delivery) -> SafeString:
        return badge(delivery.status)

    @admin.display(description=gettext_lazy("integration"))
    def account(self, delivery: Delivery) -> str:
        return str(delivery.integration.name) if delivery.integration else _("removed")

    def prepare(self, page: list[Any]) -> None:
        events = list(Event.objects.filter(delivery_id__in=[row.pk for row in page]).order_by("-pk"))
        names = names_of(events)
        first = {event.delivery_id: event for event in events}
        for row in page:
            event = first.get(row.pk)
            row.about = f"{event.external_id} {names.get(event.pk, '')}".strip() if event else ""

    def list_title(self) -> str:
        return _("Deliveries")

    def empty_state(self, request: HttpRequest) -> dict[str, str]:
        return {
            "title": _("Nothing has been received yet"),
            "text": _("Connect a platform and give it the address of its webhook: what it sends appears here."),
            "address": reverse("admin:integrations_integration_changelist"),
            "label": _("To the integrations"),
        }

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        term = search_term.strip()
        return (deliveries_found_by(term, queryset) if term else queryset), False

    @admin.action(description="Replay with the rules of today", permissions=["execute"])
    def replay_selected(self, request: HttpRequest, queryset: "QuerySet[Delivery]") -> None:
        done, reasons = 0, set()
        for delivery in queryset.order_by("-id")[:_MOST_AT_ONCE]:
            try:
                replaying.replay(delivery)
                done += 1
            except (replaying.CannotReplay, ContentForgotten) as error:
                reasons.add(str(error))
        messages.success(request, f"{done} deliver{'y' if done == 1 else 'ies'} replayed.")
        for reason in sorted(reasons)[:5]:
            messages.warning(request, reason)

    # --- one delivery -------------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if object_id is None or request.method != "GET":
            raise PermissionDenied
        delivery = self.get_object(request, object_id)
        if delivery is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        if not self.has_view_permission(request, delivery):
            raise PermissionDenied
        shown = delivery_as_dict(delivery)
        return self.shown(
            request,
            "admin/webhooks/delivery/page.html",
            f"{delivery.platform} {delivery.event_type or 'delivery'}",
            delivery=delivery,
            original=delivery,
            shown=shown,
            runs=Run.objects.select_related("rule").filter(delivery_id=delivery.pk).order_by("pk"),
        )

    def replay_view(self, request: HttpRequest, delivery: Delivery) -> HttpResponse:
        try:
            planned = replaying.replay(delivery)
        except (replaying.CannotReplay, ContentForgotten) as error:
            return self.back(request, delivery, said=str(error), level=messages.ERROR)
        runs = [run_id for one in planned for run_id in one.run_ids]
        said = f"Replayed: {len(runs)} new run{'' if len(runs) == 1 else 's'}." if planned else "It is processed again."
        return self.back(request, delivery, said=said)

    # --- dead letters -------------------------------------------------------------------------------------------
    def dead_letters_view(self, request: HttpRequest) -> HttpResponse:
        """Show what failed for good, by cause, and the newest of it."""
        chosen = {name: request.GET[name] for name in _CAUSE if request.GET.get(name)}
        try:
            steps, deliveries = dead_letters(_filters(chosen))
        except ApiProblem as problem:
            messages.error(request, str(problem.detail))
            return HttpResponseRedirect(self.address("dead_letters_view"))
        letters = Merged(steps, deliveries).order_by("-pk")[:_LETTERS_SHOWN]
        return self.shown(
            request,
            "admin/webhooks/delivery/dead_letters.html",
            "Dead letters",
            opts=None,
            groups=grouped(*dead_letters({})),
            letters=[_letter(row) for row in letters],
            chosen=chosen,
            jobs=Job.objects.filter(kind="dead_letters.retry").order_by("-id")[:5],
        )

    def retry_dead_letters_view(self, request: HttpRequest) -> HttpResponse:
        """Retry those of one cause, or all, as a job."""
        filters = _filters({name: request.POST[name] for name in _CAUSE if request.POST.get(name)})
        try:
            dead_letters(filters)
        except ApiProblem as problem:
            messages.error(request, str(problem.detail))
        else:
            start_job("dead_letters.retry", {"filter": filters})
            messages.success(request, "They are retried, oldest first. How far this is stands below.")
        return HttpResponseRedirect(self.address("dead_letters_view"))


def _filters(cause: dict[str, str]) -> dict[str, str]:
    """Return the filters that mean a group. A delivery's group is told by kind and platform alone."""
    if cause.get("kind") == "delivery":
        return {name: cause[name] for name in ("kind", "platform") if name in cause}
    return cause


def _letter(row: Step | Delivery) -> dict[str, Any]:
    if isinstance(row, Delivery):
        return {"delivery": row, "error": row.reason, "at": row.processed_at}
    return {"step": row, "error": f"{row.error_class}: {row.error}", "at": row.finished_at}
