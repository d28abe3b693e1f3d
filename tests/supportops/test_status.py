"""What load balancers, monitoring and people are told; cheap however much there is, and nothing of anybody else."""

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import OperationalError, connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from audit.recording import record
from integrations.models import Circuit, IntegrationHealth, UsageHour
from integrations.usage import Tally
from rules.models import RunStatus, Step, StepStatus, Worker
from supportops import clock
from supportops.jobs.models import Job
from supportops.status import figures, organization, probes
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World, make_organization
from tests.history import make_delivery, make_history, make_integration, make_rule
from webhooks.models import DeliveryStatus


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    def forget() -> None:
        figures.kept.forget()
        for question in (probes.DATABASE, probes.BROKER, probes.WORKERS):
            question.forget()

    forget()
    yield
    forget()


def asked(answer: bool) -> probes.Question:
    return probes.Question("part", lambda: answer)


# --- healthz and readyz -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_the_process_is_up_and_asks_nobody(client: Client, path: str) -> None:
    # No database in this test: a query would fail it. A host that nobody knows and a stale cookie cost nothing either.
    client.cookies[settings.SESSION_COOKIE_NAME] = "stale"
    answer = client.get(path, headers={"host": "10.1.2.3"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]
    assert answer["X-Request-ID"]
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_ready_while_the_database_takes_writes(client: Client) -> None:
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_tables(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Organization._meta, "db_table", "no_such_table")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "missing": ["database"]}
    assert answer["Retry-After"] == "5"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_not_ready_while_the_database_is_a_standby(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} SET default_transaction_read_only = on")
    try:
        assert client.get("/readyz").json()["missing"] == ["database"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET transaction_read_only = off")
            cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} RESET default_transaction_read_only")


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        ((True, True, True), []),
        ((True, False, True), ["broker"]),
        ((True, True, False), ["workers"]),
        ((False, False, False), ["database", "broker", "workers"]),
    ],
)
def test_everything_is_asked_for_on_request_and_what_is_missing_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch, parts: tuple[bool, ...], missing: list[str]
) -> None:
    for name, answer in zip(("DATABASE", "BROKER", "WORKERS"), parts, strict=True):
        monkeypatch.setattr(probes, name, asked(answer))
    got = client.get("/readyz?all=1")
    assert got.status_code == (503 if missing else 200)
    assert got.json().get("missing", []) == missing
    assert client.get("/readyz").status_code == (200 if parts[0] else 503)


@pytest.mark.django_db(transaction=True)
def test_workers_are_alive_while_they_beat() -> None:
    assert probes.WORKERS.answer() is False
    Worker.objects.create(beat_at=clock.now() - timedelta(seconds=9))
    probes.WORKERS.forget()
    assert probes.WORKERS.answer() is False
    Worker.objects.create(beat_at=clock.now())
    probes.WORKERS.forget()
    assert probes.WORKERS.answer() is True


def test_a_broker_that_is_not_there_is_missing() -> None:
    from celery import current_app

    assert probes._broker_answers() is True  # in memory
    with override_settings(BROKER_URL="redis://127.0.0.1:1/0"):
        before, current_app.conf.broker_url = current_app.conf.broker_url, "redis://127.0.0.1:1/0"
        try:
            assert probes._broker_answers() is False
        finally:
            current_app.conf.broker_url = before


@pytest.mark.servers
def test_a_real_broker_answers(valkey_url: str) -> None:
    from celery import current_app

    with override_settings(BROKER_URL=valkey_url):
        before, current_app.conf.broker_url = current_app.conf.broker_url, valkey_url
        try:
            assert probes._broker_answers() is True
        finally:
            current_app.conf.broker_url = before


def test_what_hangs_counts_as_away_and_takes_up_one_thread() -> None:
    release, calls = threading.Event(), []

    def hang() -> bool:
        calls.append(1)
        return release.wait(10)

    question = probes.Question("part", hang, patience=0.05)
    assert [question.answer() for _ in range(5)] == [False] * 5
    assert len(calls) == 1
    release.set()
    assert probes.Question("part", hang, patience=5).answer() is True


def test_a_question_is_asked_once_a_second_at_most() -> None:
    calls: list[int] = []
    question = probes.Question("part", lambda: not calls.append(1))
    assert [question.answer() for _ in range(50)] == [True] * 50
    assert len(calls) == 1


def test_a_question_that_breaks_is_a_no_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def broken() -> bool:
        raise RuntimeError

    question = probes.Question("part", broken)
    assert question.answer() is False
    question.forget()
    assert question.answer() is False


