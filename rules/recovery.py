"""Gives back what dead workers held, and ends waits that have lasted too long. Called by the sweep.

Works across organizations by ids alone; each step is changed within its own organization's scope.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction

from integrations.errors import Uncertain
from rules import workers
from rules.compiled import compiled_version
from rules.models import Attempt, AttemptStatus, Step, StepStatus, Worker
from rules.retry import next_move
from rules.settling import Settlement
from supportops import clock
from supportops.tenancy.scope import working_for

_AT_ONCE = 200
_UNKNOWN = "The worker died during the call; whether it took effect is unknown."


def recover_steps() -> int:
    """Give back the steps of dead workers, and return how many.

    What was only claimed is done again at once; what was being sent is uncertain.
    """
    dead = workers.dead_ids()
    if not dead:
        return 0
    held = Step.across_organizations.filter(worker_id__in=dead).values_list("organization_id", "run_id", "pk")
    count = 0
    for organization_id, pairs in _by_organization(held[:_AT_ONCE]):
        with working_for(organization_id), transaction.atomic():
            settlement = Settlement(run_id for run_id, _ in pairs)
            for _, step_id in pairs:
                step = settlement.steps[step_id]
                # Unless its outcome came after all, or another sweep was here.
                if step.worker_id in dead:
                    _give_back(settlement, step)
                    count += 1
            settlement.close()
    return count


def end_waits() -> int:
    """Fail steps whose wait for a person or for credentials has reached its deadline, and return how many."""
    over = Step.across_organizations.filter(deadline_at__lte=clock.now()).exclude(status=StepStatus.RUNNING)
    count = 0
    for organization_id, pairs in _by_organization(over.values_list("organization_id", "run_id", "pk")[:_AT_ONCE]):
        with working_for(organization_id), transaction.atomic():
            settlement = Settlement(run_id for run_id, _ in pairs)
            for _, step_id in pairs:
                step = settlement.steps[step_id]
                if step.deadline_at is not None and step.deadline_at <= settlement.now:
                    what = "new credentials" if step.waits_for == "credentials" else "a person's decision"
                    settlement.fail(step, step.error_class or "Expired", f"Nobody gave {what} in time. {step.error}")
                    count += 1
            settlement.close()
    return count


def resume_with_credentials() -> int:
    """Have steps done again that waited for credentials which are no longer rejected, and return how many."""
    waiting = Step.across_organizations.filter(
        status=StepStatus.WAITING,
        waits_for="credentials",
        integration__health__credentials_rejected_at__isnull=True,
    )
    count = 0
    for organization_id, pairs in _by_organization(waiting.values_list("organization_id", "run_id", "pk")[:_AT_ONCE]):
        with working_for(organization_id), transaction.atomic():
            settlement = Settlement(run_id for run_id, _ in pairs)
            for _, step_id in pairs:
                step = settlement.steps[step_id]
                if step.status == StepStatus.WAITING and step.waits_for == "credentials":
                    settlement.restart(step)
                    count += 1
            settlement.close()
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


def _by_organization(
    rows: Iterable[tuple[uuid.UUID, uuid.UUID, uuid.UUID]],
) -> Iterable[tuple[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID]]]]:
    groups: dict[uuid.UUID, list[tuple[uuid.UUID, uuid.UUID]]] = defaultdict(list)
    for organization_id, run_id, step_id in rows:
        groups[organization_id].append((run_id, step_id))
    return groups.items()
