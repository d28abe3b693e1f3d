"""The API's addresses of the audit log: look, verify, export. Nothing can be changed here."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django_filters import CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import export, showing
from audit.models import AuditEntry, AuditPerson
from audit.verifying import verify
from supportops import clock
from supportops.api.filters import After, Before, OrganizationFilterSet
from supportops.api.views import OrganizationAPIView, OrganizationViewSet, in_scope

_ACTOR_TYPES = ("user", "token", "platform", "system")


class AuditActor(serializers.Serializer[Any]):
    """Who acted. The name is empty once it was erased."""

    type = serializers.ChoiceField(choices=_ACTOR_TYPES)
    id = serializers.CharField()
    name = serializers.CharField()


class AuditLog(serializers.Serializer[Any]):
    """One act."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = AuditActor()
    action = serializers.CharField(help_text="Such as rule.changed.")
    resource_type = serializers.CharField()
    resource_id = serializers.CharField()
    changes = serializers.JSONField(help_text="What changed or came out; secrets are masked.")
    ip = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    trace_id = serializers.CharField(help_text="Shared by everything that one delivery led to.")
    sealed = serializers.BooleanField(help_text="Whether the entry has its place in the chain; a matter of seconds.")
    position = serializers.IntegerField(allow_null=True)
    hash = serializers.CharField(allow_null=True)


class AuditLogFilters(OrganizationFilterSet):
    """What may be asked for. `actor` is an id, a name or address, or a type such as `system`."""

    resource_type = CharFilter()
    resource_id = CharFilter()
    actor = CharFilter(method="by_actor")
    action = CharFilter()
    after = After(field_name="at")
    before = Before(field_name="at")

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def by_actor(self, entries: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        if value in _ACTOR_TYPES:
            return entries.filter(actor_type=value)
        people = AuditPerson.objects.filter(name__iexact=value, mentioned_in__isnull=True)
        return entries.filter(Q(actor_id=value) | Q(person__in=list(people.values_list("id", flat=True))))


class AuditLogViewSet(OrganizationViewSet):
    """The organization's audit log, newest first."""

    model = AuditEntry
    serializer_class = AuditLog
    filterset_class = AuditLogFilters

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(showing.shown(page or []))


class AuditHead(serializers.Serializer[Any]):
    """The end of the chain. Note it elsewhere: it shows whether the end was cut off or all was rewritten."""

    position = serializers.IntegerField()
    hash = serializers.CharField()


class AuditVerification(serializers.Serializer[Any]):
    """Whether the log is as it was written, and if not, where it is broken first."""

    valid = serializers.BooleanField()
    entries = serializers.IntegerField()
    first_broken = serializers.IntegerField(allow_null=True, help_text="A position.")
    reason = serializers.CharField(allow_null=True)
    entry = serializers.UUIDField(allow_null=True)
    head = AuditHead()
    trimmed_to = serializers.IntegerField(help_text="Positions up to here were removed after their time.")
    unsealed = serializers.IntegerField(help_text="Entries that wait for their place in the chain.")
    oldest_unsealed_at = serializers.DateTimeField(allow_null=True)


class VerifyView(OrganizationAPIView):
    """Verifies the organization's audit log."""

    @extend_schema(responses=AuditVerification, operation_id="audit_verify")
    def get(self, request: Request) -> Response:
        found = verify(self.organization)
        return Response(
            {
                "valid": found.valid,
                "entries": found.entries,
                "first_broken": found.first_broken,
                "reason": found.reason or None,
                "entry": found.entry_id,
                "head": {"position": found.head.position, "hash": found.head.hash},
                "trimmed_to": found.trimmed_to,
                "unsealed": found.unsealed,
                "oldest_unsealed_at": found.oldest_unsealed_at,
            }
        )


class ExportView(OrganizationAPIView):
    """The organization's audit log as JSON Lines, in the order of the chain."""

    @extend_schema(
        operation_id="audit_export",
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR,
                description="One entry per line, with what `verify_export.py` needs. X-Audit-Head is the chain's head.",
            )
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        head = export.begin()
        response = StreamingHttpResponse(in_scope(export.lines()), content_type="application/x-ndjson")
        name = f"audit-{self.organization.slug}-{clock.now():%Y%m%d-%H%M%S}.jsonl"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["X-Audit-Head"] = str(head)
        return response
