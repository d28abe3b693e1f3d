"""The admin's page of members: their roles, and the second factor that the organization may ask of them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from supportops.people import members, second_factor
from supportops.people.models import Authenticator, Invitation
from supportops.tenancy.admin import may, place_of
from supportops.tenancy.models import Membership
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission


@admin.register(Membership)
class MembershipAdmin(PagedAdmin):
    """Members and their roles."""

    view_permission = change_permission = delete_permission = Permission.ADMIN
    # Nobody is made a member without being asked: see InvitationAdmin.
    add_permission = None
    pages: ClassVar = [
        Page("second-factor", "demand_view", Permission.OWN, ("GET", "POST"), of_row=False),
        Page("reset-second-factor", "reset_view", Permission.OWN, ("GET", "POST")),
    ]
    list_display: ClassVar = ["user", "role", "has_second_factor", "created_at"]
    list_filter: ClassVar = ["role"]
    search_fields: ClassVar = ["user__email", "user__name"]
    list_before_template = "people/members_before.html"
    change_form_outer_before_template = "people/member_before.html"
    list_select_related: ClassVar = ["user"]
    ordering: ClassVar = ["user__email"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Membership]":
        confirmed = Authenticator.objects.filter(user=OuterRef("user"), confirmed=True)
        rows: QuerySet[Membership] = super().get_queryset(request).annotate(is_guarded=Exists(confirmed))
        return rows

    @admin.display(description=gettext_lazy("second factor"), boolean=True, ordering="is_guarded")
    def has_second_factor(self, membership: Membership) -> bool:
        return bool(membership.is_guarded)  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "role", "has_second_factor", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "has_second_factor", "created_at"]

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        role, obj.role = obj.role, form.initial["role"]
        members.change_role(obj, role, by_owner=may(request, Permission.OWN))
        obj.role = role

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.remove_member(obj, by_owner=may(request, Permission.OWN))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Membership]") -> None:
        with transaction.atomic():
            for membership in queryset:
                self.delete_model(request, membership)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            "demand_address": self.address("demand_view") if may(request, Permission.OWN) else "",
            "invitations": Invitation.objects.all() if may(request, Permission.ADMIN) else [],
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        is_offered = row is not None and self.has_second_factor(row) and may(request, Permission.OWN)
        context = {"reset_address": self.address("reset_view", row.pk) if is_offered else ""}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def demand_view(self, request: HttpRequest) -> HttpResponse:
        """Show who has a second factor, and let the owner ask all members for one."""
        place = place_of(request)
        if place is None:
            raise PermissionDenied
        has_own = second_factor.has_second_factor(request.user)  # type: ignore[arg-type]
        if request.method == "POST":
            is_demanded = request.POST.get("demand") == "yes"
            if is_demanded and not has_own:
                messages.error(request, _("Set up your own second factor first: you would be kept out like everybody."))
            else:
                second_factor.demand(place.organization, is_demanded)
                messages.success(
                    request,
                    _("Members without a second factor are led to set one up now.")
                    if is_demanded
                    else _("A second factor is everybody's own choice now."),
                )
            return HttpResponseRedirect(self.address("demand_view"))
        rows = self.get_queryset(request).select_related("user").order_by("user__email")
        return self.shown(
            request,
            "people/second_factor_demand.html",
            _("Second factor of all members"),
            organization=place.organization,
            has_own=has_own,
            without=[row.user for row in rows if not self.has_second_factor(row)],
            count=rows.count(),
        )

    def reset_view(self, request: HttpRequest, row: Membership) -> HttpResponse:
        """Take a member's lost second factor away, where it guards this organization alone."""
        is_allowed = second_factor.may_reset_for(row.user)
        if request.method != "POST":
            title = _("Reset the second factor")
            return self.shown(request, "people/second_factor_reset.html", title, member=row, is_allowed=is_allowed)
        if not is_allowed:
            raise PermissionDenied
        if second_factor.reset(row.user):
            text = _("The second factor of %(person)s was reset, and all sign-ins were ended.")
        else:
            text = _("%(person)s has no second factor.")
        return self.back(request, row, said=text % {"person": row.user})
