"""Figures in Prometheus' form. They come from the database, so that every process of every machine says the same."""

from collections.abc import Iterable, Iterator, Mapping

from django.db import DatabaseError, OperationalError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from integrations.usage import BUCKETS, LATENCY_FIELDS
from supportops.status import figures
from supportops.status.figures import COUNTED_UP_TO, Figures

CONTENT_TYPE = CONTENT_TYPE_LATEST
_UP_TO = f"Counted up to {COUNTED_UP_TO}."
_RUNS = ("planned", "succeeded", "failed")
_THIS_HOUR = "Starts anew each full hour (UTC), as a counter does with its process."


def text(*, is_database_up: bool = True) -> bytes:
    """Return all metrics. While the database is away they say just that."""
    registry = CollectorRegistry()
    registry.register(_Collector(is_database_up))
    return generate_latest(registry)


class _Collector:
    def __init__(self, is_database_up: bool) -> None:
        self._is_database_up = is_database_up

    def collect(self) -> Iterator[Metric]:
        try:
            if not self._is_database_up:
                raise OperationalError
            now = figures.kept.get()
        except DatabaseError:
            yield _gauge("database_up", "Whether the database answers.", 0)
            return
        yield _gauge("database_up", "Whether the database answers.", 1)
        yield from _backlog(now)
        yield from _attention(now)
        yield from _work(now)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would collect all figures once just to learn their names."""
        return []


def _backlog(now: Figures) -> Iterator[Metric]:
    queues = {"deliveries": now.deliveries, **{f"steps_{queue}": due for queue, due in now.steps.items()}}
    queues["jobs"] = now.jobs
    for name, about in (
        ("waiting", f"Rows with a time from which they may be claimed. {_UP_TO}"),
        ("due", f"Those of them whose time has come. {_UP_TO}"),
        ("oldest_due_seconds", "For how long the first of them has been due: how far workers are behind."),
    ):
        field = "oldest_seconds" if name == "oldest_due_seconds" else name
        yield _gauges(name, about, "kind", {kind: getattr(due, field) for kind, due in queues.items()})
    yield _gauge("runs_unfinished", f"Runs that have not ended. {_UP_TO}", now.runs_unfinished)
    yield _gauge("workers_alive", "Workers that have beaten in the last 8 seconds.", now.workers_alive)
    yield _gauge("audit_unsealed", f"Audit entries that wait for their seal. {_UP_TO}", now.unsealed)
    yield _gauge("audit_oldest_unsealed_seconds", "For how long the first of them waits.", now.unsealed_seconds)


def _attention(now: Figures) -> Iterator[Metric]:
    letters = {"step": now.dead_steps, "delivery": now.failed_deliveries}
    yield _gauges("dead_letters", f"What failed for good and rests until somebody acts. {_UP_TO}", "kind", letters)
    yield _gauges("steps_resting", f"Steps that wait for somebody. {_UP_TO}", "reason", now.resting)
    circuits = GaugeMetricFamily(
        "supportops_circuits", "Integrations whose circuit is not closed.", labels=["platform", "state"]
    )
    for (platform, state), count in sorted(now.circuits.items()):
        circuits.add_metric([platform, state], count)
    yield circuits
    yield _gauge(
        "integrations_credentials_rejected",
        "Integrations whose credentials the platform refused.",
        now.credentials_rejected,
    )


def _work(now: Figures) -> Iterator[Metric]:
    calls, rules = now.integrations_hour, now.rules_hour
    yield _counter("deliveries", "Requests of platforms.", calls, ("received", "rejected", "duplicate"))
    yield _counter("calls", "Calls to platforms.", calls, ("succeeded", "failed", "retried"))
    yield _counter("runs", "Runs by what became of them.", {**rules, "planned": rules.get("runs", 0)}, _RUNS)
    matches = CounterMetricFamily("supportops_rules_matched", f"Events that matched a rule. {_THIS_HOUR}")
    matches.add_metric([], rules.get("matched", 0))
    yield matches
    yield _latencies(calls)


def _latencies(calls: dict[str, int]) -> Metric:
    buckets, seen = [], 0
    for name, bound in zip(LATENCY_FIELDS, (*(str(bound / 1000) for bound in BUCKETS), "+Inf"), strict=True):
        seen += calls.get(name, 0)
        buckets.append((bound, float(seen)))
    histogram = HistogramMetricFamily("supportops_call_duration_seconds", f"How long calls took. {_THIS_HOUR}")
    # Sums are not kept: shares of calls below a bound are what is asked for.
    histogram.add_metric([], buckets=buckets, sum_value=None)
    return histogram


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"supportops_{name}", about, value=value)


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"supportops_{name}", about, labels=[label])
    for value_of_label, value in values.items():
        family.add_metric([value_of_label], value)
    return family


def _counter(name: str, about: str, sums: dict[str, int], outcomes: tuple[str, ...]) -> Metric:
    family = CounterMetricFamily(f"supportops_{name}", f"{about} {_THIS_HOUR}", labels=["outcome"])
    for outcome in outcomes:
        family.add_metric([outcome], sums.get(outcome, 0))
    return family
