"""The API's address for looking for what was missed."""

import uuid
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import registry
from integrations.models import Integration
from supportops import clock
from supportops.api.errors import ApiProblem
from supportops.api.views import OrganizationAPIView
from supportops.jobs import running
from supportops.jobs.api import AcceptedJob, accepted
from supportops.tenancy.roles import Permission
from webhooks.reconciling import LONGEST, since_last_sign


class ReconcileSerializer(serializers.Serializer[Any]):
    """From when on; where it is left out, since the last sign of the platform. At most seven days."""

    since = serializers.DateTimeField(required=False)


class ReconcileView(OrganizationAPIView):
    """Asks the platform what changed there without a webhook of it reaching us."""

    permission_map: ClassVar = {"post": Permission.EXECUTE}

    @extend_schema(request=ReconcileSerializer, responses={202: AcceptedJob}, operation_id="integrations_reconcile")
    def post(self, request: Request, pk: str) -> Response:
        row = _integration(pk)
        wanted = ReconcileSerializer(data=request.data or {})
        wanted.is_valid(raise_exception=True)
        connector = registry.get(row.platform)
        if not connector.can("list_changes"):
            raise ApiProblem(None, "not_supported", f"{connector.name} has no way to list what changed.")
        since = wanted.validated_data.get("since") or since_last_sign(row)
        if since < clock.now() - LONGEST:
            since = clock.now() - LONGEST
        return accepted(
            running.start("integrations.reconcile", {"integration": str(row.pk), "since": since.isoformat()}, total=1)
        )


def _integration(pk: str) -> Integration:
    try:
        row: Integration | None = Integration.objects.filter(pk=uuid.UUID(pk)).first()
    except ValueError:
        row = None
    if row is None:
        raise Http404
    return row
