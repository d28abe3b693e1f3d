"""Starts, claims, performs, stops and resumes jobs. A claim is a lease, renewed by its worker."""

import logging
import random
import threading
import uuid
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, models, transaction

from supportops import clock
from supportops.api.errors import is_database_away
from supportops.context import Actor, acting_as, current
from supportops.ids import new_id
from supportops.jobs.kinds import JobFailed, JobSteps, Kind, UnknownKind, kind_of
from supportops.jobs.models import Job, JobStatus
from supportops.tenancy.scope import working_for

logger = logging.getLogger(__name__)

# A dead worker's job is taken over after this time.
LEASE = timedelta(seconds=10)
_RENEW_EVERY = 3.0
# A job that has been worked at for so long goes back into the line, so that others have their turn.
_TURN = timedelta(seconds=10)
_OPEN = (JobStatus.PENDING, JobStatus.RUNNING)


class LostLease(Exception):
    """Somebody else owns the job by now; what this worker does to it no longer counts."""


def start(kind: str, parameters: dict[str, Any], *, total: int | None = None) -> Job:
    """Put a job of the organization in scope in line and return it. Raises UnknownKind.

    Works once the present transaction is committed, in the name of whoever acts now.
    """
    kind_of(kind)
    acting = current()
    job: Job = Job.objects.create(
        kind=kind,
        parameters=parameters,
        total=total,
        author=acting.actor.name[:254],
        acting=asdict(acting),
        due_at=clock.now(),
    )
    wake()
    return job


def cancel(job: Job) -> Job:
    """Stop a job: at once when nobody works at it, else after the slice under way. One that has ended stays so."""
    now = clock.now()
    open_jobs = Job.objects.filter(pk=job.pk, status__in=_OPEN)
    open_jobs.filter(cancel_requested_at=None).update(cancel_requested_at=now)
    open_jobs.filter(status=JobStatus.PENDING).update(
        status=JobStatus.CANCELLED, finished_at=now, due_at=None, fence=models.F("fence") + 1
    )
    job.refresh_from_db()
    return job


def resume(job: Job) -> Job:
    """Put a job that was cancelled or has failed in line again; it goes on where it stopped."""
    Job.objects.filter(pk=job.pk, status__in=(JobStatus.CANCELLED, JobStatus.FAILED)).update(
        status=JobStatus.PENDING, due_at=clock.now(), cancel_requested_at=None, finished_at=None, error=""
    )
    wake()
    job.refresh_from_db()
    return job


def wake() -> None:
    """Have workers look once the present transaction is committed."""
    from supportops.jobs.tasks import work

    transaction.on_commit(lambda: work.delay())


def wake_if_due() -> None:
    """Wake workers when a job is due. For the sweep; works across organizations and tells nothing of them."""
    if Job.across_organizations.filter(due_at__lte=clock.now()).exists():
        wake()


def work_due() -> int:
    """Work at due jobs until none is due or a turn is over; return how many had a turn."""
    worker_id, until, worked = new_id(), clock.now() + _TURN, 0
    while clock.now() < until:
        claimed = _claim(worker_id)
        if claimed is None:
            return worked
        _take_turn(*claimed)
        worked += 1
    wake_if_due()
    return worked


def _claim(worker_id: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID, int] | None:
    """Claim a due job; return its organization, id and fence. Works across organizations, by ids alone.

    First an organization is drawn, then its oldest job taken, so that one with many jobs does not hold up others.
    """
    now = clock.now()
    due = Job.across_organizations.filter(due_at__lte=now)
    organizations = list(due.order_by().values_list("organization_id", flat=True).distinct()[:1000])
    random.shuffle(organizations)
    for organization_id in organizations:
        found = due.filter(organization_id=organization_id).order_by("due_at").values_list("pk", "fence").first()
        if found is None:
            continue
        job_id, fence = found
        claimed = due.filter(pk=job_id, fence=fence).update(
            status=JobStatus.RUNNING, due_at=now + LEASE, fence=fence + 1, worker_id=worker_id
        )
        if claimed:
            return organization_id, job_id, fence + 1
    return None


