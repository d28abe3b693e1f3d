"""Rules that times wake: when, once, and after any pause."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from rules import authoring, schedules
from rules.compiled import forget
from rules.cron import next_time
from rules.models import Rule, RuleSchedule, RuleVersion, Run
from rules.problems import Refused
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import TOOL, Desk, request_to

engine = pytest.mark.django_db(transaction=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- times ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 9 * * 1-5", "UTC", "2026-11-20T09:00", "2026-11-23T09:00"),
        ("*/15 * * * *", "UTC", "2026-11-20T09:07", "2026-11-20T09:15"),
        ("0 9 * * *", "Europe/Berlin", "2026-07-01T00:00", "2026-07-01T07:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-12-01T00:00", "2026-12-01T08:00"),
        # Spring forward: 02:30 is not there on 29 March; autumn: 02:30 is there twice on 25 October.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T01:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("0 0 29 2 *", "UTC", "2026-03-01T00:00", "2028-02-29T00:00"),
    ],
)
def test_the_next_time(cron: str, zone: str, after: str, expected: str) -> None:
    assert next_time(cron, zone, at(after)) == at(expected)


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("", "UTC"), ("* * * *", "UTC"), ("60 * * * *", "UTC"), ("0 0 31 2 *", "UTC"), ("a b c d e", "UTC"),
     ("0 9 * * *", "Mars/Base"), ("0 9 * * *", "../etc/passwd"), ("* * * * * *", "UTC")],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_the_reason(cron: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|zone|never"):
        next_time(cron, zone, at("2026-11-20T09:00"))


# --- rules ------------------------------------------------------------------------------------------------------
def scheduled(desk: Desk, cron: str = "0 9 * * *", **more: Any) -> Rule:
    trigger = {"platform": "schedule", "cron": cron, **more.pop("trigger", {})}
    return desk.rule(request_to(), trigger=trigger, **more)


def runs(desk: Desk, rule: Rule) -> list[Run]:
    with working_for(desk.organization):
        return list(Run.objects.filter(rule=rule).order_by("pk"))


def due(desk: Desk, rule: Rule) -> datetime:
    with working_for(desk.organization):
        found: datetime = RuleSchedule.objects.get(rule=rule).next_at
        return found


@engine
def test_a_time_starts_one_run_and_the_next_one_follows(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:59")):
        rule = scheduled(desk)
        assert schedules.start_due() == 0
    with clock.frozen(at("2026-11-20T09:00")):
        assert schedules.start_due() == 1
        assert schedules.start_due() == 0
    assert due(desk, rule) == at("2026-11-21T09:00")
    [run] = runs(desk, rule)
    assert run.cause == "schedule"
    desk.perform()
    assert desk.sent(TOOL) == 1


@engine
def test_times_that_passed_while_nobody_asked_start_one_run_together(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:59")):
        rule = scheduled(desk, "* * * * *")
    with clock.frozen(at("2026-11-20T12:00")):
        assert schedules.start_due() == 1
    assert due(desk, rule) == at("2026-11-20T12:01")


@engine
def test_a_clock_that_jumps_back_starts_nothing_twice(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:59")):
        rule = scheduled(desk)
    with clock.frozen(at("2026-11-20T09:00")):
        schedules.start_due()
    with clock.frozen(at("2026-11-20T08:30")):
        assert schedules.start_due() == 0
        with working_for(desk.organization):
            # As if the row had been written from the wrong time.
            RuleSchedule.objects.filter(rule=rule).update(next_at=at("2026-11-20T09:00"))
    with clock.frozen(at("2026-11-20T09:00:01")):
        assert schedules.start_due() == 0
    assert len(runs(desk, rule)) == 1


@engine
def test_sweeps_at_once_start_one_run(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:59")):
        rule = scheduled(desk)

    def sweep() -> None:
        try:
            schedules.start_due()
        finally:
            connection.close()

    with clock.frozen(at("2026-11-20T09:00")):
        threads = [threading.Thread(target=sweep) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(runs(desk, rule)) == 1


@engine
def test_one_that_cannot_be_started_is_passed_over_and_keeps_no_other_from_its_time(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:00")):
        broken, fine = scheduled(desk), scheduled(desk)
    with working_for(desk.organization):
        RuleVersion.objects.filter(rule=broken).update(document={"trigger": 5})
    forget()
    with clock.frozen(at("2026-11-20T09:00")):
        assert schedules.start_due() == 1
        assert schedules.start_due() == 0
    assert (runs(desk, broken), len(runs(desk, fine))) == ([], 1)
    assert due(desk, broken) == at("2026-11-21T09:00")


@engine
def test_the_schedule_follows_the_rule(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:00")):
        rule = scheduled(desk)
        with working_for(desk.organization):
            authoring.set_enabled(rule, False)
            assert not RuleSchedule.objects.exists()
            authoring.set_enabled(rule, True)
            assert due(desk, rule) == at("2026-11-20T09:00")
            document = {
                **authoring.live_version(rule).document,
                "trigger": {"platform": "schedule", "cron": "0 7 * * *"},
            }
            authoring.change(rule, document)
            assert due(desk, rule) == at("2026-11-21T07:00")
            authoring.roll_back(rule, 1)
            assert due(desk, rule) == at("2026-11-20T09:00")
            authoring.delete(rule)
            assert not RuleSchedule.objects.exists()


@engine
@pytest.mark.parametrize(("late", "count"), [("run", 1), ("skip", 0)])
def test_a_time_that_passed_long_ago_is_late(desk: Desk, late: str, count: int) -> None:
    with clock.frozen(at("2026-11-20T08:00")):
        rule = scheduled(desk, late=late)
    with clock.frozen(at("2026-11-20T09:00") + timedelta(days=2)):
        schedules.start_due()
    assert len(runs(desk, rule)) == count


@engine
@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"trigger": {"cron": None}}, "trigger.cron"),
        ({"trigger": {"cron": "61 * * * *"}}, "trigger.cron"),
        ({"trigger": {"zone": "Mars/Base"}}, "trigger.zone"),
        ({"trigger": {"event": "x"}}, "trigger.event"),
        ({"trigger": {"conditions": {"a": 1}}}, "trigger.conditions"),
        ({"inputs": {"who": {"type": "string"}}}, "inputs.who"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(desk: Desk, changes: dict[str, Any], attr: str) -> None:
    with pytest.raises(Refused) as refused:
        scheduled(desk, **changes)
    assert [problem.attr for problem in refused.value.problems] == [attr]


@engine
def test_defaults_are_the_inputs(desk: Desk) -> None:
    with clock.frozen(at("2026-11-20T08:00")):
        scheduled(desk, inputs={"who": {"type": "string", "default": "team"}})
    with clock.frozen(at("2026-11-20T09:00")):
        schedules.start_due()
    with working_for(desk.organization):
        assert Run.objects.select_related("content").get().content.inputs == {"who": "team"}
