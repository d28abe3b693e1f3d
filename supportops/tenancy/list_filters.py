"""Filters of the admin's long lists, as fields of one form: a choice, a text, a span of time. None asks the table what
values it holds."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy

from supportops import clock
from supportops.ids import first_id_at


class ListFilter(admin.SimpleListFilter):
    """A field of the bar.

    `led_by` says what finds its rows, newest first: `index` (one of its own), `ids` (a range of ids, which ends every
    index of a list) or `rows` (they are read one after the other).
    """

    kind: ClassVar[str] = "choice"
    led_by: ClassVar[str] = "rows"
    # Folded away while nobody uses it.
    is_further: ClassVar[bool] = False

    def is_active(self) -> bool:
        """Whether it leaves rows out."""
        return bool(self.value())

    def has_output(self) -> bool:
        return True

    def narrow(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return those of `rows` that it leaves."""
        left = self.queryset(self.request, rows)
        return rows if left is None else left

    @property
    def field_id(self) -> str:
        """The id of the field in the page."""
        return f"filter-{self.parameter_name}"

    @property
    def is_other(self) -> bool:
        """Whether the address asks for a value that is none of the choices."""
        return self.is_active() and self.value() not in {str(value) for value, _name in self.lookup_choices}


class ChoiceFilter(ListFilter):
    """One of a few values of a column; `column` where that is not the parameter's name."""

    column: ClassVar[str] = ""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        value = self.value() or ""
        if "\x00" in value:  # PostgreSQL knows no such character, so no row has it
            return queryset.none()
        return queryset.filter(**{self.column or str(self.parameter_name): value}) if value else queryset


class RowFilter(ListFilter):
    """One of the rows that the listed ones link to: `column` holds its id."""

    led_by = "index"
    column: ClassVar[str] = ""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if not self.value():
            return queryset
        try:
            return queryset.filter(**{self.column: uuid.UUID(str(self.value()))})
        except ValueError:
            raise IncorrectLookupParameters(self.parameter_name) from None


class TextFilter(ListFilter):
    """A value of a column as a whole."""

    kind = "text"
    column: ClassVar[str] = ""
    is_further = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return []

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        value = (self.value() or "").strip()
        if "\x00" in value:  # PostgreSQL knows no such character, so no row has it
            return queryset.none()
        return queryset.filter(**{self.column or str(self.parameter_name): value}) if value else queryset


class SinceFilter(ListFilter):
    """What is younger than an hour, a day, a week, a month. By the time in the id, which every index of a list ends
    with."""

    title = gettext_lazy("time")
    parameter_name = "since"
    led_by = "ids"
    _SPANS: ClassVar = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("1h", gettext_lazy("last hour")),
            ("24h", gettext_lazy("last 24 hours")),
            ("7d", gettext_lazy("last 7 days")),
            ("30d", gettext_lazy("last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if not self.value():
            return queryset
        span = timedelta(days=30) if self.value() == "30d" else self._SPANS.get(str(self.value()))
        if span is None:
            raise IncorrectLookupParameters("since")
        return queryset.filter(pk__gte=first_id_at(clock.now() - span))


class _MomentFilter(ListFilter):
    kind = "moment"
    led_by = "ids"
    is_further = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return []

    def moment(self) -> datetime | None:
        """Return the time that was given; without a zone it is UTC, as everywhere in the admin."""
        text = self.value()
        if not text:
            return None
        try:
            found = parse_datetime(text)
            if found is None:
                raise IncorrectLookupParameters(self.parameter_name)
            # Before ids had times, and beyond what they can hold, there is nothing to be found.
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
            return min(max(found, datetime(1970, 1, 2, tzinfo=UTC)), datetime(9000, 1, 1, tzinfo=UTC))
        except (ValueError, OverflowError):
            raise IncorrectLookupParameters(self.parameter_name) from None


class FromFilter(_MomentFilter):
    """What was made at a time or later."""

    title = gettext_lazy("from (UTC)")
    parameter_name = "from"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        at = self.moment()
        return queryset.filter(pk__gte=first_id_at(at)) if at else queryset


class UntilFilter(_MomentFilter):
    """What was made before a time."""

    title = gettext_lazy("until (UTC)")
    parameter_name = "until"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        at = self.moment()
        return queryset.filter(pk__lt=first_id_at(at)) if at else queryset
