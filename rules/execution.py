"""Fourth stop: due Steps become calls, and calls become outcomes.

Comes from planning, goes to integrations.connectors. Claims steps, has them prepared (rules/preparing.py), writes
`sending` right before each call, calls side by side, and settles each outcome as it comes (rules/settling.py).
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from integrations import health, limits
from integrations.errors import IntegrationError, Permanent, RateLimited, Transient, Uncertain, masked
from integrations.models import Integration
from integrations.specs import Result
from rules import claims, sensitive, workers
from rules.late import Standing, standing_of
from rules.material import Takings
from rules.models import Attempt, AttemptStatus, Run, RunStatus, Step, StepContent, StepStatus
from rules.preparing import Prepared, fail_claimed, prepare, prepare_planned
from rules.pump import Job, Pump
from rules.retry import RetryAt, next_move
from rules.settling import Settlement
from supportops import clock
from supportops.bulk import Row, insert_rows, together, update_rows, upsert_rows, write_rows
from supportops.reading import rows_by_id
from supportops.tenancy.scope import working_for

log = structlog.get_logger()


@dataclass
class Outcome:
    """What came of a call: a result or an error, and how long it took."""

    result: Result | None = None
    error: IntegrationError | None = None
    duration_ms: int = 0
    status_code: int | None = None
    rate_limit: dict[str, Any] | None = None
    # Stands for an outcome that could not be stored.
    is_replaced: bool = False


@dataclass
class _Sending:
    """A step whose call is under way."""

    prepared: Prepared
    attempt_id: uuid.UUID = field(default_factory=uuid.uuid4)
    number: int = 0


def perform_due(queue: str = "work", seconds: float = 60.0, slots: int | None = None) -> int:
    """Perform due steps until nothing is due, and return how many calls were made."""
    return Pump([StepSource(queue)], slots).run(seconds)


class StepSource:
    """Steps for a pump."""

    def __init__(self, queue: str = "work") -> None:
        self._table = claims.Claimable(Step, running=StepStatus.RUNNING, queue=queue)

    def claim(self, room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        claimed = claims.claim(self._table, workers.this_worker_id(), room, clock.now(), _turns, without=without)
        if not claimed:
            return None
        jobs = []
        for organization_id, items in _by_organization(claimed):
            with working_for(organization_id):
                jobs += [self._job(organization_id, prepared) for prepared in prepare(items)]
        return jobs

    def waiting(self) -> Collection[uuid.UUID]:
        """Return the organizations whose steps are due: what they plan now has to queue up behind those."""
        return claims.organizations_due(self._table, clock.now())

    def planned(self, takings: Takings) -> list[Job]:
        """Return the calls of steps that this worker has planned as its own, for the organization in scope."""
        return [self._job(prepared.step.organization_id, prepared) for prepared in prepare_planned(takings)]

    def _job(self, organization_id: uuid.UUID, prepared: Prepared) -> Job:
        return Job(
            organization_id=organization_id,
            lane=prepared.lane,
            call=lambda: call(prepared),
            work=_Sending(prepared),
            source=self,
        )

    def begin(self, jobs: Sequence[Job]) -> Sequence[Job]:
        begun = []
        for organization_id, group in _jobs_by_organization(jobs):
            with working_for(organization_id):
                begun += _begun(group)
        return begun

    def finish(self, done: Sequence[tuple[Job, Outcome]]) -> Sequence[tuple[Job, Outcome]]:
        unwritten: list[tuple[Job, Outcome]] = []
        for organization_id, pairs in _pairs_by_organization(done):
            with working_for(organization_id):
                unwritten += _finish(pairs)
        return unwritten

    def put_back(self, jobs: Sequence[Job], seconds: float) -> None:
        due_at = clock.now() + timedelta(seconds=seconds)
        for organization_id, group in _jobs_by_organization(jobs):
            steps = [job.work.prepared.step for job in group]
            with working_for(organization_id), transaction.atomic():
                settlement = Settlement((step.run_id for step in steps), (step.pk for step in steps))
                for step in steps:
                    row = settlement.steps.get(step.pk)
                    if row is not None and row.fence == step.fence and row.sending_since is None:
                        settlement.put_back(row, due_at)
                settlement.close()

    def let_go(self) -> None:
        Step.across_organizations.filter(
            worker_id=workers.this_worker_id(), status=StepStatus.RUNNING, sending_since=None
        ).update(status=StepStatus.PENDING, worker_id=None, due_at=clock.now(), fence=F("fence") + 1)


_turns = claims.Turns()


def call(prepared: Prepared) -> Outcome:
    """Make a prepared call. Touches no database and never raises: whatever happens is the outcome."""
    began = time.monotonic()
    outcome = Outcome()
    try:
        outcome.result = prepared.run()
        if not outcome.result.success:
            message = outcome.result.message or "The action reported a failure."
            outcome.error = Permanent(message, data=outcome.result.data)
    except IntegrationError as error:
        outcome.error = masked(error, prepared.mask_text)
    except Exception as error:  # whatever a connector raises fails its own step alone
        log.exception("call.crashed", action=prepared.spec.name, platform=prepared.connector.key)
        outcome.error = Permanent(f"{type(error).__name__}: {error}"[:500])
    outcome.duration_ms = round((time.monotonic() - began) * 1000)
    outcome.status_code = outcome.error.status_code if outcome.error else prepared.status_code()
    outcome.rate_limit = prepared.rate_limit()
    return outcome


def _begun(jobs: Sequence[Job]) -> list[Job]:
    """Commit that calls are about to be made, and return those that may be.

    Should that not be possible for one of them (its integration was deleted a moment ago), that one fails alone.
    """
    try:
        with transaction.atomic():
            return _begin(jobs)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(jobs) > 1:
            return [begun for job in jobs for begun in _begun([job])]
        prepared: Prepared = jobs[0].work.prepared
        log.exception("step.not_begun", step=str(prepared.step.pk))
        is_gone = prepared.integration_id and not Integration.objects.filter(pk=prepared.integration_id).exists()
        reason = "The integration of this step was deleted." if is_gone else f"{type(error).__name__}: {error}"
        fail_claimed(prepared.step, type(error).__name__ if not is_gone else "InvalidInput", reason)
        return []


_BEGUN = ("sending_since", "attempts_made", "started_at", "may_repeat", "integration")


def _begin(jobs: Sequence[Job]) -> list[Job]:
    """Write `sending` and the attempt of each call, and return those that are still this worker's."""
    now = clock.now()
    wanted = {job.work.prepared.step.pk: job for job in jobs}
    first = {job.work.prepared.step.run_id for job in jobs if job.work.prepared.step.run.started_at is None}
    if first:
        # Runs before their steps, as everywhere: two that lock in different order would wait for each other.
        Run.objects.filter(pk__in=first, status=RunStatus.PENDING).update(status=RunStatus.RUNNING, started_at=now)
    rows = rows_by_id(Step, "id", wanted, order_by=["id"], lock=True)
    still_ours = [(wanted[row.pk], row) for row in rows if row.fence == wanted[row.pk].work.prepared.step.fence]
    owned, attempts = [], []
    for job, row in still_ours:
        prepared: Prepared = job.work.prepared
        if row.sending_since is not None:
            # An earlier try was committed, and the answer that it was got lost.
            prepared.number = job.work.number = row.attempts_made
            continue
        owned.append((job, row))
        row.sending_since, row.attempts_made = now, row.attempts_made + 1
        row.started_at = row.started_at or now
        row.may_repeat, row.integration_id = prepared.may_repeat, prepared.integration_id
        prepared.number = job.work.number = row.attempts_made
        attempts.append(
            {
                "id": job.work.attempt_id,
                "organization_id": row.organization_id,
                "step_id": row.pk,
                "number": row.attempts_made,
                "fence": row.fence,
                "worker_id": row.worker_id,
            }
        )
    contents = [
        {"step_id": row.pk, "parameters": prepared.shown_parameters, "warnings": prepared.warnings}
        for prepared, row in ((job.work.prepared, row) for job, row in owned)
    ]
    with together():
        write_rows([row for _, row in owned], _BEGUN)
        insert_rows(Attempt, attempts, started_at=now)
        upsert_rows(StepContent, contents, ["step_id"])
    return [job for job, _ in still_ours]


