"""Runs of a rule that share a key: who stands before whom, and whose turn it is. Decides nothing about new runs
(rules/admission.py); works in the caller's transaction, in the scope of one organization.

What locks queues takes the rows of runs before them, and writes what is shared after them: nobody waits in a circle.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import OuterRef, QuerySet, Subquery

from rules import wake
from rules.compiled import graph_of_version
from rules.models import Run, Step, StepStatus
from rules.models.history import RUN_UNFINISHED
from supportops import locks


class Queue(NamedTuple):
    """The runs of a rule with one key."""

    rule_id: uuid.UUID
    key: str


def queue_of(run: Run) -> Queue:
    """Return the queue that a run stands in."""
    return Queue(run.rule_id, run.concurrency_key)


def lock(queues: Iterable[Queue]) -> None:
    """Let nobody else plan for these queues, or end a run in them, until this transaction is over."""
    locks.hold(queue.rule_id.bytes + queue.key.encode("utf-8", "surrogatepass") for queue in queues)


def let_first_go(runs: Collection[Run], now: datetime, *, without: Collection[uuid.UUID] = ()) -> int:
    """Let the first unfinished run of each queue begin that one of `runs` stands in, and return how many do now.

    `without`: runs that end in this transaction. One that has begun, and perhaps waits, stays the first and holds the
    others. Doing this again changes nothing.
    """
    lock(queue_of(run) for run in runs)
    first = Run.objects.filter(
        rule=OuterRef("rule"), concurrency_key=OuterRef("concurrency_key"), status__in=RUN_UNFINISHED
    ).exclude(pk__in=without)
    own = Run.objects.filter(pk__in=[run.pk for run in runs])
    heads = own.annotate(head=Subquery(first.order_by("sequence").values("pk")[:1])).values_list("head", flat=True)
    # Somebody may hold one of them and want what is locked here. Who cancels it looks for the next one himself; for
    # all others the sweep does.
    waiting = Run.objects.select_for_update(skip_locked=True).filter(pk__in=set(heads), queued_at__isnull=False)
    return _let_go(list(waiting), now)


def _let_go(runs: Sequence[Run], now: datetime) -> int:
    if not runs:
        return 0
    steps: dict[uuid.UUID, list[Step]] = {run.pk: [] for run in runs}
    for step in Step.objects.filter(run__in=runs, parent_step_id__isnull=True).order_by("position"):
        steps[step.run_id].append(step)
    begin: list[uuid.UUID] = []
    for run in runs:
        graph = graph_of_version(run.version_id, (step.name for step in steps[run.pk]))
        begin += [step.pk for step in steps[run.pk] if not graph.needs.get(step.name)]
    Step.objects.filter(pk__in=begin, status=StepStatus.PENDING, due_at__isnull=True, worker_id__isnull=True).update(
        due_at=now
    )
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(queued_at=None)
    wake.perform()
    return len(runs)


def first_of(queue: Queue) -> Run | None:
    """Return the first unfinished run of a queue, None where there is none."""
    return _unfinished(queue).order_by("sequence").first()


def _unfinished(queue: Queue) -> QuerySet[Run]:
    return Run.objects.filter(rule_id=queue.rule_id, concurrency_key=queue.key, status__in=RUN_UNFINISHED)


def waits_for(run: Run, wanted: Collection[uuid.UUID]) -> bool:
    """Return whether a run is one of those wanted, or waits for one: for a run that a step of it started, or behind the
    first of its queue."""
    seen: set[uuid.UUID] = set()
    ahead = [run]
    while ahead:
        one = ahead.pop()
        if one.pk in wanted:
            return True
        if one.pk in seen:
            continue
        seen.add(one.pk)
        if one.queued_at is None:
            steps = Step.objects.filter(run=one).values("pk")
            ahead += Run.objects.filter(parent_step_id__in=steps, status__in=RUN_UNFINISHED)
        elif (first := first_of(queue_of(one))) is not None:
            ahead.append(first)
    return False


def why_queued(run: Run) -> str:
    """Return what a run waits for that stands in a queue; "" for one that does not."""
    if run.queued_at is None or run.status not in RUN_UNFINISHED:
        return ""
    before = _unfinished(queue_of(run)).filter(sequence__lt=run.sequence)
    head = before.order_by("sequence").first()
    if head is None:
        return "Its turn has come."
    others = before.count() - 1
    behind = f", and {others} more before it" if others else ""
    return f"Waits for run {head.pk}, which is {head.status}{behind}."
