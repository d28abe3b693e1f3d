"""Figures of the whole system, for its operator: what waits, since when, what failed, who is alive. No tenants.

Works across organizations and returns numbers alone. Each figure costs the same with ten million rows: counts stop at
COUNTED_UP_TO, and the oldest is looked up organization by organization in the partial index on what is due.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Count, Sum

from audit.models import AuditUnsealed
from integrations.models import Circuit, IntegrationHealth, UsageHour
from integrations.usage import COUNTERS, LATENCY_FIELDS
from rules import workers
from rules.models import Run, Step, StepStatus
from rules.models.history import RUN_ENDED, RunStatus
from supportops import clock
from supportops.ids import made_at
from supportops.jobs.models import Job
from webhooks.models import Delivery, DeliveryStatus

COUNTED_UP_TO = 10_000
QUEUES = ("work", "scripts")
# Several that ask at once, or one that asks too often, get the same figures.
FRESH_SECONDS = 5.0
_MOST_SECONDS = 5


@dataclass(frozen=True)
class Due:
    """Rows with a time from which they may be claimed: all, those whose time has come, and the first of these."""

    waiting: int = 0
    due: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True)
class Figures:
    """What /metrics tells. Counts reach at most COUNTED_UP_TO."""

    deliveries: Due = Due()
    steps: dict[str, Due] = field(default_factory=dict)
    jobs: Due = Due()
    runs_unfinished: int = 0
    # Steps that rest: uncertain, or waiting for credentials or a person.
    resting: dict[str, int] = field(default_factory=dict)
    dead_steps: int = 0
    failed_deliveries: int = 0
    workers_alive: int = 0
    unsealed: int = 0
    unsealed_seconds: float = 0.0
    # (platform, state) → circuits that are not closed.
    circuits: dict[tuple[str, str], int] = field(default_factory=dict)
    credentials_rejected: int = 0
    # What integrations and rules did in the present hour, by counter.
    integrations_hour: dict[str, int] = field(default_factory=dict)
    rules_hour: dict[str, int] = field(default_factory=dict)


def take() -> Figures:
    """Ask the database for all figures. Raises DatabaseError when it does not answer in time."""
    with _bounded():
        now = clock.now()
        integrations_hour, rules_hour = _this_hour(now)
        unsealed, unsealed_seconds = _unsealed(now)
        return Figures(
            deliveries=_due(Delivery, now),
            steps={queue: _due(Step, now, queue) for queue in QUEUES},
            jobs=_due(Job, now),
            runs_unfinished=_count(Run, f"status IN ({_texts(_unfinished())})", "run_unfinished"),
            resting=_resting(),
            dead_steps=_count(Step, "is_dead_letter", "step_dead_letters"),
            failed_deliveries=_count(Delivery, f"status = {_texts([DeliveryStatus.FAILED])}", "delivery_failed"),
            workers_alive=workers.alive(),
            unsealed=unsealed,
            unsealed_seconds=unsealed_seconds,
            circuits=_circuits(),
            credentials_rejected=IntegrationHealth.across_organizations.filter(
                credentials_rejected_at__isnull=False
            ).count(),
            integrations_hour=integrations_hour,
            rules_hour=rules_hour,
        )


class Kept:
    """The figures of a moment ago, asked for anew at most every few seconds and by one caller at a time."""

    def __init__(self, seconds: float = FRESH_SECONDS) -> None:
        self._lock = threading.Lock()
        self._seconds = seconds
        self._at = float("-inf")
        self._figures = Figures()

    def get(self) -> Figures:
        """Return figures that are a few seconds old at most. Raises DatabaseError."""
        with self._lock:
            if time.monotonic() - self._at > self._seconds:
                self._figures = take()
                self._at = time.monotonic()
            return self._figures

    def forget(self) -> None:
        """Ask anew next time. For tests."""
        self._at = float("-inf")


kept = Kept()


@contextmanager
def _bounded() -> Iterator[None]:
    """Let no single question hold up the database for long. SQLite has no such limit."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {_MOST_SECONDS * 1000}")
        yield


