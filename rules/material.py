"""What preparing steps needs of one organization: read at once for claimed steps, at hand for those just planned."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations import circuit, lookup, types
from rules.claims import Claimed
from rules.compiled import compiled_version
from rules.context import outcome_of
from rules.models import EventContent, RunContent, Step, StepContent, StepStatus
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id


@dataclass
class Takings:
    """Steps that a worker claims in the very transaction that plans them, up to `room` of them.

    Should the worker die before they are done, they are claims of a dead worker like all others.
    """

    worker_id: uuid.UUID
    room: int
    organization: Organization | None = None
    # With their runs, and these with their events.
    steps: list[Step] = field(default_factory=list)
    # Payloads by event, names by rule.
    payloads: dict[uuid.UUID, Any] = field(default_factory=dict)
    rule_names: dict[uuid.UUID, str] = field(default_factory=dict)


@dataclass
class Material:
    """Steps with their runs and events, and what stands around them."""

    now: datetime
    organization: Organization
    steps: Sequence[Step]
    # Of events, by id; of rules, by id; of runs, by id.
    payloads: Mapping[uuid.UUID, Any]
    rule_names: Mapping[uuid.UUID, str]
    inputs: Mapping[uuid.UUID, Any] = field(default_factory=dict)
    # What later steps see of the ones before them: by run and name.
    earlier: Mapping[uuid.UUID, Mapping[str, Any]] = field(default_factory=dict)
    # What items of steps with `for_each` are about, by step.
    items: Mapping[uuid.UUID, Any] = field(default_factory=dict)
    platforms: types.Platforms = field(init=False)
    integrations: lookup.Integrations = field(init=False)
    gates: Mapping[uuid.UUID, circuit.Gate] = field(init=False)

    def __post_init__(self) -> None:
        # Before the integrations: credentials that an integration type's change takes away never meet its new place.
        self.platforms = types.platforms(self.organization.rules_version)
        self.integrations = lookup.Integrations()
        self.gates = circuit.gate(self.integrations.ids(), self.now)


def material_at_hand(takings: Takings) -> Material:
    """Return what there is for steps that were just planned: the first of their runs, of whose rows nothing need be
    read again."""
    if takings.organization is None:
        raise ValueError("Nothing was planned with these takings.")
    return Material(clock.now(), takings.organization, takings.steps, takings.payloads, takings.rule_names)


def read_material(claimed: Sequence[Claimed]) -> Material:
    """Read everything for claimed steps of the organization in scope, with a handful of queries."""
    fences = {item.id: item.fence for item in claimed}
    rows = Step.objects.select_related("run__rule", "run__event").filter(pk__in=fences)
    by_id = {row.pk: row for row in rows if row.fence == fences[row.pk]}
    # In the order of planning, so that calls to one platform leave in it.
    steps = sorted(by_id.values(), key=lambda step: (step.run.sequence, step.position))
    runs = {step.run_id: step.run for step in steps}
    events = {run.event_id for run in runs.values() if run.event_id}
    return Material(
        now=clock.now(),
        organization=Organization.objects.get(pk=current_organization_id()),
        steps=steps,
        payloads={content.pk: content.payload for content in EventContent.objects.filter(pk__in=events)},
        rule_names={run.rule_id: run.rule.name for run in runs.values()},
        inputs={row.pk: row.inputs for row in RunContent.objects.filter(pk__in=runs)},
        earlier=_earlier_steps(runs),
        items=_items([step.pk for step in steps if step.parent_step_id is not None]),
    )


def _items(step_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    if not step_ids:
        return {}
    return dict(StepContent.objects.filter(pk__in=step_ids).values_list("pk", "item"))


def _earlier_steps(runs: Mapping[uuid.UUID, Any]) -> dict[uuid.UUID, dict[str, Any]]:
    several = [run_id for run_id, run in runs.items() if len(compiled_version(run.version_id).steps) > 1]
    if not several:
        return {}
    outputs = {
        row.pk: row.output
        for row in StepContent.objects.filter(
            step__run_id__in=several, step__status=StepStatus.SUCCEEDED, step__parent_step_id__isnull=True
        )
    }
    earlier: dict[uuid.UUID, dict[str, Any]] = {}
    for row in Step.objects.filter(run_id__in=several, parent_step_id__isnull=True).order_by("position"):
        earlier.setdefault(row.run_id, {})[row.name] = outcome_of(row, outputs.get(row.pk))
    return earlier
