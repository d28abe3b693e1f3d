"""The admin's pages of lists of recipients."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from rules import recipients
from rules.models import RecipientList
from supportops.tenancy.admin import ScopedAdmin, ScopedModelForm
from supportops.tenancy.models import Environment


class RecipientListForm(ScopedModelForm):
    """A list, a person to a line."""

    stage = forms.ChoiceField(
        label=gettext_lazy("Environment"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("The one of a run's environment comes before the one for all."),
    )
    lines = forms.CharField(
        label=gettext_lazy("People"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "One to a line: name; e-mail; user (for direct messages); phone. What is not known stays empty."
        ),
    )

    class Meta:
        model = RecipientList
        fields: ClassVar = ["name"]
        help_texts: ClassVar = {
            "name": gettext_lazy("Rules read its addresses as recipients.NAME.emails, .users and .phones.")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Environment.objects.values_list("name", flat=True)
        stage: Any = self.fields["stage"]
        stage.choices = [("", _("all environments")), *((name, name) for name in names)]
        self.initial["stage"] = self.instance.environment.name if self.instance.environment else ""
        self.initial["lines"] = "\n".join(
            "; ".join(person.get(name, "") for name in recipients.FIELDS).rstrip("; ")
            for person in self.instance.people
        )

    def given(self) -> dict[str, Any]:
        """Return what the deeds take."""
        known = self.cleaned_data
        rows = [[part.strip() for part in line.split(";")] for line in known["lines"].splitlines() if line.strip()]
        if any(len(row) > len(recipients.FIELDS) for row in rows):
            raise ValidationError(_("A line has at most four parts: name; e-mail; user; phone."))
        people = [dict(zip(recipients.FIELDS, row, strict=False)) for row in rows]
        return {"name": known["name"], "environment": known["stage"] or None, "people": people}


@admin.register(RecipientList)
class RecipientListAdmin(ScopedAdmin):
    """Lists of people whom rules write to."""

    form = RecipientListForm
    list_display: ClassVar = ["name", "environment", "updated_at"]
    list_filter: ClassVar = ["environment"]
    list_select_related: ClassVar = ["environment"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "stage", "lines"]

    def save_model(self, request: HttpRequest, obj: RecipientList, form: Any, change: bool) -> None:
        if change:
            recipients.change_list(RecipientList.objects.get(pk=obj.pk), **form.given())
        else:
            obj.__dict__.update(recipients.create_list(**form.given()).__dict__)

    def delete_model(self, request: HttpRequest, obj: RecipientList) -> None:
        recipients.delete_list(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[RecipientList]") -> None:
        with transaction.atomic():
            for row in queryset:
                recipients.delete_list(row)