def _due(model: type[models.Model], now: datetime, queue: str | None = None) -> Due:
    table = connection.ops.quote_name(model._meta.db_table)
    # Written out, so that SQLite sees which partial index fits.
    waiting = "due_at IS NOT NULL" + (f" AND queue = {_texts([queue])}" if queue else "")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(CASE WHEN due_at <= %s THEN 1 END) FROM "  # noqa: S608 - our own tables
            f"(SELECT due_at FROM {table} WHERE {waiting} LIMIT {COUNTED_UP_TO}) AS first_ones",
            [_parameter(now)],
        )
        count, due = cursor.fetchone()
        if not count:
            return Due()
        cursor.execute(
            f"""
            WITH RECURSIVE turn(organization_id) AS (
                SELECT * FROM (
                    SELECT organization_id FROM {table} WHERE {waiting} ORDER BY organization_id LIMIT 1
                ) AS first_turn
                UNION ALL
                SELECT (
                    SELECT row.organization_id FROM {table} AS row
                    WHERE {waiting} AND row.organization_id > turn.organization_id
                    ORDER BY row.organization_id LIMIT 1
                ) FROM turn WHERE turn.organization_id IS NOT NULL
            )
            SELECT min((
                SELECT row.due_at FROM {table} AS row
                WHERE {waiting} AND row.organization_id = turn.organization_id ORDER BY row.due_at LIMIT 1
            )) FROM turn WHERE organization_id IS NOT NULL
            """  # noqa: S608
        )
        oldest = _time(cursor.fetchone()[0])
    return Due(count, due, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)


def _count(model: type[models.Model], condition: str, index: str) -> int:
    """Count the rows of a partial index, up to the limit. `condition` is ours, written as in the index."""
    table = connection.ops.quote_name(model._meta.db_table)
    # PostgreSQL takes the small index by itself; SQLite would rather walk through a large one that has all columns.
    hint = f"INDEXED BY {index}" if connection.vendor == "sqlite" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM "  # noqa: S608 - our own tables
            f"(SELECT 1 FROM {table} {hint} WHERE {condition} LIMIT {COUNTED_UP_TO}) AS first_ones"
        )
        return int(cursor.fetchone()[0])


def _resting() -> dict[str, int]:
    """Count the steps that rest, by what for: those with a deadline, which is what an index knows of them."""
    table = connection.ops.quote_name(Step._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT status, waits_for, count(*) FROM (SELECT status, waits_for FROM {table} "  # noqa: S608
            f"WHERE deadline_at IS NOT NULL LIMIT {COUNTED_UP_TO}) AS first_ones GROUP BY status, waits_for"
        )
        counts = {"uncertain": 0, "credentials": 0, "person": 0}
        for status, waits_for, count in cursor.fetchall():
            reason = "uncertain" if status == StepStatus.UNCERTAIN else waits_for
            if reason in counts:
                counts[reason] += count
        return counts


def _unsealed(now: datetime) -> tuple[int, float]:
    oldest = AuditUnsealed.across_organizations.order_by("pk").values_list("pk", flat=True).first()
    if oldest is None:
        return 0, 0.0
    return _count(AuditUnsealed, "1 = 1", "audit_unsealed_oldest"), max(0.0, (now - made_at(oldest)).total_seconds())


def _circuits() -> dict[tuple[str, str], int]:
    rows = (
        IntegrationHealth.across_organizations.exclude(circuit=Circuit.CLOSED)
        .values("integration__platform", "circuit")
        .annotate(count=Count("pk"))
    )
    return {(row["integration__platform"], row["circuit"]): row["count"] for row in rows}


def _this_hour(now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = (
        UsageHour.across_organizations.filter(hour__gte=hour, hour__lt=hour + timedelta(hours=1))
        .values("subject_type")
        .annotate(**{f"{name}_sum": Sum(name) for name in (*COUNTERS, *LATENCY_FIELDS)})
    )
    sums = {row["subject_type"]: {name: row[f"{name}_sum"] for name in (*COUNTERS, *LATENCY_FIELDS)} for row in rows}
    return sums.get("integration", {}), sums.get("rule", {})


def _unfinished() -> list[str]:
    return [status for status in RunStatus.values if status not in RUN_ENDED]


def _texts(values: list[Any]) -> str:
    # Words of our own enumerations: nothing in them needs escaping.
    return ", ".join(f"'{value}'" for value in values)


def _parameter(at: datetime) -> Any:
    return at if connection.vendor == "postgresql" else connection.ops.adapt_datetimefield_value(at)


def _time(value: Any) -> datetime | None:
    """Return a time as the database's driver gives it: SQLite keeps texts without a zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=value.tzinfo or UTC) if value is not None else None
