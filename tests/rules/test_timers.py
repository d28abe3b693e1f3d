"""Rules that wait for nothing to happen: timers are started, moved and ended by events, and fire once."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from integrations import specs
from rules import authoring, calendars, replay, timer_firing
from rules.calendars import Wish
from rules.catalogue import OrganizationCatalogue
from rules.checking import check
from rules.models import Calendar, Event, EventContent, Rule, RuleTimer, Run, RunContent, Verdict
from rules.planning import Incoming
from rules.timer_firing import fire_due
from supportops import clock, ids
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import TOOL, Desk, request_to
from webhooks.sweep import sweep_once

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
OPEN = {"status": {"not_in": ["Resolved", "Closed"]}}
_numbers = itertools.count(1)


def watching(desk: Desk, since: dict[str, Any] | None = None, **more: Any) -> Rule:
    """Return a rule that posts to TOOL for a ticket to which nothing happened for four hours."""
    trigger = {
        "platform": "freshdesk",
        "event": ["ticket_created", "ticket_updated"],
        "conditions": OPEN,
        "since": since or {"for": "4h"},
        **more.pop("trigger", {}),
    }
    return desk.rule(request_to(), trigger=trigger, **more)


def ticket(kind: str = "ticket_created", number: int = 42, at: datetime | None = None, **fields: Any) -> Incoming:
    options = {name: fields.pop(name) for name in ("depth", "is_late", "integration_id") if name in fields}
    payload = {"ticket": {"id": number, "status": "Open", **fields}}
    for name in [name for name, value in payload["ticket"].items() if value is ...]:
        del payload["ticket"][name]
    event = specs.Event(kind, str(number), payload, occurred_at=at or clock.now())
    return Incoming(event, "freshdesk", f"timed-{next(_numbers)}", clock.now(), **options)


_ticks: dict[datetime, int] = {}


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let it be `moment`, for ids as well: an event's id says when it was planned."""
    with clock.frozen(moment), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids.time, "time_ns", lambda: int(moment.timestamp() * 1_000_000) * 1000)
        patch.setattr(ids, "_last_tick", _ticks.get(moment, 0))
        yield
        _ticks[moment] = ids._last_tick


def happens(desk: Desk, moment: datetime, *incoming: Any) -> None:
    with at(moment):
        desk.plan(*[item() if callable(item) else item for item in incoming])


def fired(desk: Desk, moment: datetime) -> int:
    with at(moment):
        return fire_due()


def timers(desk: Desk) -> list[RuleTimer]:
    with working_for(desk.organization):
        return list(RuleTimer.objects.order_by("pk"))


def runs(desk: Desk) -> list[Run]:
    with working_for(desk.organization):
        return list(Run.objects.select_related("version").order_by("pk"))


def said(desk: Desk) -> list[tuple[str, str]]:
    with working_for(desk.organization):
        return list(Verdict.objects.order_by("event_id").values_list("outcome", "reason"))


# --- for ----------------------------------------------------------------------------------------------------------
def test_a_ticket_that_nobody_touches_fires_at_its_time_and_once(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    assert said(desk) == [
        ("matched", "Armed: fires at 2026-11-20 16:00:00 UTC, unless a later event of the same object ends it.")
    ]
    assert (runs(desk), fired(desk, NOON + 4 * HOUR - timedelta(seconds=1))) == ([], 0)
    assert fired(desk, NOON + 4 * HOUR) == 1
    [run] = runs(desk)
    assert (run.cause, run.depth, timers(desk)) == ("timer", 0, [])
    assert said(desk)[0][1] == "Fired at 2026-11-20 16:00:00 UTC; it was due at 2026-11-20 16:00:00 UTC."
    assert fired(desk, NOON + 9 * HOUR) == 0
    desk.perform()
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)


