"""What people do to runs: start one by hand, cancel, retry, resolve what is uncertain. One audit entry each."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import transaction

from audit.recording import record, record_many
from integrations.errors import Uncertain
from rules import admission, approval_links, sequence, wake
from rules.compiled import CompiledRule, compiled_version
from rules.document import RuleDocument
from rules.models import Event, Rule, RuleVersion, Run, RunContent, Step, StepStatus
from rules.models.history import RUN_ENDED
from rules.planning import key_roots, steps_of
from rules.settling import Settlement, finished
from supportops import clock
from supportops.context import current
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id


class NotPossible(Exception):
    """The run or step is not in a state in which this can be done; the message says which one it is in."""


def live_document(rule: Rule) -> RuleDocument:
    """Return the document of the version that is live now."""
    return compiled_version(RuleVersion.objects.get(rule=rule, number=rule.version).pk).document


def start(
    rule: Rule,
    inputs: Mapping[str, Any],
    *,
    environment: str = "",
    cause: str = "api",
    key: str = "",
    parent: Step | None = None,
    depth: int = 0,
    event: Event | None = None,
    payload: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> Run:
    """Start a run of `rule` and return it. `inputs` have been checked (rules.document).

    `key` makes a second start of the same impossible. `parent`: the step that waits for this run; `depth`: how many
    rules led here. `event`, with its `payload`: what the run is about, where it is about one.
    """
    version = RuleVersion.objects.get(rule=rule, number=rule.version)
    compiled = compiled_version(version.pk)
    with transaction.atomic():
        run_id = new_id()
        run = Run(
            id=run_id,
            organization_id=current_organization_id(),
            rule=rule,
            version=version,
            cause=cause,
            key=key or f"{cause}:{run_id.hex}",
            environment=environment or _environment_of(compiled, event),
            event=event,
            delivery_id=event.delivery_id if event else None,
            parent_step_id=parent.pk if parent else None,
            depth=depth,
            trace_id=(event.trace_id if event else "") or run_id.hex,
            created_at=clock.now(),
        )
        about = key_roots(compiled, event, payload or {}) if event else {}
        run.concurrency_key, warning = admission.key_of(compiled, {"inputs": dict(inputs), **about})
        steps = steps_of(run, compiled, run.created_at)
        ended = admission.admit([admission.Candidate(run, steps, compiled.mode)], run.created_at)
        # Behind those of its key that were planned before.
        run.sequence = sequence.take(1)[0]
        run.save(force_insert=True)
        RunContent.objects.create(
            run=run,
            inputs=dict(inputs),
            warnings=[*warnings, *([warning] if warning else [])],
            started_by=current().actor.name[:254],
        )
        Step.objects.bulk_create(steps)
        record("rule.executed", rule, changes={"run": str(run.pk), "environment": environment})
        record_many(finished(one.run, one.steps, {}) for one in ended)
        wake.perform()
    return run


def _environment_of(compiled: CompiledRule, event: Event | None) -> str:
    if event is None:
        return compiled.document.environment or ""
    return compiled.document.trigger.environment or event.environment


def cancel(run_id: uuid.UUID) -> Run:
    """Stop a run: nothing new starts; a call in flight is waited for. Raises NotPossible when it has ended."""
    with transaction.atomic():
        settlement = Settlement([run_id])
        run = settlement.runs[run_id]
        if run.status in RUN_ENDED:
            raise NotPossible(f"The run has ended: it is {run.status}.")
        settlement.stop(run)
        record("run.cancelled", run)
        settlement.close()
    for child_id in settlement.open_children():
        with suppress(NotPossible):  # it has ended by itself meanwhile
            cancel(child_id)
    return run


def retry_run(run_id: uuid.UUID) -> Run:
    """Go on from the first step that failed. Raises NotPossible when none did."""
    with transaction.atomic():
        settlement = Settlement([run_id])
        run = settlement.runs[run_id]
        failed = [step for step in _in_order(settlement) if step.status == StepStatus.FAILED and step.is_dead_letter]
        if not failed:
            raise NotPossible(f"No step of this run failed: the run is {run.status}.")
        # Branches side by side may have failed together; each of them would end the run again.
        for step in failed:
            _go_on_from(settlement, step)
        record("run.retried", run, changes={"step": failed[0].name})
        settlement.close()
    return run


def resolve(run_id: uuid.UUID, step_name: str, outcome: str) -> Step:
    """Say what became of an uncertain call: `done`, `repeat` or `failed`. Raises NotPossible for any other step."""
    with transaction.atomic():
        settlement, step = _named(run_id, step_name)
        if step is None or step.status != StepStatus.UNCERTAIN:
            state = "no step of this run" if step is None else step.status
            raise NotPossible(f"'{step_name}' is {state}; only an uncertain step can be resolved.")
        if outcome == "done":
            settlement.succeed(step, None, ["A person said that the call took effect."])
        elif outcome == "failed":
            settlement.fail(step, Uncertain.__name__, "A person said that the call did not take effect.")
        else:
            settlement.restart(step)
        record("step.resolved", settlement.runs[run_id], changes={"step": step.name, "outcome": outcome})
        settlement.close()
    return step


def decide(
    run_id: uuid.UUID,
    step_name: str,
    is_approved: bool,
    comment: str = "",
    *,
    fence: int | None = None,
    via: str = "",
) -> Step:
    """Approve or reject a step that waits for that; who acts has been checked. Raises NotPossible for any other.

    `fence`: of the time at which it asked; one that has asked anew since is another question. `via`: where the answer
    came from if it was not the API or the admin; it stands in the audit entry.
    """
    with transaction.atomic():
        settlement, step = _named(run_id, step_name)
        if step is None or step.status != StepStatus.WAITING or step.waits_for != "approval":
            state = "no step of this run" if step is None else step.status
            raise NotPossible(f"'{step_name}' is {state}; only a step that waits for approval can be decided.")
        if fence is not None and step.fence != fence:
            raise NotPossible(f"'{step_name}' has asked anew since.")
        who = current().actor.name
        if is_approved:
            settlement.succeed(step, {"approved": True, "by": who, "comment": comment})
        else:
            settlement.fail(step, "Rejected", f"Rejected by {who}." + (f" {comment}" if comment else ""))
        verb = "approved" if is_approved else "rejected"
        changes = {"step": step.name, "comment": comment, **({"via": via} if via else {})}
        record(f"step.{verb}", settlement.runs[run_id], changes=changes)
        approval_links.withdraw(step)
        wake.attend()
        settlement.close()
    return step


def retry_steps(step_ids: Sequence[uuid.UUID]) -> int:
    """Retry dead letters, each run from its failed step; return how many. Steps that are none are left alone."""
    with transaction.atomic():
        rows = Step.objects.filter(pk__in=step_ids, is_dead_letter=True).values_list("run_id", "pk")
        settlement = Settlement(run_id for run_id, _ in rows)
        retried = 0
        for run_id, step_id in rows:
            step = settlement.steps[step_id]
            if step.status == StepStatus.FAILED and step.is_dead_letter:
                _go_on_from(settlement, step)
                record("run.retried", settlement.runs[run_id], changes={"step": step.name})
                retried += 1
        settlement.close()
    return retried


def _go_on_from(settlement: Settlement, failed: Step) -> None:
    run = settlement.runs[failed.run_id]
    run.cancel_requested_at = run.superseded_by_id = None
    settlement.restart(failed)
    settlement.give_turns_after(failed)


def _named(run_id: uuid.UUID, name: str) -> tuple[Settlement, Step | None]:
    """Return a settlement of a run, and the step or item of that name in it."""
    named = Step.objects.filter(run_id=run_id, name=name).values_list("pk", flat=True)
    settlement = Settlement([run_id], named)
    return settlement, next((step for step in settlement.steps.values() if step.name == name), None)


def _in_order(settlement: Settlement) -> list[Step]:
    return sorted(settlement.steps.values(), key=lambda step: step.position)
