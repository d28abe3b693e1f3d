"""The admin's pages of notifications: who is told of what."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from integrations import notifications
from integrations.models import Channel, NotificationTarget
from integrations.notices import EVENTS
from supportops.tenancy.admin import ScopedAdmin, ScopedModelForm
from supportops.tenancy.roles import Permission


class NotificationForm(ScopedModelForm):
    """Who is told, and of what. The deeds check it; what they refuse is shown."""

    told_of = forms.MultipleChoiceField(
        choices=[(name, gettext_lazy(text)) for name, text in EVENTS.items()],
        label=gettext_lazy("Is told when"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    addresses = forms.CharField(
        required=False,
        label=gettext_lazy("E-mail addresses"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("For the channel email, one to a line."),
    )
    url = forms.CharField(
        required=False,
        label=gettext_lazy("Webhook address"),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "For the channel webhook: gets requests signed by Standard Webhooks. Never shown again."
        ),
    )

    class Meta:
        model = NotificationTarget
        fields: ClassVar = ["name", "channel", "is_enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:
            self.initial["told_of"] = self.instance.events
            self.initial["addresses"] = "\n".join(self.instance.to)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        channel = cleaned.get("channel") or self.instance.channel
        needed = "addresses" if channel == Channel.EMAIL else "url"
        is_new = self.instance._state.adding
        if not cleaned.get(needed) and (is_new or needed == "addresses"):
            self.add_error(needed, _("This is required for this channel."))
        return cleaned

    def given(self) -> dict[str, Any]:
        """Return what the deeds take."""
        known = self.cleaned_data
        return {
            "name": known["name"],
            "events": known["told_of"],
            "to": [line.strip() for line in known["addresses"].splitlines() if line.strip()],
            "url": known["url"].strip(),
            "is_enabled": known["is_enabled"],
        }


@admin.register(NotificationTarget)
class NotificationTargetAdmin(ScopedAdmin):
    """Who is told of what."""

    form = NotificationForm
    add_permission = change_permission = delete_permission = Permission.ADMIN
    list_display: ClassVar = ["name", "channel", "is_enabled"]
    search_fields: ClassVar = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name", "channel", "told_of", "addresses", "url", "is_enabled"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["channel"] if obj else []

    def save_model(self, request: HttpRequest, obj: NotificationTarget, form: Any, change: bool) -> None:
        if change:
            notifications.change_target(NotificationTarget.objects.get(pk=obj.pk), **form.given())
            return
        made, secret = notifications.create_target(channel=form.cleaned_data["channel"], **form.given())
        obj.__dict__.update(made.__dict__)
        if secret:
            messages.warning(
                request, _("Its requests are signed with %(secret)s. This is shown once.") % {"secret": secret}
            )

    def delete_model(self, request: HttpRequest, obj: NotificationTarget) -> None:
        notifications.delete_target(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[NotificationTarget]") -> None:
        with transaction.atomic():
            for row in queryset:
                notifications.delete_target(row)
