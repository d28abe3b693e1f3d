"""The API's addresses for dead letters: steps and deliveries that failed and rest until somebody acts."""

import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.db.models import Count, Max
from django_filters import CharFilter, UUIDFilter
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import interventions
from rules.models import Step
from supportops.api.errors import ApiProblem
from supportops.api.filters import After, Before, OrganizationFilterSet
from supportops.api.pagination import NewestFirst
from supportops.api.views import OrganizationAPIView
from supportops.tenancy.roles import Permission
from webhooks import replaying
from webhooks.models import Delivery, DeliveryStatus


class DeadLetterSerializer(serializers.Serializer[Any]):
    """Something that failed for good. `kind` is `step` or `delivery`."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    run = serializers.UUIDField(allow_null=True)
    rule = serializers.UUIDField(allow_null=True)
    rule_name = serializers.CharField(allow_null=True)
    step = serializers.CharField(allow_null=True)
    platform = serializers.CharField(allow_null=True)
    action = serializers.CharField(allow_null=True)
    error_class = serializers.CharField()
    error = serializers.CharField()
    attempts = serializers.IntegerField()
    failed_at = serializers.DateTimeField()


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


class DeliveryFilters(OrganizationFilterSet):
    platform = CharFilter(field_name="platform")
    after = After(field_name="processed_at")
    before = Before(field_name="processed_at")

    class Meta:
        model = Delivery
        fields: ClassVar[list[str]] = []


class _Merged:
    """Two tables as one list for the pagination: ids sort by time in both."""

    def __init__(self, steps: Any, deliveries: Any) -> None:
        self._both = (steps, deliveries)
        self._descending = True

    def filter(self, **border: Any) -> "_Merged":
        return _Merged(*(rows.filter(**border) for rows in self._both))

    def order_by(self, field: str) -> "_Merged":
        ordered = _Merged(*(rows.order_by(field) for rows in self._both))
        ordered._descending = field.startswith("-")
        return ordered

    def __getitem__(self, cut: slice) -> list[Any]:
        rows = [row for rows in self._both for row in rows[: cut.stop]]
        return sorted(rows, key=lambda row: row.pk, reverse=self._descending)[cut]


def dead_letters(filters: dict[str, Any]) -> tuple[Any, Any]:
    """Return the steps and deliveries that filters mean. Raises ApiProblem for what they cannot read."""
    known = set(StepFilters.base_filters) | {"kind"}
    unknown = sorted(set(filters) - known)
    if unknown:
        raise ApiProblem(unknown[0], "unknown_filter", f"Filters are {', '.join(sorted(known))}.")
    steps = StepFilters(filters, queryset=Step.objects.filter(is_dead_letter=True).select_related("run__rule"))
    deliveries = DeliveryFilters(filters, queryset=Delivery.objects.filter(status=DeliveryStatus.FAILED))
    for one in (steps, deliveries):
        if not one.is_valid():
            name, errors = next(iter(one.errors.items()))
            raise ApiProblem(name, "invalid", str(errors[0]))
    kind = filters.get("kind")
    # A filter that only steps have leaves no delivery.
    only_steps = kind == "step" or any(filters.get(name) for name in ("rule", "action", "error_class"))
    return (
        steps.qs.none() if kind == "delivery" else steps.qs,
        deliveries.qs.none() if only_steps else deliveries.qs,
    )


class DeadLettersView(OrganizationAPIView):
    """What failed for good, newest first. With ``?group=cause``: how many by platform, action and kind of error."""

    @extend_schema(
        responses=DeadLetterSerializer(many=True),
        parameters=[
            OpenApiParameter("group", str, description="`cause`: counts by cause instead of the letters."),
            *[OpenApiParameter(name, str) for name in ("kind", *StepFilters.base_filters)],
        ],
        operation_id="dead_letters_list",
    )
    def get(self, request: Request) -> Response:
        names = (*StepFilters.base_filters, "kind")
        steps, deliveries = dead_letters({n: request.query_params[n] for n in names if n in request.query_params})
        if "group" in request.query_params:
            return Response({"next": None, "previous": None, "results": _grouped(steps, deliveries)})
        pages = NewestFirst()
        page = pages.paginate_queryset(_Merged(steps, deliveries), request)  # type: ignore[arg-type]
        return pages.get_paginated_response([_as_dict(row) for row in page])


class RetryDeadLettersView(OrganizationAPIView):
    """Retries many dead letters, as a job."""

    permission_map: ClassVar = {"post": Permission.EXECUTE}

    @extend_schema(
        request={
            "application/json": {
                "type": "object",
                "properties": {
                    "ids": {"type": "array", "items": {"type": "string", "format": "uuid"}},
                    "filter": {"type": "object"},
                },
            }
        },
        responses={202: {"type": "object", "properties": {"job": {"type": "string", "format": "uuid"}}}},
        operation_id="dead_letters_retry",
    )
    def post(self, request: Request) -> Response:
        from webhooks.jobs import retry_dead_letters

        job = retry_dead_letters.start(_which(request.data))
        return Response({"job": job.pk}, status=status.HTTP_202_ACCEPTED)


def retried(parameters: dict[str, Any], after: str | None, at_once: int = 100) -> Iterator[tuple[str, int]]:
    """Retry the dead letters that `parameters` mean, in batches after an id; yield each batch's last id and count."""
    if "ids" in parameters:
        ids = [uuid.UUID(item) for item in parameters["ids"]]
        steps, deliveries = (rows.filter(pk__in=ids) for rows in dead_letters({}))
    else:
        steps, deliveries = dead_letters(parameters["filter"])
    border = uuid.UUID(after) if after else None
    while True:
        rows = _Merged(steps, deliveries)
        page = (rows.filter(pk__gt=border) if border else rows).order_by("pk")[:at_once]
        if not page:
            return
        border = page[-1].pk
        count = interventions.retry_steps([row.pk for row in page if isinstance(row, Step)])
        for row in page:
            if isinstance(row, Delivery):
                replaying.replay(row)
                count += 1
        yield str(border), count


