"""An event becomes verdicts, runs and steps: once, in one transaction, at a cost that does not grow with the rules."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations import lifecycle, specs
from rules.models import Event, EventContent, Run, RunContent, Step, Verdict
from rules.planning import DEEPEST_CHAIN, plan
from rules.replay import replay_events
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, Desk, request_to

pytestmark = pytest.mark.django_db


def counts(desk: Desk) -> dict[str, int]:
    with working_for(desk.organization):
        owned = {model.__name__: model.objects.count() for model in (Event, Verdict, Run, Step)}
    return {**owned, "contents": EventContent.objects.count() + RunContent.objects.count()}


def event_of(desk: Desk, number: int = -1) -> Event:
    with working_for(desk.organization):
        events: list[Event] = list(Event.objects.order_by("pk"))
    return events[number]


def test_an_event_is_planned_once_however_often_it_comes(desk: Desk) -> None:
    desk.rule(MESSAGE)
    [first, twin] = desk.plan(desk.event(key="one"), desk.event(key="one"))
    [again] = desk.plan(desk.event(key="one"))
    assert (first.is_repeat, first.matched, len(first.run_ids)) == (False, 1, 1)
    assert (twin.is_repeat, again.is_repeat, again.event_id) == (True, True, first.event_id)
    assert counts(desk) == {"Event": 1, "Verdict": 1, "Run": 1, "Step": 1, "contents": 2}


def test_an_event_that_no_rule_wants_is_kept_and_says_how_many_rules_were_asked(desk: Desk) -> None:
    desk.rule(MESSAGE, trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 1}})
    [planned] = desk.plan(desk.event())
    assert (planned.matched, planned.run_ids) == (0, [])
    assert event_of(desk).rules_considered == planned.considered
    assert counts(desk)["Run"] == 0


def test_only_the_first_step_is_due_at_once(desk: Desk) -> None:
    desk.rule(request_to(name="first"), request_to(name="second"))
    desk.ticket()
    assert desk.step("first").due_at is not None
    assert desk.step("second").due_at is None


def test_runs_are_numbered_in_the_order_of_planning(desk: Desk) -> None:
    desk.rule(MESSAGE)
    for _ in range(3):
        desk.plan(desk.event(), desk.event())
    with working_for(desk.organization):
        numbers = list(Run.objects.order_by("pk").values_list("sequence", flat=True))
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("days", "is_late"), [(0.9, False), (1.1, True)])
def test_an_event_older_than_a_day_is_late_and_a_rule_may_skip_it(desk: Desk, days: float, is_late: bool) -> None:
    desk.rule(MESSAGE)
    desk.rule(MESSAGE, late="skip")
    [planned] = desk.plan(desk.event(occurred_at=clock.now() - timedelta(days=days)))
    assert event_of(desk).is_late is is_late
    assert planned.matched == (1 if is_late else 2)
    with working_for(desk.organization):
        suppressed = list(Verdict.objects.filter(outcome="suppressed").values_list("reason", flat=True))
    assert suppressed == (["The event is late, and this rule skips late events."] if is_late else [])


def test_an_event_overtaken_by_a_later_one_of_the_same_object_is_marked(desk: Desk) -> None:
    integration_id, now = desk.integration("freshdesk").pk, clock.now()
    desk.plan(desk.event(integration_id=integration_id, occurred_at=now))
    assert not event_of(desk).is_out_of_order
    desk.plan(desk.event(integration_id=integration_id, occurred_at=now - timedelta(minutes=1)))
    assert event_of(desk).is_out_of_order
    desk.plan(desk.event(integration_id=integration_id, occurred_at=now + timedelta(minutes=1)))
    assert not event_of(desk).is_out_of_order


@pytest.mark.parametrize(("depth", "runs"), [(DEEPEST_CHAIN, 1), (DEEPEST_CHAIN + 1, 0)])
def test_a_chain_of_our_own_actions_ends_and_says_so(desk: Desk, depth: int, runs: int) -> None:
    desk.rule(MESSAGE)
    [planned] = desk.plan(desk.event(depth=depth))
    assert len(planned.run_ids) == runs
    with working_for(desk.organization):
        verdict = Verdict.objects.get()
    assert verdict.outcome == ("matched" if runs else "suppressed")
    assert ("the chain ends here" in verdict.reason) is not bool(runs)


def test_events_overtaken_within_one_batch_are_marked(desk: Desk) -> None:
    integration_id, now = desk.integration("freshdesk").pk, clock.now()
    moments = [now - timedelta(minutes=1), now, now - timedelta(seconds=30), now + timedelta(seconds=1)]
    desk.plan(*[desk.event(integration_id=integration_id, occurred_at=at) for at in moments])
    assert [event_of(desk, place).is_out_of_order for place in range(4)] == [False, False, True, False]


def test_objects_of_other_accounts_or_kinds_with_the_same_id_do_not_overtake(desk: Desk) -> None:
    with working_for(desk.organization):
        credentials = {"domain": "b.freshdesk.com", "api_key": "k" * 20}
        lifecycle.create(platform="freshdesk", name="Other desk", credentials=credentials)
    own, other, now = desk.integration_named("Desk").pk, desk.integration_named("Other desk").pk, clock.now()
    earlier = now - timedelta(minutes=1)
    desk.plan(desk.event(integration_id=own, occurred_at=now))
    contact = specs.Event("contact_created", "42", {"contact": {"id": 42}}, occurred_at=earlier)
    desk.plan(
        desk.event(integration_id=other, occurred_at=earlier),
        replace(desk.event(integration_id=own), event=contact),
        desk.event(integration_id=own, occurred_at=earlier),
    )
    assert [event_of(desk, place).is_out_of_order for place in (1, 2, 3)] == [False, False, True]


def test_a_rule_that_fires_beyond_its_budget_for_one_ticket_stops_and_says_so(desk: Desk, settings: Any) -> None:
    settings.RULE_FIRINGS_PER_HOUR = 3
    desk.rule(MESSAGE)
    first = desk.plan(desk.event(), desk.event())
    then = desk.plan(desk.event(), desk.event(), desk.event(number=43))
    assert [one.matched for one in (*first, *then)] == [1, 1, 1, 0, 1]
    with working_for(desk.organization):
        verdict = Verdict.objects.get(outcome="suppressed")
    assert verdict.reason.startswith("This rule has fired 3 times for ticket 42 within an hour, which is its budget")
    # What was refused does not count, and the hour moves on.
    with clock.moved(timedelta(minutes=61)):
        assert desk.plan(desk.event())[0].matched == 1


def test_each_rule_has_a_budget_of_its_own_and_a_replay_costs_none(desk: Desk, settings: Any) -> None:
    settings.RULE_FIRINGS_PER_HOUR = 1
    desk.rule(MESSAGE)
    desk.plan(desk.event())
    desk.rule(MESSAGE)
    [planned] = desk.plan(desk.event())
    assert planned.matched == 1
    with working_for(desk.organization), transaction.atomic():
        [again] = replay_events([event_of(desk, 0)])
    assert again.matched == 2


def test_a_budget_of_zero_bounds_nothing(desk: Desk, settings: Any) -> None:
    settings.RULE_FIRINGS_PER_HOUR = 0
    desk.rule(MESSAGE)
    assert sum(one.matched for one in desk.plan(*[desk.event() for _ in range(120)])) == 120


def test_nothing_is_left_of_a_transaction_that_fails(desk: Desk) -> None:
    desk.rule(MESSAGE)
    with working_for(desk.organization), pytest.raises(ZeroDivisionError), transaction.atomic():
        plan([desk.event()])
        raise ZeroDivisionError
    assert counts(desk) == {"Event": 0, "Verdict": 0, "Run": 0, "Step": 0, "contents": 0}


def test_planning_costs_the_same_statements_for_any_number_of_rules_and_events(desk: Desk) -> None:
    def statements(events: int) -> int:
        desk.plan(desk.event())  # rules are read and compiled once per version
        with CaptureQueriesContext(connection) as queries:
            desk.plan(*[desk.event() for _ in range(events)])
        return len(queries)

    desk.rule(MESSAGE)
    few = statements(1)
    for _ in range(9):
        desk.rule(MESSAGE, trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 1}})
    assert statements(5) == few
    desk.rule(MESSAGE)
    assert statements(5) == few, "rules that match are counted with one statement"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("2026-11-20T12:00:00+23:59", "2026-11-19T12:01:00+00:00"),
        ("0001-01-01T00:00:00+02:00", None),
        ("9999-12-31T23:59:59-02:00", None),
    ],
)
def test_a_time_that_no_database_holds_spoils_nothing(desk: Desk, told: str, kept: str | None) -> None:
    item = desk.event(occurred_at=datetime.fromisoformat(told))
    desk.plan(item)
    stored = event_of(desk).occurred_at
    assert stored == (datetime.fromisoformat(kept) if kept else item.received_at)
