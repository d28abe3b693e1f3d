"""The API's addresses for variables: what rules read as ``env.NAME``. No answer ever holds a secret's value."""

from typing import Any, ClassVar

from django_filters import BooleanFilter, CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import variables
from rules.models import Variable
from rules.problems import Refused
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet
from supportops.tenancy.roles import Permission


class VariableSerializer(serializers.Serializer[Any]):
    """A variable. `value` is null in answers where the variable is secret."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=63)
    value = serializers.JSONField(required=False, help_text="A text, number or boolean; a secret is a text.")
    secret = serializers.BooleanField(required=False, default=False)
    environment = serializers.CharField(required=False, allow_null=True, max_length=63)
    hosts = serializers.ListField(
        child=serializers.CharField(max_length=300),
        required=False,
        help_text="Where a secret may be sent: host[:port], or an origin.",
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)


class VariableFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")
    environment = CharFilter(field_name="environment__name")
    secret = BooleanFilter(field_name="is_secret")

    class Meta:
        model = Variable
        fields: ClassVar[list[str]] = []


def variable_as_dict(row: Variable) -> dict[str, Any]:
    """Return a variable in the form of the API."""
    return {
        "id": row.pk,
        "name": row.name,
        "value": None if row.is_secret else row.value,
        "secret": row.is_secret,
        "environment": row.environment.name if row.environment else None,
        "hosts": row.hosts,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


class VariableViewSet(OrganizationViewSet):
    """Variables of the organization, by environment."""

    model = Variable
    serializer_class = VariableSerializer
    filterset_class = VariableFilters
    permission_map: ClassVar[dict[str, Permission]] = {}

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("environment")

    @extend_schema(responses=VariableSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([variable_as_dict(row) for row in page])

    @extend_schema(request=VariableSerializer, responses={201: VariableSerializer})
    def create(self, request: Request) -> Response:
        row = _done(lambda: variables.create(_wish(request)))
        return Response(
            {**variable_as_dict(row), "warnings": variables.warnings_of(row)}, status=status.HTTP_201_CREATED
        )

    @extend_schema(responses=VariableSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(variable_as_dict(self.get_object()))

    @extend_schema(request=VariableSerializer(partial=True), responses=VariableSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        changed = _done(lambda: variables.change(row, _wish(request, row)))
        return Response({**variable_as_dict(changed), "warnings": variables.warnings_of(changed)})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        variables.delete(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _wish(request: Request, row: Variable | None = None) -> variables.Wish:
    """Return what a request asks for; what it leaves out stays as `row` has it."""
    serializer = VariableSerializer(data=request.data, partial=row is not None)
    serializer.is_valid(raise_exception=True)
    if unknown := sorted(set(request.data) - set(serializer.fields)):
        raise ApiProblem(unknown[0], "unknown_field", f"There is no field '{unknown[0]}' here.")
    given = serializer.validated_data
    before = variable_as_dict(row) if row is not None else {}
    return variables.Wish(
        name=given.get("name", before.get("name", "")),
        value=given.get("value"),
        is_secret=given["secret"] if "secret" in request.data else before.get("secret", False),
        environment=given["environment"] if "environment" in given else before.get("environment"),
        hosts=tuple(given["hosts"] if "hosts" in given else before.get("hosts", ())),
    )


def _done(act: Any) -> Variable:
    try:
        row: Variable = act()
    except Refused as refused:
        raise ApiProblems([ApiProblem(item.attr, item.code, item.detail) for item in refused.problems]) from None
    return row
