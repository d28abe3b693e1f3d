"""The admin's pages of open invitations: made, sent again, changed and revoked."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from supportops.people import invitations
from supportops.people.forms import InvitationForm
from supportops.people.models import Invitation
from supportops.tenancy.admin import may
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission


@admin.register(Invitation)
class InvitationAdmin(PagedAdmin):
    """Open invitations. Where no mail is sent, the address of a new one is shown once."""

    pages: ClassVar = [Page("resend", "resend_view", Permission.ADMIN)]
    view_permission = add_permission = change_permission = delete_permission = Permission.ADMIN
    list_display: ClassVar = ["email", "role", "invited_by", "state", "expires_at"]
    list_filter: ClassVar = ["role"]
    search_fields: ClassVar = ["email", "name"]
    change_form_outer_before_template = "people/invitation_before.html"

    @admin.display(description=gettext_lazy("state"))
    def state(self, invitation: Invitation) -> str:
        if invitation.has_expired:
            return _("expired")
        return _("sent by mail") if invitation.mailed_at else _("not sent by mail")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            by_owner = may(request, Permission.OWN)
            kwargs["form"] = type("InvitationForm", (InvitationForm,), {"by_owner": by_owner})
        return super().get_form(request, obj, change, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # What is shown after saving is shown once: there is no going on in between.
        context = {"title": _("Invite somebody"), "show_save_and_add_another": False, "show_save_and_continue": False}
        page: HttpResponse = super().add_view(request, form_url, {**context, **(extra_context or {})})
        return page

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = ["email", "name", "role", "invited_by", "state", "created_at", "expires_at"]
        return shown if obj else ["address", "name", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["email", "name", "invited_by", "state", "created_at", "expires_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        by_owner = may(request, Permission.OWN)
        if change:
            role, obj.role = obj.role, form.initial["role"]
            invitations.change_role(obj, role, by_owner=by_owner)
            return
        given = form.cleaned_data
        made, address = invitations.invite(given["address"], given["role"], name=given["name"], by_owner=by_owner)
        obj.__dict__.update(made.__dict__)
        request._invitation_address = address  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None) -> HttpResponse:
        return self._handed_over(request, obj, request._invitation_address)  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Invitation) -> None:
        invitations.revoke(obj, by_owner=may(request, Permission.OWN))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Invitation]") -> None:
        with transaction.atomic():
            for invitation in queryset:
                self.delete_model(request, invitation)

    def resend_view(self, request: HttpRequest, row: Invitation) -> HttpResponse:
        """Send an invitation once more."""
        try:
            address = invitations.send_again(row)
        except ValidationError as error:
            return self.back(request, row, said=" ".join(error.messages), level=messages.ERROR)
        return self._handed_over(request, row, address)

    def _handed_over(self, request: HttpRequest, row: Invitation, address: str | None) -> HttpResponse:
        if address is None:
            text = _("%(email)s gets a mail with an address that works once. The list says whether it could be sent.")
            messages.success(request, text % {"email": row.email})
            return HttpResponseRedirect(reverse("admin:tenancy_membership_changelist"))
        # Shown in this very answer: a redirect would have to keep the address somewhere in between.
        title = _("Invitation of %(email)s") % {"email": row.email}
        response = self.shown(request, "people/new_invitation.html", title, address=address, invitation=row)
        response["Cache-Control"] = "no-store"
        return response
