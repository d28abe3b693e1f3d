"""The API's addresses for rules: documents, versions, trials, execution."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import F
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import specs
from rules import authoring, interventions, trial
from rules.api_backtest import (
    BacktestSerializer,
    JobStartedSerializer,
    UnsavedBacktestSerializer,
    start_backtest,
)
from rules.api_runs import run_as_dict, wait_for_run
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.compiled import CompiledRule, compile_rule, compiled_version
from rules.earlier import told_of
from rules.inputs import checked_inputs
from rules.models import Event, EventContent, Rule, RuleVersion
from rules.problems import Problem, Refused
from rules.replay import stored_event
from rules.script_checks import refuse_without_grant
from supportops.api.errors import ApiProblem, ApiProblems
from supportops.api.filters import number_parameter
from supportops.api.views import OrganizationAPIView, OrganizationViewSet
from supportops.ids import new_id
from supportops.tenancy.models import Environment
from supportops.tenancy.roles import Permission

_MOST_WAIT_SECONDS = 60
# Shown with a document but no part of it: sent back with it they are ignored, so that what was read can be written.
_READ_ONLY = frozenset({"id", "version", "warnings", "created_at", "updated_at"})


class RuleDocumentSerializer(serializers.Serializer[Any]):
    """A rule document. `actions` and `steps` are two names of one list; docs/rules.md describes every part."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False, default=True)
    trigger = serializers.DictField(required=False)
    actions = serializers.ListField(child=serializers.DictField(), required=False)
    steps = serializers.ListField(child=serializers.DictField(), required=False)
    inputs = serializers.DictField(required=False)
    concurrency = serializers.DictField(required=False)
    late = serializers.ChoiceField(choices=["run", "skip"], required=False)


