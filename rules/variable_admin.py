"""The admin's pages of variables. A secret's value is never shown: left empty it stays."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from rules import variables
from rules.env_admin import EnvPages
from rules.models import Variable
from rules.problems import Refused
from supportops.redaction import MASK
from supportops.tenancy.admin import ScopedModelForm
from supportops.tenancy.models import Environment

_FIELDS = {"environment": "stage", "value": "shown_value", "hosts": "shown_hosts"}


class VariableForm(ScopedModelForm):
    """A variable as people type it: numbers, true and false are recognised, everything else is a text."""

    stage = forms.ChoiceField(
        label=gettext_lazy("Environment"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("The one of a run's environment comes before the one for all."),
    )
    shown_value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    shown_hosts = forms.CharField(
        label=gettext_lazy("Hosts"),
        required=False,
        widget=UnfoldAdminExpandableTextareaWidget(),
        help_text=gettext_lazy("For a secret: where it may be sent, a host a line, such as api.example.com."),
    )

    class Meta:
        model = Variable
        fields: ClassVar = ["name", "is_secret"]
        labels: ClassVar = {"is_secret": gettext_lazy("Secret")}
        help_texts: ClassVar = {
            "name": gettext_lazy("Rules read it as env.NAME."),
            "is_secret": gettext_lazy("Sealed, never shown again, and sent to its hosts alone."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Environment.objects.values_list("name", flat=True)
        stage: Any = self.fields["stage"]
        stage.choices = [("", _("all environments")), *((name, name) for name in names)]
        row = self.instance
        self.initial["stage"] = row.environment.name if row.environment else ""
        if not row._state.adding:
            self.initial["shown_hosts"] = "\n".join(row.hosts)
            if row.is_secret:
                self.fields["shown_value"].help_text = _("A value is stored. Leave empty to keep it.")
            else:
                self.initial["shown_value"] = row.value if isinstance(row.value, str) else json.dumps(row.value)

    def wish(self) -> variables.Wish:
        """Return what the form asks for."""
        given = self.cleaned_data
        text = given.get("shown_value") or ""
        keeps = text == "" and not self.instance._state.adding and self.instance.is_secret
        return variables.Wish(
            name=given.get("name", ""),
            value=None if keeps else _typed(text, is_secret=bool(given.get("is_secret"))),
            is_secret=bool(given.get("is_secret")),
            environment=given.get("stage") or None,
            hosts=tuple(line for line in (given.get("shown_hosts") or "").split() if line),
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        wish = self.wish()
        taken = Variable.objects.filter(name=wish.name, environment__name=wish.environment)
        if taken.exclude(pk=self.instance.pk).exists():
            text = _("There is a variable '%(name)s' for this environment already.")
            self.add_error("name", text % {"name": wish.name})
            return cleaned
        try:
            variables.check(wish, None if self.instance._state.adding else self.instance)
        except Refused as refused:
            for problem in refused.problems:
                name = _FIELDS.get(problem.attr.partition(".")[0], problem.attr)
                self.add_error(name if name in self.fields else None, ValidationError(problem.detail))
        return cleaned


def _typed(text: str, *, is_secret: bool) -> Any:
    if is_secret:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


@admin.register(Variable)
class VariableAdmin(EnvPages):
    """Variables."""

    form = VariableForm
    list_display: ClassVar = ["name", "environment", "is_secret", "value_in_list", "hosts_in_list"]
    list_filter: ClassVar = ["is_secret"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "stage", "is_secret", "shown_value", "shown_hosts"]

    @admin.display(description=gettext_lazy("value"))
    def value_in_list(self, row: Variable) -> str:
        return MASK if row.is_secret else str(row.value)[:80]

    @admin.display(description=gettext_lazy("hosts"))
    def hosts_in_list(self, row: Variable) -> str:
        return ", ".join(row.hosts[:3]) + (", …" if len(row.hosts) > 3 else "")

    def save_model(self, request: HttpRequest, obj: Variable, form: Any, change: bool) -> None:
        if change:
            variables.change(Variable.objects.get(pk=obj.pk), form.wish())
        else:
            obj.__dict__.update(variables.create(form.wish()).__dict__)

    def delete_model(self, request: HttpRequest, obj: Variable) -> None:
        variables.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Variable]") -> None:
        with transaction.atomic():
            for row in queryset:
                variables.delete(row)
