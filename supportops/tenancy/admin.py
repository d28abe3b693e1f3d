"""Bases of all admin pages: what they show, offer and change lies within the organization in scope.

The scope itself is entered by OrganizationMiddleware; permissions come from the person's role there. Lists,
autocomplete, history, delete confirmation and actions across pages all start from the scoped manager; what is added
here closes the ways around it: choices of foreign keys, look-ups in the query string, uniqueness, roles.
"""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from supportops.tenancy.memberships import Place
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.roles import Permission
from supportops.tenancy.scope import current_organization_id


def place_of(request: HttpRequest) -> Place | None:
    """Return where the person works: organization, role and permissions; None when he belongs nowhere."""
    return getattr(request, "place", None)


def may(request: HttpRequest, permission: Permission | None) -> bool:
    """Return whether the person's role grants `permission`; nobody has the permission None."""
    place = place_of(request)
    return place is not None and permission is not None and permission in place.permissions


class ScopedModelForm(ModelForm):  # type: ignore[type-arg]
    """A form that knows its organization, so that what must be unique within it is checked before saving."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.organization_id is None:
            self.instance.organization_id = current_organization_id()

    def _get_validation_exclusions(self) -> set[str]:
        # Constraints over excluded fields are not checked, and `organization` is on no form.
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {"organization"}


class _Scoped:
    """What pages and inlines have in common. None as a permission means: nobody, here."""

    view_permission: ClassVar[Permission | None] = Permission.READ
    add_permission: ClassVar[Permission | None] = Permission.WRITE
    change_permission: ClassVar[Permission | None] = Permission.WRITE
    delete_permission: ClassVar[Permission | None] = Permission.WRITE

    form = ScopedModelForm

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.view_permission)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.add_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.change_permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.delete_permission)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.view_permission)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = _within(db_field.remote_field.model, kwargs.get("queryset"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = _within(db_field.remote_field.model, kwargs.get("queryset"))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class ScopedAdmin(_Scoped, ModelAdmin):  # type: ignore[misc]
    """The admin of an OrganizationOwned model.

    A ValidationError or PermissionDenied that a deed raises while saving is shown; nothing is saved then.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # Django lets a query string filter by any field of the model. Ours by what the list offers, and by ids, which
        # pop-ups and links from other pages use.
        offered = {"id", "pk", str(self.date_hierarchy or "")}
        for item in self.list_filter:
            name = item[0] if isinstance(item, (list, tuple)) else getattr(item, "parameter_name", item)
            offered.add(str(name).split("__")[0])
        for related in self.model._meta.get_fields():
            if isinstance(related, models.ForeignKey) and lookup in (f"{related.name}__id__exact", related.attname):
                return issubclass(related.related_model, OrganizationOwned)
        return lookup.split("__")[0] in offered and bool(super().lookup_allowed(lookup, value, request))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[no-any-return]
        except ValidationError as error:
            return _refused(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)  # type: ignore[no-any-return]
        except ValidationError as error:
            return _refused(request, error)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changelist_view(request, *args, **kwargs)  # type: ignore[no-any-return]
        except ValidationError as error:
            return _refused(request, error)

    # Who did what stands in the audit log, and there alone.

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('admin:audit_auditentry_changelist')}?{urlencode({'q': row.pk})}")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave no second log."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave no second log."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Leave no second log."""


class ScopedTabularInline(_Scoped, TabularInline):  # type: ignore[misc]
    """Rows of an OrganizationOwned model on another one's page."""


class ScopedStackedInline(_Scoped, StackedInline):  # type: ignore[misc]
    """The same, one below the other."""


def _refused(request: HttpRequest, error: ValidationError) -> HttpResponse:
    for message in error.messages:
        messages.error(request, message)
    return HttpResponseRedirect(request.get_full_path())


def _within(model: type[models.Model], given: "models.QuerySet[Any] | None") -> "models.QuerySet[Any]":
    """Return the rows that may be offered: the organization's, or its members where people are chosen."""
    if issubclass(model, OrganizationOwned):
        rows: models.QuerySet[Any] = model.objects.all()
    else:
        memberships = next((field for field in model._meta.get_fields() if field.name == "memberships"), None)
        # What belongs to nobody in particular (users but for members, organizations) is never a choice.
        rows = model._default_manager.none()
        if memberships is not None:
            rows = model._default_manager.filter(memberships__organization_id=current_organization_id()).distinct()
    return rows if given is None else rows & given
