"""The form of a calendar: rows with from and to for each weekday, rows for holidays. Works without scripts too."""

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from rules import calendars
from rules.business_time import WEEKDAYS
from rules.icalendar import NotICalendar, holidays_in
from rules.models import Calendar
from rules.problems import Refused
from supportops.tenancy.admin import ScopedModelForm

DAY_NAMES = {
    "monday": gettext_lazy("Monday"),
    "tuesday": gettext_lazy("Tuesday"),
    "wednesday": gettext_lazy("Wednesday"),
    "thursday": gettext_lazy("Thursday"),
    "friday": gettext_lazy("Friday"),
    "saturday": gettext_lazy("Saturday"),
    "sunday": gettext_lazy("Sunday"),
}
_OFFICE = {day: [{"from": "09:00", "to": "17:00"}] for day in WEEKDAYS[:5]}
# Rows to type into that stand below the holidays.
_FREE_ROWS = 2
_MOST_FILE_BYTES = 1_000_000
_Span = Mapping[str, str]


class HoursWidget(forms.Widget):
    """Rows with from and to, for each weekday."""

    template_name = "admin/rules/calendar/hours.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        hours = value or {}
        days = [
            {"key": day, "name": DAY_NAMES[day], "spans": [*map(_for_inputs, hours.get(day) or ()), _EMPTY]}
            for day in WEEKDAYS
        ]
        return {**super().get_context(name, value, attrs), "days": days}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, list[_Span]]:
        return {
            day: spans
            for day in WEEKDAYS
            if (spans := _spans(data.getlist(f"{name}-{day}-from"), data.getlist(f"{name}-{day}-to")))
        }

    def id_for_label(self, id_: str) -> str:
        return ""


class HolidaysWidget(forms.Widget):
    """Rows with date, name, and from and to where it is half a day."""

    template_name = "admin/rules/calendar/holidays.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        rows = [
            {"date": holiday.get("date", ""), "name": holiday.get("name", ""), **_for_inputs(span)}
            for holiday in value or ()
            for span in holiday.get("hours") or [_EMPTY]
        ]
        free = [{"date": "", "name": "", **_EMPTY}] * _FREE_ROWS
        return {**super().get_context(name, value, attrs), "rows": [*rows, *free]}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, Any]]:
        columns = [data.getlist(f"{name}-{part}") for part in ("date", "name", "from", "to")]
        rows = [[text.strip() for text in row] for row in zip(*columns, strict=False)]
        # Several rows of one date are its several spans.
        ordered = sorted((row for row in rows if any(row)), key=lambda row: row[0])
        return [_holiday(date, list(same)) for date, same in groupby(ordered, key=lambda row: row[0])]

    def id_for_label(self, id_: str) -> str:
        return ""


_EMPTY: _Span = {"from": "", "to": ""}


def _for_inputs(span: _Span) -> _Span:
    # The browser's fields for times end at 23:59; 00:00 as an end is the day's end as well.
    return {name: "00:00" if text == "24:00" else text.zfill(5) if text else "" for name, text in span.items()}


