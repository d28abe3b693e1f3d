"""The admin's pages of deliveries and dead letters: to be read, replayed and retried; nothing is changed or deleted."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rules.about import names_of
from rules.models import Event, Run
from rules.replay import ContentForgotten
from rules.run_filters import as_uuid
from supportops.api.errors import ApiProblem
from supportops.jobs.running import start as start_job
from supportops.tenancy.admin import may
from supportops.tenancy.list_filters import FromFilter, SinceFilter, UntilFilter
from supportops.tenancy.lists import ListAdmin
from supportops.tenancy.pages import Asked, Page
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge
from webhooks import dead_letter_page, replaying, sandbox_admin
from webhooks.dead_letters import dead_letters
from webhooks.delivery_filters import (
    EventFilter,
    ExternalIdFilter,
    IntegrationFilter,
    PlatformFilter,
    StatusFilter,
    deliveries_found_by,
)
from webhooks.delivery_page import context_of, rules_to_ask
from webhooks.models import Delivery
from webhooks.story import story_of

__all__ = ["DeliveryAdmin", "sandbox_admin"]

_MOST_AT_ONCE = 100


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
        Page("story", "story_view", Permission.READ, methods=("GET",), of_row=False),
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

    @admin.action(description=gettext_lazy("Replay…"), permissions=["execute"])
    def replay_selected(self, request: HttpRequest, queryset: "QuerySet[Delivery]") -> HttpResponse:
        """Ask for which rules; then do it as a job, and go to its page."""
        deliveries = list(queryset.order_by("-id")[:_MOST_AT_ONCE])
        rule = request.POST.get("rule", "")
        if request.POST.get("confirmed") == "yes" and (not rule or as_uuid(rule)):
            ids = [str(delivery.pk) for delivery in deliveries]
            job = start_job("deliveries.replay", {"ids": ids, "rules": [rule] if rule else None}, total=len(ids))
            return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))
        touches = [
            _("Each is planned anew with the rules of today: what they do is done again at the platforms."),
            _("The runs there were stay as they are; the new ones stand beside them."),
        ]
        options = [("", _("all rules that listen")), *rules_to_ask()]
        choices = [{"name": "rule", "label": _("Which rules"), "options": options}]
        asked = Asked(_("Replay these deliveries?"), _("Replay"), touches, choices=choices)
        items = [f"{row.received_at:%Y-%m-%d %H:%M:%S} · {row}" for row in deliveries]
        return self.asked(request, asked, deliveries, items)

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
        title = f"{delivery.platform} {delivery.event_type or _('delivery')}"
        template = "admin/webhooks/delivery/page.html"
        return self.shown(request, template, title, original=delivery, **context_of(delivery))

    def replay_view(self, request: HttpRequest, delivery: Delivery) -> HttpResponse:
        chosen = request.POST.get("rule", "")
        rule = as_uuid(chosen)
        if chosen and rule is None:
            return self.back(request, delivery, said=_("There is no such rule."), level=messages.ERROR)
        try:
            planned = replaying.replay(delivery, [rule] if rule else None)
        except (replaying.CannotReplay, ContentForgotten) as error:
            return self.back(request, delivery, said=str(error), level=messages.ERROR)
        if not planned:
            return self.back(request, delivery, said=_("It is processed again."))
        count = sum(len(one.run_ids) for one in planned)
        said = ngettext("Replayed: %(count)s new run.", "Replayed: %(count)s new runs.", count) % {"count": count}
        return self.back(request, delivery, said=said)

    def story_view(self, request: HttpRequest) -> HttpResponse:
        """Show everything about one ticket; an id of ours leads to its own page."""
        term = request.GET.get("q", "").strip().replace("\x00", "")[:200]
        found = as_uuid(term)
        if found is not None:
            for rows, page in ((Delivery, "webhooks_delivery_change"), (Run, "rules_run_change")):
                if rows.objects.filter(pk=found).exists():
                    return HttpResponseRedirect(reverse(f"admin:{page}", args=[found]))
        story = story_of(term, as_uuid(request.GET.get("before", ""))) if term else None
        title = _("Why was it handled, or not?")
        template = "admin/webhooks/delivery/story.html"
        return self.shown(request, template, title, opts=None, term=term, story=story)

    # --- dead letters -------------------------------------------------------------------------------------------
    def dead_letters_view(self, request: HttpRequest) -> HttpResponse:
        """Show what failed for good, by cause, and the newest of it."""
        try:
            context = dead_letter_page.context_of(request, dead_letter_page.filters_of(request.GET.dict()))
        except ApiProblem as problem:
            messages.error(request, str(problem.detail))
            return HttpResponseRedirect(self.address("dead_letters_view"))
        template = "admin/webhooks/delivery/dead_letters.html"
        return self.shown(request, template, _("Dead letters"), opts=None, **context)

    def retry_dead_letters_view(self, request: HttpRequest) -> HttpResponse:
        """Retry one letter, those of one cause, or all, as a job."""
        ids = [str(found) for item in request.POST.getlist("id")[:_MOST_AT_ONCE] if (found := as_uuid(item))]
        filters = dead_letter_page.filters_of(request.POST.dict())
        try:
            dead_letters(filters)
        except ApiProblem as problem:
            messages.error(request, str(problem.detail))
        else:
            start_job("dead_letters.retry", {"ids": ids} if ids else {"filter": filters})
            messages.success(request, _("They are retried, oldest first. How far this is stands below."))
        return HttpResponseRedirect(self.address("dead_letters_view"))