def _take_turn(organization_id: uuid.UUID, job_id: uuid.UUID, fence: int) -> None:
    with working_for(organization_id):
        job: Job = Job.objects.get(pk=job_id)
        acting = job.acting
        actor = Actor(**acting["actor"]) if acting.get("actor") else None
        about = {name: acting.get(name) for name in ("ip", "request_id", "trace_id")}
        with acting_as(actor, **about), _Renewed(job_id, fence):
            try:
                _perform(job, fence)
            except LostLease:
                logger.warning("Job %s was taken over by another worker.", job_id)
            except (OperationalError, InterfaceError):
                # Nothing can be written now; the lease runs out and somebody goes on.
                logger.warning("Job %s stops for now: the database does not answer.", job_id, exc_info=True)
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()


def _perform(job: Job, fence: int) -> None:
    """Do slices until the job ends, is to be cancelled, or its turn is over."""
    until = clock.now() + _TURN
    try:
        kind = kind_of(job.kind)
    except UnknownKind as error:
        _finish(job, fence, JobStatus.FAILED, error=str(error))
        return
    steps = kind.function(job.parameters, job.cursor)
    try:
        while True:
            if Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists():
                _finish(job, fence, JobStatus.CANCELLED)
                return
            if _slice(kind, job, fence, steps):
                return
            if clock.now() >= until:
                _save(job, fence, due_at=clock.now())
                return
    except JobFailed as error:
        _finish(job, fence, JobStatus.FAILED, error=str(error))
    except LostLease:
        raise
    except Exception as error:
        if is_database_away(error):
            raise
        # Whatever else it is, this job ends and the next one has its turn.
        logger.exception("Job %s (%s) failed.", job.pk, job.kind)
        _finish(job, fence, JobStatus.FAILED, error="Something went wrong on our side; the log says what.")
    finally:
        steps.close()


def _slice(kind: Kind, job: Job, fence: int, steps: JobSteps) -> bool:
    """Do one slice and save where it ended; return whether the job has ended."""
    with transaction.atomic() if kind.atomic else nullcontext():
        try:
            progress = next(steps)
        except StopIteration as end:
            _finish(job, fence, JobStatus.SUCCEEDED, result=end.value)
            return True
        fields: dict[str, Any] = {"done": progress.done, "cursor": progress.cursor}
        if progress.total is not None:
            fields["total"] = progress.total
        _save(job, fence, **fields)
    return False


def _finish(job: Job, fence: int, status: JobStatus, *, result: Any = None, error: str = "") -> None:
    _save(job, fence, status=status, result=result, error=error[:1000], finished_at=clock.now(), due_at=None)


def _save(job: Job, fence: int, **fields: Any) -> None:
    """Write what became of the job. Raises LostLease when it is another worker's by now."""
    fields.setdefault("due_at", clock.now() + LEASE)
    if not Job.objects.filter(pk=job.pk, fence=fence, status=JobStatus.RUNNING).update(**fields):
        raise LostLease


class _Renewed:
    """Renews a job's lease from a thread, as long as the block runs and the job is still ours."""

    def __init__(self, job_id: uuid.UUID, fence: int) -> None:
        self._held = Job.across_organizations.filter(pk=job_id, fence=fence, status=JobStatus.RUNNING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="job-lease", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def _renew(self) -> None:
        try:
            while not self._stop.wait(_RENEW_EVERY):
                # Only forward: a job that was just put back in line is due now.
                self._held.filter(due_at__gt=clock.now()).update(due_at=clock.now() + LEASE)
        except DatabaseError:
            logger.warning("A job's lease could not be renewed.", exc_info=True)
        finally:
            connection.close()