def _which(body: Any) -> dict[str, Any]:
    """Return which dead letters a request means: by ids, or by the list's filters. Raises ApiProblem."""
    if not isinstance(body, dict) or bool(body.get("ids")) == ("filter" in body):
        raise ApiProblem(None, "required", "Send either `ids` (a list) or `filter` (as in the list; {} means all).")
    if "filter" in body:
        if not isinstance(body["filter"], dict):
            raise ApiProblem("filter", "invalid", "`filter` is an object with the list's filters; {} means all.")
        dead_letters(body["filter"])
        return {"filter": body["filter"]}
    try:
        return {"ids": [str(uuid.UUID(str(item))) for item in body["ids"]][:10_000]}
    except (ValueError, TypeError):
        raise ApiProblem("ids", "invalid", "`ids` is a list of dead letters' ids.") from None


def _as_dict(row: Any) -> dict[str, Any]:
    if isinstance(row, Delivery):
        return {
            "id": row.pk,
            "kind": "delivery",
            "run": None,
            "rule": None,
            "rule_name": None,
            "step": None,
            "platform": row.platform,
            "action": None,
            "error_class": row.reason.split(":", 1)[0],
            "error": row.reason,
            "attempts": row.attempts_made,
            "failed_at": row.processed_at,
        }
    return {
        "id": row.pk,
        "kind": "step",
        "run": row.run_id,
        "rule": row.run.rule_id,
        "rule_name": row.run.rule.name,
        "step": row.name,
        "platform": row.platform or None,
        "action": row.action,
        "error_class": row.error_class,
        "error": row.error,
        "attempts": row.attempts_made,
        "failed_at": row.finished_at,
    }


def _grouped(steps: Any, deliveries: Any) -> list[dict[str, Any]]:
    causes = ("platform", "action", "error_class")
    groups = [
        {"kind": "step", **row}
        for row in steps.order_by()
        .values(*causes)
        .annotate(count=Count("pk"), last_at=Max("finished_at"), example=Max("error"))
    ]
    groups += [
        {"kind": "delivery", "action": None, "error_class": None, **row}
        for row in deliveries.order_by()
        .values("platform")
        .annotate(count=Count("pk"), last_at=Max("processed_at"), example=Max("reason"))
    ]
    return sorted(groups, key=lambda group: -group["count"])
