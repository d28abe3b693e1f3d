"""The admin's pages for tokens and environments, and for the operator: organizations and users. See member_admin too.

Every change goes through the deeds that the API calls too, which write the audit entries.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from audit.recording import record
from supportops.people import environments, passwords, tokens
from supportops.people.forms import TokenForm
from supportops.people.invitation_admin import InvitationAdmin  # noqa: F401 - registers the page
from supportops.people.member_admin import MembershipAdmin  # noqa: F401 - registers the page
from supportops.people.models import ApiToken, User
from supportops.tenancy.admin import ScopedAdmin, place_of
from supportops.tenancy.models import Environment, Organization
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import working_for


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedAdmin):
    """API tokens. The text of a new one is shown once."""

    view_permission = add_permission = change_permission = delete_permission = Permission.ADMIN
    form = TokenForm
    list_display: ClassVar = ["name", "prefix", "shown_scopes", "expires_at", "last_used_at", "created_by"]
    search_fields: ClassVar = ["name", "prefix"]

    @admin.display(description=gettext_lazy("scopes"))
    def shown_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        place = place_of(request)
        held = place.permissions if place else frozenset()
        kwargs["form"] = type("TokenForm", (TokenForm,), {"held": held})
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["name", "scopes", "addresses", "expires_at"]
        shown = ["prefix", "shown_scopes", "last_used_at", "created_at", "created_by"]
        return ["name", "addresses", "expires_at", *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["prefix", "shown_scopes", "last_used_at", "created_at", "created_by"] if obj else []

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        given = form.cleaned_data
        bounds = {"name": given["name"], "allowed_ips": given["addresses"], "expires_at": given["expires_at"]}
        if change:
            tokens.change_token(ApiToken.objects.get(pk=obj.pk), **bounds)
            return
        made, text = tokens.create_token(scopes=given["scopes"], **bounds)
        obj.__dict__.update(made.__dict__)
        request._new_token = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        # Shown in this very answer: a redirect would have to keep the text somewhere in between.
        context = {
            **self.admin_site.each_context(request),
            "title": _("Token %(name)s") % {"name": obj.name},
            "token": request._new_token,  # type: ignore[attr-defined]
            "opts": self.opts,
        }
        response = TemplateResponse(request, "people/new_token.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        tokens.revoke_token(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[ApiToken]") -> None:
        with transaction.atomic():
            for token in queryset:
                tokens.revoke_token(token)


@admin.register(Environment)
class EnvironmentAdmin(ScopedAdmin):
    """Environments."""

    add_permission = change_permission = delete_permission = Permission.ADMIN
    list_display: ClassVar = ["name", "position"]
    search_fields: ClassVar = ["name"]

    def save_model(self, request: HttpRequest, obj: Environment, form: Any, change: bool) -> None:
        if change:
            before = Environment.objects.get(pk=obj.pk)
            environments.change_environment(before, name=obj.name, position=obj.position)
        else:
            obj.__dict__.update(environments.create_environment(obj.name, obj.position).__dict__)

    def delete_model(self, request: HttpRequest, obj: Environment) -> None:
        try:
            environments.delete_environment(obj)
        except environments.InUse as error:
            raise ValidationError(str(error)) from None

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Environment]") -> None:
        with transaction.atomic():
            for environment in queryset:
                self.delete_model(request, environment)


class _OperatorAdmin(ModelAdmin):  # type: ignore[misc]
    """Pages of whoever operates the installation."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Organizations are disabled and people deactivated: what they did stays told.
        return False


@admin.register(Organization)
class OrganizationAdmin(_OperatorAdmin):
    """All organizations. New ones come from `manage.py create_organization`, with an owner and a token."""

    list_display = ["slug", "name", "is_active", "created_at"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "is_active", "created_at"]
    readonly_fields = ["slug", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        with transaction.atomic():
            obj.save(update_fields=form.changed_data or None)
            with working_for(obj):
                if "is_active" in form.changed_data:
                    record("organization.enabled" if obj.is_active else "organization.disabled", obj)
                if "name" in form.changed_data:
                    record("organization.changed", obj, changes={"name": [form.initial["name"], obj.name]})


class OperatorPasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """Another password for somebody, by whoever operates the installation."""

    def save(self, commit: bool = True) -> User:
        passwords.change(self.user, self.cleaned_data["password1"], by_himself=False)
        user: User = self.user
        return user


@admin.register(User)
class PersonAdmin(UserAdmin, _OperatorAdmin):  # type: ignore[misc, type-arg]
    """All people with an account."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = OperatorPasswordForm
    list_display = ["email", "name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    filter_horizontal = []
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        (gettext_lazy("May"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
        (gettext_lazy("Times"), {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "password1", "password2"]})]


# Roles take the place of Django's groups.
admin.site.unregister(Group)
