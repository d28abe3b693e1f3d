"""The API's addresses for deliveries."""

import base64
from typing import Any, ClassVar

from django_filters import CharFilter, ChoiceFilter, UUIDFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from rules.models import Event, EventContent, Run
from rules.replay import ContentForgotten
from rules.verdicts import verdicts_of
from supportops.api.errors import Conflict
from supportops.api.filters import After, Before, OrganizationFilterSet
from supportops.api.views import OrganizationViewSet
from supportops.tenancy.roles import Permission
from webhooks import replaying
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryStatus


class DeliverySummarySerializer(serializers.Serializer[Any]):
    """A delivery in a list."""

    id = serializers.UUIDField()
    integration = serializers.UUIDField(source="integration_id", allow_null=True)
    platform = serializers.CharField()
    external_id = serializers.CharField()
    event = serializers.CharField(source="event_type")
    status = serializers.CharField()
    reason = serializers.CharField()
    received_at = serializers.DateTimeField()
    processed_at = serializers.DateTimeField(allow_null=True)


class DeliverySerializer(DeliverySummarySerializer):
    """A delivery with its body, its events, what each rule said of them, and the runs."""

    ip = serializers.CharField()
    headers = serializers.DictField(allow_null=True)
    body = serializers.CharField(allow_null=True)
    body_encoding = serializers.ChoiceField(choices=["utf-8", "base64"], allow_null=True)
    conflicts = serializers.IntegerField()
    events = serializers.ListField(child=serializers.DictField())
    runs = serializers.ListField(child=serializers.UUIDField())


class ReplaySerializer(serializers.Serializer[Any]):
    """What a replay led to."""

    delivery = serializers.UUIDField()
    runs = serializers.ListField(child=serializers.UUIDField())


class DeliveryFilters(OrganizationFilterSet):
    integration = UUIDFilter(field_name="integration_id")
    platform = CharFilter(field_name="platform")
    status = ChoiceFilter(choices=DeliveryStatus.choices)
    event = CharFilter(field_name="event_type")
    external_id = CharFilter(field_name="external_id")
    received_after = After(field_name="received_at")
    received_before = Before(field_name="received_at")

    class Meta:
        model = Delivery
        fields: ClassVar[list[str]] = []


class DeliveryViewSet(OrganizationViewSet):
    """Deliveries: requests of platforms, as they came."""

    model = Delivery
    serializer_class = DeliverySummarySerializer
    filterset_class = DeliveryFilters
    permission_map: ClassVar = {"replay": Permission.EXECUTE}

    @extend_schema(responses=DeliverySummarySerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(DeliverySummarySerializer(page, many=True).data)

    @extend_schema(responses=DeliverySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(delivery_as_dict(self.get_object()))

    @extend_schema(request=None, responses={202: ReplaySerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        delivery = self.get_object()
        try:
            planned = replaying.replay(delivery)
        except (replaying.CannotReplay, ContentForgotten) as error:
            raise Conflict("not_possible", str(error)) from None
        runs = [run_id for one in planned for run_id in one.run_ids]
        return Response({"delivery": delivery.pk, "runs": runs}, status=status.HTTP_202_ACCEPTED)


def delivery_as_dict(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery of the organization in scope in the form of the API, with what came of it."""
    body = DeliveryBody.objects.filter(pk=delivery.pk).first()
    text, encoding = _readable(bytes(body.raw)) if body else (None, None)
    events = list(Event.objects.filter(delivery_id=delivery.pk).order_by("pk"))
    contents = {row.pk: row for row in EventContent.objects.filter(pk__in=[event.pk for event in events])}
    return {
        **DeliverySummarySerializer(delivery).data,
        "ip": delivery.ip,
        "headers": body.headers if body else None,
        "body": text,
        "body_encoding": encoding,
        "conflicts": DeliveryConflict.objects.filter(delivery=delivery).count(),
        "events": [_event_as_dict(event, contents.get(event.pk)) for event in events],
        "runs": list(Run.objects.filter(delivery_id=delivery.pk).order_by("pk").values_list("pk", flat=True)),
    }


def _event_as_dict(event: Event, content: EventContent | None) -> dict[str, Any]:
    return {
        "id": event.pk,
        "type": event.type,
        "external_id": event.external_id,
        "occurred_at": event.occurred_at,
        "late": event.is_late,
        "out_of_order": event.is_out_of_order,
        "payload": content.payload if content else None,
        "rules_considered": event.rules_considered,
        "verdicts": verdicts_of(event, content),
    }


def _readable(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), "base64"
