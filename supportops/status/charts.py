"""The overview's chart: what was received, matched, run and failed over a window, as points for an SVG and a table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext_lazy

from integrations import usage
from integrations.models import UsageHour
from rules.models import Run, RunStatus
from supportops import clock
from supportops.ids import first_id_at, made_at
from webhooks.models import Delivery

# The size of the picture in its own units; the page stretches it.
WIDTH, HEIGHT = 1000, 200
# How long a point stands for, by window.
SPANS = {"1h": timedelta(minutes=5), "24h": timedelta(hours=1), "7d": timedelta(hours=6), "30d": timedelta(days=1)}
# The last hour is told from the rows themselves, so many of the newest.
_MOST_ROWS = 20_000
# Name in the rollups' rows, and what people read.
SERIES = {
    "received": gettext_lazy("received"),
    "matched": gettext_lazy("matched"),
    "runs": gettext_lazy("run"),
    "failed": gettext_lazy("failed"),
}


@dataclass(frozen=True)
class Line:
    """One series: its name, its sum, and its points as SVG takes them."""

    key: str
    name: Any
    total: int
    points: str


@dataclass(frozen=True)
class Chart:
    """Several series over one window."""

    window: str
    lines: list[Line]
    most: int
    rows: list[dict[str, Any]]
    ticks: list[datetime]

    @property
    def half(self) -> int | None:
        """What stands in the middle of the upright axis; None where that is no whole number."""
        return self.most // 2 if self.most % 2 == 0 else None

    @property
    def format(self) -> str:
        """How times are written beneath."""
        return "H:i" if self.window in ("1h", "24h") else "j M"


def chart_of(window: str) -> Chart:
    """Return the chart of one of `usage.WINDOWS` for the organization in scope."""
    span = SPANS[window]
    starts = _starts(window, span)
    sums = _of_rows(starts[0], span) if window == "1h" else _of_rollups(starts[0], span)
    rows: list[dict[str, Any]] = [{"at": at, **{name: sums[at, name] for name in SERIES}} for at in starts]
    most = _round_up(max((row[name] for row in rows for name in SERIES), default=0))
    lines = [
        Line(name, label, sum(row[name] for row in rows), _points([row[name] for row in rows], most))
        for name, label in SERIES.items()
    ]
    return Chart(window, lines, most, rows, [starts[round(part * (len(starts) - 1) / 4)] for part in range(5)])


def _starts(window: str, span: timedelta) -> list[datetime]:
    now = clock.now()
    last = _floor(now, span)
    count = round(usage.WINDOWS[window] / span)
    return [last - span * (count - 1 - place) for place in range(count)]


def _floor(at: datetime, span: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + span * ((at - midnight) // span)


def _of_rollups(since: datetime, span: timedelta) -> Counter[tuple[datetime, str]]:
    """Return the sums of the hourly rollups: receipt is counted at integrations, the rest at rules."""
    rows = (
        UsageHour.objects.filter(hour__gte=since)
        .values("hour", "subject_type")
        .annotate(**{f"{name}_sum": Sum(name) for name in SERIES})
    )
    sums: Counter[tuple[datetime, str]] = Counter()
    for row in rows:
        names = ("received",) if row["subject_type"] == "integration" else ("matched", "runs", "failed")
        for name in names:
            sums[_floor(row["hour"], span), name] += row[f"{name}_sum"]
    return sums


def _of_rows(since: datetime, span: timedelta) -> Counter[tuple[datetime, str]]:
    """Return the counts of an hour by the times in the ids, since rollups know whole hours only."""
    sums: Counter[tuple[datetime, str]] = Counter()
    first = first_id_at(since)
    deliveries = Delivery.objects.filter(pk__gte=first).order_by("-pk").values_list("pk", flat=True)
    for pk in deliveries[:_MOST_ROWS]:
        sums[_floor(made_at(pk), span), "received"] += 1
    for pk, status, event_id in (
        Run.objects.filter(pk__gte=first).order_by("-pk").values_list("pk", "status", "event_id")[:_MOST_ROWS]
    ):
        at = _floor(made_at(pk), span)
        sums[at, "runs"] += 1
        sums[at, "matched"] += event_id is not None
        sums[at, "failed"] += status == RunStatus.FAILED
    return sums


def _points(values: Iterable[int], most: int) -> str:
    several = list(values)
    step = WIDTH / max(1, len(several) - 1)
    return " ".join(
        f"{place * step:.1f},{HEIGHT - HEIGHT * value / max(1, most):.1f}" for place, value in enumerate(several)
    )


def _round_up(value: int) -> int:
    """Return the next number that reads well on an axis: 1, 2 or 5 with zeros, at least 4."""
    bound = 1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * bound and factor * bound >= 4:
                return factor * bound
        bound *= 10
