"""The API's addresses for people: who am I."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from supportops.api.views import OrganizationAPIView


class WhoAmI(serializers.Serializer[Any]):
    """The organization worked for, and what the caller may do there."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField(allow_null=True, help_text="The person's role; null for a token.")
    scopes = serializers.ListField(child=serializers.CharField())


class OrganizationView(OrganizationAPIView):
    """The caller's organization."""

    @extend_schema(responses=WhoAmI)
    def get(self, request: Request) -> Response:
        organization, caller = self.organization, self.caller
        return Response(
            {
                "id": organization.id,
                "slug": organization.slug,
                "name": organization.name,
                "role": caller.role or None,
                "scopes": sorted(caller.permissions),
            }
        )
