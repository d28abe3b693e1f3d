"""The API's address for events of the organization's own."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules.problems import Refused
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.errors import Conflict as ConflictProblem
from supportops.api.filters import number_parameter
from supportops.api.views import OrganizationAPIView
from supportops.tenancy.roles import Permission
from webhooks import own_events

_MOST_WAIT_SECONDS = 60


class OwnEventSerializer(serializers.Serializer[Any]):
    """An event to take in."""

    type = serializers.CharField(max_length=120, help_text="Such as deployment.post_setup, or any name of your own.")
    environment = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=63)
    payload = serializers.DictField(required=False, default=dict)
    id = serializers.CharField(
        required=False, allow_blank=True, max_length=own_events.MOST_ID, help_text="Makes a repeat harmless."
    )


class TakenSerializer(serializers.Serializer[Any]):
    delivery = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["accepted", "duplicate"])


class EventRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    rule = serializers.UUIDField()
    rule_name = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()


class EventOutcomeSerializer(serializers.Serializer[Any]):
    """How an event went: its runs, and what a script that waits goes by."""

    delivery = serializers.UUIDField()
    runs = EventRunSerializer(many=True)
    outcome = serializers.ChoiceField(choices=["succeeded", "failed", "running"])


class OwnEventsView(OrganizationAPIView):
    """Events of the organization's own."""

    permission_map: ClassVar = {"post": Permission.EXECUTE}

    @extend_schema(
        operation_id="events_create",
        request=OwnEventSerializer,
        responses={202: TakenSerializer, 200: EventOutcomeSerializer},
        parameters=[OpenApiParameter("wait", int, description="Seconds to wait for the outcome, up to 60.")],
    )
    def post(self, request: Request) -> Response:
        wait = number_parameter(request, "wait", 0, low=0, high=_MOST_WAIT_SECONDS)
        serializer = OwnEventSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if unknown := sorted(set(request.data) - set(serializer.fields)):
            raise ApiProblem(unknown[0], "unknown_field", f"There is no field '{unknown[0]}' here.")
        given = serializer.validated_data
        try:
            emitted = own_events.emit(
                given["type"],
                given["payload"],
                environment=given.get("environment") or "",
                event_id=given.get("id") or "",
            )
        except Refused as refused:
            raise ApiProblems([ApiProblem(p.attr, p.code, p.detail) for p in refused.problems]) from None
        except own_events.Conflict as conflict:
            raise ConflictProblem("conflict", str(conflict), attr="id") from None
        if not wait:
            taken = {
                "delivery": emitted.delivery_id,
                "status": "duplicate" if emitted.is_duplicate else "accepted",
            }
            return Response(taken, status=status.HTTP_200_OK if emitted.is_duplicate else status.HTTP_202_ACCEPTED)
        own_events.wait_for(emitted.delivery_id, wait)
        outcome, runs = own_events.outcome_of(emitted.delivery_id)
        shown = [
            {
                "id": run.pk,
                "rule": run.rule_id,
                "rule_name": run.rule.name,
                "status": run.status,
                "reason": run.reason,
            }
            for run in runs
        ]
        return Response({"delivery": emitted.delivery_id, "runs": shown, "outcome": outcome})
