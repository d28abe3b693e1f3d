"""The API's addresses for dead letters: steps and deliveries that failed and rest until somebody acts."""

import uuid
from typing import Any, ClassVar

from django.db.models import Count, Max
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.api.errors import ApiProblem
from supportops.api.pagination import NewestFirst
from supportops.api.views import OrganizationAPIView
from supportops.jobs.running import start as start_job
from supportops.tenancy.roles import Permission
from webhooks.dead_letters import ERROR_CLASS, Merged, StepFilters, dead_letters, error_class_of
from webhooks.models import Delivery

# What a job is to remember; everything can be meant by a filter.
_MOST_IDS = 10_000


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
            return Response({"next": None, "previous": None, "results": grouped(steps, deliveries)})
        pages = NewestFirst()
        page = pages.paginate_queryset(Merged(steps, deliveries), request)
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
        job = start_job("dead_letters.retry", _which(request.data))
        return Response({"job": job.pk}, status=status.HTTP_202_ACCEPTED)


def _which(body: Any) -> dict[str, Any]:
    """Return which dead letters a request means: by ids, or by the list's filters. Raises ApiProblem."""
    if not isinstance(body, dict) or bool(body.get("ids")) == ("filter" in body):
        raise ApiProblem(None, "required", "Send either `ids` (a list) or `filter` (as in the list; {} means all).")
    if "filter" in body:
        if not isinstance(body["filter"], dict):
            raise ApiProblem("filter", "invalid", "`filter` is an object with the list's filters; {} means all.")
        dead_letters(body["filter"])
        return {"filter": body["filter"]}
    if isinstance(body["ids"], list) and len(body["ids"]) > _MOST_IDS:
        told = f"These are {len(body['ids'])} ids, and a request takes {_MOST_IDS}: send several, or a `filter`."
        raise ApiProblem("ids", "too_many", told)
    try:
        return {"ids": [str(uuid.UUID(str(item))) for item in body["ids"]]}
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
            "error_class": error_class_of(row.reason),
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


def grouped(steps: Any, deliveries: Any) -> list[dict[str, Any]]:
    causes = ("platform", "action", "error_class")
    groups = [
        {"kind": "step", **row}
        for row in steps.order_by()
        .values(*causes)
        .annotate(count=Count("pk"), last_at=Max("finished_at"), example=Max("error"))
    ]
    groups += [
        {"kind": "delivery", "action": None, **row}
        for row in deliveries.order_by()
        .values("platform", error_class=ERROR_CLASS)
        .annotate(count=Count("pk"), last_at=Max("processed_at"), example=Max("reason"))
    ]
    return sorted(groups, key=lambda group: -group["count"])
