"""The admin's pages of calendars: the hours of teams, by which rules wait and ask."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rules import calendars
from rules.business_time import WEEKDAYS
from rules.calendar_form import DAY_NAMES, CalendarForm
from rules.calendar_uses import rules_naming
from rules.models import Calendar
from supportops.tenancy.admin import ScopedAdmin

_MOST_NAMED = 20


@admin.register(Calendar)
class CalendarAdmin(ScopedAdmin):
    """Calendars."""

    form = CalendarForm
    list_display: ClassVar = ["name", "zone", "open_days", "holidays_in_list", "is_default"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "zone", "is_default", "week", "days_off", "file", "used_by"]
    readonly_fields: ClassVar = ["used_by"]

    class Media:
        css: ClassVar = {"all": ["supportops/calendar.css"]}
        js: ClassVar = ["supportops/calendar.js"]

    @admin.display(description=gettext_lazy("open on"))
    def open_days(self, row: Calendar) -> str:
        count = sum(bool(row.hours.get(day)) for day in WEEKDAYS)
        return ngettext("%(count)d day a week", "%(count)d days a week", count) % {"count": count}

    @admin.display(description=gettext_lazy("holidays"))
    def holidays_in_list(self, row: Calendar) -> str:
        return str(len(row.holidays))

    # What those see who may not change it: the form has fields of these names.

    @admin.display(description=gettext_lazy("Hours"))
    def week(self, row: Calendar) -> str:
        return format_html_join("", "<div>{}: {}</div>", _days_shown(row))

    @admin.display(description=gettext_lazy("Holidays"))
    def days_off(self, row: Calendar) -> str:
        shown = ((one["date"], one["name"], _spans_shown(one["hours"])) for one in row.holidays)
        return format_html_join("", "<div>{} {} {}</div>", shown) or "–"

    @admin.display(description=gettext_lazy("Used by"))
    def used_by(self, row: Calendar) -> str:
        """Return the rules that name it."""
        if row._state.adding:
            return "–"
        rules = list(rules_naming(row.name, is_default=row.is_default).values())
        return ", ".join(rules[:_MOST_NAMED]) + (", …" if len(rules) > _MOST_NAMED else "") or _("no rule")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        hidden = {"used_by"} if obj is None else set()
        if obj is not None and not self.has_change_permission(request, obj):
            hidden.add("file")
        return [name for name in self.fields if name not in hidden]

    def save_model(self, request: HttpRequest, obj: Calendar, form: Any, change: bool) -> None:
        if change:
            calendars.change(Calendar.objects.get(pk=obj.pk), form.wish())
        else:
            obj.__dict__.update(calendars.create(form.wish()).__dict__)

    def delete_model(self, request: HttpRequest, obj: Calendar) -> None:
        _delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Calendar]") -> None:
        with transaction.atomic():
            for row in queryset:
                _delete(row)


def _days_shown(row: Calendar) -> Iterator[tuple[str, str]]:
    for day in WEEKDAYS:
        yield str(DAY_NAMES[day]), _spans_shown(row.hours.get(day) or ()) or _("closed")


def _spans_shown(spans: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(f"{span['from']}–{span['to']}" for span in spans)


def _delete(row: Calendar) -> None:
    try:
        calendars.delete(row)
    except calendars.InUse as error:
        raise ValidationError(f"{row.name}: {error}") from None