def _holiday(date: str, rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    name = next((row[1] for row in rows if row[1]), "")
    return {"date": date, "name": name, "hours": _spans([row[2] for row in rows], [row[3] for row in rows])}


def _spans(begins: Iterable[str], ends: Iterable[str]) -> list[_Span]:
    pairs = zip(begins, ends, strict=False)
    return [{"from": first.strip(), "to": last.strip()} for first, last in pairs if first.strip() or last.strip()]


class RowsField(forms.Field):
    """What such a widget gives; checked as a whole by the form."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != data)


class CalendarForm(ScopedModelForm):
    """A calendar as people type it."""

    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        widget=UnfoldAdminSelectWidget(),
        help_text=gettext_lazy("The hours are those of the clock on the wall there."),
    )
    week = RowsField(
        label=gettext_lazy("Hours"),
        required=False,
        widget=HoursWidget(),
        help_text=gettext_lazy("A day without hours is closed. An end before the beginning is on the next day."),
    )
    days_off = RowsField(
        label=gettext_lazy("Holidays"),
        required=False,
        widget=HolidaysWidget(),
        help_text=gettext_lazy("Closed, or open at hours of their own where you give some. An emptied row is removed."),
    )
    file = forms.FileField(
        label=gettext_lazy("Add holidays from a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".ics,text/calendar"}),
        help_text=gettext_lazy("A calendar in the iCalendar form (.ics), such as your country's public holidays."),
    )

    class Meta:
        model = Calendar
        fields: ClassVar = ["name", "is_default"]
        labels: ClassVar = {"is_default": gettext_lazy("Default calendar")}
        help_texts: ClassVar = {
            "name": gettext_lazy("Rules name it: calendar: NAME."),
            "is_default": gettext_lazy("Meant where a rule names none. Marking this one takes the mark from another."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        is_new = row._state.adding
        zone: Any = self.fields["zone"]
        zone.choices = _zones(row.zone)
        self.initial["zone"] = settings.TIME_ZONE if is_new else row.zone
        self.initial["week"] = _OFFICE if is_new else row.hours
        self.initial["days_off"] = [] if is_new else row.holidays

    def wish(self) -> calendars.Wish:
        """Return what the form asks for."""
        given = self.cleaned_data
        holidays = list(given.get("days_off") or ())
        known = {one["date"] for one in holidays}
        holidays += [one for one in given.get("file") or () if one["date"] not in known]
        return calendars.Wish(
            name=given.get("name") or "",
            zone=given.get("zone") or "",
            hours=given.get("week") or {},
            holidays=holidays,
            is_default=bool(given.get("is_default")),
        )

    def clean_file(self) -> list[dict[str, Any]]:
        """Return the holidays of the file that was chosen."""
        file = self.cleaned_data.get("file")
        if not file:
            return []
        if file.size > _MOST_FILE_BYTES:
            raise ValidationError(_("The file is too large to be a calendar of holidays."))
        try:
            return holidays_in(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ValidationError(_("The file is no text.")) from None
        except NotICalendar as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        own = None if self.instance._state.adding else Calendar.objects.get(pk=self.instance.pk)
        wish = self.wish()
        try:
            calendars.check(wish, own)
            if own is not None:
                calendars.refuse_losing(own, wish)
        except Refused as refused:
            for problem in refused.problems:
                kind = problem.attr.partition(".")[0]
                name = {"hours": "week", "holidays": "days_off"}.get(kind, kind)
                detail = self._told(problem.attr, problem.detail, wish)
                self.add_error(name if name in self.fields else None, ValidationError(detail))
        except calendars.InUse as error:
            self.add_error(None, ValidationError(str(error)))
        return cleaned

    def _told(self, attr: str, detail: str, wish: calendars.Wish) -> str:
        """Return what is wrong with one row, with the day that it is about."""
        kind, _dot, rest = attr.partition(".")
        place = rest.partition(".")[0]
        if kind == "hours" and place in DAY_NAMES:
            return f"{DAY_NAMES[place]}: {detail}"
        if kind == "holidays" and place.isdigit() and int(place) < len(wish.holidays):
            holiday = wish.holidays[int(place)]
            return f"{holiday['date'] or holiday['name'] or _('A row')}: {detail}"
        return detail

    def _get_validation_exclusions(self) -> set[str]:
        # The mark moves from the calendar that has it.
        return super()._get_validation_exclusions() | {"is_default"}


@cache
def _regions() -> dict[str, list[str]]:
    regions: dict[str, list[str]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        region, slash, _place = name.partition("/")
        if slash and region not in ("Etc", "SystemV", "US", "posix", "right"):
            regions.setdefault(region, []).append(name)
    return regions


def _zones(present: str) -> list[Any]:
    """Return the choices of a time zone by region; the one that is stored among them."""
    groups = [(region, [(name, name) for name in names]) for region, names in _regions().items()]
    known = {name for names in _regions().values() for name in names} | {"UTC"}
    own = [(present, present)] if present and present not in known else []
    return [("UTC", "UTC"), *own, *groups]
