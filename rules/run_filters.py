"""What the list of runs can be narrowed by."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from rules.models import Event, Rule, RunStatus, Step
from rules.models.history import FOR_PERSON
from supportops.tenancy.list_filters import ChoiceFilter, RowFilter, TextFilter
from supportops.texts import translated

# So many are offered to choose from; beyond that one comes from the rule's own page.
_MOST_RULES = 200
# Steps that wait for people are few; should they not be, the newest of them are found.
_MOST_WAITING = 500
_MOST_EVENTS = 500


class StatusFilter(ChoiceFilter):
    title = gettext_lazy("status")
    parameter_name = "status__exact"
    led_by = "index"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [(status.value, translated(str(status.label))) for status in RunStatus]


class RuleFilter(RowFilter):
    title = gettext_lazy("rule")
    parameter_name = "rule__id__exact"
    column = "rule_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        rules = Rule.objects.filter(deleted_at__isnull=True).order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rules[:_MOST_RULES]]


class WaitsForFilter(ChoiceFilter):
    """Finds runs with a step that waits for somebody."""

    title = gettext_lazy("needs a person")
    parameter_name = "needs"
    led_by = "ids"
    _KINDS: ClassVar = {"uncertain": "person", "approval": "approval", "credentials": "credentials"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("person", gettext_lazy("for whatever reason")),
            ("uncertain", gettext_lazy("to say what became of a call")),
            ("approval", gettext_lazy("to decide")),
            ("credentials", gettext_lazy("to give new credentials")),
        ]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        value = self.value()
        if not value:
            return queryset
        waiting = Step.objects.filter(waits_for__in=FOR_PERSON)
        if value != "person":
            if value not in self._KINDS:
                raise IncorrectLookupParameters(self.parameter_name)
            waiting = waiting.filter(waits_for=self._KINDS[value])
        return queryset.filter(pk__in=list(waiting.order_by("-pk").values_list("run_id", flat=True)[:_MOST_WAITING]))


class CauseFilter(ChoiceFilter):
    title = gettext_lazy("cause")
    parameter_name = "cause"
    is_further = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("event", gettext_lazy("an event")),
            ("manual", gettext_lazy("a person")),
            ("api", gettext_lazy("the API")),
            ("replay", gettext_lazy("a replay")),
            ("schedule", gettext_lazy("a schedule")),
            ("timer", gettext_lazy("a timer")),
            ("rule", gettext_lazy("another rule")),
        ]


class DeliveryFilter(TextFilter):
    title = gettext_lazy("delivery (id)")
    parameter_name = "delivery"
    led_by = "ids"

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if not self.value():
            return queryset
        found = as_uuid(str(self.value()))
        return queryset.filter(delivery_id=found) if found else queryset.none()


def runs_found_by(term: str, runs: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return the runs that a person means: by the id of one, of its delivery, or of the ticket that it is about."""
    found = as_uuid(term)
    if found is not None:
        ids = [*runs.model.objects.filter(delivery_id=found).values_list("pk", flat=True)[:_MOST_EVENTS], found]
        return runs.filter(pk__in=ids)
    if "\x00" in term:
        return runs.none()
    events = Event.objects.filter(external_id=term.removeprefix("#")).order_by("-pk").values_list("pk", flat=True)
    return runs.filter(event_id__in=list(events[:_MOST_EVENTS]))


def as_uuid(text: str) -> uuid.UUID | None:
    """Return a text as an id; None where it is none."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None
