"""Trial, explanation and backtest know of timers what live matching does."""

from datetime import timedelta
from typing import Any

import pytest

from rules import trial, verdicts
from rules.backtest import Backtest, Window, events_in
from rules.compiled import compiled_version
from rules.models import Event, EventContent, Rule, RuleVersion
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import Desk, request_to
from tests.rules.test_timers import BEFORE, HOUR, NOON, OPEN, at, due_in, fired, happens, runs, said, ticket, watching

pytestmark = pytest.mark.django_db(transaction=True)


def compiled(desk: Desk, rule: Rule) -> Any:
    with working_for(desk.organization):
        return compiled_version(RuleVersion.objects.get(rule=rule).pk)


@pytest.mark.parametrize(
    ("since", "fields", "outcome", "says"),
    [
        ({"for": "4h"}, {}, "matched", "Runs at 2026-11-20 16:00:00 UTC"),
        (BEFORE, {"due_by": due_in(6)}, "matched", "Runs at 2026-11-20 17:00:00 UTC"),
        (BEFORE, {"due_by": due_in(-6)}, "not_matched", "has passed"),
        (BEFORE, {}, "not_matched", "no 'ticket.due_by'"),
        (BEFORE, {"due_by": "soon"}, "could_not_tell", "holds no time"),
        ({"for": "4h", "calendar": "gone"}, {}, "could_not_tell", "no calendar 'gone'"),
        ({"for": "4h"}, {"status": "Closed"}, "not_matched", ""),
    ],
)
def test_a_trial_says_when_it_would_run(
    desk: Desk, since: dict[str, Any], fields: dict[str, Any], outcome: str, says: str
) -> None:
    rule = watching(desk, since)
    with at(NOON):
        incoming = ticket(**fields)
        desk.plan(incoming)
        with working_for(desk.organization):
            tried = trial.try_rule(compiled(desk, rule), incoming.event, "freshdesk")
            event = Event.objects.get()
            [told] = verdicts.verdicts_of(event, EventContent.objects.get(pk=event.pk))
    assert (tried.outcome, told["outcome"]) == (outcome, outcome)
    assert says in tried.explanation[-1]["reason"]
    assert [line["reason"] for line in told["explanation"]] == [line["reason"] for line in tried.explanation]


def test_the_api_shows_the_timer_of_a_trial(desk: Desk, world: World) -> None:
    rule = watching(desk)
    answer = world.ada.api.post(f"/api/rules/{rule.pk}/test/", {"event": {"status": "Open"}}, format="json").json()
    line = answer["explanation"][-1]
    assert (answer["matched"], line["at"], line["expected"]) == (True, "trigger.since", {"for": 14400.0})


def backtest(desk: Desk, rule: Rule) -> dict[str, Any]:
    with working_for(desk.organization):
        made = Backtest(compiled(desk, rule), rule.pk)
        for page in events_in(Window(NOON - 99 * HOUR, NOON + 99 * HOUR, 1000), made.rule):
            made.ask(page)
        return made.result()


@pytest.mark.parametrize("since", [{"for": "3h"}, BEFORE, {"for": "90m"}])
def test_a_backtest_fires_what_live_fired(desk: Desk, since: dict[str, Any]) -> None:
    rule = watching(desk, since)
    # Untouched, touched, closed, touched by what the rule does not hear, and two that are due.
    happens(desk, NOON, *[ticket(number=number, at=NOON) for number in (1, 2, 3, 4)])
    happens(desk, NOON, lambda: ticket(number=5, due_by=due_in(3)), lambda: ticket(number=6, due_by=due_in(0.5)))
    for half_hours in range(20):
        moment = NOON + half_hours * timedelta(minutes=30)
        if half_hours == 4:
            happens(
                desk,
                moment,
                lambda: ticket("ticket_updated", number=2),
                lambda: ticket("ticket_updated", number=3, status="Closed"),
                lambda: ticket("ticket_resolved", number=4, status=...),
                lambda: ticket("ticket_updated", number=5, due_by=due_in(3)),
            )
        fired(desk, moment)
    live = [run.event_id for run in runs(desk)]
    found = backtest(desk, rule)
    assert (found["fired"], found["calls"].get("http_request")) == (len(live), len(live))
    assert len(live) > 1
    told = [one for one in found["examples"] if one.get("fires_at")]
    assert len(told) == len(live)


def test_a_backtest_of_a_rule_without_timers_says_nothing_of_them(desk: Desk) -> None:
    trigger = {"platform": "freshdesk", "event": "ticket_created", "conditions": OPEN}
    rule = desk.rule(request_to(), trigger=trigger)
    happens(desk, NOON, ticket)
    assert said(desk) == [("matched", "")]
    assert (backtest(desk, rule)["fired"], backtest(desk, rule)["calls"]) == (None, {"http_request": 1})
