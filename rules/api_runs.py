"""The API's addresses for runs."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django_filters import ChoiceFilter, UUIDFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from audit.redaction import Redactor
from rules import interventions, queues
from rules.approvals import why_not
from rules.decisions import NOT_CONFIGURED
from rules.document import RuleDocument
from rules.models import Attempt, Run, RunContent, RunStatus, Step, StepContent, StepStatus
from rules.models.history import RUN_ENDED
from supportops.api.errors import ApiProblem, Conflict
from supportops.api.filters import After, Before, OrganizationFilterSet
from supportops.api.views import OrganizationViewSet
from supportops.api.waiting import wait_until
from supportops.tenancy.roles import Permission

OUTCOMES = ("done", "repeat", "failed")


class AttemptSerializer(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField(allow_null=True)
    status = serializers.CharField()
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class ItemSummarySerializer(serializers.Serializer[Any]):
    """One item of a step with `for_each`, without what was sent."""

    id = serializers.CharField(source="name")
    index = serializers.IntegerField(source="position")
    status = serializers.CharField()
    error = serializers.CharField(allow_blank=True)
    waits_for = serializers.CharField(allow_blank=True)
    due_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField(source="attempts_made")


class StepSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    platform = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    status = serializers.CharField()
    error = serializers.CharField(allow_null=True)
    waits_for = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptSerializer(many=True)
    parameters = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    items = ItemSummarySerializer(many=True, allow_null=True)


class ItemSerializer(StepSerializer):
    """One item of a step with `for_each`: what it is about, and all that is said of a step."""

    index = serializers.IntegerField()
    item = serializers.JSONField(allow_null=True)


class RunSummarySerializer(serializers.Serializer[Any]):
    """A run in a list, without its steps."""

    id = serializers.UUIDField()
    rule = serializers.UUIDField(source="rule_id")
    rule_name = serializers.CharField(source="rule.name")
    version = serializers.IntegerField(source="version.number")
    delivery = serializers.UUIDField(source="delivery_id", allow_null=True)
    event = serializers.UUIDField(source="event_id", allow_null=True)
    cause = serializers.CharField()
    replay_of = serializers.UUIDField(source="replay_of_id", allow_null=True)
    superseded_by = serializers.UUIDField(source="superseded_by_id", allow_null=True)
    concurrency_key = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()
    environment = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunSerializer(RunSummarySerializer):
    """A run with its steps and their attempts."""

    inputs = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())
    steps = StepSerializer(many=True)


class DecisionSerializer(serializers.Serializer[Any]):
    """A decision on a step that waits for approval."""

    comment = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class RunFilters(OrganizationFilterSet):
    rule = UUIDFilter(field_name="rule_id")
    delivery = UUIDFilter(field_name="delivery_id")
    status = ChoiceFilter(choices=RunStatus.choices)
    started_after = After(field_name="started_at")
    started_before = Before(field_name="started_at")

    class Meta:
        model = Run
        fields: ClassVar[list[str]] = []


def run_as_dict(run_id: uuid.UUID) -> dict[str, Any]:
    """Return a run of the organization in scope in the form of the API, steps in the document's order."""
    run = Run.objects.select_related("rule", "version").get(pk=run_id)
    steps = list(Step.objects.filter(run=run, parent_step_id__isnull=True).order_by("position"))
    shown = _steps_as_dicts(steps)
    kept = RunContent.objects.filter(pk=run.pk).first()
    document = RuleDocument.model_validate(run.version.document)
    items = _items_of(step for step, (_, typed) in zip(steps, document.named_steps(), strict=False) if typed.for_each)
    needs = document.graph().needs
    return {
        **RunSummarySerializer(run).data,
        "reason": run.reason or queues.why_queued(run),
        "inputs": kept.inputs if kept else {},
        "warnings": [*(kept.warnings if kept else ()), *_left_undone(document, steps)],
        "steps": [
            {
                "id": step.name,
                "needs": needs.get(step.name, ()),
                **shown[step.pk],
                "items": items.get(step.pk),
            }
            for step in steps
        ],
    }


def items_as_dicts(items: Sequence[Step]) -> list[dict[str, Any]]:
    """Return items of a step with `for_each` in the form of the API."""
    shown = _steps_as_dicts(items)
    known = dict(StepContent.objects.filter(pk__in=shown).values_list("pk", "item"))
    mask = Redactor().value
    return [
        {"id": item.name, "index": item.position, "item": mask(known.get(item.pk)), **shown[item.pk]} for item in items
    ]


