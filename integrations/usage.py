"""Hourly counters and latency histograms of integrations and rules, behind health and stats."""

import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from integrations.models import UsageHour
from supportops import clock
from supportops.bulk import upsert_rows
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id

# Upper bounds of the histogram's buckets in milliseconds; the last one has none.
BUCKETS = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)
LATENCY_FIELDS = (*(f"le_{bound}" for bound in BUCKETS), "le_more")
COUNTERS = ("received", "rejected", "duplicate", "matched", "runs", "succeeded", "failed", "retried")
SHARDS = 16

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}

Subject = tuple[str, uuid.UUID]  # ("integration" or "rule", id)


@dataclass
class Tally:
    """Counts gathered while a batch is worked on, written once with its outcomes."""

    counts: dict[Subject, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, subject: Subject, counter: str, by: int = 1) -> None:
        """Count `by` more of `counter` (one of COUNTERS)."""
        self.counts[subject][counter] += by

    def add_latency(self, subject: Subject, milliseconds: int) -> None:
        """Count one call that took so long."""
        self.counts[subject][latency_field(milliseconds)] += 1

    def write(self) -> None:
        """Add everything to the present hour of the organization in scope, with one statement."""
        if self.counts:
            organization_id = current_organization_id()
            write_counts({(organization_id, *subject): counts for subject, counts in self.counts.items()})
        self.counts.clear()


def count(kind: str, subject_id: uuid.UUID, counter: str, by: int = 1) -> None:
    """Count at once, for what happens outside of batches (rejections, duplicates)."""
    tally = Tally()
    tally.add((kind, subject_id), counter, by)
    tally.write()


def counted(
    counter: str, integrations: Iterable[tuple[uuid.UUID, uuid.UUID]]
) -> dict[tuple[uuid.UUID, str, uuid.UUID], dict[str, int]]:
    """Return, as `write_counts` takes it, one of `counter` for each mention of an integration (organization, id)."""
    mentions = Counter(integrations)
    return {
        (organization_id, "integration", integration_id): {counter: number}
        for (organization_id, integration_id), number in mentions.items()
    }


def write_counts(counts: Mapping[tuple[uuid.UUID, str, uuid.UUID], Mapping[str, int]]) -> None:
    """Add to the present hour, in one statement: by organization, kind and id of the subject, what to add to which
    counter. For those who write for several organizations at once; within one there is `Tally`."""
    # Sorted, so that two writers that share a shard cannot lock each other out.
    counted = sorted(counts.items(), key=lambda item: str(item[0]))
    used = sorted({name for added in counts.values() for name in added})
    table = UsageHour._meta.db_table
    upsert_rows(
        UsageHour,
        [
            {"id": new_id(), "organization_id": organization_id, "subject_type": kind, "subject_id": subject_id}
            | {name: added.get(name, 0) for name in used}
            for (organization_id, kind, subject_id), added in counted
        ],
        ["organization_id", "subject_type", "subject_id", "hour", "shard"],
        ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in used),
        hour=clock.now().replace(minute=0, second=0, microsecond=0),
        shard=os.getpid() % SHARDS,
    )


def latency_field(milliseconds: int) -> str:
    """Return the histogram's column for a call that took so long."""
    return next((f"le_{bound}" for bound in BUCKETS if milliseconds <= bound), "le_more")


def totals(window: timedelta, kind: str, subject_id: uuid.UUID | None = None) -> dict[str, int]:
    """Return the sums of all counters and buckets since `window` ago, the current hour included."""
    rows = _rows(window, kind, subject_id)
    sums = rows.aggregate(**{name: Sum(name) for name in (*COUNTERS, *LATENCY_FIELDS)})
    return {name: value or 0 for name, value in sums.items()}


def by_subject(window: timedelta) -> dict[Subject, dict[str, int]]:
    """Return the sums of all counters and buckets since `window` ago for each integration and rule, in one pass."""
    names = (*COUNTERS, *LATENCY_FIELDS)
    rows = (
        UsageHour.objects.filter(hour__gte=_first_hour(window))
        .values("subject_type", "subject_id")
        .annotate(**{f"{name}_sum": Sum(name) for name in names})
    )
    return {(row["subject_type"], row["subject_id"]): {name: row[f"{name}_sum"] for name in names} for row in rows}


def totals_of(window: timedelta, kind: str, subject_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """Return the sums of the counters for several subjects, with one query. Those without use are missing."""
    rows = _rows(window, kind, None).filter(subject_id__in=list(subject_ids)).values("subject_id")
    sums = rows.annotate(**{f"{name}_sum": Sum(name) for name in COUNTERS})
    return {row["subject_id"]: {name: row[f"{name}_sum"] for name in COUNTERS} for row in sums}


def series(window: timedelta, kind: str, subject_id: uuid.UUID | None = None) -> list[dict[str, Any]]:
    """Return one point per hour since `window` ago: at, received, succeeded, failed. Hours without use are zero."""
    sums = {
        row["hour"]: row
        for row in _rows(window, kind, subject_id)
        .values("hour")
        .annotate(**{f"{name}_sum": Sum(name) for name in ("received", "succeeded", "failed")})
    }
    point = _first_hour(window)
    points = []
    while point <= clock.now():
        row = sums.get(point, {})
        points.append(
            {"at": point, **{name: row.get(f"{name}_sum", 0) for name in ("received", "succeeded", "failed")}}
        )
        point += timedelta(hours=1)
    return points


def busiest(window: timedelta, kind: str, counter: str, limit: int = 10) -> list[tuple[uuid.UUID, int]]:
    """Return the subjects with the most of `counter`, greatest first."""
    rows = (
        _rows(window, kind, None)
        .values("subject_id")
        .annotate(total=Sum(counter))
        .filter(total__gt=0)
        .order_by("-total")[:limit]
    )
    return [(row["subject_id"], row["total"]) for row in rows]


def percentiles(sums: dict[str, int], wanted: Iterable[int] = (50, 95, 99)) -> dict[str, int | None]:
    """Return latencies in milliseconds ({"p50": ...}), interpolated within their bucket; None without any call."""
    counts = [sums.get(name, 0) for name in LATENCY_FIELDS]
    total = sum(counts)
    return {f"p{share}": _percentile(counts, total, share / 100) if total else None for share in wanted}


def _percentile(counts: list[int], total: int, share: float) -> int:
    rank, seen, lower = share * total, 0, 0
    for bound, number in zip((*BUCKETS, BUCKETS[-1]), counts, strict=True):
        if number and seen + number >= rank:
            return round(lower + (bound - lower) * (rank - seen) / number)
        seen, lower = seen + number, bound
    return BUCKETS[-1]


def _first_hour(window: timedelta) -> datetime:
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    return hour - window + timedelta(hours=1)


def _rows(window: timedelta, kind: str, subject_id: uuid.UUID | None) -> Any:
    rows = UsageHour.objects.filter(subject_type=kind, hour__gte=_first_hour(window))
    return rows.filter(subject_id=subject_id) if subject_id else rows