def test_the_run_is_about_the_event_and_its_ticket(desk: Desk) -> None:
    step = {
        **request_to(),
        "parameters": {"method": "POST", "url": TOOL, "json": {"t": "{{ ticket.id }}", "m": "{{ meta.type }}"}},
    }
    trigger = {"platform": "freshdesk", "event": "ticket_created", "since": {"for": "1h"}}
    desk.rule(step, trigger=trigger, concurrency={"key": "ticket.id", "mode": "queued"})
    happens(desk, NOON, ticket)
    fired(desk, NOON + HOUR)
    desk.perform()
    assert desk.platform.bodies(TOOL) == [{"t": 42, "m": "ticket_created"}]
    assert desk.run.concurrency_key == "42"


def test_an_event_starts_the_time_anew(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    happens(desk, NOON + 3 * HOUR, lambda: ticket("ticket_updated"))
    assert [row.due_at for row in timers(desk)] == [NOON + 7 * HOUR]
    assert fired(desk, NOON + 4 * HOUR) == 0
    assert "a later event (ticket_updated) started it anew" in said(desk)[0][1]
    assert fired(desk, NOON + 7 * HOUR) == 1


def test_an_event_that_ends_it_says_why_on_both_pages(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", status="Resolved"))
    assert timers(desk) == []
    first, second = said(desk)
    assert first == (
        "matched",
        "Was due at 2026-11-20 16:00:00 UTC; cancelled by a later event (ticket_updated): status is 'Resolved'.",
    )
    assert second == (
        "not_matched",
        "Cancelled the timer that was due at 2026-11-20 16:00:00 UTC: status is 'Resolved'.",
    )
    assert fired(desk, NOON + 9 * HOUR) == 0


def test_it_begins_again_after_an_end(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    fired(desk, NOON + 4 * HOUR)
    happens(desk, NOON + 5 * HOUR, lambda: ticket("ticket_updated"))
    assert fired(desk, NOON + 9 * HOUR) == 1
    assert len(runs(desk)) == 2


def test_events_of_one_batch_are_taken_in_order(desk: Desk) -> None:
    watching(desk)
    happens(
        desk,
        NOON,
        ticket,
        lambda: ticket("ticket_updated", status="Closed"),
        lambda: ticket("ticket_updated", number=43),
    )
    assert [row.external_id for row in timers(desk)] == ["43"]
    happens(
        desk,
        NOON,
        lambda: ticket("ticket_updated", number=43, status="Closed"),
        lambda: ticket("ticket_updated", number=43),
    )
    assert [row.external_id for row in timers(desk)] == ["43"]


def test_an_event_that_the_rule_does_not_listen_to_touches_it(desk: Desk) -> None:
    watching(desk, trigger={"event": "ticket_created"})
    happens(desk, NOON, ticket)
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated"))
    assert [row.due_at for row in timers(desk)] == [NOON + 5 * HOUR]
    happens(desk, NOON + 2 * HOUR, lambda: ticket("ticket_updated", status="Closed"))
    assert timers(desk) == []
    happens(desk, NOON + 3 * HOUR, lambda: ticket("ticket_updated"))
    assert timers(desk) == []


def test_what_another_event_does_not_tell_leaves_a_doubt_and_restarts_the_time(desk: Desk) -> None:
    watching(desk, trigger={"event": "ticket_created"})
    happens(desk, NOON, ticket)
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", status=...))
    [row] = timers(desk)
    assert (row.due_at, "does not tell 'status'" in row.doubt) == (NOON + 5 * HOUR, True)
    assert fired(desk, NOON + 5 * HOUR) == 1
    with working_for(desk.organization):
        [warning] = RunContent.objects.get().warnings
        assert Event.objects.get(pk=runs(desk)[0].event_id).type == "ticket_created"
    assert "could not tell" in warning


def test_what_cannot_be_told_leaves_a_doubt(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", status=["Open"]))
    assert said(desk)[1][0] == "could_not_tell"
    assert [row.due_at for row in timers(desk)] == [NOON + 5 * HOUR]


def test_an_event_overtaken_on_its_way_changes_nothing(desk: Desk) -> None:
    watching(desk)
    account = desk.integration("freshdesk").pk
    happens(desk, NOON, lambda: ticket("ticket_updated", status="Closed", integration_id=account))
    happens(desk, NOON + HOUR, ticket("ticket_created", at=NOON - HOUR, integration_id=account))
    assert timers(desk) == []
    assert said(desk)[0][0] == "suppressed"


def test_other_objects_and_accounts_have_timers_of_their_own(desk: Desk) -> None:
    watching(desk)
    account = desk.integration("freshdesk").pk
    happens(desk, NOON, ticket, lambda: ticket(number=43), lambda: ticket(integration_id=account))
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", integration_id=account, status="Closed"))
    assert [(row.external_id, row.integration_id) for row in timers(desk)] == [("42", None), ("43", None)]


# --- before -------------------------------------------------------------------------------------------------------
def due_in(hours: float) -> str:
    return (NOON + hours * HOUR).isoformat()


BEFORE = {"before": "ticket.due_by", "by": "1h"}


def test_an_hour_before_a_time_of_the_event_and_once_for_it(desk: Desk) -> None:
    watching(desk, BEFORE)
    happens(desk, NOON, lambda: ticket(due_by=due_in(6)))
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", due_by=due_in(8)))
    assert [row.due_at for row in timers(desk)] == [NOON + 7 * HOUR]
    assert fired(desk, NOON + 7 * HOUR) == 1
    # The ticket is touched again, with the same time: it has fired for it.
    happens(desk, NOON + 7.5 * HOUR, lambda: ticket("ticket_updated", due_by=due_in(8)))
    assert (timers(desk), said(desk)[-1]) == ([], ("not_matched", "It has fired for 2026-11-20 20:00:00 UTC already."))
    happens(desk, NOON + 7.5 * HOUR, lambda: ticket("ticket_updated", due_by=due_in(10)))
    assert fired(desk, NOON + 9 * HOUR) == 1


def test_what_is_due_sooner_fires_at_once_and_what_has_passed_does_not(desk: Desk) -> None:
    watching(desk, BEFORE)
    happens(desk, NOON, lambda: ticket(due_by=due_in(0.5)), lambda: ticket(number=43, due_by=due_in(-1)))
    assert said(desk)[1] == ("not_matched", "2026-11-20 11:00:00 UTC has passed.")
    assert fired(desk, NOON) == 1


@pytest.mark.parametrize(
    ("due_by", "outcome", "says"),
    [
        (None, "not_matched", "no 'ticket.due_by'"),
        ("soon", "could_not_tell", "holds no time"),
        (17, "could_not_tell", "holds no time"),
        ("0001-01-01T00:00:00Z", "could_not_tell", "outside of the calendar"),
    ],
)
def test_a_time_that_is_none_starts_nothing(desk: Desk, due_by: Any, outcome: str, says: str) -> None:
    watching(desk, BEFORE)
    happens(desk, NOON, lambda: ticket(due_by=due_by))
    [(found, reason)] = said(desk)
    assert (timers(desk), found, says in reason) == ([], outcome, True)


def test_a_time_that_is_taken_away_ends_it(desk: Desk) -> None:
    watching(desk, BEFORE)
    happens(desk, NOON, lambda: ticket(due_by=due_in(6)))
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", due_by=None))
    assert timers(desk) == []


# --- business hours -----------------------------------------------------------------------------------------------
WEEK = {day: [{"from": "09:00", "to": "17:00"}] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def office(desk: Desk) -> Desk:
    with working_for(desk.organization):
        calendars.create(Wish("office", "UTC", WEEK))
    return desk


def test_only_open_hours_count(office: Desk) -> None:
    watching(office, {"for": "6h", "calendar": "office"})
    watching(office, {"before": "ticket.due_by", "by": "2h", "calendar": "office"})
    happens(office, NOON, lambda: ticket(due_by=(MONDAY + HOUR).isoformat()))
    assert sorted(row.due_at for row in timers(office)) == [NOON + 4 * HOUR, MONDAY + HOUR]


def test_a_change_of_the_calendar_moves_timers(office: Desk) -> None:
    watching(office, {"for": "6h", "calendar": "office"})
    happens(office, NOON, ticket)
    with at(NOON + HOUR), working_for(office.organization):
        off = [{"date": "2026-11-23", "name": "Off", "hours": []}]
        calendars.change(Calendar.objects.get(), Wish("office", "UTC", WEEK, off))
        fire_due()
    assert [row.due_at for row in timers(office)] == [MONDAY + 25 * HOUR]
    assert "2026-11-24 10:00:00" in said(office)[0][1]


def test_a_calendar_that_is_missing_cannot_be_told(desk: Desk) -> None:
    watching(desk, {"for": "6h", "calendar": "office"})
    happens(desk, NOON, ticket)
    assert said(desk) == [("could_not_tell", "There is no calendar 'office'.")]


# --- what may come between ----------------------------------------------------------------------------------------
def test_what_is_overdue_after_a_standstill_fires_late_and_says_so(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    assert fired(desk, NOON + 9 * HOUR) == 1
    with working_for(desk.organization):
        assert RunContent.objects.get().warnings == ["It was due at 2026-11-20 16:00:00 UTC and fired late."]


@pytest.mark.parametrize(("late", "count"), [("run", 1), ("skip", 0)])
def test_a_rule_may_skip_what_is_more_than_a_day_late(desk: Desk, late: str, count: int) -> None:
    watching(desk, late=late)
    happens(desk, NOON, ticket)
    assert fired(desk, NOON + 30 * HOUR) == count
    assert (len(runs(desk)), timers(desk)) == (count, [])
    assert ("skips what is late" in said(desk)[0][1]) is (late == "skip")


def test_an_event_that_came_late_counts_from_when_it_happened(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket(at=NOON - 3 * HOUR))
    assert [row.due_at for row in timers(desk)] == [NOON + HOUR]
    happens(desk, NOON, ticket(number=43, at=NOON + 30 * HOUR))
    assert [row.due_at for row in timers(desk)][1] == NOON + 4 * HOUR


def test_many_sweeps_at_once_fire_once(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, *[ticket(number=number, at=NOON) for number in range(1, 9)])
    counts: list[int] = []

    def sweep() -> None:
        try:
            counts.append(fire_due())
        finally:
            connection.close()

    with at(NOON + 4 * HOUR):
        sweeps = [threading.Thread(target=sweep) for _ in range(3)]
        for one in sweeps:
            one.start()
        for one in sweeps:
            one.join()
        fire_due()
    assert len(runs(desk)) == 8
    assert len({run.event_id for run in runs(desk)}) == 8
    assert timers(desk) == []


def test_a_worker_that_dies_before_the_commit_leaves_the_timer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(desk)
    happens(desk, NOON, ticket)

    class Died(BaseException):
        pass

    def dies(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(timer_firing, "_tell", dies)
        fired(desk, NOON + 4 * HOUR)
    assert (len(timers(desk)), runs(desk)) == (1, [])
    assert fired(desk, NOON + 4 * HOUR) == 1


def test_the_sweep_fires_within_two_seconds_of_the_time(desk: Desk) -> None:
    watching(desk, {"for": "1s"})
    desk.plan(ticket())
    [timer] = timers(desk)
    end = time.monotonic() + 20
    while not runs(desk) and time.monotonic() < end:
        sweep_once()
        time.sleep(0.5)
    [run] = runs(desk)
    assert timedelta() <= run.created_at - timer.due_at < timedelta(seconds=2)


def test_one_that_breaks_waits_and_keeps_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, _ = watching(desk), watching(desk)
    happens(desk, NOON, ticket)
    start = timer_firing.interventions.start

    def breaks(rule: Rule, *arguments: Any, **options: Any) -> Run:
        if rule.pk == broken.pk:
            raise RuntimeError("broken")
        return start(rule, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(timer_firing.interventions, "start", breaks)
        assert fired(desk, NOON + 4 * HOUR) == 1
        assert fired(desk, NOON + 4 * HOUR) == 0
    assert fired(desk, NOON + 5 * HOUR) == 1


def test_an_event_planned_beside_it_is_seen_before_it_fires(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    # As if another worker had planned it before the timer's row was there to be seen.
    with working_for(desk.organization):
        kept = RuleTimer.objects.get()
        RuleTimer.objects.all().delete()
    happens(desk, NOON + HOUR, lambda: ticket("ticket_updated", status="Closed"))
    with working_for(desk.organization):
        kept.save(force_insert=True)
    assert fired(desk, NOON + 4 * HOUR) == 0
    assert (runs(desk), timers(desk)) == ([], [])
    assert "status is 'Closed'" in said(desk)[0][1]


def test_the_clock_may_jump(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    assert fired(desk, NOON - 100 * HOUR) == 0
    assert fired(desk, NOON + 4 * HOUR) == 1
    assert fired(desk, NOON) == 0


def test_forgotten_content_ends_it_with_the_reason(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    with working_for(desk.organization):
        EventContent.objects.all().delete()
    assert fired(desk, NOON + 4 * HOUR) == 0
    assert said(desk) == [
        ("suppressed", "The timer was cancelled: the content of its event was removed after its time.")
    ]


# --- the rule changes ---------------------------------------------------------------------------------------------
def test_a_run_has_the_live_version(desk: Desk) -> None:
    rule = watching(desk)
    happens(desk, NOON, ticket)
    with at(NOON + HOUR), working_for(desk.organization):
        document = {**authoring.live_version(rule).document, "name": rule.name, "steps": [request_to(name="other")]}
        authoring.change(rule, document)
    assert fired(desk, NOON + HOUR) == 0
    assert [row.due_at for row in timers(desk)] == [NOON + 4 * HOUR]
    assert fired(desk, NOON + 4 * HOUR) == 1
    assert runs(desk)[0].version.number == 2


@pytest.mark.parametrize(
    ("trigger", "due"),
    [
        ({"since": {"for": "2h"}}, NOON + 2 * HOUR),
        ({"since": {"for": "9h"}}, NOON + 9 * HOUR),
        ({"conditions": {"status": "Pending"}}, None),
        ({"integration": "Desk"}, None),
        ({"since": None}, None),
    ],
)
def test_a_change_of_the_trigger_moves_or_ends_timers(
    desk: Desk, trigger: dict[str, Any], due: datetime | None
) -> None:
    rule = watching(desk)
    happens(desk, NOON, ticket)
    with at(NOON + HOUR), working_for(desk.organization):
        document = dict(authoring.live_version(rule).document)
        authoring.change(rule, {**document, "trigger": {**document["trigger"], **trigger}})
        fire_due()
    assert [row.due_at for row in timers(desk)] == ([due] if due else [])
    assert due is not None or "cancelled" in said(desk)[0][1]


@pytest.mark.parametrize("how", ["off", "deleted"])
def test_a_rule_that_is_off_or_gone_has_no_timers(desk: Desk, how: str) -> None:
    rule = watching(desk)
    happens(desk, NOON, ticket)
    with working_for(desk.organization):
        if how == "off":
            authoring.set_enabled(rule, False)
        else:
            authoring.delete(rule)
    assert timers(desk) == []
    assert "switched off" in said(desk)[0][1]
    assert fired(desk, NOON + 9 * HOUR) == 0


# --- loops and replays --------------------------------------------------------------------------------------------
def test_a_chain_that_is_too_deep_starts_nothing(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, lambda: ticket(depth=6))
    assert (timers(desk), said(desk)[0][0]) == ([], "suppressed")
    happens(desk, NOON, lambda: ticket("ticket_updated", depth=5))
    fired(desk, NOON + 4 * HOUR)
    assert runs(desk)[0].depth == 5


def test_a_rule_that_answers_itself_is_stopped_by_its_budget(desk: Desk, settings: Any) -> None:
    settings.RULE_FIRINGS_PER_HOUR = 2
    watching(desk, {"for": "1m"})
    for minute in range(0, 8, 2):
        moment = NOON + timedelta(minutes=minute)
        happens(desk, moment, lambda: ticket("ticket_updated"))
        fired(desk, moment + timedelta(minutes=1))
    assert len(runs(desk)) == 2
    assert "which is its budget" in said(desk)[-1][1]


def test_a_replay_is_nothing_new(desk: Desk) -> None:
    watching(desk)
    happens(desk, NOON, ticket)
    with at(NOON + HOUR), working_for(desk.organization):
        replay.replay_events(list(Event.objects.all()))
    assert [row.due_at for row in timers(desk)] == [NOON + 4 * HOUR]
    assert runs(desk) == []


# --- what it costs, and whom --------------------------------------------------------------------------------------
def queries_of(desk: Desk, count: Any) -> list[str]:
    with count(500) as queries:
        desk.plan(ticket(number=next(_numbers)))
    return [query["sql"] for query in queries.captured_queries]


def test_an_organization_without_such_rules_pays_nothing(desk: Desk, django_assert_max_num_queries: Any) -> None:
    plain = {"platform": "freshdesk", "event": "ticket_created", "conditions": OPEN}
    desk.rule(request_to(), trigger=plain)
    desk.plan(ticket())
    assert not any("rules_ruletimer" in sql for sql in queries_of(desk, django_assert_max_num_queries))


def test_an_object_without_timers_costs_one_query(desk: Desk, django_assert_max_num_queries: Any) -> None:
    plain = {"platform": "freshdesk", "event": "ticket_created", "conditions": {"status": "Open"}}
    desk.rule(request_to(), trigger=plain)
    watching(desk, trigger={"conditions": {"status": "Pending"}})
    desk.plan(ticket())
    timed = [sql for sql in queries_of(desk, django_assert_max_num_queries) if "rules_ruletimer" in sql]
    assert len(timed) == 1


def test_the_turn_of_one_does_not_wait_for_the_backlog_of_another(
    desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer_firing, "_AT_ONCE", 4)
    other = Desk(world.bo.organization, desk.platform)
    for one in (desk, other):
        watching(one)
    happens(desk, NOON, *[ticket(number=number, at=NOON) for number in range(1, 20)])
    happens(other, NOON + HOUR, ticket)
    assert fired(desk, NOON + 6 * HOUR) == 3
    assert (len(runs(desk)), len(runs(other))) == (2, 1)


# --- documents ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("since", "at", "says"),
    [
        ({}, "trigger.since", "Give either"),
        ({"for": "1h", "before": "ticket.due_by"}, "trigger.since", "Give either"),
        ({"for": "1h", "by": "1h"}, "trigger.since", "goes with `before`"),
        ({"for": 0}, "trigger.since.for", "greater than 0"),
        ({"for": "soon"}, "trigger.since.for", "no duration"),
        ({"before": "ticket..due"}, "trigger.since.before", "no path"),
        ({"four": "1h"}, "trigger.since.four", "Fields: for, before, by, calendar"),
    ],
)
def test_a_since_that_makes_no_sense_is_refused(desk: Desk, since: dict[str, Any], at: str, says: str) -> None:
    document = {
        "name": "x",
        "trigger": {"platform": "freshdesk", "event": "ticket_created", "since": since},
        "steps": [request_to()],
    }
    with working_for(desk.organization):
        problems = check(document, OrganizationCatalogue()).problems
    assert (problems[0].attr, says in problems[0].detail) == (at, True), problems


@pytest.mark.parametrize("trigger", [{"platform": "manual"}, {"platform": "schedule", "cron": "0 9 * * *"}])
def test_since_belongs_to_events(desk: Desk, trigger: dict[str, Any]) -> None:
    document = {"name": "x", "trigger": {**trigger, "since": {"for": "1h"}}, "steps": [request_to()]}
    with working_for(desk.organization):
        [problem] = check(document, OrganizationCatalogue()).problems
    assert (problem.attr, problem.code) == ("trigger.since", "only_for_events")


def test_conditions_that_hold_once_are_warned_of(desk: Desk) -> None:
    conditions = {"status": {"changed_to": "Pending"}}
    trigger = {
        "platform": "freshdesk",
        "event": "ticket_updated",
        "conditions": conditions,
        "since": {"for": "1h", "calendar": "x"},
    }
    with working_for(desk.organization):
        checked = check({"name": "x", "trigger": trigger, "steps": [request_to()]}, OrganizationCatalogue())
    assert checked.problems == []
    assert [warning.code for warning in checked.warnings] == ["unknown_calendar", "holds_once"]
