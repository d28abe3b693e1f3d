"""The API's addresses for an organization's health and statistics."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import usage
from supportops.api.filters import choice_parameter
from supportops.api.views import OrganizationAPIView
from supportops.status.organization import health_of_organization, stats_of_organization


class IntegrationCountsSerializer(serializers.Serializer[Any]):
    """How many integrations are in which state; those switched off count as `disabled` alone."""

    healthy = serializers.IntegerField()
    degraded = serializers.IntegerField()
    unhealthy = serializers.IntegerField()
    unknown = serializers.IntegerField()
    disabled = serializers.IntegerField()


class BacklogSerializer(serializers.Serializer[Any]):
    """What is not finished. `runs_waiting` of the runs wait for a person or a time."""

    deliveries = serializers.IntegerField()
    runs = serializers.IntegerField()
    runs_waiting = serializers.IntegerField()
    oldest_delivery_seconds = serializers.FloatField(allow_null=True)
    oldest_run_seconds = serializers.FloatField(allow_null=True)
    oldest_seconds = serializers.FloatField(allow_null=True)


class DeadLettersSerializer(serializers.Serializer[Any]):
    """What failed for good and rests until somebody acts."""

    steps = serializers.IntegerField()
    deliveries = serializers.IntegerField()


class HealthSerializer(serializers.Serializer[Any]):
    """How the organization does. A count of `counted_up_to` means that many or more."""

    integrations = IntegrationCountsSerializer()
    backlog = BacklogSerializer()
    dead_letters = DeadLettersSerializer()
    workers_alive = serializers.IntegerField()
    counted_up_to = serializers.IntegerField()


class DeliveryStatsSerializer(serializers.Serializer[Any]):
    received = serializers.IntegerField()
    rejected = serializers.IntegerField()
    duplicate = serializers.IntegerField()


class RunStatsSerializer(serializers.Serializer[Any]):
    """`success_rate` is the share of `succeeded` among `succeeded` and `failed`; null where nothing ended."""

    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


class ActionStatsSerializer(RunStatsSerializer):
    """Calls to platforms. `retried` ones failed for now and were made again."""

    retried = serializers.IntegerField()


class LatencySerializer(serializers.Serializer[Any]):
    """Milliseconds, interpolated within the buckets of a histogram; null without any call."""

    p50 = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)


class BusyRuleSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    matched = serializers.IntegerField()
    runs = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


class FailingIntegrationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    platform = serializers.CharField()
    status = serializers.CharField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    retried = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)


class PointSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    received = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class StatsSerializer(serializers.Serializer[Any]):
    """What the organization did within a window, the current hour included."""

    window = serializers.ChoiceField(choices=list(usage.WINDOWS))
    deliveries = DeliveryStatsSerializer()
    matches = serializers.IntegerField()
    runs = RunStatsSerializer()
    actions = ActionStatsSerializer()
    latency_ms = LatencySerializer()
    busiest_rules = BusyRuleSerializer(many=True)
    failing_integrations = FailingIntegrationSerializer(many=True)
    series = PointSerializer(many=True)


class HealthView(OrganizationAPIView):
    """The organization's integrations by status, its backlog, its dead letters, workers alive."""

    @extend_schema(responses=HealthSerializer, operation_id="health")
    def get(self, request: Request) -> Response:
        return Response(health_of_organization())


class StatsView(OrganizationAPIView):
    """What the organization did, and how well it went."""

    @extend_schema(
        responses=StatsSerializer,
        operation_id="stats",
        parameters=[OpenApiParameter("window", str, enum=list(usage.WINDOWS), default="24h")],
    )
    def get(self, request: Request) -> Response:
        return Response(stats_of_organization(choice_parameter(request, "window", usage.WINDOWS, "24h")))
