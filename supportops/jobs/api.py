"""The API's addresses for long work: progress, result, stop, resume."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.api.views import OrganizationViewSet
from supportops.jobs import running
from supportops.jobs.models import Job
from supportops.tenancy.roles import Permission


class JobSerializer(serializers.ModelSerializer[Job]):
    """Long work and how far it is."""

    result = serializers.JSONField(read_only=True, allow_null=True, help_text="What came of it, once it has ended.")

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "status",
            "done",
            "total",
            "result",
            "error",
            "author",
            "cancel_requested_at",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Long work: imports, backtests, back-fills, retries of many."""

    model = Job
    serializer_class = JobSerializer
    permission_map: ClassVar = dict.fromkeys(("cancel", "resume"), Permission.EXECUTE)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it: at once when nobody works at it, else after the slice under way."""
        return Response(JobSerializer(running.cancel(self.get_object())).data)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on with one that was cancelled or has failed, where it stopped."""
        return Response(JobSerializer(running.resume(self.get_object())).data)


def accepted(job: Job) -> Response:
    """Return the answer to a request that started long work: 202 with the job's id."""
    return Response({"job": str(job.pk)}, status=202)


class AcceptedJob(serializers.Serializer[Any]):
    """The job that does what was asked for."""

    job = serializers.UUIDField()
