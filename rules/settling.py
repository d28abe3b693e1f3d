"""Writes what became of steps: their own rows, what comes next in their runs, and how the runs end.

Every change of a step's state after planning goes through one `Settlement`, whether it comes from a call's
outcome, a condition that said no, a dead worker, a deadline or a person. It works inside the caller's transaction,
in the scope of one organization, with the runs locked first and their steps after them.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError

from audit.recording import Act, record_many
from integrations.errors import Uncertain
from integrations.usage import Tally
from rules import items, queues, wake
from rules.compiled import CompiledStep, compiled_version, graph_of_version
from rules.flow import Graph, StepState, next_moves
from rules.models import Run, RunStatus, Step, StepContent, StepStatus
from rules.models.history import RUN_ENDED, STEP_ENDED
from rules.retry import AwaitCredentials, Bury, Hold, Move, RetryAt
from supportops import clock
from supportops.bulk import Row, together, upsert_rows, write_rows
from supportops.reading import rows_by_id
from supportops.texts import storable

UNCERTAIN_WAIT = timedelta(days=7)
CREDENTIALS_WAIT = timedelta(hours=72)
# Waits up to this long are also rung for by the process that set them.
SOON = timedelta(minutes=2)

_STEP_FIELDS = (
    "status",
    "due_at",
    "integration",
    "waits_for",
    "deadline_at",
    "fence",
    "worker_id",
    "sending_since",
    "may_repeat",
    "repeats_uncertain",
    "attempts_made",
    "attempts_before",
    "error_class",
    "error",
    "is_dead_letter",
    "started_at",
    "finished_at",
)
_RUN_FIELDS = ("status", "reason", "started_at", "finished_at", "cancel_requested_at", "queued_at", "superseded_by_id")

ENDED_BEFORE = "The run ended before this step."
_NOT_TAKEN = "Every step that this one needs was skipped."


class Settlement:
    """Changes steps of some runs and writes all of it at once when closed. Use within a transaction and a scope.

    `step_ids`: the steps that are to be changed, as far as they may be items of a step with `for_each`; of other items
    only how many there are is read.
    """

    def __init__(self, run_ids: Iterable[uuid.UUID], step_ids: Iterable[uuid.UUID] = ()) -> None:
        self.now = clock.now()
        self.tally = Tally()
        wanted = sorted(set(run_ids))
        runs = rows_by_id(Run, "id", wanted, order_by=["id"], lock=True)
        self.runs: dict[uuid.UUID, Run] = {run.pk: run for run in runs}
        steps = rows_by_id(Step, "run_id", wanted, order_by=["run_id", "position"], lock=True, without="parent_step_id")
        self.steps: dict[uuid.UUID, Step] = {step.pk: step for step in steps}
        others = [step_id for step_id in step_ids if step_id not in self.steps]
        self._items = {item.pk: item for item in rows_by_id(Step, "id", others, order_by=["id"], lock=True)}
        self.steps |= self._items
        # Of steps, as far as they are known without being read again; masked.
        self.parameters: dict[uuid.UUID, Any] = {}
        self._by_run: dict[uuid.UUID, list[Step]] = {}
        for step in steps:
            self._by_run.setdefault(step.run_id, []).append(step)
        self._changed: dict[uuid.UUID, Step] = {}
        self._contents: dict[uuid.UUID, dict[str, Any]] = {}
        self._touched_runs: set[uuid.UUID] = set()
        # Steps of whose items some can be worked on.
        self._active: set[uuid.UUID] = set()

    # --- what may become of a step ----------------------------------------------------------------------------
    def succeed(self, step: Step, output: Any, warnings: Collection[str] = ()) -> None:
        """The step did what it should."""
        self._end(step, StepStatus.SUCCEEDED)
        self.keep(step, output=output, warnings=list(warnings))

    def succeed_late(self, step: Step, output: Any, warnings: Collection[str] = ()) -> None:
        """The step did what it should, though it had been ended, or given up for unknown, without that word.

        What was skipped because it failed gets its turn; after a cancellation nothing does.
        """
        had_failed = step.status == StepStatus.FAILED
        self.succeed(step, output, warnings)
        if not had_failed or self.runs[step.run_id].cancel_requested_at is not None:
            return
        if step.parent_step_id is None:
            self.give_turns_after(step)
        elif (parent := self.steps.get(step.parent_step_id)) is not None and parent.status == StepStatus.FAILED:
            self._succeed_late_without(parent)

    def _succeed_late_without(self, parent: Step) -> None:
        """An item had an effect after all: its step goes on, unless other items of it have failed."""
        if not items.count([parent], self.items())[parent.pk].by_status[StepStatus.FAILED]:
            self.restart(parent)
            self.give_turns_after(parent)

    def skip(self, step: Step, reason: str, error_class: str = "") -> None:
        """The step need not do anything, and why. `error_class`: it should have, but its author said it may be left."""
        self._end(step, StepStatus.SKIPPED)
        step.error_class, step.error = error_class, storable(reason)[:1000]

    def cancel(self, step: Step) -> None:
        """A person or the end of the run stopped the step before its call."""
        self._end(step, StepStatus.CANCELLED)

    def fail(self, step: Step, error_class: str, message: str) -> None:
        """The step failed for good. Unless its author said to go on it becomes a dead letter and ends the run."""
        self._end(step, StepStatus.FAILED)
        step.error_class, step.error = error_class[:40], storable(message)[:1000]
        # An item's failure is told by its step, which ends once all of them have.
        step.is_dead_letter = step.parent_step_id is None and not self.goes_on(step)

    def put_back(self, step: Step, due_at: datetime) -> None:
        """Nothing was sent: the step is claimed again at `due_at`."""
        self._release(step)
        step.status, step.due_at = StepStatus.PENDING, due_at
        self._note(step)

    def move(self, step: Step, move: Move, error_class: str, message: str, *, may_have_reached: bool = False) -> None:
        """The call did not succeed, and this is what comes next. `may_have_reached`: it may have had an effect."""
        step.error_class, step.error = error_class[:40], storable(message)[:1000]
        if may_have_reached or error_class == Uncertain.__name__:
            # From now on every attempt looks for earlier work first, whatever else goes wrong in between.
            step.repeats_uncertain = True
        if isinstance(move, Bury):
            self.fail(step, error_class, message)
            return
        if not isinstance(move, Hold) and self.runs[step.run_id].cancel_requested_at is not None:
            # Whoever cancelled waits for the call in flight, not for another one.
            self.cancel(step)
            return
        self._release(step)
        if isinstance(move, RetryAt):
            step.status, step.waits_for, step.due_at = StepStatus.WAITING, "retry", move.at
            step.deadline_at = None
        elif isinstance(move, Hold):
            step.status, step.waits_for = StepStatus.UNCERTAIN, "person"
            step.deadline_at = self.now + UNCERTAIN_WAIT
        elif isinstance(move, AwaitCredentials):
            step.status, step.waits_for = StepStatus.WAITING, "credentials"
            # The first refusal starts the wait; being refused again, by new credentials too, does not prolong it.
            step.deadline_at = step.deadline_at or self.now + CREDENTIALS_WAIT
        self._note(step)

    def wait(self, step: Step, what: str, *, until: datetime | None = None, deadline: datetime | None = None) -> None:
        """The step rests: until a time, or until something else makes it due; at most until its deadline."""
        self._release(step)
        step.status, step.waits_for, step.due_at, step.deadline_at = StepStatus.WAITING, what, until, deadline
        step.started_at = step.started_at or self.now
        self._note(step)

    def restart(self, step: Step) -> None:
        """Have an ended or resting step done again, as if it were its first time."""
        self._release(step)
        step.status, step.due_at, step.waits_for, step.deadline_at = StepStatus.PENDING, self.now, "", None
        step.error = step.error_class = ""
        step.is_dead_letter, step.attempts_before, step.finished_at = False, step.attempts_made, None
        self._note(step)

    def resume(self, step: Step) -> None:
        """Have a step that waited for credentials done again. Its deadline stays, should they be refused once more."""
        deadline_at = step.deadline_at
        self.restart(step)
        step.deadline_at = deadline_at

    def give_turns_after(self, step: Step) -> None:
        """Put back what never had its turn because the run ended or was cancelled, and what comes after `step`."""
        run = self.runs[step.run_id]
        in_run = self._by_run[run.pk]
        after = self._graph(run, in_run).after(step.name)
        for other in in_run:
            was_skipped = other.status == StepStatus.SKIPPED and (other.name in after or other.error == ENDED_BEFORE)
            if was_skipped or other.status == StepStatus.CANCELLED:
                self.reset(other)

    def reset(self, step: Step) -> None:
        """Put a step that never began, or was skipped with its run, back to where it waits for others."""
        self._release(step)
        step.status, step.due_at, step.finished_at, step.error = StepStatus.PENDING, None, None, ""
        self._note(step)

    def keep(self, step: Step, **content: Any) -> None:
        """Store parts of the step's content (parameters, output, warnings); masked before they get here."""
        self._contents.setdefault(step.pk, {}).update(content)

    def stop(self, run: Run) -> None:
        """Have a run start nothing new, and end once the call in flight has come back."""
        run.cancel_requested_at = run.cancel_requested_at or self.now
        steps = self._by_run.get(run.pk, ())
        if any(step.waits_for == items.ITEMS for step in steps):
            items.cancel([run.pk], self.now)
        for step in steps:
            # A step whose items are over ends with them.
            if step.status not in STEP_ENDED and step.sending_since is None and step.waits_for != items.ITEMS:
                # Whoever holds it finds its fence moved on and sends nothing.
                step.fence += 1
                self.cancel(step)
        self._touched_runs.add(run.pk)

    def open_children(self) -> list[uuid.UUID]:
        """Return the runs that steps of these runs wait for."""
        steps = Step.objects.filter(run__in=list(self.runs)).values("pk")
        children = Run.objects.filter(parent_step_id__in=steps).exclude(status__in=RUN_ENDED)
        return list(children.values_list("pk", flat=True))

    # --- items of steps with `for_each` -----------------------------------------------------------------------
    def items(self) -> Collection[Step]:
        """Return the items that are changed here."""
        return self._items.values()

    def items_in_flight(self, parent: Step) -> int:
        """Return how many items of a step may be under way at once."""
        compiled = self._compiled(parent)
        return compiled.each.in_flight if compiled is not None and compiled.each is not None else 1

    def starts_nothing(self, run_id: uuid.UUID) -> bool:
        """Return whether a run only waits for what is under way."""
        return self.runs[run_id].cancel_requested_at is not None or any(
            step.is_dead_letter for step in self._by_run[run_id]
        )

    def output_of(self, step: Step) -> Any:
        """Return what a step gave back, as far as that is written here."""
        return self._contents.get(step.pk, {}).get("output")

    def cut_off(self, step: Step) -> None:
        """The step was under way when its run was cancelled or failed elsewhere; a retry goes on with it."""
        if self.runs[step.run_id].cancel_requested_at is not None:
            self.cancel(step)
        else:
            self.skip(step, ENDED_BEFORE)

    def _move_items_on(self) -> None:
        parents = [
            step
            for run_id in self._touched_runs
            for step in self._by_run.get(run_id, ())
            if step.waits_for == items.ITEMS and step.status == StepStatus.WAITING
        ]
        if parents:
            self._active = items.move_on(self, parents)

    # --- writing ----------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Move each touched run on, and write steps, contents, runs, audit and usage."""
        self._move_items_on()
        ended = [run for run_id in sorted(self._touched_runs) if self._move_on(run := self.runs[run_id])]
        # Before anything is written: what it locks comes after the rows of these runs, and before all that is shared.
        self._let_next_go(ended)
        with together():
            write_rows(self._changed.values(), _STEP_FIELDS)
            write_rows([self.runs[run_id] for run_id in self._touched_runs], _RUN_FIELDS)
            self._write_contents()
            if ended:
                self._record(ended)
                self._tell_parents(ended)
            self.tally.write()
        self._wake()

    def _wake(self) -> None:
        due = [step.due_at for step in self._changed.values() if step.due_at is not None]
        if any(at <= self.now for at in due):
            wake.perform()
        for seconds in {round((at - self.now).total_seconds(), 2) for at in due if self.now < at <= self.now + SOON}:
            wake.perform_in(seconds)

    def _move_on(self, run: Run) -> bool:
        """Start, skip and set the run's status. Returns whether it has just ended, or otherwise than before."""
        before = run.status
        if run.queued_at is not None and run.cancel_requested_at is None:
            return False  # its turn has not come
        steps = self._by_run.get(run.pk, [])
        by_name = {step.name: step for step in steps}
        states = [
            StepState(
                s.name,
                StepStatus.RUNNING if s.pk in self._active and s.status == StepStatus.WAITING else s.status,
                ends_run=s.is_dead_letter,
                is_claimable=bool(s.due_at or s.worker_id),
            )
            for s in steps
        ]
        moves = next_moves(self._graph(run, steps), states, is_cancelled=run.cancel_requested_at is not None)
        for name in moves.start:
            by_name[name].due_at = self.now
            self._note(by_name[name])
        for name in moves.skip:
            self.skip(by_name[name], _NOT_TAKEN if moves.run_goes_on else ENDED_BEFORE)
        run.status = moves.run_status
        if run.status == RunStatus.CANCELLED and run.superseded_by_id is not None:
            run.status = RunStatus.SUPERSEDED
        # A step that fails before its call has been tried all the same; only what was cancelled before never began.
        begun = [step.started_at for step in steps if step.started_at]
        if run.started_at is None and (begun or run.status in (RunStatus.SUCCEEDED, RunStatus.FAILED)):
            run.started_at = min(begun, default=self.now)
        if run.status not in RUN_ENDED:
            run.finished_at, run.reason = None, ""
            return False
        run.queued_at = None
        run.reason = next((f"{s.name}: {s.error}"[:500] for s in steps if s.is_dead_letter), "")
        if run.status == RunStatus.SUPERSEDED:
            run.reason = superseded_by(run.superseded_by_id)
        if run.status == before:
            return False
        run.finished_at = self.now
        return True

    def _let_next_go(self, ended: Iterable[Run]) -> None:
        """Let those go that stood behind runs which end now."""
        queued = [run for run in ended if self._mode(run) == "queued"]
        if queued:
            over = [run.pk for run in self.runs.values() if run.status in RUN_ENDED]
            queues.let_first_go(queued, self.now, without=over)

    def _write_contents(self) -> None:
        if not self._contents:
            return
        by_fields: dict[tuple[str, ...], list[Row]] = {}
        for step_id, content in self._contents.items():
            by_fields.setdefault(tuple(sorted(content)), []).append({"step_id": step_id, **content})
        for rows in by_fields.values():
            upsert_rows(StepContent, rows, ["step_id"])

    def _record(self, ended: list[Run]) -> None:
        """Write one audit entry per ended run, with its steps' actions, masked parameters and outcomes."""
        steps = {run.pk: self._by_run.get(run.pk, []) for run in ended}
        unknown = {step.pk for of_run in steps.values() for step in of_run} - self.parameters.keys()
        if unknown:
            rows = StepContent.objects.filter(pk__in=unknown).only("parameters")
            self.parameters |= {content.pk: content.parameters for content in rows}
        record_many([finished(run, steps[run.pk], self.parameters) for run in ended])
        for run in ended:
            counter = "succeeded" if run.status == RunStatus.SUCCEEDED else "failed"
            if run.status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
                self.tally.add(("rule", run.rule_id), counter)

    def _tell_parents(self, ended: list[Run]) -> None:
        """Have the steps looked at again that waited for runs which have ended."""
        parents = [run.parent_step_id for run in ended if run.parent_step_id is not None]
        if parents and Step.objects.filter(pk__in=parents, status=StepStatus.WAITING, waits_for="run").update(
            due_at=self.now
        ):
            wake.perform()

    # --- small parts ------------------------------------------------------------------------------------------
    def _graph(self, run: Run, steps: Sequence[Step]) -> Graph:
        return graph_of_version(run.version_id, (step.name for step in steps))

    def _mode(self, run: Run) -> str:
        try:
            return compiled_version(run.version_id).mode
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001 - as above, where it is logged; the sweep lets those go that stood behind it
            return "parallel"

    def goes_on(self, step: Step) -> bool:
        """Return whether the run goes on where this step fails, or the other items of its step do."""
        compiled = self._compiled(step)
        return compiled is not None and compiled.is_tolerated

    def _compiled(self, step: Step) -> CompiledStep | None:
        """Return what the document says of a step, None where it can no longer be read."""
        try:
            return compiled_version(self.runs[step.run_id].version_id).step(step.name)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001 - as above, where it is logged
            return None

    def _end(self, step: Step, status: StepStatus) -> None:
        self._release(step)
        step.status, step.finished_at, step.waits_for, step.deadline_at = status, self.now, "", None
        step.is_dead_letter = False
        if status == StepStatus.SUCCEEDED:
            step.error = step.error_class = ""
            step.repeats_uncertain = False
        self._note(step)

    def _release(self, step: Step) -> None:
        step.worker_id = step.sending_since = step.due_at = None

    def _note(self, step: Step) -> None:
        self._changed[step.pk] = step
        self._touched_runs.add(step.run_id)


def finished(run: Run, steps: Iterable[Step], parameters: Mapping[uuid.UUID, Any]) -> Act:
    """Return the audit entry of a run that has ended. `parameters`: of its steps, masked."""
    told = [
        {
            "id": step.name,
            "platform": step.platform,
            "action": step.action,
            "status": step.status,
            "attempts": step.attempts_made,
            "parameters": parameters.get(step.pk),
            "error": step.error,
        }
        for step in steps
    ]
    changes = {"status": run.status, "rule": str(run.rule_id), "steps": told}
    return Act("run.finished", run, changes, trace_id=run.trace_id)


def superseded_by(run_id: uuid.UUID | None) -> str:
    """Return why a run ended in whose place another one stands."""
    return f"Superseded by run {run_id}."


def has_ended(step: Step) -> bool:
    """Return whether nothing more will happen to the step by itself."""
    return step.status in STEP_ENDED
