"""Decides whether new runs begin at once, stand in a queue, take the place of others, or are left out.

Comes from planning and from whatever starts runs without an event; works on rows that are not written yet, in the
caller's transaction. A batch costs a few statements however many runs it has, and none where nothing asks for order.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count

from audit.recording import record
from rules import queues
from rules.compiled import CompiledRule
from rules.expressions import ExpressionError, as_text
from rules.models import Run, RunStatus, Step, StepStatus
from rules.models.history import RUN_ENDED, RUN_UNFINISHED
from rules.queues import Queue, queue_of
from rules.settling import ENDED_BEFORE, Settlement, superseded_by

MOST_KEY = 200


@dataclass(frozen=True)
class Candidate:
    """A new run with its steps, and its rule's mode. Neither is written yet."""

    run: Run
    steps: Sequence[Step]
    mode: str


def key_of(rule: CompiledRule, roots: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells a new run of `rule` apart from others, and a warning where that could not be worked out.

    "" where the rule has no key, or what it names is missing.
    """
    if rule.concurrency_key is None:
        return "", ""
    try:
        value = rule.concurrency_key.value({"event": {}, "meta": {}, "inputs": {}, **roots})
    except ExpressionError as error:
        if error.is_missing:
            return "", ""
        return "", f"The key of `concurrency` could not be worked out, so the run has none: {error}"[:500]
    text = as_text(value)
    if len(text) > MOST_KEY:
        text = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text, ""


def admit(candidates: Iterable[Candidate], now: datetime) -> list[Candidate]:
    """Settle how each of the new runs begins, in their order, and return those that end at once.

    Runs that stand in a queue have no step due. What is superseded is stopped here.
    """
    ordered = [one for one in candidates if one.mode != "parallel"]
    if not ordered:
        return []
    ended = [one for one in ordered if _waits_for_itself(one, now)]
    ordered = [one for one in ordered if one not in ended]
    # Rows are locked before the queues of others, as settlements do.
    older = _lock_older([one for one in ordered if one.mode == "restart"])
    standing = _Standing([one for one in ordered if one.mode != "restart"])
    for one in ordered:
        if one.mode == "restart":
            ended += older.replace(one, now)
        elif reason := standing.add(one, now):
            ended.append(_end(one, RunStatus.SKIPPED, reason, now))
    older.stop()
    return ended


def _end(one: Candidate, status: RunStatus, reason: str, now: datetime) -> Candidate:
    """End a new run that has not begun."""
    one.run.status, one.run.reason, one.run.finished_at, one.run.queued_at = status, reason, now, None
    for step in one.steps:
        step.status, step.error, step.finished_at, step.due_at = StepStatus.SKIPPED, ENDED_BEFORE, now, None
    return one


def _waits_for_itself(one: Candidate, now: datetime) -> bool:
    """Return whether a run that waits for this one would be waited for by it; this one has been ended then."""
    parents = _parents_of(one.run)
    queue = queue_of(one.run)
    for parent in parents:
        if queue_of(parent) == queue:
            _end(one, RunStatus.SKIPPED, f"Run {parent.pk} waits for this one and has the same key.", now)
            return True
    first = queues.first_of(queue) if parents and one.mode == "queued" else None
    if first is not None and queues.waits_for(first, {parent.pk for parent in parents}):
        reason = f"It would wait for run {first.pk}, which itself waits for run {parents[0].pk} that started this one."
        _end(one, RunStatus.SKIPPED, reason, now)
        return True
    return False


def _parents_of(run: Run) -> list[Run]:
    """Return the runs that wait for a new run: the one that starts it, the one that waits for that one, and so on."""
    parents: list[Run] = []
    step_id = run.parent_step_id
    while step_id is not None and (parent := Run.objects.filter(steps=step_id).first()) is not None:
        parents.append(parent)
        step_id = parent.parent_step_id
    return parents


# --- queued and single ------------------------------------------------------------------------------------------


class _Standing:
    """How many unfinished runs each of some queues holds. New ones are known at once to those after them."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._counts: dict[Queue, int] = {}
        self._others: dict[Queue, uuid.UUID] = {}
        wanted = {queue_of(one.run) for one in candidates}
        if not wanted:
            return
        queues.lock(wanted)
        unfinished = _unfinished(wanted)
        if any(one.mode == "queued" for one in candidates):
            counted = unfinished.values_list("rule_id", "concurrency_key").annotate(count=Count("pk"))
            self._counts = {Queue(rule_id, key): count for rule_id, key, count in counted}
        if single := {queue_of(one.run) for one in candidates if one.mode == "single"}:
            rows = _unfinished(single).order_by("-sequence").values_list("rule_id", "concurrency_key", "pk")
            self._others = {Queue(rule_id, key): run_id for rule_id, key, run_id in rows}

    def add(self, one: Candidate, now: datetime) -> str:
        """Give a new run its place; return why there is none for it, empty where there is."""
        queue = queue_of(one.run)
        if one.mode == "single":
            other = self._others.setdefault(queue, one.run.pk)
            return f"Run {other} with the same key had not ended." if other != one.run.pk else ""
        before = self._counts.get(queue, 0)
        if before > settings.QUEUE_DEPTH:
            return f"{settings.QUEUE_DEPTH} runs with the same key wait already, which is the most that may."
        self._counts[queue] = before + 1
        if before:
            one.run.queued_at = now
            for step in one.steps:
                step.due_at = None
        return ""


def _unfinished(wanted: Iterable[Queue]) -> Any:
    """Return the unfinished runs of these queues; of the rules' other queues, too, where keys of one are those of
    another rule."""
    rule_ids, keys = {queue.rule_id for queue in wanted}, {queue.key for queue in wanted}
    return Run.objects.filter(rule_id__in=rule_ids, concurrency_key__in=keys, status__in=RUN_UNFINISHED).order_by()


# --- restart ----------------------------------------------------------------------------------------------------


class _Older:
    """The unfinished runs in whose place new ones stand."""

    def __init__(self, settlement: Settlement | None) -> None:
        self._settlement = settlement
        self._newest: dict[Queue, Candidate] = {}

    def replace(self, one: Candidate, now: datetime) -> list[Candidate]:
        """Let a new run stand in the place of all of its key; return those that have not been written yet."""
        queue = queue_of(one.run)
        before, self._newest[queue] = self._newest.get(queue), one
        if before is not None:
            before.run.superseded_by_id = one.run.pk
            return [_end(before, RunStatus.SUPERSEDED, superseded_by(one.run.pk), now)]
        for run in self._settlement.runs.values() if self._settlement else ():
            if queue_of(run) == queue and run.status not in RUN_ENDED and self._settlement:
                run.superseded_by_id = one.run.pk
                self._settlement.stop(run)
        return []

    def stop(self) -> None:
        """Write what was stopped, and stop the runs that it waits for."""
        settlement = self._settlement
        while settlement is not None:
            settlement.close()
            children = settlement.open_children()
            if not children:
                return
            settlement = Settlement(children)
            for child in settlement.runs.values():
                if child.status not in RUN_ENDED:
                    settlement.stop(child)
                    record("run.cancelled", child)


def _lock_older(candidates: Sequence[Candidate]) -> _Older:
    wanted = {queue_of(one.run) for one in candidates}
    if not wanted:
        return _Older(None)
    queues.lock(wanted)
    # What was stopped before is waited for, and not stopped again.
    rows = _unfinished(wanted).filter(cancel_requested_at__isnull=True).values_list("rule_id", "concurrency_key", "pk")
    ids = [run_id for rule_id, key, run_id in rows if Queue(rule_id, key) in wanted]
    return _Older(Settlement(ids) if ids else None)
