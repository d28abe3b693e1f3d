"""The API's address that takes a `.env` file in as variables: first its plan, then with corrections. Names no value."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from rules import env_import
from rules.env_import import CORRECTED, Planned
from rules.problems import Refused
from supportops.api.bodies import FileNegotiation, TextParser, text_in
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.json import JsonParser
from supportops.api.views import OrganizationAPIView


class CorrectionSerializer(serializers.Serializer[Any]):
    """What shall be otherwise than proposed for the variable that begins in a line."""

    line = serializers.IntegerField(min_value=1)
    name = serializers.CharField(required=False, max_length=63)
    environment = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=63)
    secret = serializers.BooleanField(required=False)
    hosts = serializers.ListField(required=False, child=serializers.CharField(max_length=300))
    skip = serializers.BooleanField(required=False)


class EnvImportSerializer(serializers.Serializer[Any]):
    """A `.env` file, and corrections of its plan."""

    text = serializers.CharField(trim_whitespace=False)
    variables = CorrectionSerializer(many=True, required=False)


class PlannedVariableSerializer(serializers.Serializer[Any]):
    """What taking in one line would do, or did."""

    line = serializers.IntegerField()
    name_in_file = serializers.CharField()
    name = serializers.CharField()
    environment = serializers.CharField(allow_null=True)
    secret = serializers.BooleanField()
    why_secret = serializers.CharField(allow_blank=True)
    hosts = serializers.ListField(child=serializers.CharField())
    action = serializers.ChoiceField(choices=["created", "changed", "unchanged", "skipped"])
    notes = serializers.ListField(child=serializers.CharField())
    problems = serializers.ListField(child=serializers.DictField())


class EnvPlanSerializer(serializers.Serializer[Any]):
    """The plan of an import. `valid`: nothing stands against it."""

    valid = serializers.BooleanField()
    variables = PlannedVariableSerializer(many=True)


class VariableImportView(OrganizationAPIView):
    """Takes a `.env` file in: all of it, or nothing."""

    parser_classes = (JsonParser, MultiPartParser, TextParser)
    content_negotiation_class = FileNegotiation

    @extend_schema(
        operation_id="variables_import",
        parameters=[OpenApiParameter("dry_run", bool, description="Answer with the plan; change nothing.")],
        request={"application/json": EnvImportSerializer, "text/plain": OpenApiTypes.STR},
        responses=EnvPlanSerializer,
    )
    def post(self, request: Request) -> Response:
        text, corrections = _given(request)
        try:
            planned = env_import.plan(text, corrections)
            problems = list(env_import.problems_of(planned))
            if request.query_params.get("dry_run", "").lower() not in ("1", "true", "yes"):
                env_import.take_in(planned)
        except Refused as refused:
            raise ApiProblems([ApiProblem(item.attr, item.code, item.detail) for item in refused.problems]) from None
        return Response({"valid": not problems, "variables": _shown(planned)})


def _shown(planned: list[Planned]) -> list[dict[str, Any]]:
    return [item.as_dict() for item in planned]


def _given(request: Request) -> tuple[str, dict[int, dict[str, Any]]]:
    data: Any = request.data
    is_json = (request.content_type or "").partition(";")[0].strip() == "application/json"
    if not is_json:
        return text_in(request), {}
    serializer = EnvImportSerializer(data=data)
    serializer.is_valid(raise_exception=True)
    corrections: dict[int, dict[str, Any]] = {}
    for place, item in enumerate(serializer.validated_data.get("variables", [])):
        if item["line"] in corrections:
            raise ApiProblem(f"variables.{place}.line", "not_unique", f"Line {item['line']} is corrected twice.")
        corrections[item["line"]] = {name: item[name] for name in CORRECTED if name in item}
    return str(serializer.validated_data["text"]), corrections