def _finish(pairs: Sequence[tuple[Job, Outcome]]) -> Sequence[tuple[Job, Outcome]]:
    """Write outcomes; return those to try again because the database is away.

    Should a batch not be writable for another reason, each is written alone, so that one spoils no other; what
    cannot be stored even alone fails its step with that reason.
    """
    try:
        _settle(pairs)
    except (OperationalError, InterfaceError) as error:
        log.warning("outcome.waits_for_database", error=str(error)[:200])
        connection.close()
        return pairs
    except Exception as error:
        if len(pairs) > 1:
            return [left for pair in pairs for left in _finish([pair])]
        log.exception("outcome.not_storable", step=str(pairs[0][0].work.prepared.step.pk))
        job, outcome = pairs[0]
        if outcome.is_replaced:
            raise
        reason = Permanent(f"The outcome could not be stored: {type(error).__name__}: {error}"[:500])
        return _finish([(job, Outcome(error=reason, duration_ms=outcome.duration_ms, is_replaced=True))])
    return []


def _settle(pairs: Sequence[tuple[Job, Outcome]]) -> None:
    with transaction.atomic():
        steps = [job.work.prepared.step for job, _ in pairs]
        settlement = Settlement((step.run_id for step in steps), (step.pk for step in steps))
        attempts = []
        for job, outcome in pairs:
            sending: _Sending = job.work
            attempts.append(_attempt_row(sending, outcome))
            row = settlement.steps.get(sending.prepared.step.pk)
            if row is not None:
                settlement.parameters[row.pk] = sending.prepared.shown_parameters
                _apply(settlement, row, sending, outcome)
            _count(settlement, sending.prepared, outcome)
        health.note_outcomes(
            [
                health.CallOutcome(job.work.prepared.integration_id, outcome.error, outcome.rate_limit)
                for job, outcome in pairs
                if job.work.prepared.integration_id
            ]
        )
        with together():
            update_rows(Attempt, attempts)
            settlement.close()


