"""The API's addresses for rules as files: export, and import with its plan."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import exchange
from rules.models import Rule
from supportops.api.bodies import FileNegotiation, TextParser
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.views import OrganizationAPIView
from supportops.jobs import running
from supportops.tenancy.roles import Permission

_TYPES = {"yaml": "application/yaml; charset=utf-8", "json": "application/json"}
_QUERY = [
    OpenApiParameter("dry_run", bool, description="Answer at once with the plan; change nothing."),
    OpenApiParameter("disabled", bool, description="What is created or changed lands disabled."),
]


class ChangeSerializer(serializers.Serializer[Any]):
    """What taking in one document would do, or does."""

    name = serializers.CharField()
    action = serializers.ChoiceField(choices=["created", "changed", "unchanged"])
    changes = serializers.ListField(child=serializers.CharField())
    problems = serializers.ListField(child=serializers.DictField())
    warnings = serializers.ListField(child=serializers.DictField())


class PlanSerializer(serializers.Serializer[Any]):
    """The plan of an import. `valid`: nothing stands against it."""

    valid = serializers.BooleanField()
    rules = ChangeSerializer(many=True)


class ImportJobSerializer(serializers.Serializer[Any]):
    job = serializers.UUIDField()
    rules = ChangeSerializer(many=True)


class RuleExportView(OrganizationAPIView):
    """The organization's rules as one file."""

    content_negotiation_class = FileNegotiation

    @extend_schema(
        operation_id="rules_export",
        parameters=[
            OpenApiParameter("format", str, enum=["yaml", "json"]),
            OpenApiParameter("name", str, many=True, description="Only rules of these names."),
        ],
        responses={(200, "application/yaml"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        form = request.query_params.get("format", "yaml")
        rules = Rule.objects.filter(deleted_at__isnull=True).order_by("name")
        if names := request.query_params.getlist("name"):
            rules = rules.filter(name__in=names)
            if missing := sorted(set(names) - set(rules.values_list("name", flat=True))):
                raise ApiProblem("name", "not_found", f"There is no rule '{missing[0]}'.")
        try:
            text = exchange.export(list(rules), form)
        except ValueError as error:
            raise ApiProblem("format", "invalid", str(error)) from None
        response = HttpResponse(text, content_type=_TYPES[form])
        response["Content-Disposition"] = f'attachment; filename="rules.{form}"'
        return response


class RuleImportView(OrganizationAPIView):
    """Takes rules in by their names; never executes or deletes anything."""

    parser_classes = (TextParser,)
    content_negotiation_class = FileNegotiation
    permission_map: ClassVar[dict[str, Permission]] = {}

    @extend_schema(
        operation_id="rules_import",
        parameters=_QUERY,
        request={"application/yaml": OpenApiTypes.STR, "application/json": OpenApiTypes.OBJECT},
        responses={200: PlanSerializer, 202: ImportJobSerializer},
    )
    def post(self, request: Request) -> Response:
        # An empty body never reaches the parser.
        data: Any = request.data
        text = data if isinstance(data, str) else ""
        try:
            changes = exchange.plan(exchange.read(text), disabled=_flag(request, "disabled"))
        except exchange.NotReadable as error:
            where = f" (line {error.line})" if error.line else ""
            raise ApiProblem(None, "malformed", f"{error.message}{where}") from None
        shown = [change.as_dict() for change in changes]
        valid = not any(change.problems for change in changes)
        if _flag(request, "dry_run"):
            return Response({"valid": valid, "rules": shown})
        if not valid:
            raise ApiProblems(
                [
                    ApiProblem(f"rules.{place}.{told['attr']}".rstrip("."), told["code"], _with_line(told))
                    for place, change in enumerate(shown)
                    for told in change["problems"]
                ]
            )
        documents = [change.typed for change in changes]
        job = running.start("rules.import", {"documents": documents}, total=len(documents))
        return Response({"job": job.pk, "rules": shown}, status=status.HTTP_202_ACCEPTED)


def _with_line(told: dict[str, Any]) -> str:
    return f"{told['detail']} (in line {told['line']} of the text)" if "line" in told else told["detail"]


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "").lower()
    if text not in ("", "0", "1", "true", "false"):
        raise ApiProblem(name, "invalid", f"`{name}` is 1 or 0.")
    return text in ("1", "true")
