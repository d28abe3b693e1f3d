"""The admin's pages of scripts: an organization's own, and the operator's page of what it may run."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations import script_grants, scripts
from integrations.models import Script, ScriptGrant
from supportops.tenancy.admin import ScopedAdmin, ScopedModelForm

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class ScriptForm(ScopedModelForm):
    """A script."""

    text = forms.CharField(
        label=gettext_lazy("Text"),
        strip=False,
        max_length=scripts.MOST_CHARACTERS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 20, "spellcheck": "false", "class": "font-mono"}),
        help_text=gettext_lazy(
            "Runs as it stands: what a step has to tell it goes into its arguments or its environment."
        ),
    )

    class Meta:
        model = Script
        fields: ClassVar = ["name", "language", "text"]
        help_texts: ClassVar = {"name": gettext_lazy("Steps run it as ./scripts/NAME.")}

    def clean_text(self) -> str:
        # Browsers send the line breaks of HTTP, which are none to a shell.
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


@admin.register(Script)
class ScriptAdmin(ScopedAdmin):
    """Scripts of the organization."""

    form = ScriptForm
    list_display: ClassVar = ["name", "language", "updated_at"]
    list_filter: ClassVar = ["language"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "language", "text"]

    def save_model(self, request: HttpRequest, obj: Script, form: Any, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in ("name", "language", "text")}
        if change:
            scripts.change_script(Script.objects.get(pk=obj.pk), **given)
        else:
            obj.__dict__.update(scripts.create_script(**given).__dict__)

    def delete_model(self, request: HttpRequest, obj: Script) -> None:
        scripts.delete_script(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Script]") -> None:
        with transaction.atomic():
            for row in queryset:
                scripts.delete_script(row)


def _lines(label: "StrOrPromise", help_text: "StrOrPromise") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text=help_text
    )


class ScriptGrantForm(ScopedModelForm):
    """What the scripts of the organization in scope may see."""

    hosts_lines = _lines(
        gettext_lazy("Hosts"),
        gettext_lazy("One to a line: secrets for these hosts may be given to scripts with the network."),
    )
    dirs_lines = _lines(
        gettext_lazy("Folders"),
        gettext_lazy("One to a line, on the workers' machines: readable under the same path."),
    )
    files_lines = _lines(
        gettext_lazy("Secret files"), gettext_lazy("One to a line: ssh keys, a kubeconfig, an inventory.")
    )
    interpreters_lines = _lines(gettext_lazy("Interpreters"), "")

    class Meta:
        model = ScriptGrant
        fields: ClassVar = ["has_network"]
        labels: ClassVar = {"has_network": gettext_lazy("Network")}
        help_texts: ClassVar = {
            "has_network": gettext_lazy(
                "All of it, as this machine has it, its private addresses too. It is on or off."
            )
        }

    _LISTS: ClassVar = {
        "hosts_lines": "hosts",
        "dirs_lines": "read_only_dirs",
        "files_lines": "secret_files",
        "interpreters_lines": "interpreters",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = ", ".join(settings.SCRIPT_INTERPRETERS)
        self.fields["interpreters_lines"].help_text = _("One to a line, of %(known)s. Empty: all of them.") % {
            "known": known
        }
        for field, name in self._LISTS.items():
            self.initial[field] = "\n".join(getattr(self.instance, name))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance._state.adding and ScriptGrant.objects.exists():
            raise ValidationError(_("This organization has a grant already: change that one."))
        wish = ScriptGrant(has_network=bool(cleaned.get("has_network")), **self.lists())
        try:
            script_grants.check_grant(wish)
        except ValidationError as error:
            by_name = {name: field for field, name in self._LISTS.items()}
            for name, problems in error.message_dict.items():
                self.add_error(by_name[name], problems)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # That there is one already is said above, since no field shows the organization.
        return super()._get_validation_exclusions() | {"organization"}

    def lists(self) -> dict[str, list[str]]:
        """Return the lists of the grant as they were typed."""
        typed = {name: self.cleaned_data.get(field) or "" for field, name in self._LISTS.items()}
        return {name: [line.strip() for line in text.splitlines() if line.strip()] for name, text in typed.items()}


@admin.register(ScriptGrant)
class ScriptGrantAdmin(ScopedAdmin):
    """What the operator lets the organization's scripts see: nobody else's page."""

    view_permission = add_permission = change_permission = delete_permission = None
    form = ScriptGrantForm
    list_display: ClassVar = ["__str__", "hosts", "read_only_dirs", "secret_files", "interpreters", "updated_at"]
    fields: ClassVar = ["has_network", "hosts_lines", "dirs_lines", "files_lines", "interpreters_lines"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: ScriptGrant, form: Any, change: bool) -> None:
        made = script_grants.grant_scripts(network=form.cleaned_data["has_network"], **form.lists())
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: ScriptGrant) -> None:
        script_grants.revoke_scripts()

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[ScriptGrant]") -> None:
        script_grants.revoke_scripts()
