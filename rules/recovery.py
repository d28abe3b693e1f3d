"""Gives back what dead workers held, ends waits that have lasted too long, and lets runs begin that nobody let begin.
Called by the sweep.

Works across organizations by ids alone; each step is changed within its own organization's scope.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef

from integrations.errors import Uncertain
from rules import queues, workers
from rules.compiled import compiled_version
from rules.models import Attempt, AttemptStatus, Run, Step, StepStatus, Worker
from rules.models.history import RUN_UNFINISHED
from rules.resting import APPROVAL
from rules.retry import next_move
from rules.settling import Settlement
from supportops import clock
from supportops.tenancy.scope import working_for

log = structlog.get_logger()

_AT_ONCE = 200
# A step that goes on keeps the deadline of the wait it came from, and does not end by it.
_WAITS = (StepStatus.WAITING, StepStatus.UNCERTAIN)
_UNKNOWN = "The worker died during the call; whether it took effect is unknown."


def recover_steps() -> int:
    """Give back the steps of dead workers, and return how many.

    What was only claimed is done again at once; what was being sent is uncertain.
    """
    dead = workers.dead_ids()
    if not dead:
        return 0

    def give_back(settlement: Settlement, step: Step) -> bool:
        # Unless its outcome came after all, or another sweep was here.
        if step.worker_id not in dead:
            return False
        _give_back(settlement, step)
        return True

    return _settle_each(Step.across_organizations.filter(worker_id__in=dead), give_back)


def end_waits() -> int:
    """Fail steps whose wait for a person or for credentials has reached its deadline, and return how many."""

    def end(settlement: Settlement, step: Step) -> bool:
        if step.deadline_at is None or step.deadline_at > settlement.now or step.status not in _WAITS:
            return False
        if step.waits_for == APPROVAL:
            _end_silence(settlement, step)
            return True
        what = "new credentials" if step.waits_for == "credentials" else "a person's decision"
        settlement.fail(step, step.error_class or "Expired", f"Nobody gave {what} in time. {step.error}")
        return True

    over = Step.across_organizations.filter(deadline_at__lte=clock.now(), status__in=_WAITS)
    return _settle_each(over, end)


def _end_silence(settlement: Settlement, step: Step) -> None:
    """Nobody has approved or rejected in time: what that means stands in the step."""
    compiled = compiled_version(settlement.runs[step.run_id].version_id).step(step.name)
    if compiled.parameters.get("on_silence") == "approve":
        settlement.succeed(step, {"approved": True, "by": None, "comment": "Nobody answered in time."})
    else:
        settlement.fail(step, "Rejected", "Nobody approved in time.")


def resume_with_credentials() -> int:
    """Have steps done again that waited for credentials which are no longer rejected, and return how many."""

    def resume(settlement: Settlement, step: Step) -> bool:
        if step.status != StepStatus.WAITING or step.waits_for != "credentials":
            return False
        settlement.resume(step)
        return True

    waiting = Step.across_organizations.filter(
        status=StepStatus.WAITING,
        waits_for="credentials",
        integration__health__credentials_rejected_at__isnull=True,
    )
    return _settle_each(waiting, resume)


def let_forgotten_go() -> int:
    """Let runs begin that stand in a queue behind nobody, and return how many.

    The end of a run lets the next one go. Here are those for which that was not so: the end came from a version of the
    rule that had another order, or somebody held the next one at that moment.
    """
    before = Run.across_organizations.filter(
        organization=OuterRef("organization"),
        rule=OuterRef("rule"),
        concurrency_key=OuterRef("concurrency_key"),
        sequence__lt=OuterRef("sequence"),
        status__in=RUN_UNFINISHED,
    )
    first = Run.across_organizations.filter(~Exists(before), queued_at__isnull=False).order_by("queued_at")
    groups: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for organization_id, run_id in first.values_list("organization_id", "pk")[:_AT_ONCE]:
        groups[organization_id].append(run_id)
    count = 0
    for organization_id, run_ids in groups.items():
        with working_for(organization_id), transaction.atomic():
            count += queues.let_first_go(list(Run.objects.filter(pk__in=run_ids)), clock.now())
    return count


def _settle_each(found: Any, change: Callable[[Settlement, Step], bool]) -> int:
    """Let `change` settle each step found, in its organization's scope, and return how many it changed.

    What it decides by must be asked again there: the step may have moved on. Where something breaks, only the
    steps of that organization wait for the next sweep.
    """
    count = 0
    groups: dict[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID]]] = defaultdict(list)
    for organization_id, run_id, step_id in found.values_list("organization_id", "run_id", "pk")[:_AT_ONCE]:
        groups[organization_id].append((run_id, step_id))
    for organization_id, pairs in groups.items():
        try:
            with working_for(organization_id), transaction.atomic():
                settlement = Settlement((run_id for run_id, _ in pairs), (step_id for _, step_id in pairs))
                steps = [settlement.steps[step_id] for _, step_id in pairs if step_id in settlement.steps]
                changed = sum(change(settlement, step) for step in steps)
                settlement.close()
        except DatabaseError:
            raise
        except Exception:
            log.exception("recovery.failed", organization=str(organization_id))
            continue
        count += changed
    return count


def forget_workers() -> None:
    """Remove workers that are dead for long and hold nothing."""
    old = Worker.objects.filter(beat_at__lt=clock.now() - workers.FORGOTTEN_AFTER)
    holding = Step.across_organizations.filter(worker_id__in=old.values("pk")).values("worker_id")
    old.exclude(pk__in=holding).delete()


def _give_back(settlement: Settlement, step: Step) -> None:
    step.fence += 1
    if step.sending_since is None:
        settlement.put_back(step, settlement.now)
        return
    Attempt.objects.filter(step=step, number=step.attempts_made, status=AttemptStatus.SENDING).update(
        status=AttemptStatus.UNCERTAIN, error_class="Uncertain", error=_UNKNOWN
    )
    compiled = compiled_version(settlement.runs[step.run_id].version_id).step(step.name)
    move = next_move(
        Uncertain(_UNKNOWN),
        attempts_made=step.attempts_since_restart,
        now=settlement.now,
        policy=compiled.retry,
        may_repeat=step.may_repeat,
        on_uncertain=compiled.on_uncertain,
    )
    settlement.move(step, move, "Uncertain", _UNKNOWN)
