"""The API's addresses for lookup tables: what rules read as ``vars.NAME["key"]``."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django_filters import CharFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from rules import lookup_tables
from rules.models import LookupTable
from rules.problems import Refused
from rules.table_text import MOST_ROWS, as_csv, as_json, fits_csv, read_table
from supportops.api.bodies import FileNegotiation, TextParser, text_in
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.filters import OrganizationFilterSet
from supportops.api.views import OrganizationViewSet

_FORMS = {"csv": "text/csv", "json": "application/json"}
_FORMAT = OpenApiParameter("format", str, enum=list(_FORMS), description="csv or json.")


class LookupTableSerializer(serializers.Serializer[Any]):
    """A lookup table. Lists leave out `rows` and `used_by`."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=63)
    description = serializers.CharField(required=False, allow_blank=True, max_length=500)
    rows = serializers.JSONField(
        help_text=f"An object: for each key a text, a number, true or false, a list or an object. {MOST_ROWS} at most."
    )
    row_count = serializers.IntegerField(read_only=True)
    used_by = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Names of the rules that name the table."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class DeletedTableSerializer(serializers.Serializer[Any]):
    """What follows from a deletion."""

    warnings = serializers.ListField(child=serializers.CharField())


class LookupTableFilters(OrganizationFilterSet):
    name = CharFilter(field_name="name")

    class Meta:
        model = LookupTable
        fields: ClassVar[list[str]] = []


def table_as_dict(row: LookupTable, *, whole: bool = True) -> dict[str, Any]:
    """Return a table in the form of the API; `whole`: with its rows."""
    about = {"id": row.pk, "name": row.name, "description": row.description}
    rows = {"rows": row.rows, "used_by": lookup_tables.rules_naming(row.name)} if whole else {}
    times = {"created_at": row.created_at, "updated_at": row.updated_at}
    return {**about, **rows, "row_count": row.row_count, **times}


class LookupTableViewSet(OrganizationViewSet):
    """Lookup tables of the organization."""

    model = LookupTable
    serializer_class = LookupTableSerializer
    filterset_class = LookupTableFilters

    @extend_schema(responses=LookupTableSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().defer("rows"))) or []
        return self.get_paginated_response([table_as_dict(row, whole=False) for row in page])

    @extend_schema(request=LookupTableSerializer, responses={201: LookupTableSerializer})
    def create(self, request: Request) -> Response:
        row = _done(lambda: lookup_tables.create_table(**_given(request)))
        return Response(table_as_dict(row), status=status.HTTP_201_CREATED)

    @extend_schema(responses=LookupTableSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(table_as_dict(self.get_object()))

    @extend_schema(request=LookupTableSerializer(partial=True), responses=LookupTableSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return Response(table_as_dict(_done(lambda: lookup_tables.change_table(row, **_given(request, partial=True)))))

    @extend_schema(responses={204: None, 200: DeletedTableSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a table. Where rules name it the answer is 200 and says which."""
        told = lookup_tables.told_of(lookup_tables.delete_table(self.get_object()))
        return Response({"warnings": [told]}) if told else Response(status=status.HTTP_204_NO_CONTENT)


class TableRowsViewSet(OrganizationViewSet):
    """The rows of a lookup table as a file: CSV or JSON."""

    model = LookupTable
    serializer_class = LookupTableSerializer
    parser_classes = (MultiPartParser, TextParser)
    content_negotiation_class = FileNegotiation

    @extend_schema(
        operation_id="lookup_tables_rows_retrieve",
        parameters=[_FORMAT],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """Return the rows. Without `?format=` as CSV where that can hold them, else as JSON."""
        row = self.get_object()
        file: HttpResponse = _done(lambda: table_file(row, _form(request)))
        return file

    @extend_schema(
        operation_id="lookup_tables_rows_update",
        parameters=[_FORMAT],
        request={"text/csv": OpenApiTypes.STR, "application/json": OpenApiTypes.OBJECT},
        responses=LookupTableSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        """Replace all rows by those of a text: the body, or the `file` of a form."""
        row = self.get_object()
        text = text_in(request)
        changed = _done(lambda: lookup_tables.change_table(row, rows=read_table(text, _form(request))))
        return Response(table_as_dict(changed))


def table_file(row: LookupTable, form: str = "") -> HttpResponse:
    """Return a table's rows as a file to keep. `form`: csv, json, or "" for CSV where it can hold them.

    Raises Refused.
    """
    form = form or ("csv" if fits_csv(row.rows) else "json")
    text = as_csv(row.rows) if form == "csv" else as_json(row.rows)
    response = HttpResponse(text, content_type=f"{_FORMS[form]}; charset=utf-8")
    disposition = content_disposition_header(as_attachment=True, filename=f"{row.name}.{form}")
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _form(request: Request) -> str:
    form: str = request.query_params.get("format", "")
    if form and form not in _FORMS:
        raise ApiProblem("format", "invalid", f"There is no format '{form[:20]}': csv or json.")
    return form


def _given(request: Request, *, partial: bool = False) -> dict[str, Any]:
    serializer = LookupTableSerializer(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _done(act: Any) -> Any:
    try:
        return act()
    except Refused as refused:
        raise ApiProblems([ApiProblem(item.attr, item.code, item.detail) for item in refused.problems]) from None
