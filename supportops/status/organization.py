"""How an organization does: its integrations, its backlog, what it did and how well. For the API and the dashboard.

Each figure costs the same with a million runs: counts stop at COUNTED_UP_TO, what was done comes from hourly rollups.
"""

import uuid
from collections import Counter
from datetime import datetime
from typing import Any

from integrations import health, usage
from integrations.models import HealthStatus, Integration, IntegrationHealth
from rules import workers
from rules.models import Rule, Run, RunStatus, Step
from supportops import clock
from webhooks.models import Delivery, DeliveryStatus

# A count of so many means: so many, or more.
COUNTED_UP_TO = 10_000
_SHOWN = 10
_UNFINISHED = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)


def health_of_organization() -> dict[str, Any]:
    """Return the health of the organization in scope in the form of the API."""
    now = clock.now()
    # By status each: for several at once the database might rather walk through all runs there ever were.
    runs = {status: Run.objects.filter(status=status) for status in _UNFINISHED}
    deliveries = Delivery.objects.filter(status=DeliveryStatus.ACCEPTED)
    counts = {status: _up_to_limit(rows) for status, rows in runs.items()}
    oldest_run = min((at for rows in runs.values() if (at := _oldest(rows, "created_at"))), default=None)
    oldest_delivery = _oldest(deliveries, "received_at")
    return {
        "integrations": _integrations(),
        "backlog": {
            "deliveries": _up_to_limit(deliveries),
            "runs": min(sum(counts.values()), COUNTED_UP_TO),
            "runs_waiting": counts[RunStatus.WAITING],
            "oldest_delivery_seconds": _age(oldest_delivery, now),
            "oldest_run_seconds": _age(oldest_run, now),
            "oldest_seconds": _age(min((at for at in (oldest_delivery, oldest_run) if at), default=None), now),
        },
        "dead_letters": {
            "steps": _up_to_limit(Step.objects.filter(is_dead_letter=True)),
            "deliveries": _up_to_limit(Delivery.objects.filter(status=DeliveryStatus.FAILED)),
        },
        "workers_alive": workers.alive(),
        "counted_up_to": COUNTED_UP_TO,
    }


def stats_of_organization(window: str) -> dict[str, Any]:
    """Return what the organization in scope did within one of `usage.WINDOWS`, in the form of the API."""
    sums = usage.by_subject(usage.WINDOWS[window])
    rules = {subject_id: row for (kind, subject_id), row in sums.items() if kind == "rule"}
    integrations = {subject_id: row for (kind, subject_id), row in sums.items() if kind == "integration"}
    done, calls = _total(rules), _total(integrations)
    return {
        "window": window,
        "deliveries": {name: calls[name] for name in ("received", "rejected", "duplicate")},
        "matches": done["matched"],
        "runs": {
            "total": done["runs"],
            "succeeded": done["succeeded"],
            "failed": done["failed"],
            "success_rate": _rate(done),
        },
        "actions": {
            "total": calls["succeeded"] + calls["failed"] + calls["retried"],
            **{name: calls[name] for name in ("succeeded", "failed", "retried")},
            "success_rate": _rate(calls),
        },
        "latency_ms": usage.percentiles(calls),
        "busiest_rules": _busiest_rules(rules),
        "failing_integrations": _failing_integrations(integrations),
        "series": usage.series(usage.WINDOWS[window], "integration"),
    }


def _integrations() -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in Integration.objects.select_related("health").only("is_enabled", "organization_id", "health"):
        counts[_status(row) if row.is_enabled else "disabled"] += 1
    return {name: counts[name] for name in (*HealthStatus.values, "disabled")}


def _status(row: Integration) -> str:
    found: IntegrationHealth = getattr(row, "health", None) or IntegrationHealth()
    return str(health.status_of(found).value)


def _busiest_rules(sums: dict[uuid.UUID, dict[str, int]]) -> list[dict[str, Any]]:
    busiest = _greatest(sums, "runs")
    names = dict(Rule.objects.filter(pk__in=busiest).values_list("pk", "name"))
    return [
        {
            "id": rule_id,
            "name": names.get(rule_id, ""),
            **{name: sums[rule_id][name] for name in ("matched", "runs", "succeeded", "failed")},
            "success_rate": _rate(sums[rule_id]),
        }
        for rule_id in busiest
    ]


def _failing_integrations(sums: dict[uuid.UUID, dict[str, int]]) -> list[dict[str, Any]]:
    failing = _greatest(sums, "failed")
    rows = {row.pk: row for row in Integration.objects.select_related("health").filter(pk__in=failing)}
    return [
        {
            "id": row.pk,
            "name": row.name,
            "platform": row.platform,
            "status": _status(row),
            **{name: sums[row.pk][name] for name in ("succeeded", "failed", "retried")},
            "success_rate": _rate(sums[row.pk]),
        }
        # Those deleted since do not fail any more.
        for row in (rows.get(integration_id) for integration_id in failing)
        if row is not None
    ]


def _greatest(sums: dict[uuid.UUID, dict[str, int]], counter: str) -> list[uuid.UUID]:
    ordered = sorted(sums, key=lambda subject_id: (-sums[subject_id][counter], subject_id))
    return [subject_id for subject_id in ordered if sums[subject_id][counter]][:_SHOWN]


def _total(sums: dict[uuid.UUID, dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in sums.values():
        total.update(row)
    return total


def _rate(sums: Any) -> float | None:
    """Return which share succeeded of what came to an end; None where nothing did."""
    ended = sums["succeeded"] + sums["failed"]
    return round(sums["succeeded"] / ended, 4) if ended else None


def _up_to_limit(rows: Any) -> int:
    return int(rows.order_by()[:COUNTED_UP_TO].count())


def _oldest(rows: Any, time: str) -> datetime | None:
    # Ids sort by time, and end the index on organization and status.
    found: datetime | None = rows.order_by("id").values_list(time, flat=True).first()
    return found


def _age(at: datetime | None, now: datetime) -> float | None:
    return round(max(0.0, (now - at).total_seconds()), 1) if at is not None else None
