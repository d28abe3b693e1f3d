"""Thousands of runs that wait cost nothing, and each timer fires once, whatever becomes of workers and clocks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rules import compiled, recovery, workers
from rules.execution import perform_due
from rules.models import Run, RunStatus, Step, StepStatus
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import TOOL, Desk, request_to
from webhooks.sweep import sweep_once

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 5, 400
AFTER = request_to(name="after")


def wait_by(desk: Desk, number: int, first: int = 0) -> None:
    """Let so many runs rest in their first step, each of a ticket of its own."""
    desk.plan(*(desk.event(number=1000 + first + place) for place in range(number)))
    now = clock.now()
    with working_for(desk.organization):
        resting = {"status": StepStatus.WAITING, "waits_for": "time", "due_at": now + timedelta(days=1)}
        Step.objects.filter(name="rest", status=StepStatus.PENDING).update(**resting, started_at=now)
        Run.objects.filter(status=RunStatus.PENDING).update(status=RunStatus.WAITING, started_at=now)


def look() -> None:
    """What workers do all the time: look for work, find none, and see to what was left behind."""
    sweep_once()
    assert perform_due() == 0


def queries_of(work: Callable[[], None]) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def instructions_of(work: Callable[[], None]) -> int:
    """Return how many hundreds of instructions SQLite's machine carried out."""
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(tick, 100)
    try:
        work()
    finally:
        connection.connection.set_progress_handler(None, 100)
    return ticks[0]


def test_looking_for_work_asks_as_much_however_many_runs_wait(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "1d"}}, AFTER)
    wait_by(desk, FEW)
    look()
    few = queries_of(look)
    wait_by(desk, MANY, first=FEW)
    with working_for(desk.organization):
        assert Run.objects.filter(status=RunStatus.WAITING).count() == FEW + MANY
    assert queries_of(look) == few


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts the instructions of SQLite's machine")
def test_looking_for_work_passes_over_no_run_that_waits(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "1d"}}, AFTER)
    wait_by(desk, FEW)
    look()
    few = instructions_of(look)
    wait_by(desk, MANY, first=FEW)
    # A scan of those that wait would take some instructions for each.
    assert instructions_of(look) <= few + MANY // 100


def test_a_timer_fires_once_over_restarts(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "30m"}}, AFTER)
    desk.ticket()
    desk.perform()
    for minutes in (10, 20, 31, 32):
        # Nothing of a process is left in the next one: no alarm, no cache, no name.
        workers.stop()
        compiled.forget()
        with clock.moved(timedelta(minutes=minutes)):
            sweep_once()
            perform_due()
        assert desk.sent(TOOL) == (minutes > 30)
    assert desk.run.status == "succeeded"


@pytest.mark.parametrize("minutes", [[29, -60, 29, 31], [31, 10, 31], [-60, 31, -60, 31], [600, 29]])
def test_a_timer_fires_once_whatever_the_clock_does(desk: Desk, minutes: list[int]) -> None:
    desk.rule({"id": "rest", "wait": {"for": "30m"}}, AFTER)
    desk.ticket()
    desk.perform()
    for minute in minutes:
        with clock.moved(timedelta(minutes=minute)):
            sweep_once()
            perform_due()
    # What came due just before a clock was set back is due by it when it has come so far again.
    with clock.moved(timedelta(minutes=max(minutes))):
        perform_due()
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)


def test_the_machines_own_clock_moves_no_timer_where_the_database_has_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's time is the machine's")
    desk.rule({"id": "rest", "wait": {"for": "30m"}}, AFTER)
    # Before anything is due: it may set our time back a little.
    clock.sync()
    desk.ticket()

    class Set(clock.datetime):
        """The machine's clock, an hour ahead."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return super().now(tz) + timedelta(hours=1)

    monkeypatch.setattr(clock, "datetime", Set)
    try:
        desk.perform(later=timedelta(minutes=1))
        recovery.end_waits()
        desk.perform(later=timedelta(minutes=1))
        assert (desk.step("rest").status, desk.sent(TOOL)) == ("waiting", 0)
        desk.perform(later=timedelta(minutes=32))
        assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)
    finally:
        monkeypatch.setattr(clock, "_anchor", None)
