"""Gives a demo organization its past: tickets are sent and handled like any others, then moved back in time.

What happened is real but for its times: the audit log, which nobody can change, keeps those at which it was made.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import F

from integrations.models import SandboxArrival, UsageHour
from integrations.usage import Subject, latency_field
from rules.models import Attempt, Event, Run, RunStatus, Step
from supportops import clock
from supportops.jobs.kinds import JobFailed, JobSteps, Progress
from supportops.jobs.models import Job
from supportops.jobs.running import start as start_job
from webhooks.demo import tickets
from webhooks.demo.tickets import TICKETS
from webhooks.models import Delivery, DeliveryStatus
from webhooks.receiving import Refused
from webhooks.sandbox_sending import CannotSend, send

# Over how many days before today the tickets came.
_DAYS = 14
# How often, and after how long each, it is looked whether everything has ended.
_LOOKS, _PAUSE = 20, timedelta(seconds=15)
# Times of each kind of row that are moved.
_TIMES: tuple[tuple[type[models.Model], str, tuple[str, ...]], ...] = (
    (Event, "delivery_id", ("occurred_at", "received_at")),
    (Run, "delivery_id", ("created_at", "started_at", "finished_at")),
    (Step, "run__delivery_id", ("started_at", "finished_at")),
    (Attempt, "step__run__delivery_id", ("started_at",)),
)


def send_tickets(done: int) -> JobSteps:
    """Send the tickets after the first `done`, one in a slice; what they lead to is moved back by a job of its own."""
    desks = tickets.help_desks()
    for place in range(done, TICKETS):
        platform, ticket = tickets.ticket_of(place)
        if platform in desks:
            try:
                send(desks[platform], ticket)
            except (CannotSend, Refused) as error:
                raise JobFailed(f"The demo's history ends after {place} tickets: {error}") from None
        yield Progress(done=place + 1, cursor=place + 1)
    _later("demo.move_back", {"looks": 0})
    return {"sent": TICKETS}


def move_back(looks: int) -> JobSteps:
    """Spread what has happened over the past days once it has ended; where it has not, look again later."""
    if _is_under_way() and looks < _LOOKS:
        _later("demo.move_back", {"looks": looks + 1})
        return {"moved": 0}
    deliveries = list(Delivery.objects.order_by("id"))
    for place, (delivery, age) in enumerate(zip(deliveries, _ages(len(deliveries), clock.now()), strict=True)):
        _move(delivery, age)
        yield Progress(done=place + 1)
    SandboxArrival.objects.update(at=F("at") - timedelta(minutes=5))
    _count_anew()
    return {"moved": len(deliveries)}


def _later(kind: str, parameters: Mapping[str, Any]) -> None:
    job = start_job(kind, dict(parameters))
    Job.objects.filter(pk=job.pk).update(due_at=clock.now() + _PAUSE)


def _is_under_way() -> bool:
    open_runs = Run.objects.filter(status__in=(RunStatus.PENDING, RunStatus.RUNNING))
    return open_runs.exists() or Delivery.objects.filter(status=DeliveryStatus.ACCEPTED).exists()


def _ages(count: int, now: datetime) -> list[timedelta]:
    """Return how long ago so many deliveries came, oldest first: over the days, in the hours in which people write."""
    ages = []
    for place in range(count):
        day = (now - timedelta(days=place * _DAYS // count)).replace(hour=0, minute=0, second=0, microsecond=0)
        moment = day + timedelta(minutes=8 * 60 + place * 157 % (10 * 60))
        ages.append(now - moment if moment < now else timedelta(minutes=10 + place))
    return sorted(ages, reverse=True)


def _move(delivery: Delivery, by: timedelta) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        received_at=F("received_at") - by, processed_at=F("processed_at") - by
    )
    for model, link, names in _TIMES:
        rows: Any = model
        ids = list(rows.objects.filter(**{link: delivery.pk}).order_by().values_list("pk", flat=True))
        rows.objects.filter(pk__in=ids).update(**{name: F(name) - by for name in names})


def _count_anew() -> None:
    """Write the hourly counters from what has happened, at the times to which it was moved."""
    counts: dict[tuple[datetime, Subject], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def count(at: datetime, kind: str, subject_id: Any, *counters: str) -> None:
        if subject_id is not None:
            for counter in counters:
                counts[at.replace(minute=0, second=0, microsecond=0), (kind, subject_id)][counter] += 1

    for delivery in Delivery.objects.all():
        count(delivery.received_at, "integration", delivery.integration_id, "received")
    for run in Run.objects.all():
        outcome = {RunStatus.SUCCEEDED: ["succeeded"], RunStatus.FAILED: ["failed"]}.get(RunStatus(run.status), [])
        count(run.created_at, "rule", run.rule_id, "matched", "runs", *outcome)
    for attempt in Attempt.objects.select_related("step"):
        if attempt.status in ("succeeded", "failed"):
            took = latency_field(attempt.duration_ms or 0)
            count(attempt.started_at, "integration", attempt.step.integration_id, attempt.status, took)
    UsageHour.objects.all().delete()
    for (hour, (kind, subject_id)), found in counts.items():
        UsageHour.objects.create(subject_type=kind, subject_id=subject_id, hour=hour, **found)
