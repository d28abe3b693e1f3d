"""Lists of the admin over tables of any length: newest first, a page at a time, nothing counted.

A page is found by the id where the one before ended, so that the last page costs what the first one costs. Filters that
an index serves are followed as far as they lead; what others leave is looked for among the newest REACH rows, and the
page offers to look further back.
"""

import uuid
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from supportops.ids import made_at
from supportops.tenancy.list_filters import ListFilter
from supportops.tenancy.pages import PagedAdmin

# Rows that a page reads at most to fill itself, where no index knows its filters.
REACH = 20_000
BEFORE, AFTER = "before", "after"


class _OnePage(Paginator):  # type: ignore[type-arg]
    """What Django asks a list for: the rows of this page are all there are."""

    def __init__(self, rows: list[Any]) -> None:
        super().__init__(rows, max(1, len(rows)))


class KeysetChangeList(ChangeList):
    """A page of a list: rows by descending id before (or after) the id that the address names."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in (BEFORE, AFTER)}

    def get_filters(self, request: HttpRequest) -> Any:
        specs, _has, remaining, may_repeat, is_active = super().get_filters(request)
        # They stand in a bar above the rows, not in the theme's drawer.
        return specs, False, remaining, may_repeat, is_active

    def get_ordering(self, request: HttpRequest, queryset: "QuerySet[Any]") -> list[Any]:
        return ["-pk"]

    def get_ordering_field_columns(self) -> dict[int, Any]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        before, after = self._border(BEFORE), self._border(AFTER)
        rows, self.looked_back_to = self._within_reach(before, after)
        if after is not None:
            page = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
            self.has_newer, self.has_older = len(page) > size, True
            page = page[:size][::-1]
        else:
            page = list((rows.filter(pk__lt=before) if before else rows)[: size + 1])
            self.has_newer, self.has_older = before is not None, len(page) > size
            page = page[:size]
        own: Any = self.model_admin
        own.prepare(page)
        self._remember(page)

    def _remember(self, page: list[Any]) -> None:
        """Keep the page in the attributes that Django's templates read."""
        if len(page) == self.list_per_page and self.has_older:
            self.looked_back_to = None
        self.result_list, self.result_count, self.full_result_count = page, len(page), len(page)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = _OnePage(page)

    def _border(self, name: str) -> uuid.UUID | None:
        text = self.params.get(name)
        if not text:
            return None
        try:
            return uuid.UUID(text)
        except ValueError:
            raise IncorrectLookupParameters(name) from None

    def _within_reach(
        self, before: uuid.UUID | None, after: uuid.UUID | None
    ) -> tuple["QuerySet[Any]", uuid.UUID | None]:
        """Return the filtered rows, and the id down to which they were looked for where that is not the end."""
        if after is not None or not self._asks_more_than_indexes():
            return self.queryset, None
        led = self.root_queryset
        for spec in (*self._active("ids"), *self._active("index")[:1]):
            led = spec.narrow(led)
        if before is not None:
            led = led.filter(pk__lt=before)
        end = led.order_by("-pk").values_list("pk", flat=True)[REACH : REACH + 1].first()
        return (self.queryset.filter(pk__gte=end), end) if end is not None else (self.queryset, None)

    def _asks_more_than_indexes(self) -> bool:
        # One index leads; what a second one could say is looked for among the rows of the first.
        return bool(self._active("rows")) or len(self._active("index")) > 1

    def _active(self, led_by: str) -> list[ListFilter]:
        return [spec for spec in self.own_filters if spec.led_by == led_by and spec.is_active()]

    # --- for the template ---------------------------------------------------------------------------------------
    @property
    def columns(self) -> list[str]:
        """What stands above the columns."""
        return [str(label_for_field(name, self.model, self.model_admin)) for name in self._columns()]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the page: id, address, and for each column its heading and what it shows."""
        columns, headings = self._columns(), self.columns
        return [
            {
                "pk": row.pk,
                "address": self.url_for_result(row),
                "cells": [(heading, self._shown(name, row)) for heading, name in zip(headings, columns, strict=True)],
            }
            for row in self.result_list
        ]

    def _columns(self) -> list[str]:
        return [str(name) for name in self.list_display if name != "action_checkbox"]

    def _shown(self, name: str, row: Any) -> Any:
        own = getattr(self.model_admin, name, None)
        return own(row) if callable(own) else getattr(row, name)

    @property
    def own_filters(self) -> list[ListFilter]:
        """The filters that stand in the bar above the rows."""
        return [spec for spec in self.filter_specs if isinstance(spec, ListFilter)]

    @property
    def first_filters(self) -> list[ListFilter]:
        """Those of the bar that are always seen."""
        return [spec for spec in self.own_filters if not spec.is_further]

    @property
    def further_filters(self) -> list[ListFilter]:
        """Those of the bar that are folded away while nobody uses them."""
        return [spec for spec in self.own_filters if spec.is_further]

    @property
    def has_further(self) -> bool:
        """Whether one of the folded filters is used."""
        return any(spec.is_active() for spec in self.further_filters)

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter or a search leaves rows out."""
        return bool(self.query or self.has_active_filters or self.get_filters_params())

    @property
    def older_address(self) -> str:
        """The query string of the page after this one; nothing on the last."""
        return self.get_query_string({BEFORE: self.result_list[-1].pk}, [AFTER]) if self._goes_on() else ""

    @property
    def newer_address(self) -> str:
        """The query string of the page before this one; nothing on the first."""
        if not self.has_newer or not self.result_list:
            return ""
        return str(self.get_query_string({AFTER: self.result_list[0].pk}, [BEFORE]))

    @property
    def newest_address(self) -> str:
        """The query string of the first page, from any other one."""
        return str(self.get_query_string(remove=[BEFORE, AFTER])) if self.has_newer or self.is_further_back else ""

    @property
    def is_further_back(self) -> bool:
        """Whether this page begins after the newest row."""
        return BEFORE in self.params

    @property
    def reach_address(self) -> str:
        """The query string with which to look further back; nothing where everything was looked at."""
        return str(self.get_query_string({BEFORE: self.looked_back_to}, [AFTER])) if self.looked_back_to else ""

    @property
    def reached(self) -> Any:
        """When the oldest row was made that was looked at; None where everything was."""
        return made_at(self.looked_back_to) if self.looked_back_to else None

    @property
    def reach(self) -> int:
        """How many rows were looked at at most."""
        return REACH

    def _goes_on(self) -> bool:
        return bool(self.has_older and self.result_list)


class ListAdmin(PagedAdmin):
    """An admin whose list is a KeysetChangeList. Rows are found by the ids that indexes know."""

    change_list_template = "admin/parts/list.html"
    list_per_page = 50
    show_full_result_count = False
    show_facets = None
    list_disable_select_all = True
    ordering: ClassVar = ["-id"]
    sortable_by: ClassVar = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def list_title(self) -> str:
        """Return the heading of the list."""
        return str(self.opts.verbose_name_plural).capitalize()

    def empty_state(self, request: HttpRequest) -> dict[str, str]:
        """Return what an organization reads that has no row yet: title, text, and where to go (address, label)."""
        return {"title": _("Nothing here yet"), "text": "", "address": "", "label": ""}

    def prepare(self, page: list[Any]) -> None:
        """Give the rows of a page what its columns show beside them, with as few queries for all as for one."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"title": self.list_title(), "empty": self.empty_state(request), **(extra_context or {})}
        return super().changelist_view(request, context)
