"""What failed for good and rests until somebody acts: steps and deliveries, as one list."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Left, StrIndex
from django_filters import CharFilter, UUIDFilter

from rules import interventions
from rules.models import Step
from rules.replay import ContentForgotten
from supportops.api.errors import ApiProblem
from supportops.api.filters import After, Before, OrganizationFilterSet
from webhooks import replaying
from webhooks.models import Delivery, DeliveryStatus


class StepFilters(OrganizationFilterSet):
    rule = UUIDFilter(field_name="run__rule_id")
    platform = CharFilter(field_name="platform")
    action = CharFilter(field_name="action")
    error_class = CharFilter(field_name="error_class")
    after = After(field_name="finished_at")
    before = Before(field_name="finished_at")

    class Meta:
        model = Step
        fields: ClassVar[list[str]] = []


# A failed delivery's reason begins with the class of its error: `KeyError: 'x'` (webhooks/processing.py).
ERROR_CLASS = Case(
    When(reason__contains=":", then=Left("reason", StrIndex("reason", Value(":")) - 1)), default=F("reason")
)


def error_class_of(reason: str) -> str:
    """Return the class of error in a failed delivery's reason, as the database finds it by ERROR_CLASS."""
    return reason.partition(":")[0]


class DeliveryFilters(OrganizationFilterSet):
    platform = CharFilter(field_name="platform")
    error_class = CharFilter(field_name="reason", method="of_class")
    after = After(field_name="processed_at")
    before = Before(field_name="processed_at")

    class Meta:
        model = Delivery
        fields: ClassVar[list[str]] = []

    def of_class(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(Q(reason__startswith=f"{value}:") | Q(reason=value))


class Merged:
    """Two tables as one list for the pagination: ids sort by time in both."""

    def __init__(self, steps: Any, deliveries: Any) -> None:
        self._both = (steps, deliveries)
        self._descending = True

    def filter(self, **border: Any) -> "Merged":
        return Merged(*(rows.filter(**border) for rows in self._both))

    def order_by(self, field: str) -> "Merged":
        ordered = Merged(*(rows.order_by(field) for rows in self._both))
        ordered._descending = field.startswith("-")
        return ordered

    def __getitem__(self, cut: slice) -> list[Any]:
        rows = [row for rows in self._both for row in rows[: cut.stop]]
        return sorted(rows, key=lambda row: row.pk, reverse=self._descending)[cut]


def dead_letters(filters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the steps and deliveries that filters mean. Raises ApiProblem for what they cannot read."""
    known = set(StepFilters.base_filters) | {"kind"}
    unknown = sorted(set(filters) - known)
    if unknown:
        raise ApiProblem(unknown[0], "unknown_filter", f"Filters are {', '.join(sorted(known))}.")
    for name, value in filters.items():
        if not isinstance(value, str):
            raise ApiProblem(name, "invalid", f"The filter {name} is a text, as in the list's address.")
    steps = StepFilters(filters, queryset=Step.objects.filter(is_dead_letter=True).select_related("run__rule"))
    deliveries = DeliveryFilters(filters, queryset=Delivery.objects.filter(status=DeliveryStatus.FAILED))
    for one in (steps, deliveries):
        if not one.is_valid():
            name, errors = next(iter(one.errors.items()))
            raise ApiProblem(name, "invalid", str(errors[0]))
    kind = filters.get("kind")
    # A filter that only steps have leaves no delivery.
    only_steps = kind == "step" or any(filters.get(name) for name in ("rule", "action"))
    return (
        steps.qs.none() if kind == "delivery" else steps.qs,
        deliveries.qs.none() if only_steps else deliveries.qs,
    )


def retried(parameters: dict[str, Any], after: str | None, at_once: int = 100) -> Iterator[tuple[str, int, int]]:
    """Retry the dead letters that `parameters` mean, in batches after an id; yield last id, size and retries."""
    if "ids" in parameters:
        ids = [uuid.UUID(item) for item in parameters["ids"]]
        steps, deliveries = (rows.filter(pk__in=ids) for rows in dead_letters({}))
    else:
        steps, deliveries = dead_letters(parameters["filter"])
    border = uuid.UUID(after) if after else None
    while True:
        rows = Merged(steps, deliveries)
        page = (rows.filter(pk__gt=border) if border else rows).order_by("pk")[:at_once]
        if not page:
            return
        border = page[-1].pk
        count = interventions.retry_steps([row.pk for row in page if isinstance(row, Step)])
        for row in page:
            count += isinstance(row, Delivery) and _is_replayed(row)
        yield str(border), len(page), count


def _is_replayed(delivery: Delivery) -> bool:
    """Replay a delivery, and return whether there was anything left to replay; if not, it holds up no other."""
    try:
        replaying.replay(delivery)
    except (replaying.CannotReplay, ContentForgotten):
        return False
    return True
