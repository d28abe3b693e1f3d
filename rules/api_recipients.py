"""The API's addresses for lists of recipients: what rules read as ``recipients.NAME``."""

from typing import Any, ClassVar

from django_filters import CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import recipients
from rules.models import RecipientList
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet


class RecipientListSerializer(serializers.Serializer[Any]):
    """People whom rules write to. Each has a name, and at least one of email, user (direct messages) and phone."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=63)
    environment = serializers.CharField(required=False, allow_null=True, max_length=63)
    people = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField(allow_blank=True, allow_null=True)),
        max_length=recipients.MOST_PEOPLE,
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class RecipientFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")
    environment = CharFilter(field_name="environment__name")

    class Meta:
        model = RecipientList
        fields: ClassVar[list[str]] = []


def recipients_as_dict(row: RecipientList) -> dict[str, Any]:
    """Return a list in the form of the API."""
    return {
        "id": row.pk,
        "name": row.name,
        "environment": row.environment.name if row.environment else None,
        "people": row.people,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


class RecipientListViewSet(OrganizationViewSet):
    """Lists of people by environment, for mails, direct messages and SMS."""

    model = RecipientList
    serializer_class = RecipientListSerializer
    filterset_class = RecipientFilters

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("environment")

    @extend_schema(responses=RecipientListSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([recipients_as_dict(row) for row in page])

    @extend_schema(request=RecipientListSerializer, responses={201: RecipientListSerializer})
    def create(self, request: Request) -> Response:
        row = recipients.create_list(**_given(request))
        return Response(recipients_as_dict(row), status=status.HTTP_201_CREATED)

    @extend_schema(responses=RecipientListSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(recipients_as_dict(self.get_object()))

    @extend_schema(request=RecipientListSerializer(partial=True), responses=RecipientListSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = recipients.change_list(self.get_object(), **_given(request, partial=True))
        return Response(recipients_as_dict(row))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        recipients.delete_list(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _given(request: Request, *, partial: bool = False) -> dict[str, Any]:
    serializer = RecipientListSerializer(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
