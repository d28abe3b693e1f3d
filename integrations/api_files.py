"""The API's addresses for the organization's files: upload, list, download, delete."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django_filters import CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import files
from integrations.attachments import MOST_BYTES
from integrations.models import StoredFile
from supportops.api.errors import ApiProblem
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet

# What a form adds to the file itself.
_FORM_BYTES = 64 * 1024


class FileSerializer(serializers.ModelSerializer[StoredFile]):
    """A file of the organization, without its bytes."""

    class Meta:
        model = StoredFile
        fields = ["id", "name", "content_type", "size", "sha256", "created_at", "created_by"]
        read_only_fields = fields


class UploadSerializer(serializers.Serializer[Any]):
    """A file to store, as multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, max_length=None, help_text="At most 25 MiB.")
    name = serializers.CharField(
        required=False, max_length=255, help_text="Unique in the organization; the file's own when left out."
    )
    content_type = serializers.CharField(required=False, max_length=120)


class FileFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")

    class Meta:
        model = StoredFile
        fields: ClassVar[list[str]] = []


@extend_schema_view(list=extend_schema(description="The organization's files."))
class FileViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Files that actions send: named in parameters by name or id."""

    model = StoredFile
    serializer_class = FileSerializer
    filterset_class = FileFilters
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Before anything of the body is read.
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > MOST_BYTES + _FORM_BYTES:
            raise ApiProblem("file", "too_large", files.too_large(), status=413)

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: FileSerializer})
    def create(self, request: Request) -> Response:
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        upload = given.validated_data["file"]
        if upload.size > MOST_BYTES:
            raise ApiProblem("file", "too_large", files.too_large(), status=413)
        row = files.create_file(
            given.validated_data.get("name") or upload.name,
            upload.read(),
            given.validated_data.get("content_type") or upload.content_type or "",
        )
        return Response(FileSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        files.delete_file(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def content(self, request: Request, pk: str) -> HttpResponse:
        """The bytes of the file."""
        return download_of(self.get_object())


def download_of(row: StoredFile) -> HttpResponse:
    """Return the answer that holds a file: something to keep, never a page of ours."""
    response = HttpResponse(files.content_of(row), content_type=row.content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=row.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