def _items_of(steps: Iterable[Step]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Return in short the items of each step with `for_each`, in their order."""
    found: dict[uuid.UUID, list[dict[str, Any]]] = {step.pk: [] for step in steps}
    rows = Step.objects.filter(parent_step_id__in=found).order_by("position") if found else ()
    for item in rows:
        found[item.parent_step_id].append(dict(ItemSummarySerializer(item).data))
    return found


def _steps_as_dicts(steps: Sequence[Step]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return by id what is said of each step, with its attempts and its content."""
    ids = [step.pk for step in steps]
    contents = {row.pk: row for row in StepContent.objects.filter(pk__in=ids).defer("item")}
    attempts: dict[uuid.UUID, list[dict[str, Any]]] = {}
    for row in Attempt.objects.filter(step__in=ids).order_by("number"):
        attempts.setdefault(row.step_id, []).append(
            {
                "started_at": row.started_at,
                "duration_ms": row.duration_ms,
                "status": row.status,
                "status_code": row.status_code,
                "error": row.error or None,
            }
        )
    return {step.pk: _step_as_dict(step, contents.get(step.pk), attempts.get(step.pk, [])) for step in steps}


def _left_undone(document: RuleDocument, steps: Sequence[Step]) -> list[str]:
    """What the run went on without: optional steps that failed, or had no integration."""
    optional = {name for name, step in document.named_steps() if step.optional}
    return [
        f"{step.name}: {step.error}"
        for step in steps
        if step.name in optional and (step.status == StepStatus.FAILED or step.error_class == NOT_CONFIGURED)
    ]


def _step_as_dict(step: Step, content: StepContent | None, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "platform": step.platform or None,
        "action": step.action,
        "status": step.status,
        "error": step.error or None,
        "error_class": step.error_class or None,
        "waits_for": step.waits_for or None,
        "due_at": step.due_at,
        "attempts": attempts,
        "parameters": content.parameters if content else None,
        "output": content.output if content else None,
        "warnings": content.warnings if content else [],
    }


def wait_for_run(run_id: uuid.UUID, organization_id: uuid.UUID, seconds: float) -> bool:
    """Wait until a run has ended, at most so long, and return whether it has. At once when too many wait."""
    return wait_until(Run.objects.filter(pk=run_id, status__in=RUN_ENDED).exists, organization_id, seconds)


class RunViewSet(OrganizationViewSet):
    """Runs: what rules led to."""

    model = Run
    serializer_class = RunSummarySerializer
    filterset_class = RunFilters
    permission_map: ClassVar = {
        "retry": Permission.EXECUTE,
        "cancel": Permission.EXECUTE,
        "resolve": Permission.EXECUTE,
        "approve": Permission.EXECUTE,
        "reject": Permission.EXECUTE,
    }

    @extend_schema(responses=RunSummarySerializer(many=True))
    def list(self, request: Request) -> Response:
        rows = self.filter_queryset(self.get_queryset().select_related("rule", "version"))
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response(RunSummarySerializer(page, many=True).data)

    @extend_schema(responses=RunSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(run_as_dict(self.get_object().pk))

    @extend_schema(request=None, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        return self._done(interventions.retry_run, self.get_object().pk)

    @extend_schema(request=None, responses={202: RunSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._done(interventions.cancel, self.get_object().pk)

    @extend_schema(
        request={"application/json": {"type": "object", "properties": {"outcome": {"enum": [*OUTCOMES]}}}},
        responses={202: RunSerializer},
    )
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<step>[^/]+)/resolve")
    def resolve(self, request: Request, pk: str, step: str) -> Response:
        run = self.get_object()
        outcome = request.data.get("outcome") if isinstance(request.data, dict) else None
        if outcome not in OUTCOMES:
            raise ApiProblem("outcome", "invalid_choice", f"`outcome` is one of {', '.join(OUTCOMES)}.")
        if not Step.objects.filter(run=run, name=step).exists():
            raise ApiProblem(None, "not_found", f"This run has no step '{step}'.", status=404)
        return self._done(interventions.resolve, run.pk, step, outcome)

    @extend_schema(responses=ItemSerializer(many=True))
    @action(detail=True, methods=["get"], url_path=r"steps/(?P<step>[^/]+)/items")
    def items(self, request: Request, pk: str, step: str) -> Response:
        """The items of a step with `for_each`, the last ones first."""
        parent = Step.objects.filter(run=self.get_object(), name=step).first()
        if parent is None:
            raise ApiProblem(None, "not_found", f"This run has no step '{step}'.", status=404)
        rows = self.paginate_queryset(Step.objects.filter(parent_step_id=parent.pk))
        return self.get_paginated_response(items_as_dicts(rows or []))

    @extend_schema(request=DecisionSerializer, responses={202: RunSerializer})
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<step>[^/]+)/approve")
    def approve(self, request: Request, pk: str, step: str) -> Response:
        return self._decided(request, step, is_approved=True)

    @extend_schema(request=DecisionSerializer, responses={202: RunSerializer})
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<step>[^/]+)/reject")
    def reject(self, request: Request, pk: str, step: str) -> Response:
        return self._decided(request, step, is_approved=False)

    def _decided(self, request: Request, name: str, *, is_approved: bool) -> Response:
        run = self.get_object()
        given = DecisionSerializer(data=request.data or {})
        given.is_valid(raise_exception=True)
        step = Step.objects.filter(run=run, name=name).first()
        if step is None:
            raise ApiProblem(None, "not_found", f"This run has no step '{name}'.", status=404)
        content = StepContent.objects.filter(pk=step.pk).first()
        if reason := why_not(content.parameters if content else None, self.caller.role):
            raise ApiProblem(None, "not_for_you", reason, status=403)
        return self._done(interventions.decide, run.pk, name, is_approved, given.validated_data.get("comment", ""))

    def _done(self, deed: Any, run_id: uuid.UUID, *arguments: Any) -> Response:
        try:
            deed(run_id, *arguments)
        except interventions.NotPossible as error:
            raise Conflict("not_possible", str(error)) from None
        return Response(run_as_dict(run_id), status=status.HTTP_202_ACCEPTED)
