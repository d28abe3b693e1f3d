"""The last stop: what has reached its end is forgotten, contents first, history later. Nothing unfinished is touched.

Rows are found by their ids, which sort by time, so that no table needs an index for its end; the time written in the
row decides, since ids come from the clocks of machines. Deleted in small batches, each in a transaction and within
its own organization, for a bounded time per call.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from audit.retention import trim_due
from integrations.models import Notice, UsageHour
from rules import recovery, workers
from rules.models import DigestWindow, Event, EventContent, Run, RunContent, Step, StepContent, StepSecret, Worker
from rules.models.history import RUN_ENDED
from supportops import clock
from supportops.api.idempotency import forget_old_answers
from supportops.ids import first_id_at
from supportops.jobs.models import Job, JobStatus
from supportops.people.models import BrowserSession, SignIn
from supportops.tenancy.scope import working_for
from webhooks.chores import Every
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryKey, DeliveryStatus, RejectionMinute

log = structlog.get_logger()

AT_ONCE = 500
USAGE_DAYS = 400
SECONDS = 40.0

HISTORY = Every("retention", interval=timedelta(minutes=5), lease=timedelta(minutes=3))
AUDIT = Every("audit_retention", interval=timedelta(hours=1), lease=timedelta(minutes=30))


@dataclass(frozen=True)
class Ending:
    """A kind of row that reaches its end: after how many days, by which of its times, and how it is deleted.

    `delete` gets ids of the organization in scope, within a transaction, leaves what must stay and returns how many
    went.
    """

    model: type[models.Model]
    days: Callable[[], int]
    time: str
    organization: str
    delete: Callable[[list[uuid.UUID], datetime], int]


def forget_due() -> int:
    """Do what is due of forgetting, and return how many rows went. Any number may call it; one of them does it."""
    forgotten = 0
    if turn := HISTORY.begin():
        deleted, is_done = forget(SECONDS)
        forgotten += deleted
        HISTORY.end(turn, is_done=is_done)
    if turn := AUDIT.begin():
        forgotten += trim_due()
        AUDIT.end(turn)
    return forgotten


def forget(seconds: float) -> tuple[int, bool]:
    """Delete what has reached its end for about so long; return how many rows went and whether that was all."""
    until, now, total = time.monotonic() + seconds, clock.now(), 0
    waiting: list[Iterator[int]] = [_batches(ending, now) for ending in ENDINGS]
    waiting += [_rest(step) for step in (_old_answers, _old_sessions, _old_sign_ins, _old_workers)]
    # In turn, a batch each: much of one kind does not keep the others from having theirs.
    while waiting and time.monotonic() < until:
        going_on = []
        for batches in waiting:
            deleted = next(batches, None)
            if deleted is not None:
                total += deleted
                going_on.append(batches)
        waiting = going_on
    if total:
        log.info("retention.forgot", rows=total, is_done=not waiting)
    return total, not waiting


def _batches(ending: Ending, now: datetime) -> Iterator[int]:
    """Delete one batch after the other and yield how many rows each time.

    Finds across organizations, ids alone; what stays is passed by once per call.
    """
    cutoff = now - timedelta(days=ending.days())
    rows = ending.model._base_manager.filter(pk__lt=first_id_at(cutoff), **{f"{ending.time}__lt": cutoff})
    ids = rows.order_by("pk").values_list(ending.organization, "pk")
    last: uuid.UUID | None = None
    while page := list((ids.filter(pk__gt=last) if last else ids)[:AT_ONCE]):
        last = page[-1][1]
        deleted = 0
        # In one order, so that two who delete do not wait for each other.
        for organization_id, found in itertools.groupby(sorted(page), key=lambda row: row[0]):
            try:
                with working_for(organization_id), transaction.atomic():
                    deleted += ending.delete([pk for _, pk in found], cutoff)
            except IntegrityError as error:
                # In that moment somebody linked to one of them, such as a replay to its event: it is not at its end.
                log.info("retention.left", table=ending.model._meta.db_table, error=str(error)[:200])
        yield deleted


def _rest(step: Callable[[], int]) -> Iterator[int]:
    while deleted := step():
        yield deleted


# --- what must stay -------------------------------------------------------------------------------------------


def _bodies(ids: list[uuid.UUID], cutoff: datetime) -> int:
    rows = DeliveryBody.objects.filter(pk__in=ids)
    return _count(rows.exclude(delivery__status=DeliveryStatus.ACCEPTED))


def _event_contents(ids: list[uuid.UUID], cutoff: datetime) -> int:
    # Steps to come render from the event.
    unfinished = Run.objects.filter(event_id=OuterRef("pk")).exclude(status__in=RUN_ENDED)
    return _count(EventContent.objects.filter(~Exists(unfinished), pk__in=ids))


def _run_contents(ids: list[uuid.UUID], cutoff: datetime) -> int:
    return _count(RunContent.objects.filter(pk__in=ids, run__status__in=RUN_ENDED))


def _step_contents(ids: list[uuid.UUID], cutoff: datetime) -> int:
    # An ended step's output is kept too while its run goes on: later steps read it.
    return _count(StepContent.objects.filter(pk__in=ids, step__run__status__in=RUN_ENDED))


def _step_secrets(ids: list[uuid.UUID], cutoff: datetime) -> int:
    return _count(StepSecret.objects.filter(pk__in=ids, step__run__status__in=RUN_ENDED))


def _runs(ids: list[uuid.UUID], cutoff: datetime) -> int:
    """Delete ended runs with everything below them. They are locked first, as by whoever retries one."""
    in_a_call = Step.objects.filter(run_id=OuterRef("pk"), worker_id__isnull=False)
    rows = Run.objects.annotate(ended_at=Coalesce("finished_at", "created_at")).filter(
        ~Exists(in_a_call), pk__in=ids, status__in=RUN_ENDED, ended_at__lt=cutoff
    )
    locked = list(_locked(rows).values_list("pk", flat=True))
    return _count(Run.objects.filter(pk__in=locked))


def _events(ids: list[uuid.UUID], cutoff: datetime) -> int:
    return _count(Event.objects.filter(~Exists(Run.objects.filter(event_id=OuterRef("pk"))), pk__in=ids))


def _deliveries(ids: list[uuid.UUID], cutoff: datetime) -> int:
    rows = Delivery.objects.filter(
        ~Exists(Event.objects.filter(delivery_id=OuterRef("pk"))),
        ~Exists(Run.objects.filter(delivery_id=OuterRef("pk"))),
        pk__in=ids,
        due_at__isnull=True,
        worker_id__isnull=True,
    ).exclude(status=DeliveryStatus.ACCEPTED)
    locked = list(_locked(rows).values_list("pk", flat=True))
    return _count(Delivery.objects.filter(pk__in=locked))


def _jobs(ids: list[uuid.UUID], cutoff: datetime) -> int:
    rows = Job.objects.filter(pk__in=ids, finished_at__lt=cutoff)
    return _count(rows.exclude(status__in=(JobStatus.PENDING, JobStatus.RUNNING)))


def _all_of(model: type[models.Model]) -> Callable[[list[uuid.UUID], datetime], int]:
    return lambda ids, cutoff: _count(model._default_manager.filter(pk__in=ids))


def _locked(rows: Any) -> Any:
    # Whoever holds a row is about to change it: it is looked at again next time.
    return rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",))


def _count(rows: Any) -> int:
    deleted, _ = rows.delete()
    return int(deleted)


def _content_days() -> int:
    return int(settings.CONTENT_DAYS)


def _run_days() -> int:
    return int(settings.RUN_DAYS)


# Parents after what hangs on them.
ENDINGS = (
    Ending(DeliveryBody, _content_days, "created_at", "delivery__organization_id", _bodies),
    Ending(DeliveryConflict, _content_days, "received_at", "organization_id", _all_of(DeliveryConflict)),
    Ending(EventContent, _content_days, "created_at", "event__organization_id", _event_contents),
    Ending(RunContent, _content_days, "created_at", "run__organization_id", _run_contents),
    Ending(StepContent, _content_days, "created_at", "step__organization_id", _step_contents),
    Ending(StepSecret, _content_days, "created_at", "organization_id", _step_secrets),
    Ending(Run, _run_days, "created_at", "organization_id", _runs),
    Ending(DigestWindow, _run_days, "opened_at", "organization_id", _all_of(DigestWindow)),
    Ending(Event, _run_days, "received_at", "organization_id", _events),
    Ending(Delivery, _run_days, "received_at", "organization_id", _deliveries),
    Ending(Job, _run_days, "created_at", "organization_id", _jobs),
    Ending(DeliveryKey, lambda: settings.DELIVERY_KEY_DAYS, "created_at", "organization_id", _all_of(DeliveryKey)),
    Ending(RejectionMinute, lambda: 1, "minute", "organization_id", _all_of(RejectionMinute)),
    Ending(Notice, _content_days, "created_at", "organization_id", _all_of(Notice)),
    Ending(UsageHour, lambda: USAGE_DAYS, "hour", "organization_id", _all_of(UsageHour)),
)


# --- what belongs to nobody -----------------------------------------------------------------------------------


def _old_answers() -> int:
    return forget_old_answers(AT_ONCE)


def _old_sessions() -> int:
    return _first_of(BrowserSession.objects.filter(expire_date__lt=clock.now()).order_by("expire_date"))


def _old_sign_ins() -> int:
    """Delete attempts to sign in, which hold addresses of strangers, with the other contents."""
    cutoff = clock.now() - timedelta(days=settings.CONTENT_DAYS)
    kinds = (AccessAttempt, AccessFailureLog, AccessLog)
    shown = _first_of(SignIn.objects.filter(pk__lt=first_id_at(cutoff), at__lt=cutoff).order_by("pk"))
    return shown + sum(_first_of(kind.objects.filter(attempt_time__lt=cutoff).order_by("pk")) for kind in kinds)


def _first_of(rows: Any) -> int:
    return _count(rows.model._base_manager.filter(pk__in=list(rows.values_list("pk", flat=True)[:AT_ONCE])))


def _old_workers() -> int:
    """Forget workers that are dead for long, unless one still has a delivery that was not given back."""
    dead = Worker.objects.filter(beat_at__lt=clock.now() - workers.DEAD_AFTER)
    if not Delivery.across_organizations.filter(worker_id__in=dead.values("pk")).exists():
        recovery.forget_workers()
    return 0
