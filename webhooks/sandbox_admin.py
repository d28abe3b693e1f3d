"""The sandbox's page in the admin: what arrived at the played platforms, and a ticket to begin with."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit.recording import record
from integrations.models import Integration, SandboxArrival
from integrations.registry import all_connectors
from integrations.sandbox_platform import keeping
from integrations.sandbox_platform.words import meaning_of
from supportops.tenancy.admin import place_of
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission
from webhooks.receiving import Refused
from webhooks.sandbox_sending import HELP_DESKS, PRIORITIES, STATUSES, CannotSend, Ticket, send

_SHOWN = 25
_WORDS = {
    "low": gettext_lazy("low"),
    "normal": gettext_lazy("normal"),
    "high": gettext_lazy("high"),
    "urgent": gettext_lazy("urgent"),
    "open": gettext_lazy("open"),
    "pending": gettext_lazy("pending"),
    "solved": gettext_lazy("solved"),
    "closed": gettext_lazy("closed"),
}


class TicketForm(forms.Form):
    """A ticket, as a customer or an agent would write it."""

    integration = forms.ChoiceField(label=gettext_lazy("Help desk"), widget=UnfoldAdminSelectWidget())
    number = forms.IntegerField(
        label=gettext_lazy("Number"),
        required=False,
        min_value=1,
        max_value=10**12,
        help_text=gettext_lazy("Of a ticket that is there already; empty for a new one."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    subject = forms.CharField(
        label=gettext_lazy("Subject"), max_length=250, initial=gettext_lazy("Nobody can sign in"),
        widget=UnfoldAdminTextInputWidget(),
    )  # fmt: skip
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=5000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )  # fmt: skip
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"), initial="urgent", widget=UnfoldAdminSelectWidget(),
        choices=[(name, _WORDS[name]) for name in PRIORITIES["freshdesk"]],
    )  # fmt: skip
    status = forms.ChoiceField(
        label=gettext_lazy("Status"), widget=UnfoldAdminSelectWidget(),
        choices=[(name, _WORDS[name]) for name in STATUSES["freshdesk"]],
    )  # fmt: skip
    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, max_length=500,
        help_text=gettext_lazy("Separated by commas, such as vip, refund."), widget=UnfoldAdminTextInputWidget(),
    )  # fmt: skip
    requester = forms.EmailField(
        label=gettext_lazy("Customer's address"), initial="customer@example.com", widget=UnfoldAdminTextInputWidget()
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.desks = {str(row.pk): row for row in Integration.objects.filter(platform__in=HELP_DESKS, is_enabled=True)}
        choice = self.fields["integration"]
        if isinstance(choice, forms.ChoiceField):
            choice.choices = [(key, row.name) for key, row in self.desks.items()]

    def ticket(self) -> Ticket:
        """Return the ticket, of a form that was found right."""
        given = self.cleaned_data
        return Ticket(
            given["subject"],
            given["description"],
            given["priority"],
            given["status"],
            tuple(tag.strip() for tag in given["tags"].split(",") if tag.strip()),
            given["requester"],
            given["number"],
        )


@admin.register(SandboxArrival)
class SandboxAdmin(PagedAdmin):
    """The page of a sandbox; other organizations have none."""

    add_permission = change_permission = delete_permission = None
    pages: ClassVar = (
        Page("arrived", "arrived_view", Permission.READ, methods=("GET",), of_row=False),
        Page("send", "send_view", Permission.EXECUTE, of_row=False),
        Page("empty", "empty_view", Permission.WRITE, of_row=False),
    )

    def _serve(self, page: Page, request: HttpRequest, object_id: str = "") -> HttpResponse:
        return super()._serve(page, request, object_id) if _works_in_sandbox(request) else _elsewhere(request)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, *args, **kwargs)
        return self._page(request, TicketForm()) if _works_in_sandbox(request) else _elsewhere(request)

    def arrived_view(self, request: HttpRequest) -> HttpResponse:
        """Give the list of what arrived alone, for the page to look again."""
        template = "admin/integrations/sandboxarrival/arrived.html"
        return self.shown(request, template, "", arrived=_arrived(request), shows_all="all" in request.GET)

    def send_view(self, request: HttpRequest) -> HttpResponse:
        """Send a ticket as the help desk would."""
        form = TicketForm(request.POST)
        if not form.is_valid():
            return self._page(request, form)
        row = form.desks[form.cleaned_data["integration"]]
        try:
            answer = send(row, form.ticket())
        except (CannotSend, Refused) as error:
            form.add_error(None, str(error))
            return self._page(request, form)
        delivery = str(answer.body.get("delivery", ""))
        with transaction.atomic():
            record("sandbox.ticket_sent", row, changes={"delivery": delivery})
        messages.success(request, _("%(account)s told us of the ticket.") % {"account": row.name})
        return HttpResponseRedirect(f"{reverse('admin:integrations_sandboxarrival_changelist')}?delivery={delivery}")

    def empty_view(self, request: HttpRequest) -> HttpResponse:
        """Forget what arrived and what was made there."""
        with transaction.atomic():
            keeping.empty()
            record("sandbox.emptied", None)
        messages.success(request, _("The sandbox is empty."))
        return HttpResponseRedirect(reverse("admin:integrations_sandboxarrival_changelist"))

    def _page(self, request: HttpRequest, form: TicketForm) -> HttpResponse:
        return self.shown(
            request,
            "admin/integrations/sandboxarrival/page.html",
            _("Sandbox"),
            form=form,
            arrived=_arrived(request),
            shows_all="all" in request.GET,
            delivery=request.GET.get("delivery", "") if _is_id(request.GET.get("delivery", "")) else "",
        )


def _works_in_sandbox(request: HttpRequest) -> bool:
    place = place_of(request)
    return place is not None and place.organization.works_in_sandbox


def _elsewhere(request: HttpRequest) -> HttpResponse:
    messages.info(request, _("The platforms of this organization are real ones: it has no sandbox."))
    return HttpResponseRedirect(reverse("admin:index"))


def _is_id(text: str) -> bool:
    return len(text) == 36 and set(text) <= set("0123456789abcdef-")


def _arrived(request: HttpRequest) -> list[dict[str, Any]]:
    rows = SandboxArrival.objects.order_by("-id")
    if "all" not in request.GET:
        rows = rows.filter(has_effect=True)
    names = {connector.key: connector.name for connector in all_connectors()}
    shown = []
    for row in rows[:_SHOWN]:
        what, text = meaning_of(row.platform, row.method, row.path, row.body)
        shown.append({"row": row, "platform": names.get(row.platform, row.platform), "what": what, "text": text})
    return shown
