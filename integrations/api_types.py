"""The API's addresses for integration types: kinds of platforms that an organization describes itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_filters import CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import trying, type_lifecycle
from integrations.lifecycle import Refused
from integrations.models import IntegrationType
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet
from supportops.tenancy.roles import Permission


class IntegrationTypeSerializer(serializers.Serializer[Any]):
    """An integration type. What its parts may hold is checked as a whole (integrations/type_documents.py)."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=200)
    key = serializers.CharField(required=False, max_length=63, help_text="Made from the name where it is left out.")
    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    module = serializers.CharField(required=False, allow_blank=True, max_length=63)
    base_url = serializers.CharField(required=False, allow_blank=True, max_length=500)
    sign_in = serializers.DictField(required=False)
    parameters = serializers.ListField(child=serializers.DictField(), required=False)
    test = serializers.DictField(required=False, allow_null=True)
    actions = serializers.ListField(child=serializers.DictField(), required=False)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class ChangeSerializer(IntegrationTypeSerializer):
    """What to change. `forget_credentials`: integrations lose their secrets where these would go elsewhere."""

    forget_credentials = serializers.BooleanField(required=False, write_only=True)


class TrySerializer(serializers.Serializer[Any]):
    """A test call. Credentials for it alone, or an integration's stored ones."""

    action = serializers.CharField(max_length=80, required=False, default=trying.TEST)
    parameters = serializers.DictField(required=False)
    credentials = serializers.DictField(required=False)
    integration = serializers.CharField(required=False, max_length=200)


class IntegrationTypeFilters(OrganizationFilterSet):
    key = CharFilter(field_name="key")
    module = CharFilter(field_name="module")

    class Meta:
        model = IntegrationType
        fields: ClassVar[list[str]] = []


def type_as_dict(row: IntegrationType) -> dict[str, Any]:
    """Return an integration type in the form of the API."""
    return {"id": row.pk, **row.document, "created_at": row.created_at, "updated_at": row.updated_at}


class IntegrationTypeViewSet(OrganizationViewSet):
    """Integration types of the organization."""

    model = IntegrationType
    serializer_class = IntegrationTypeSerializer
    filterset_class = IntegrationTypeFilters
    permission_map: ClassVar = {"try_it": Permission.EXECUTE}

    @extend_schema(responses=IntegrationTypeSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([type_as_dict(row) for row in page])

    @extend_schema(request=IntegrationTypeSerializer, responses={201: IntegrationTypeSerializer})
    def create(self, request: Request) -> Response:
        given = _given(IntegrationTypeSerializer(data=request.data), request)
        row = _done(lambda: type_lifecycle.create(given))
        return Response(type_as_dict(row), status=status.HTTP_201_CREATED)

    @extend_schema(responses=IntegrationTypeSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(type_as_dict(self.get_object()))

    @extend_schema(request=ChangeSerializer(partial=True), responses=IntegrationTypeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        given = _given(ChangeSerializer(data=request.data, partial=True), request)
        forget = bool(given.pop("forget_credentials", False))
        return Response(type_as_dict(_done(lambda: type_lifecycle.change(row, given, forget_credentials=forget))))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        _done(lambda: type_lifecycle.delete(row))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=TrySerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="try")
    def try_it(self, request: Request, pk: str) -> Response:
        """Make a test call and show request and answer, without secrets."""
        row = self.get_object()
        given = _given(TrySerializer(data=request.data), request)
        if "credentials" in given and not self.caller.may(Permission.WRITE):
            raise exceptions.PermissionDenied("Trying other credentials than stored ones needs the permission 'write'.")
        trial = _done(
            lambda: trying.try_type(
                row,
                given["action"],
                given.get("parameters") or {},
                credentials=given.get("credentials"),
                integration=given.get("integration"),
            )
        )
        return Response(trial.as_dict())


def _given(serializer: serializers.Serializer[Any], request: Request) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data = request.data if isinstance(request.data, Mapping) else {}
    known = [name for name, field in serializer.fields.items() if not field.read_only]
    if unknown := sorted(set(data) - set(serializer.fields)):
        detail = f"There is no field '{unknown[0]}'. Fields: {', '.join(known)}."
        raise ApiProblem(unknown[0], "unknown_field", detail)
    checked: dict[str, Any] = serializer.validated_data
    return checked


def _done(deed: Any) -> Any:
    try:
        return deed()
    except Refused as refusal:
        raise ApiProblems([ApiProblem(p.attr or None, p.code, p.detail) for p in refusal.problems]) from None