class RuleSerializer(RuleDocumentSerializer):
    """A rule: its live document, and what belongs to the rule itself."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    warnings = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class VersionSerializer(serializers.Serializer[Any]):
    """One version of a rule."""

    number = serializers.IntegerField()
    document = serializers.DictField()
    author = serializers.CharField()
    note = serializers.CharField()
    created_at = serializers.DateTimeField()


class TrialRequestSerializer(serializers.Serializer[Any]):
    """What to try a rule on: an event's payload, a stored delivery, or the platform's sample."""

    event = serializers.DictField(required=False)
    delivery = serializers.UUIDField(required=False)
    sample = serializers.BooleanField(required=False)
    document = RuleDocumentSerializer(required=False, help_text="Only for rules that are not saved.")
    inputs = serializers.DictField(required=False)


class TrialSerializer(serializers.Serializer[Any]):
    """What a rule would make of an event. Nothing was sent."""

    matched = serializers.BooleanField()
    outcome = serializers.CharField()
    explanation = serializers.ListField(child=serializers.DictField())
    steps = serializers.ListField(child=serializers.DictField())


class ExecutionSerializer(serializers.Serializer[Any]):
    """A run started by hand."""

    inputs = serializers.DictField(required=False)
    environment = serializers.CharField(required=False, allow_blank=True)


class StartedSerializer(serializers.Serializer[Any]):
    run = serializers.UUIDField()


class RollbackSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1)


def rule_as_dict(rule: Rule, document: Mapping[str, Any], warnings: list[str] | None = None) -> dict[str, Any]:
    """Return a rule in the form of the API."""
    return {
        "id": rule.pk,
        "name": rule.name,
        "enabled": rule.is_enabled,
        "version": rule.version,
        **({"description": rule.description} if rule.description else {}),
        **document,
        "warnings": warnings or [],
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
    }


class RuleViewSet(OrganizationViewSet):
    """Rules. Each change of a document makes a new version."""

    model = Rule
    serializer_class = RuleSerializer
    permission_map: ClassVar = {
        "test": Permission.EXECUTE,
        "backtest": Permission.EXECUTE,
        "execute": Permission.EXECUTE,
        "versions": Permission.READ,
    }

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(deleted_at__isnull=True)

    @extend_schema(responses=RuleSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        live = RuleVersion.objects.filter(rule__in=page, number=F("rule__version"))
        documents = {row.rule_id: row.document for row in live}
        return self.get_paginated_response([rule_as_dict(rule, documents[rule.pk]) for rule in page])

    @extend_schema(request=RuleDocumentSerializer, responses={201: RuleSerializer})
    def create(self, request: Request) -> Response:
        rule, warnings = _saved(lambda: authoring.create(_document(request), author=self.caller.actor.name))
        return Response(_answer(rule, warnings), status=status.HTTP_201_CREATED)

    @extend_schema(responses=RuleSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(_answer(self.get_object()))

    @extend_schema(request=RuleDocumentSerializer, responses=RuleSerializer)
    def update(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        rule, warnings = _saved(lambda: authoring.change(rule, _document(request), author=self.caller.actor.name))
        return Response(_answer(rule, warnings))

    @extend_schema(request=RuleDocumentSerializer(partial=True), responses=RuleSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        rule, given = self.get_object(), _document(request)
        merged = {**authoring.live_version(rule).document, **given}
        # Two names of one list: the one given takes the other's place.
        for name, other in (("actions", "steps"), ("steps", "actions")):
            if name in given and other not in given:
                merged.pop(other, None)
        rule, warnings = _saved(lambda: authoring.change(rule, merged, author=self.caller.actor.name))
        return Response(_answer(rule, warnings))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        authoring.delete(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        return Response(_answer(authoring.set_enabled(self.get_object(), True)))

    @extend_schema(request=None, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        return Response(_answer(authoring.set_enabled(self.get_object(), False)))

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, pk: str) -> Response:
        page = self.paginate_queryset(self.get_object().versions.all()) or []
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(request=RollbackSerializer, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        wanted = RollbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        number = wanted.validated_data["version"]
        try:
            rule = authoring.roll_back(rule, number, author=self.caller.actor.name)
        except RuleVersion.DoesNotExist:
            detail = f"This rule has versions 1 to {rule.version}; there is no version {number}."
            raise ApiProblem("version", "unknown_version", detail) from None
        return Response(_answer(rule))

    @extend_schema(request=TrialRequestSerializer, responses=TrialSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        compiled = compiled_version(authoring.live_version(rule).pk)
        return Response(_tried(compiled, rule.name, _body(request), self.organization))

    @extend_schema(
        request=ExecutionSerializer,
        responses={202: StartedSerializer, 200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("wait", int, description="Seconds to wait for the run's end, up to 60.")],
    )
    @action(detail=True, methods=["post"])
    def execute(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        wait = number_parameter(request, "wait", 0, low=0, high=_MOST_WAIT_SECONDS)
        given = ExecutionSerializer(data=request.data or {})
        given.is_valid(raise_exception=True)
        document = compiled_version(authoring.live_version(rule).pk).document
        _saved(lambda: refuse_without_grant(document))
        inputs = _saved(lambda: checked_inputs(document.inputs, given.validated_data.get("inputs") or {}))
        environment = given.validated_data.get("environment", "")
        if environment and not Environment.objects.filter(name=environment).exists():
            raise ApiProblem("environment", "unknown_environment", f"There is no environment '{environment}'.")
        run = interventions.start(rule, inputs, environment=environment)
        if wait and wait_for_run(run.pk, self.organization.pk, wait):
            return Response(run_as_dict(run.pk))
        return Response({"run": run.pk}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=BacktestSerializer, responses={202: JobStartedSerializer})
    @action(detail=True, methods=["post"])
    def backtest(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        given = BacktestSerializer(data=request.data or {})
        given.is_valid(raise_exception=True)
        job = start_backtest(given.validated_data, authoring.live_version(rule).document, rule)
        return Response({"job": job.pk}, status=status.HTTP_202_ACCEPTED)


class UnsavedBacktestView(OrganizationAPIView):
    """Tries a document that is not saved on what happened."""

    permission_map: ClassVar = {"post": Permission.EXECUTE}

    @extend_schema(
        request=UnsavedBacktestSerializer,
        responses={202: JobStartedSerializer},
        operation_id="rules_backtest_unsaved",
    )
    def post(self, request: Request) -> Response:
        given = UnsavedBacktestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        typed = dict(given.validated_data["document"])
        if problems := check(typed, OrganizationCatalogue()).problems:
            raise _as_api(problems, "document.")
        rule = Rule.objects.filter(pk=given.validated_data.get("rule"), deleted_at__isnull=True).first()
        if rule is None and "rule" in given.validated_data:
            raise ApiProblem("rule", "not_found", "There is no rule with this id in your organization.")
        job = start_backtest(given.validated_data, typed, rule)
        return Response({"job": job.pk}, status=status.HTTP_202_ACCEPTED)


class UnsavedTrialView(OrganizationAPIView):
    """Tries a document that is not saved."""

    permission_map: ClassVar = {"post": Permission.EXECUTE}

    @extend_schema(request=TrialRequestSerializer, responses=TrialSerializer, operation_id="rules_test_unsaved")
    def post(self, request: Request) -> Response:
        body = _body(request)
        typed = body.get("document")
        if not isinstance(typed, Mapping):
            raise ApiProblem("document", "required", "Send the rule document as `document`.")
        checked = check(dict(typed), OrganizationCatalogue())
        if checked.problems:
            raise _as_api(checked.problems, "document.")
        compiled = compile_rule(new_id(), new_id(), dict(typed))
        return Response(_tried(compiled, str(typed.get("name", "")), body, self.organization))


def _tried(compiled: CompiledRule, name: str, body: Mapping[str, Any], organization: Any) -> dict[str, Any]:
    about = {"id": str(organization.pk), "slug": organization.slug, "name": organization.name}
    inputs = body.get("inputs") or {}
    if not isinstance(inputs, Mapping):
        raise ApiProblem("inputs", "invalid", "`inputs` is an object: each input's name and value.")
    if not compiled.document.listens:
        inputs = _saved(lambda: checked_inputs(compiled.document.inputs, inputs))
        return trial.try_by_hand(compiled, rule_name=name, organization=about, inputs=inputs).as_dict()
    event, platform = _event_to_try(compiled, body, compiled.document.trigger.platform)
    return trial.try_rule(compiled, event, platform, rule_name=name, organization=about, inputs=inputs).as_dict()


def _event_to_try(compiled: CompiledRule, body: Mapping[str, Any], platform: str) -> tuple[specs.Event, str]:
    given = [name for name in ("event", "delivery", "sample") if body.get(name)]
    if len(given) != 1:
        raise ApiProblem(
            None, "required", "Send exactly one of `event` (a payload), `delivery` (an id), `sample`: true."
        )
    types = tuple(compiled.document.trigger.events)
    if given == ["sample"]:
        try:
            return trial.sample_event(platform, types), platform
        except LookupError as error:
            raise ApiProblem("sample", "no_sample", str(error)) from None
    if given == ["delivery"]:
        return _stored(body["delivery"], types)
    payload = body["event"]
    if not isinstance(payload, Mapping):
        raise ApiProblem("event", "invalid", "`event` is the payload of an event: an object.")
    kind = str(body.get("type") or next((name for name in types if name != "*"), "*"))
    return specs.Event(kind, payload=trial.as_payload(platform, kind, dict(payload))), platform


def _stored(delivery: Any, types: tuple[str, ...]) -> tuple[specs.Event, str]:
    try:
        delivery_id = uuid.UUID(str(delivery))
    except ValueError:
        raise ApiProblem("delivery", "invalid", "`delivery` is the id of a delivery.") from None
    events = list(Event.objects.filter(delivery_id=delivery_id).order_by("pk"))
    if not events:
        raise ApiProblem("delivery", "not_found", "There is no planned delivery with this id in your organization.")
    event = next((item for item in events if item.type in types), events[0])
    content = EventContent.objects.filter(pk=event.pk).first()
    if content is None:
        raise ApiProblem("delivery", "forgotten", "The content of this delivery was removed after its time.")
    return told_of(event, stored_event(event, content)), event.platform


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, Mapping):
        raise ApiProblem(None, "invalid", "The body is a JSON object.")
    return dict(request.data)


def _document(request: Request) -> dict[str, Any]:
    return {name: value for name, value in _body(request).items() if name not in _READ_ONLY}


def _answer(rule: Rule, warnings: list[str] | None = None) -> dict[str, Any]:
    return rule_as_dict(rule, authoring.live_version(rule).document, warnings)


def _saved(deed: Any) -> Any:
    try:
        return deed()
    except Refused as refusal:
        raise _as_api(refusal.problems) from None


def _as_api(problems: list[Problem] | Any, prefix: str = "") -> ApiProblems:
    return ApiProblems([ApiProblem(f"{prefix}{p.attr}" if p.attr else None, p.code, p.detail) for p in problems])