def test_what_goes_missing_and_comes_back_is_logged_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [True, False, False, True]
    question = probes.Question("database", lambda: answers.pop(0))
    monkeypatch.setattr(probes, "DATABASE", question)
    with caplog.at_level("INFO"):
        for expected in (200, 503, 503, 200):
            question.forget()
            assert client.get("/readyz").status_code == expected
    told = [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)]
    assert told == ["readiness.lost", "readiness.back"]
    assert not [record for record in caplog.records if record.name == "django.request"]


# --- metrics ----------------------------------------------------------------------------------------------------


def samples(client: Client, **headers: str) -> dict[tuple[str, ...], float]:
    """Return every sample of /metrics by its name and labels' values."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("supportops_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
def test_metrics_of_an_empty_system(client: Client) -> None:
    found = samples(client)
    assert found["database_up",] == 1
    assert found["due", "deliveries"] == found["due", "steps_work"] == found["waiting", "jobs"] == 0
    assert found["call_duration_seconds_bucket", "+Inf"] == 0
    assert not [name for name in found if name[0] == "circuits"]


@pytest.mark.django_db
def test_metrics_tell_the_backlog_of_everybody(world: World, client: Client) -> None:
    now = clock.now()
    with clock.frozen(now):
        for tenant in (world.ada, world.bo):
            with working_for(tenant.organization):
                ago = now - timedelta(seconds=30 if tenant is world.ada else 90)
                make_delivery(now, DeliveryStatus.ACCEPTED, due_at=ago)
                make_delivery(now, DeliveryStatus.ACCEPTED, due_at=now + timedelta(hours=1))
                make_delivery(now, DeliveryStatus.FAILED)
                version = make_rule()
                running = make_history(version, now, RunStatus.RUNNING, step_statuses=(StepStatus.PENDING,), due_at=ago)
                make_history(version, now, RunStatus.FAILED, step_statuses=(StepStatus.FAILED,), is_dead_letter=True)
                Step.objects.create(
                    run=running.run, position=5, name="s", action="a", queue="scripts", due_at=now + timedelta(hours=1)
                )
                for status, waits_for in ((StepStatus.UNCERTAIN, "person"), (StepStatus.WAITING, "credentials")):
                    make_history(
                        version,
                        now,
                        RunStatus.WAITING,
                        step_statuses=(status,),
                        waits_for=waits_for,
                        deadline_at=now + timedelta(days=1),
                    )
                Job.objects.create(kind="x", due_at=ago)
                integration = make_integration()
                IntegrationHealth.objects.create(
                    integration=integration, circuit=Circuit.OPEN, credentials_rejected_at=now
                )
                tally = Tally()
                tally.add(("integration", integration.pk), "received", 3)
                tally.add(("integration", integration.pk), "succeeded", 2)
                tally.add_latency(("integration", integration.pk), 40)
                tally.add(("rule", version.rule.pk), "runs", 4)
                tally.write()
                with transaction.atomic():
                    record("rule.changed", (Organization, tenant.organization.pk))
        Worker.objects.create(beat_at=now)
        found = samples(client)
    assert (found["waiting", "deliveries"], found["due", "deliveries"]) == (4, 2)
    assert found["oldest_due_seconds", "deliveries"] == 90
    assert (found["waiting", "steps_work"], found["due", "steps_work"]) == (2, 2)
    assert found["oldest_due_seconds", "steps_work"] == 90
    assert (found["waiting", "steps_scripts"], found["due", "steps_scripts"]) == (2, 0)
    assert found["oldest_due_seconds", "steps_scripts"] == 0
    assert (found["due", "jobs"], found["oldest_due_seconds", "jobs"]) == (2, 90)
    assert found["runs_unfinished",] == 6
    assert (found["dead_letters", "step"], found["dead_letters", "delivery"]) == (2, 2)
    assert (found["steps_resting", "uncertain"], found["steps_resting", "credentials"]) == (2, 2)
    assert found["circuits", "slack", "open"] == 2
    assert found["integrations_credentials_rejected",] == 2
    assert found["workers_alive",] == 1
    assert found["audit_unsealed",] == 2
    assert found["deliveries_total", "received"] == 6
    assert found["calls_total", "succeeded"] == 4
    assert found["runs_total", "planned"] == 8
    assert found["call_duration_seconds_bucket", "0.025"] == 0
    assert found["call_duration_seconds_bucket", "0.05"] == found["call_duration_seconds_bucket", "+Inf"] == 2


@pytest.mark.django_db
def test_counters_start_anew_each_hour(world: World, client: Client) -> None:
    now = clock.now()
    with working_for(world.ada.organization):
        hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        UsageHour.objects.create(subject_type="integration", subject_id=uuid.uuid4(), hour=hour, received=7)
    assert samples(client)["deliveries_total", "received"] == 0


@pytest.mark.django_db
def test_metrics_name_no_tenant(world: World, client: Client) -> None:
    with working_for(world.ada.organization):
        make_delivery(clock.now(), DeliveryStatus.ACCEPTED, due_at=clock.now())
        make_integration("Secret Customer Ltd")
    text = client.get("/metrics").content.decode()
    for name in ("ada", "Secret Customer", str(world.ada.organization.pk), world.ada.organization.pk.hex):
        assert name not in text


@pytest.mark.django_db
def test_counts_stop_at_their_limit(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "COUNTED_UP_TO", 3)
    with working_for(world.ada.organization):
        for _ in range(5):
            make_delivery(clock.now(), DeliveryStatus.ACCEPTED, due_at=clock.now() - timedelta(seconds=5))
    found = samples(client)
    assert (found["waiting", "deliveries"], found["due", "deliveries"]) == (3, 3)


@pytest.mark.django_db
def test_figures_are_taken_once_in_a_while_with_a_fixed_number_of_queries(world: World, client: Client) -> None:
    def taken() -> int:
        figures.kept.forget()
        with CaptureQueriesContext(connection) as queries:
            samples(client)
        with CaptureQueriesContext(connection) as again:
            samples(client)
        assert len(again) == 0
        return sum("SAVEPOINT" not in query["sql"] for query in queries)

    for _ in range(2):
        with working_for(make_organization()):
            make_delivery(clock.now(), DeliveryStatus.ACCEPTED, due_at=clock.now())
    few = taken()
    for _ in range(10):
        with working_for(make_organization()):
            make_delivery(clock.now(), DeliveryStatus.ACCEPTED, due_at=clock.now())
    assert taken() == few <= 16


@pytest.mark.django_db
def test_figures_come_from_indexes(world: World) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's query plans")
    with working_for(world.ada.organization):
        make_delivery(clock.now(), DeliveryStatus.ACCEPTED, due_at=clock.now())
    with CaptureQueriesContext(connection) as queries:
        figures.take()
    # What may be walked through whole: indexes on what waits or went wrong, and what is as small as there are
    # integrations.
    small = ("delivery_due", "run_unfinished", "step_dead_letters", "delivery_failed", "unsealed", "integration")
    # Results of inner queries, which are bounded.
    derived = ("SCAN turn", "SCAN first_ones", "SCAN first_turn")
    seen = set()
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
            for step in (str(row[3]) for row in cursor.fetchall()):
                seen |= {word for word in step.split() if word in small}
                if step.startswith("SCAN") and step not in derived:
                    assert any(name in step for name in small), (query["sql"], step)
    assert {"delivery_due", "run_unfinished", "step_dead_letters", "delivery_failed"} <= seen


@pytest.mark.django_db
def test_metrics_say_that_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused by host secret.internal")

    monkeypatch.setattr(probes, "DATABASE", asked(True))
    monkeypatch.setattr(figures, "take", away)
    assert samples(client) == {("database_up",): 0}
    assert "secret.internal" not in client.get("/metrics").content.decode()


@pytest.mark.django_db
def test_a_database_that_hangs_holds_up_no_scrape(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "DATABASE", asked(False))
    with CaptureQueriesContext(connection) as queries:
        assert samples(client) == {("database_up",): 0}
    assert len(queries) == 0


TOKEN = "t" * 40


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("allowed", "token", "proxies", "headers", "status"),
    [
        (["127.0.0.1"], "", 0, {}, 200),
        (["10.0.0.0/8"], "", 0, {}, 401),
        ([], "", 0, {}, 401),
        ([], TOKEN, 0, {"authorization": f"Bearer {TOKEN}"}, 200),
        ([], TOKEN, 0, {"authorization": f"bearer {TOKEN}"}, 200),
        (["127.0.0.1"], TOKEN, 0, {"authorization": "Bearer wrong"}, 401),
        (["127.0.0.1"], TOKEN, 0, {}, 200),
        ([], TOKEN, 0, {"authorization": "Bearer "}, 401),
        ([], "", 0, {"authorization": "Bearer "}, 401),
        # A proxy on this machine that nobody told us of: its address stands for everybody's.
        (["127.0.0.1"], "", 0, {"x-forwarded-for": "127.0.0.1"}, 401),
        (["127.0.0.1"], "", 0, {"via": "1.1 proxy"}, 401),
        (["127.0.0.1"], "", 1, {"x-forwarded-for": "8.8.8.8"}, 401),
        (["127.0.0.1"], "", 1, {"x-forwarded-for": "127.0.0.1, 8.8.8.8"}, 401),
        (["8.8.8.8"], "", 1, {"x-forwarded-for": "8.8.8.8"}, 200),
        ([], TOKEN, 0, {"x-forwarded-for": "8.8.8.8", "authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_metrics_are_for_the_operator(
    client: Client, allowed: list[str], token: str, proxies: int, headers: dict[str, str], status: int
) -> None:
    with override_settings(METRICS_ALLOW=allowed, METRICS_TOKEN=token, TRUSTED_PROXIES=proxies):
        answer = client.get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer.json()["errors"][0]["code"] == "not_authenticated"


def test_a_wrong_allow_list_is_found_at_the_start() -> None:
    with override_settings(METRICS_ALLOW=["localhost"]):
        assert [error.id for error in run_checks(tags=["metrics"])] == ["status.E001"]
    assert run_checks(tags=["metrics"]) == []


# --- an organization's health -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_health_of_an_organization(world: World) -> None:
    now = clock.now()
    with working_for(world.bo.organization):
        make_delivery(now, DeliveryStatus.ACCEPTED, due_at=now)
        make_integration()
    with working_for(world.ada.organization), clock.frozen(now):
        healthy, rejected, degraded = (make_integration(name) for name in ("A", "B", "C"))
        make_integration("D")
        make_integration("E", is_enabled=False)
        IntegrationHealth.objects.create(integration=healthy, checked_at=now, last_success_at=now)
        IntegrationHealth.objects.create(integration=rejected, checked_at=now, credentials_rejected_at=now)
        IntegrationHealth.objects.create(integration=degraded, checked_at=now, circuit=Circuit.HALF_OPEN)
        version = make_rule()
        make_delivery(now - timedelta(seconds=40), DeliveryStatus.ACCEPTED)
        make_delivery(now - timedelta(days=4), DeliveryStatus.FAILED)
        for seconds, status in ((10, RunStatus.PENDING), (70, RunStatus.RUNNING), (5, RunStatus.WAITING)):
            make_history(version, now - timedelta(seconds=seconds), status)
        make_history(
            version, now - timedelta(days=3), RunStatus.FAILED, step_statuses=(StepStatus.FAILED,), is_dead_letter=True
        )
        Worker.objects.create(beat_at=now)
        answer = world.ada.api.get("/api/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "integrations": {"unknown": 1, "healthy": 1, "degraded": 1, "unhealthy": 1, "disabled": 1},
        "backlog": {
            "deliveries": 1,
            "runs": 3,
            "runs_waiting": 1,
            "oldest_delivery_seconds": 40.0,
            "oldest_run_seconds": 70.0,
            "oldest_seconds": 70.0,
        },
        "dead_letters": {"steps": 1, "deliveries": 1},
        "workers_alive": 1,
        "counted_up_to": 10_000,
    }


@pytest.mark.django_db
def test_health_of_an_organization_without_anything(world: World) -> None:
    answer = world.ada.api.get("/api/health/").json()
    assert set(answer["integrations"].values()) == {0}
    assert answer["backlog"]["oldest_seconds"] is None


@pytest.mark.django_db
def test_health_costs_a_fixed_number_of_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken() -> int:
        with working_for(world.ada.organization), CaptureQueriesContext(connection) as queries:
            organization.health_of_organization()
        return len(queries)

    few = taken()
    monkeypatch.setattr(organization, "COUNTED_UP_TO", 3)
    with working_for(world.ada.organization):
        version = make_rule()
        for number in range(6):
            make_integration(str(number))
            make_history(version, clock.now(), RunStatus.RUNNING)
            make_delivery(clock.now(), DeliveryStatus.ACCEPTED)
    assert taken() == few == 12
    answer = world.ada.api.get("/api/health/").json()
    assert (answer["backlog"]["runs"], answer["backlog"]["deliveries"], answer["counted_up_to"]) == (3, 3, 3)


@pytest.mark.django_db
def test_health_comes_from_indexes(world: World) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's query plans")
    with working_for(world.ada.organization), CaptureQueriesContext(connection) as queries:
        organization.health_of_organization()
    found = [query["sql"] for query in queries if any(t in query["sql"] for t in ("rules_", "webhooks_"))]
    with connection.cursor() as cursor:
        for sql in found:
            cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
            plan = " | ".join(str(row[3]) for row in cursor.fetchall())
            assert "USING" in plan and "INDEX" in plan and "TEMP B-TREE" not in plan, (sql, plan)


# --- an organization's statistics -------------------------------------------------------------------------------


def write_usage(kind: str, subject_id: uuid.UUID, hours_ago: int = 0, **counts: int) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    UsageHour.objects.create(subject_type=kind, subject_id=subject_id, hour=hour, shard=hours_ago % 16, **counts)


@pytest.mark.django_db
def test_stats_of_an_organization(world: World) -> None:
    with working_for(world.bo.organization):
        write_usage("integration", uuid.uuid4(), received=1000, failed=1000)
    with working_for(world.ada.organization):
        good, bad, gone = make_integration("Good"), make_integration("Bad", "trello"), uuid.uuid4()
        busy, quiet = make_rule("Busy"), make_rule("Quiet")
        write_usage("integration", good.pk, received=10, duplicate=2, rejected=1, succeeded=8, le_100=8)
        write_usage("integration", good.pk, 5, received=5, succeeded=1, le_1000=1)
        write_usage("integration", bad.pk, succeeded=1, failed=3, retried=4, le_250=8)
        write_usage("integration", gone, failed=9)
        write_usage("integration", good.pk, 30, received=500)
        write_usage("rule", busy.rule.pk, matched=9, runs=8, succeeded=6, failed=2)
        write_usage("rule", quiet.rule.pk, matched=1, runs=1, succeeded=1)
        got = world.ada.api.get("/api/stats").json()
    points = got.pop("series")
    assert len(points) == 24
    assert (points[-1]["received"], points[-1]["succeeded"], points[-1]["failed"]) == (10, 9, 12)
    assert points[-6]["received"] == 5
    assert got == {
        "window": "24h",
        "deliveries": {"received": 15, "rejected": 1, "duplicate": 2},
        "matches": 10,
        "runs": {"total": 9, "succeeded": 7, "failed": 2, "success_rate": 0.7778},
        "actions": {"total": 26, "succeeded": 10, "failed": 12, "retried": 4, "success_rate": 0.4545},
        "latency_ms": {"p50": 109, "p95": 575, "p99": 915},
        "busiest_rules": [
            {
                "id": str(busy.rule.pk),
                "name": "Busy",
                "matched": 9,
                "runs": 8,
                "succeeded": 6,
                "failed": 2,
                "success_rate": 0.75,
            },
            {
                "id": str(quiet.rule.pk),
                "name": "Quiet",
                "matched": 1,
                "runs": 1,
                "succeeded": 1,
                "failed": 0,
                "success_rate": 1.0,
            },
        ],
        "failing_integrations": [
            {
                "id": str(bad.pk),
                "name": "Bad",
                "platform": "trello",
                "status": "unknown",
                "succeeded": 1,
                "failed": 3,
                "retried": 4,
                "success_rate": 0.25,
            }
        ],
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("window", "received", "points"), [("1h", 1, 1), ("7d", 7, 168), ("30d", 37, 720)])
def test_stats_of_a_window(world: World, window: str, received: int, points: int) -> None:
    with working_for(world.ada.organization):
        integration = make_integration()
        for hours_ago, count in ((0, 1), (30, 2), (100, 4), (500, 30)):
            write_usage("integration", integration.pk, hours_ago, received=count)
    got = world.ada.api.get("/api/stats/", {"window": window}).json()
    assert (got["deliveries"]["received"], len(got["series"])) == (received, points)


@pytest.mark.django_db
def test_stats_of_nothing_and_of_a_window_there_is_not(world: World) -> None:
    got = world.ada.api.get("/api/stats/").json()
    assert got["runs"]["success_rate"] is None
    assert got["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    refused = world.ada.api.get("/api/stats/", {"window": "1y"})
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "window")


@pytest.mark.django_db
def test_stats_cost_a_fixed_number_of_queries(world: World) -> None:
    def taken() -> int:
        with working_for(world.ada.organization), CaptureQueriesContext(connection) as queries:
            organization.stats_of_organization("24h")
        return len(queries)

    with working_for(world.ada.organization):
        write_usage("integration", make_integration().pk, failed=1)
        write_usage("rule", make_rule().rule.pk, runs=1)
        few = taken()
        for number in range(15):
            write_usage("integration", make_integration(str(number)).pk, failed=1)
            write_usage("rule", make_rule().rule.pk, runs=1)
    assert taken() == few == 4
    got: Any = world.ada.api.get("/api/stats/").json()
    assert (len(got["busiest_rules"]), len(got["failing_integrations"])) == (10, 10)
