"""What has reached its end goes, contents first; nothing unfinished is ever touched."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from audit.recording import record
from audit.sealing import seal_due
from integrations.models import UsageHour
from rules.models import (
    Attempt,
    Event,
    EventContent,
    Run,
    RunContent,
    RunStatus,
    Step,
    StepContent,
    StepStatus,
    Verdict,
    Worker,
)
from supportops import clock
from supportops.api.models import KeptAnswer
from supportops.ids import first_id_at
from supportops.jobs.models import Job, JobStatus
from supportops.people.models import BrowserSession, SignIn
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.history import History, id_at, make_delivery, make_history, make_integration, make_rule
from webhooks import chores, retention
from webhooks.models import Chore, Delivery, DeliveryBody, DeliveryConflict, DeliveryKey, DeliveryStatus
from webhooks.tasks import forget as forget_task

pytestmark = pytest.mark.django_db

OPEN = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)


def days_ago(days: float) -> Any:
    return clock.now() - timedelta(days=days)


def forget() -> None:
    """Forget everything there is to forget."""
    _, is_done = retention.forget(60)
    assert is_done


def kept(history: History) -> set[str]:
    """Name what is still there of a history."""
    step = history.steps[0]
    rows = {
        "body": DeliveryBody.objects.filter(pk=history.delivery.pk),
        "conflict": DeliveryConflict.objects.filter(delivery=history.delivery),
        "event content": EventContent.objects.filter(pk=history.event.pk),
        "run content": RunContent.objects.filter(pk=history.run.pk),
        "step content": StepContent.objects.filter(pk=step.pk),
        "delivery": Delivery.objects.filter(pk=history.delivery.pk),
        "event": Event.objects.filter(pk=history.event.pk),
        "verdict": Verdict.objects.filter(event=history.event),
        "run": Run.objects.filter(pk=history.run.pk),
        "step": Step.objects.filter(pk=step.pk),
        "attempt": Attempt.objects.filter(step=step),
        "key": DeliveryKey.objects.filter(delivery_id=history.delivery.pk),
    }
    return {name for name, found in rows.items() if found.exists()}


CONTENTS = {"body", "conflict", "event content", "run content", "step content"}
HISTORY = {"delivery", "event", "verdict", "run", "step", "attempt"}


def test_contents_go_first_then_history_then_keys(world: World) -> None:
    with working_for(world.ada.organization):
        version = make_rule()
        histories = {days: make_history(version, days_ago(days)) for days in (1, 29, 31, 89, 91, 399, 401)}
    with working_for(world.bo.organization):
        theirs = make_history(make_rule(), days_ago(31))
    forget()
    with working_for(world.ada.organization):
        assert {days: kept(history) for days, history in histories.items()} == {
            1: CONTENTS | HISTORY | {"key"},
            29: CONTENTS | HISTORY | {"key"},
            31: HISTORY | {"key"},
            89: HISTORY | {"key"},
            91: {"key"},
            399: {"key"},
            401: set(),
        }
    with working_for(world.bo.organization):
        assert kept(theirs) == HISTORY | {"key"}


@pytest.mark.parametrize("status", OPEN)
def test_a_run_under_way_keeps_everything_however_old(world: World, status: str) -> None:
    with working_for(world.ada.organization):
        history = make_history(make_rule(), days_ago(500), status)
        forget()
        assert kept(history) == (CONTENTS | HISTORY) - {"body", "conflict"}


def test_a_long_run_keeps_its_history_from_its_end_on(world: World) -> None:
    with working_for(world.ada.organization):
        history = make_history(make_rule(), days_ago(120), ended_at=days_ago(10))
        forget()
        assert kept(history) == HISTORY | {"key"}


def test_a_run_whose_last_call_is_in_flight_stays(world: World) -> None:
    with working_for(world.ada.organization):
        history = make_history(
            make_rule(),
            days_ago(120),
            RunStatus.CANCELLED,
            step_statuses=(StepStatus.RUNNING,),
            worker_id=uuid.uuid4(),
        )
        forget()
        assert {"run", "step", "event", "delivery"} <= kept(history)


def test_a_delivery_that_is_not_planned_keeps_its_body(world: World) -> None:
    with working_for(world.ada.organization):
        waiting = make_delivery(days_ago(120), DeliveryStatus.ACCEPTED, due_at=days_ago(120))
        done = [make_delivery(days_ago(120), s) for s in DeliveryStatus.values if s != DeliveryStatus.ACCEPTED]
        forget()
        assert list(DeliveryBody.objects.values_list("pk", flat=True)) == [waiting.pk]
        assert list(Delivery.objects.values_list("pk", flat=True)) == [waiting.pk]
        assert len(done) == 4


def test_a_replay_outlives_the_run_that_it_names(world: World) -> None:
    with working_for(world.ada.organization):
        version = make_rule()
        old, young = make_history(version, days_ago(100)), make_history(version, days_ago(1))
        Run.objects.filter(pk=young.run.pk).update(replay_of=old.run)
        forget()
        young.run.refresh_from_db()
        assert young.run.replay_of_id is None
        assert not Run.objects.filter(pk=old.run.pk).exists()


def test_an_event_stays_while_a_replay_of_it_stays(world: World) -> None:
    with working_for(world.ada.organization):
        version = make_rule()
        old, young = make_history(version, days_ago(100)), make_history(version, days_ago(1))
        Run.objects.filter(pk=young.run.pk).update(event=old.event, delivery_id=old.delivery.pk)
        forget()
        assert kept(old) == {"delivery", "event", "verdict", "key"}


def test_the_time_in_the_row_decides_where_a_machines_clock_was_wrong(world: World) -> None:
    with working_for(world.ada.organization):
        history = make_history(make_rule(), days_ago(9000))
        # Made by a machine whose clock stood in another century, at a time that the database knew better.
        EventContent.objects.update(created_at=days_ago(1))
        Run.objects.update(created_at=days_ago(1), finished_at=days_ago(1))
        forget()
        assert {"event content", "run", "event", "delivery"} <= kept(history)


def test_what_others_have_is_shown_after_contents_are_gone(world: World) -> None:
    with working_for(world.ada.organization):
        history = make_history(make_rule(), days_ago(31))
    forget()
    run = world.ada.api.get(f"/api/runs/{history.run.pk}/")
    delivery = world.ada.api.get(f"/api/deliveries/{history.delivery.pk}/")
    assert (run.status_code, delivery.status_code) == (200, 200), (run.content, delivery.content)
    assert run.json()["steps"][0]["output"] is None
    assert delivery.json()["body"] is None


def test_the_rest_goes_too(world: World) -> None:
    now = clock.now()
    organization = world.ada.organization
    with working_for(organization):
        integration = make_integration()
        for days in (399, 401):
            hour = days_ago(days).replace(minute=0, second=0, microsecond=0)
            UsageHour.objects.create(
                id=id_at(hour), subject_type="integration", subject_id=integration.pk, hour=hour, received=1
            )
        for days, status in ((91, JobStatus.SUCCEEDED), (91, JobStatus.RUNNING), (1, JobStatus.SUCCEEDED)):
            at = days_ago(days)
            ended = None if status == JobStatus.RUNNING else at
            Job.objects.create(id=id_at(at), kind="x", status=status, created_at=at, finished_at=ended)
        for hours in (23, 25):
            KeptAnswer.objects.create(
                caller="c", route="r", key=str(hours), body_digest="", created_at=now - timedelta(hours=hours)
            )
    BrowserSession.objects.create(session_key="old", session_data="", expire_date=now - timedelta(seconds=1))
    BrowserSession.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
    for days in (1, 31):
        SignIn.objects.create(pk=first_id_at(days_ago(days)), user=world.ada.owner, at=days_ago(days), outcome="done")
    attempt = AccessAttempt.objects.create(username="x", failures_since_start=1)
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=days_ago(31))
    # The heartbeat of an earlier test may have outlived its transaction.
    Worker.objects.all().delete()
    Worker.objects.create(beat_at=now - timedelta(hours=2))
    alive = Worker.objects.create(beat_at=now)
    forget()
    with working_for(organization):
        assert UsageHour.objects.count() == 1
        assert sorted(Job.objects.values_list("status", flat=True)) == [JobStatus.RUNNING, JobStatus.SUCCEEDED]
        assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["23"]
    assert list(BrowserSession.objects.values_list("pk", flat=True)) == ["new"]
    assert not AccessAttempt.objects.exists()
    assert SignIn.objects.count() == 1
    assert list(Worker.objects.values_list("pk", flat=True)) == [alive.pk]


def test_a_dead_worker_is_remembered_while_it_holds_a_delivery(world: World) -> None:
    Worker.objects.all().delete()
    dead = Worker.objects.create(beat_at=clock.now() - timedelta(days=2))
    with working_for(world.ada.organization):
        held = make_delivery(clock.now(), DeliveryStatus.ACCEPTED, worker_id=dead.pk)
        forget()
        assert Worker.objects.filter(pk=dead.pk).exists()
        Delivery.objects.filter(pk=held.pk).update(worker_id=None)
        forget()
    assert not Worker.objects.exists()


# --- batches and turns ----------------------------------------------------------------------------------------


def test_batches_are_small_and_what_stays_is_passed_by(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    with working_for(world.ada.organization):
        version = make_rule()
        stay = [make_history(version, days_ago(200 - n), RunStatus.WAITING) for n in range(5)]
        go = [make_history(version, days_ago(150 - n)) for n in range(5)]
        forget()
        assert [kept(history) >= {"run", "event", "delivery", "step content"} for history in stay] == [True] * 5
        assert [kept(history) for history in go] == [{"key"}] * 5


def test_time_is_bounded_and_the_rest_is_done_next_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    with working_for(world.ada.organization):
        for _ in range(3):
            make_delivery(days_ago(40), DeliveryStatus.IGNORED)
        assert retention.forget(0) == (0, False)
        assert DeliveryBody.objects.count() == 3
        forget()
        assert DeliveryBody.objects.count() == 0


def test_nothing_to_do_costs_a_query_a_kind(world: World) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert retention.forget(60) == (0, True)
    assert len(queries) == len(retention.ENDINGS) + 8, [query["sql"] for query in queries]


def test_a_batch_costs_the_same_however_many_rows_it_has(world: World) -> None:
    counts = []
    for number in (2, 20):
        with working_for(world.ada.organization):
            version = make_rule()
            for n in range(number):
                make_history(version, days_ago(100 + n / 100))
            with CaptureQueriesContext(connection) as queries:
                forget()
            assert not Run.objects.exists()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_candidates_come_from_the_primary_key(world: World) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's query plans")
    with CaptureQueriesContext(connection) as queries:
        retention.forget(60)
    found = [q["sql"] for q in queries if "ORDER BY" in q["sql"] and "500" in q["sql"] and "webhooks" in q["sql"]]
    found += [q["sql"] for q in queries if "rules_" in q["sql"] and "500" in q["sql"]]
    assert len(found) >= 8
    with connection.cursor() as cursor:
        for sql in found:
            cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
            plan = " | ".join(str(row[3]) for row in cursor.fetchall())
            assert "TEMP B-TREE" not in plan, (sql, plan)
            assert "SCAN" not in plan, (sql, plan)


def test_the_task_is_done_by_one_at_a_time_and_every_five_minutes(world: World) -> None:
    def old() -> None:
        with working_for(world.ada.organization):
            make_delivery(days_ago(40), DeliveryStatus.IGNORED)

    def bodies() -> int:
        return DeliveryBody.objects.count()

    now = clock.now()
    with clock.frozen(now):
        old()
        forget_task()
        assert bodies() == 0
        old()
        forget_task()
        assert bodies() == 1
    with clock.frozen(now + timedelta(minutes=5)):
        turn = retention.HISTORY.begin()
        assert turn is not None
        assert retention.HISTORY.begin() is None
        forget_task()
        assert bodies() == 1
    with clock.frozen(now + timedelta(minutes=8, seconds=1)):
        # Whoever had the turn died.
        forget_task()
        assert bodies() == 0
        # And if he comes back after all, he ends nobody else's turn.
        retention.HISTORY.end(turn)
        assert Chore.objects.get(pk="retention").due_at == clock.now() + timedelta(minutes=5)


def test_unfinished_forgetting_is_due_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SECONDS", 0)
    with clock.frozen(clock.now()):
        forget_task()
        assert Chore.objects.get(pk="retention").due_at == clock.now()


@pytest.mark.django_db(transaction=True)
def test_of_many_that_ask_one_has_the_turn() -> None:
    chore = chores.Every("race", timedelta(minutes=5), timedelta(minutes=1))
    barrier, turns = threading.Barrier(6), []

    def ask() -> None:
        barrier.wait()
        try:
            turns.append(chore.begin())
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 6
    assert sum(turn is not None for turn in turns) == 1


def test_audit_entries_go_through_the_logs_own_retention(world: World) -> None:
    with working_for(world.ada.organization), transaction.atomic():
        record("rule.changed", (Run, uuid.uuid4()))
    seal_due()
    with clock.moved(timedelta(days=401)):
        forget_task()
        with working_for(world.ada.organization):
            assert list(AuditEntry.objects.values_list("action", flat=True)) == ["audit.trimmed"]