def _apply(settlement: Settlement, row: Step, sending: _Sending, outcome: Outcome) -> None:
    """Let the step be what the outcome says, as far as it still says anything."""
    prepared = sending.prepared
    standing = standing_of(row, fence=prepared.step.fence, number=sending.number, has_succeeded=_has_succeeded(outcome))
    if standing == Standing.DECIDES:
        _decide(settlement, row, prepared, outcome)
    elif standing == Standing.CORRECTS and outcome.result is not None and outcome.error is None:
        # Whoever has claimed it to repeat the call finds its fence moved on and sends nothing.
        row.fence += 1
        output = prepared.output_of(outcome.result)
        settlement.succeed_late(row, output, prepared.warnings)
        _keep_secrets(row, prepared)
    elif standing == Standing.CORRECTS and row.status == StepStatus.FAILED and not isinstance(outcome.error, Uncertain):
        error = outcome.error or Permanent("The action gave no answer.")
        settlement.fail(row, type(error).__name__, prepared.mask_text(error.message))


def _has_succeeded(outcome: Outcome) -> bool:
    return outcome.error is None and outcome.result is not None


def _attempt_row(sending: _Sending, outcome: Outcome) -> Row:
    error = outcome.error
    status = AttemptStatus.SUCCEEDED
    if error is not None:
        status = AttemptStatus.UNCERTAIN if isinstance(error, Uncertain) else AttemptStatus.FAILED
    return {
        "id": sending.attempt_id,
        "status": status,
        "duration_ms": outcome.duration_ms,
        "status_code": outcome.status_code,
        "error_class": type(error).__name__ if error else "",
        "error": sending.prepared.mask_text(error.message)[:1000] if error else "",
    }


def _decide(settlement: Settlement, row: Step, prepared: Prepared, outcome: Outcome) -> None:
    if outcome.error is None and outcome.result is not None:
        output = prepared.output_of(outcome.result)
        settlement.succeed(row, output, prepared.warnings)
        _keep_secrets(row, prepared)
        return
    error = outcome.error or Permanent("The action gave no answer.")
    move = next_move(
        error,
        attempts_made=row.attempts_since_restart,
        now=settlement.now,
        policy=prepared.compiled.retry,
        may_repeat=prepared.may_repeat,
        on_uncertain=prepared.compiled.on_uncertain,
    )
    if isinstance(error, RateLimited) and isinstance(move, RetryAt):
        limits.asked_to_wait(prepared.buckets, move.at)
    settlement.move(
        row,
        move,
        type(error).__name__,
        prepared.mask_text(error.message),
        # A 500 or a gateway's 502 says that it went wrong, and not how far it came.
        may_have_reached=error.may_have_reached,
    )
    if error.data is not None:
        settlement.keep(row, output={"error": prepared.output_of(Result(False, data=error.data))})


def _keep_secrets(row: Step, prepared: Prepared) -> None:
    if prepared.taken_out:
        sensitive.keep(row, prepared.taken_out, prepared.bound_to)


def _count(settlement: Settlement, prepared: Prepared, outcome: Outcome) -> None:
    if not prepared.integration_id:
        return
    subject = ("integration", prepared.integration_id)
    settlement.tally.add_latency(subject, outcome.duration_ms)
    if outcome.error is None:
        settlement.tally.add(subject, "succeeded")
    elif isinstance(outcome.error, Transient):
        settlement.tally.add(subject, "retried")
    else:
        settlement.tally.add(subject, "failed")


def _by_organization(claimed: Iterable[claims.Claimed]) -> Iterable[tuple[uuid.UUID, list[claims.Claimed]]]:
    groups: dict[uuid.UUID, list[claims.Claimed]] = defaultdict(list)
    for item in claimed:
        groups[item.organization_id].append(item)
    return groups.items()


def _jobs_by_organization(jobs: Iterable[Job]) -> Iterable[tuple[uuid.UUID, list[Job]]]:
    groups: dict[uuid.UUID, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.organization_id].append(job)
    return groups.items()


def _pairs_by_organization(
    done: Iterable[tuple[Job, Outcome]],
) -> Iterable[tuple[uuid.UUID, list[tuple[Job, Outcome]]]]:
    groups: dict[uuid.UUID, list[tuple[Job, Outcome]]] = defaultdict(list)
    for pair in done:
        groups[pair[0].organization_id].append(pair)
    return groups.items()
