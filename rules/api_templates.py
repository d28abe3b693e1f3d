"""The API's addresses for the gallery of templates."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from rules import authoring, gallery, installing
from rules.api import RuleSerializer, rule_as_dict
from rules.gallery import Template, UnknownTemplate
from rules.problems import Refused
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.views import OrganizationAPIView
from supportops.tenancy.roles import Permission


class TemplateSerializer(serializers.Serializer[Any]):
    """A template. `parameters` is a JSON Schema of what its installation takes."""

    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    group = serializers.CharField()
    platforms = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField()
    rules = serializers.ListField(child=serializers.CharField(), help_text="The names of the rules it makes.")


class TemplateListSerializer(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = TemplateSerializer(many=True)


class InstallationSerializer(serializers.Serializer[Any]):
    """How a template is installed. What is left out has its default; the rules are disabled unless asked for."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=150)
    parameters = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False, default=False)


class InstalledSerializer(serializers.Serializer[Any]):
    rules = RuleSerializer(many=True)


def template_as_dict(template: Template) -> dict[str, Any]:
    """Return a template in the form of the API, with the environments of the organization in scope."""
    return {
        "key": template.key,
        "title": template.title,
        "description": template.description,
        "group": template.group,
        "platforms": template.platforms,
        "parameters": gallery.model_of(template, installing.environment_names()).model_json_schema(),
        "rules": [rule["name"] for rule in template.rules],
    }


class TemplatesView(OrganizationAPIView):
    """All templates."""

    @extend_schema(operation_id="rules_templates_list", responses=TemplateListSerializer)
    def get(self, request: Request) -> Response:
        found = [template_as_dict(template) for template in gallery.templates().values()]
        return Response({"next": None, "previous": None, "results": found})


class TemplateView(OrganizationAPIView):
    """One template, and making rules of it."""

    permission_map: ClassVar[dict[str, Permission]] = {}

    @extend_schema(operation_id="rules_templates_retrieve", responses=TemplateSerializer)
    def get(self, request: Request, key: str) -> Response:
        return Response(template_as_dict(_template(key)))

    @extend_schema(
        operation_id="rules_templates_install", request=InstallationSerializer, responses={201: InstalledSerializer}
    )
    def post(self, request: Request, key: str) -> Response:
        template = _template(key)
        wanted = InstallationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if unknown := sorted(set(request.data) - set(wanted.fields)):
            raise ApiProblem(unknown[0], "unknown_field", f"There is no field '{unknown[0][:80]}' here.")
        given = wanted.validated_data
        try:
            created = installing.install(
                template,
                given.get("parameters") or {},
                name=given.get("name", ""),
                is_enabled=given["enabled"],
                author=self.caller.actor.name,
            )
        except Refused as refused:
            raise ApiProblems([ApiProblem(item.attr, item.code, item.detail) for item in refused.problems]) from None
        shown = [rule_as_dict(rule, authoring.live_version(rule).document, warnings) for rule, warnings in created]
        return Response({"rules": shown}, status=status.HTTP_201_CREATED)


def _template(key: str) -> Template:
    try:
        return gallery.template(key)
    except UnknownTemplate as error:
        raise ApiProblem(None, "not_found", str(error), status=404) from None
