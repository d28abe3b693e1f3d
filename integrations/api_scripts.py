"""The API's addresses for an organization's own scripts, which steps name as ``./scripts/<name>``."""

from typing import Any, ClassVar

from django_filters import CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import scripts
from integrations.models import Script, ScriptLanguage
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet


class ScriptSerializer(serializers.ModelSerializer[Script]):
    """A script of the organization. It runs where the operator grants scripts."""

    name = serializers.CharField(max_length=100)
    language = serializers.ChoiceField(choices=ScriptLanguage.choices)
    text = serializers.CharField(trim_whitespace=False, max_length=scripts.MOST_CHARACTERS)

    class Meta:
        model = Script
        fields = ["id", "name", "language", "text", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        # Uniqueness is told by the deed.
        validators: ClassVar[list[Any]] = []


class ScriptFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")
    language = CharFilter(field_name="language")

    class Meta:
        model = Script
        fields: ClassVar[list[str]] = []


class ScriptViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Scripts of the organization's own."""

    model = Script
    serializer_class = ScriptSerializer
    filterset_class = ScriptFilters

    @extend_schema(request=ScriptSerializer, responses={201: ScriptSerializer})
    def create(self, request: Request) -> Response:
        row = scripts.create_script(**_given(request))
        return Response(ScriptSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ScriptSerializer(partial=True), responses=ScriptSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = scripts.change_script(self.get_object(), **_given(request, partial=True))
        return Response(ScriptSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        scripts.delete_script(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _given(request: Request, *, partial: bool = False) -> dict[str, Any]:
    serializer = ScriptSerializer(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
