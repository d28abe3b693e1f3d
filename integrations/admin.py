"""The admin's pages of integrations: connect, test, change, rotate, switch. Every change is a deed of lifecycle."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import (
    file_admin,
    handshakes,
    health,
    lifecycle,
    notification_admin,
    oauth,
    registration,
    registry,
    script_admin,
    type_admin,
    usage,
)
from integrations.admin_forms import IntegrationForms
from integrations.base import BaseIntegration
from integrations.choices import choices_of
from integrations.credentials import open_credentials
from integrations.endpoints import NewSecret, address_of, endpoint_of
from integrations.errors import IntegrationError, InvalidInput
from integrations.grants import has_client
from integrations.lookup import Integrations
from integrations.models import Endpoint, Integration
from integrations.readmes import setup_text
from integrations.setup_steps import as_html
from integrations.types import connector_of, platforms
from supportops.tenancy.admin import may
from supportops.tenancy.pages import Page, PagedAdmin
from supportops.tenancy.roles import Permission
from supportops.tenancy.templatetags.admin_parts import badge

__all__ = ["IntegrationAdmin", "file_admin", "notification_admin", "script_admin", "type_admin"]

_FORM = "admin/integrations/integration/form.html"


class PlatformFilter(admin.SimpleListFilter):
    """Offers the catalogue instead of asking the table."""

    title = gettext_lazy("platform")
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(connector.key, connector.name) for connector in platforms().all()]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(platform=self.value()) if self.value() else queryset


@admin.register(Integration)
class IntegrationAdmin(PagedAdmin):
    """The organization's accounts on platforms."""

    list_display: ClassVar = ["name", "shown_platform", "environment", "state", "health_state", "last_success"]
    list_filter: ClassVar = [PlatformFilter, "environment", "is_enabled"]
    list_select_related: ClassVar = ["environment", "health", "organization"]
    search_fields: ClassVar = ["name"]
    actions: ClassVar = ["enable_selected", "disable_selected"]
    pages: ClassVar = (
        Page("test", "test_unsaved_view", Permission.WRITE, of_row=False),
        Page("test", "test_view", Permission.EXECUTE),
        Page("choices", "choices_view", Permission.READ, methods=("GET",), of_row=False),
        Page("rotate-secret", "rotate_view", Permission.WRITE, methods=("GET", "POST")),
        Page("authorize", "authorize_view", Permission.WRITE),
        Page("register-webhook", "register_view", Permission.WRITE),
        Page("handshake", "handshake_view", Permission.WRITE, methods=("GET", "POST")),
        Page("enable", "enable_view", Permission.WRITE),
        Page("disable", "disable_view", Permission.WRITE),
    )

    # --- the list -----------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("platform"), ordering="platform")
    def shown_platform(self, row: Integration) -> str:
        return _name_of(row.platform, row.organization.rules_version)

    @admin.display(description=gettext_lazy("state"), ordering="is_enabled")
    def state(self, row: Integration) -> SafeString:
        return badge("enabled" if row.is_enabled else "disabled")

    @admin.display(description=gettext_lazy("health"))
    def health_state(self, row: Integration) -> SafeString:
        return badge(health.status_of(row.health).value if hasattr(row, "health") else "unknown")

    @admin.display(description=gettext_lazy("last success"))
    def last_success(self, row: Integration) -> Any:
        return row.health.last_success_at if hasattr(row, "health") else None

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: "QuerySet[Integration]") -> None:
        self._switch(request, queryset, True)

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: "QuerySet[Integration]") -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: "QuerySet[Integration]", is_enabled: bool) -> None:
        rows = [row for row in queryset if row.is_enabled is not is_enabled]
        for row in rows:
            lifecycle.change(row, is_enabled=is_enabled)
        if is_enabled:
            text = ngettext("%(count)s integration switched on.", "%(count)s integrations switched on.", len(rows))
        else:
            text = ngettext("%(count)s integration switched off.", "%(count)s integrations switched off.", len(rows))
        messages.success(request, text % {"count": len(rows)})

    # --- one integration ----------------------------------------------------------------------------------------
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if object_id is None:
            return self._add(request)
        row = self.get_object(request, object_id)
        if row is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return response
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return self._change(request, row)

    def _add(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        connector = _connector(request.GET.get("platform", ""))
        if connector is None:
            return self.shown(
                request, "admin/integrations/integration/choose.html", _("Connect a platform"), platforms=_connectable()
            )
        if request.method != "POST":
            return self._form(request, connector, IntegrationForms(connector))
        forms = IntegrationForms(connector, request.POST)
        if forms.is_valid():
            try:
                row, endpoint, secret = lifecycle.create(
                    platform=connector.key,
                    name=forms.basics.cleaned_data["name"],
                    credentials=_given(forms.credentials.values()),
                    config=forms.config.values(),
                    environment=forms.basics.cleaned_data["environment"] or None,
                    webhook=forms.wishes(),
                )
            except lifecycle.Refused as refusal:
                forms.show(refusal.problems)
            else:
                title = _("%(name)s is connected") % {"name": row.name}
                return self._secret_page(request, row, endpoint, secret, title=title, is_new=True)
        return self._form(request, connector, forms)

    def _change(self, request: HttpRequest, row: Integration) -> HttpResponse:
        connector = _connector(row.platform)
        endpoint = endpoint_of(row.pk)
        if connector is None:
            # Its package is no longer installed: what is stored can be seen and removed.
            return self.shown(
                request, _FORM, row.name, row=row, original=row, forms=None, status=self._status(row, None)
            )
        if request.method != "POST":
            return self._form(request, connector, IntegrationForms(connector, row=row, endpoint=endpoint), row)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        forms = IntegrationForms(connector, request.POST, row=row, endpoint=endpoint)
        if forms.is_valid():
            given = forms.basics.cleaned_data
            try:
                lifecycle.change(
                    self.get_queryset(request).get(pk=row.pk),
                    name=given["name"],
                    credentials=forms.credentials.values() or None,
                    config=forms.config.values(),
                    environment=given["environment"] or None,
                    clear_environment=not given["environment"],
                    is_enabled=given["enabled"],
                    reconcile=given.get("reconcile"),
                    webhook=forms.wishes(),
                )
            except lifecycle.Refused as refusal:
                forms.show(refusal.problems)
            else:
                return self.back(request, row, said=_("%(name)s is saved.") % {"name": given["name"]})
        return self._form(request, connector, forms, row)

    def _form(
        self,
        request: HttpRequest,
        connector: type[BaseIntegration],
        forms: IntegrationForms,
        row: Integration | None = None,
    ) -> TemplateResponse:
        allowed = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if not allowed:
            for part in (forms.basics, forms.credentials, forms.config, forms.webhook):
                for field in part.fields.values() if part is not None else ():
                    field.disabled = True
        return self.shown(
            request,
            _FORM,
            row.name if row else _("Connect %(platform)s") % {"platform": connector.name},
            row=row,
            original=row,
            connector=connector,
            forms=forms,
            may_save=allowed,
            status=self._status(row, connector) if row else None,
            setup=as_html(setup_text(connector)) if connector.scheme_names() else "",
            override=settings.PLATFORM_URLS.get(connector.key),
            test_address=self.address("test_view", row.pk) if row else self.address("test_unsaved_view"),
            can_register=connector.can("register_webhook"),
            can_authorize=row is not None and has_client(connector, open_credentials(row)),
        )

    def _status(self, row: Integration, connector: type[BaseIntegration] | None) -> dict[str, Any]:
        endpoint = endpoint_of(row.pk)
        sums = usage.totals(usage.WINDOWS["24h"], "integration", row.pk)
        return {
            "health": health.describe(row),
            "endpoint": endpoint,
            "address": address_of(endpoint, row.platform) if endpoint else "",
            "usage": sums,
            "latency": usage.percentiles(sums),
            "limits": connector.limits if connector else (),
        }

    def _secret_page(
        self,
        request: HttpRequest,
        row: Integration,
        endpoint: Endpoint | None,
        secret: NewSecret,
        *,
        title: str,
        is_new: bool,
    ) -> HttpResponse:
        # In this very answer: a redirect would have to keep the secret somewhere in between.
        connector = _connector(row.platform)
        response = self.shown(
            request,
            "admin/integrations/integration/secret.html",
            title,
            row=row,
            original=row,
            is_new=is_new,
            endpoint=endpoint,
            address=address_of(endpoint, row.platform) if endpoint else "",
            secret=secret.text,
            setup=as_html(setup_text(connector)) if connector and endpoint else "",
            test_address=self.address("test_view", row.pk),
        )
        response["Cache-Control"] = "no-store"
        return response

    # --- deeds --------------------------------------------------------------------------------------------------
    def test_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Test what is stored, or what the form would store."""
        connector = _connector(row.platform)
        is_form = "basics-name" in request.POST and may(request, Permission.WRITE) and connector is not None
        if not is_form or connector is None:
            return self._answer(request, lifecycle.test(row))
        forms = IntegrationForms(connector, request.POST, row=row, endpoint=endpoint_of(row.pk))
        forms.is_valid()
        credentials = forms.credentials.values() if forms.credentials.is_valid() else {}
        config = forms.config.values() if forms.config.is_valid() else row.config
        if not credentials and config == row.config:
            return self._answer(request, lifecycle.test(row))
        return self._tried(request, forms, lambda: lifecycle.test_changes(row, credentials, config))

    def test_unsaved_view(self, request: HttpRequest) -> HttpResponse:
        """Test what the form would store as a new integration."""
        connector = _connector(request.POST.get("platform", ""))
        if connector is None:
            return self._answer(request, {"success": False, "message": _("Choose a platform first.")})
        forms = IntegrationForms(connector, request.POST)
        forms.is_valid()
        if not (forms.credentials.is_valid() and forms.config.is_valid()):
            return self._answer(request, {"success": False, "message": _("Correct the marked fields first.")}, forms)
        given, config = _given(forms.credentials.values()), forms.config.values()
        return self._tried(request, forms, lambda: lifecycle.test_unsaved(connector.key, given, config))

    def _tried(self, request: HttpRequest, forms: IntegrationForms, deed: Any) -> HttpResponse:
        try:
            return self._answer(request, deed())
        except lifecycle.Refused as refusal:
            forms.show(refusal.problems)
            return self._answer(request, {"success": False, "message": _("Nothing was asked yet:")}, forms)

    def _answer(
        self, request: HttpRequest, answer: dict[str, Any], forms: IntegrationForms | None = None
    ) -> HttpResponse:
        problems = list(forms.problems) if forms else []
        for part in (forms.credentials, forms.config) if forms else ():
            problems += [
                f"{part.fields[name].label}: {text}" if name in part.fields else str(text)
                for name, errors in part.errors.items()
                for text in errors
            ]
        response = TemplateResponse(
            request, "admin/integrations/integration/answer.html", {"answer": answer, "problems": problems}
        )
        response["Cache-Control"] = "no-store"
        return response

    def rotate_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Ask, then give the address a new secret; a secret that we made is shown in this answer alone."""
        connector = _connector(row.platform)
        endpoint = endpoint_of(row.pk)
        if connector is None or endpoint is None:
            return self.back(request, row, said=_("This integration receives nothing."), level=messages.ERROR)
        problem = ""
        if request.method == "POST":
            try:
                secret = lifecycle.rotate_secret(
                    row,
                    secret=request.POST.get("secret") or None,
                    grace_seconds=0 if request.POST.get("at_once") else None,
                )
            except lifecycle.Refused as refusal:
                problem = " ".join(item.detail for item in refusal.problems)
            else:
                if secret.text is None:
                    return self.back(request, row, said=_("The new secret is stored."))
                title = _("The new secret of %(name)s") % {"name": row.name}
                return self._secret_page(request, row, endpoint_of(row.pk), secret, title=title, is_new=False)
        return self.shown(
            request,
            "admin/integrations/integration/rotate.html",
            _("A new signing secret for %(name)s") % {"name": row.name},
            row=row,
            original=row,
            connector=connector,
            problem=problem,
        )

    def handshake_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Show the signing secret that the platform sent; a person says whether it is the platform's."""
        connector = _connector(row.platform)
        if request.method == "POST":
            is_confirmed = request.POST.get("answer") == "confirm"
            try:
                (handshakes.confirm if is_confirmed else handshakes.discard)(row)
            except InvalidInput as error:
                return self.back(request, row, said=error.message, level=messages.ERROR)
            return self.back(
                request, row, said=_("Confirmed.") if is_confirmed else _("Discarded; waiting for another.")
            )
        response = self.shown(
            request,
            "admin/integrations/integration/handshake.html",
            _("The signing secret that came to %(name)s") % {"name": row.name},
            row=row,
            original=row,
            connector=connector,
            secret=handshakes.show(row),
        )
        response["Cache-Control"] = "no-store"
        return response

    def choices_view(self, request: HttpRequest) -> HttpResponse:
        """What a field's list offers: what the platform has, or why it cannot be said."""
        asked = request.GET
        items: list[dict[str, Any]] = []
        problem = ""
        try:
            row = Integrations().find(asked.get("platform", ""), asked.get("integration") or None)
            items = choices_of(row, asked.get("kind", ""))
        except (IntegrationError, lifecycle.Refused, registry.UnknownPlatform) as error:
            problem = str(error)
        return TemplateResponse(
            request, "admin/integrations/integration/choices.html", {"items": items, "problem": problem}
        )

    def register_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Have the platform send to the integration's address."""
        try:
            endpoint = registration.register(row)
        except lifecycle.Refused as refusal:
            return self.back(request, row, said=str(refusal), level=messages.ERROR)
        except IntegrationError as error:
            return self.back(
                request,
                row,
                said=_("Nothing was registered: %(reason)s") % {"reason": error.message},
                level=messages.ERROR,
            )
        said = (
            f"{_name_of(row.platform)} sends to this integration's address ({len(endpoint.registered_ids)} registered)."
        )
        return self.back(request, row, said=said)

    def authorize_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        """Lead to the platform's page at which access is granted: by a link, since forms may not lead elsewhere."""
        try:
            address = oauth.start(row, request.session.session_key or "")
        except lifecycle.Refused as refusal:
            return self.back(request, row, said=str(refusal), level=messages.ERROR)
        return self.shown(
            request,
            "admin/integrations/integration/authorize.html",
            _("Authorize %(name)s") % {"name": row.name},
            row=row,
            original=row,
            platform=_name_of(row.platform),
            to=address,
            redirect=oauth.redirect_address(),
        )

    def enable_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        lifecycle.change(row, is_enabled=True)
        return self.back(request, row, said=_("%(name)s is switched on.") % {"name": row.name})

    def disable_view(self, request: HttpRequest, row: Integration) -> HttpResponse:
        lifecycle.change(row, is_enabled=False)
        text = _("%(name)s is switched off: nothing is sent, deliveries are refused.")
        return self.back(request, row, said=text % {"name": row.name})

    # --- deleting -----------------------------------------------------------------------------------------------
    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Say what goes: Django would list every event and delivery that names the integration, one by one."""
        names = [
            _(
                "%(name)s (%(platform)s): credentials, webhook address and health go. "
                "What it did stays in the history; rules that name it will fail."
            )
            % {"name": row.name, "platform": _name_of(row.platform)}
            for row in objs
        ]
        denied = set() if self.has_delete_permission(request) else {"integration"}
        return names, {_("integrations"): len(names)}, denied, []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if request.method == "POST" and request.POST.get("post") and row and self.has_delete_permission(request, row):
            # Before Django opens its transaction: platforms are not asked within one.
            request._webhook_note = registration.unregister(row)  # type: ignore[attr-defined]
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Integration) -> None:
        if note := lifecycle.delete(obj, note=getattr(request, "_webhook_note", None)):
            messages.info(request, f"{obj.name}: {note}")

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Integration]") -> None:
        for row in queryset:
            self.delete_model(request, row)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        messages.success(request, _("%(name)s is deleted.") % {"name": obj_display})
        return HttpResponseRedirect(self.address("changelist"))


def _connector(key: str, version: int | None = None) -> type[BaseIntegration] | None:
    try:
        return connector_of(key, version)
    except registry.UnknownPlatform:
        return None


def _connectable() -> list[type[BaseIntegration]]:
    """Return what an integration can be of: accounts on platforms, and what only receives."""
    return [item for item in platforms().all() if not item.is_generic or item.scheme_names()]


def _name_of(platform: str, version: int | None = None) -> str:
    connector = _connector(platform, version)
    return connector.name if connector else f"{platform} (not installed)"


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}
