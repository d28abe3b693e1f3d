"""What changed, where the platform does not say it: compared with the last seen state of the object."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations import specs
from integrations.models import Integration
from rules import authoring, trial
from rules.backtest import Backtest
from rules.changes import compare
from rules.compiled import compiled_version
from rules.models import Event, EventContent, Rule, Verdict
from rules.planning import Incoming
from rules.replay import replay_events, stored_event
from rules.verdicts import verdicts_of
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, Desk

engine = pytest.mark.django_db(transaction=True)
START = clock.now() - timedelta(hours=2)


# --- comparing --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "changed", "gaps"),
    [
        ({"status": "open"}, {"status": "closed"}, {"status": ("open", "closed")}, []),
        ({"status": "open"}, {"status": "open"}, {}, []),
        ({"status": "open"}, {"status": "open", "company": {"id": 1}}, {}, ["company"]),
        ({"status": 2, "stats": {"x": 1}}, {"status": 2}, {}, ["stats"]),
        ({"priority": "2"}, {"priority": 2}, {}, ["priority"]),
        ({"n": 1}, {"n": 1.0}, {}, []),
        ({"n": 1}, {"n": True}, {}, ["n"]),
        ({"agent": None}, {"agent": 5}, {"agent": (None, 5)}, []),
        ({"agent": None}, {"agent": 5, "more": 1}, {}, ["agent", "more"]),
        ({"tags": ["a"]}, {"tags": ["a", "b"]}, {"tags": (["a"], ["a", "b"])}, []),
        ({"c": {"x": 1, "y": 2}}, {"c": {"x": 3, "z": 1}}, {"c.x": (1, 3)}, ["c.y", "c.z"]),
        ({"name": "e\u0301"}, {"name": "\u00e9"}, {}, []),
    ],
)
def test_only_what_both_tell_counts(before: Any, after: Any, changed: Any, gaps: list[str]) -> None:
    found = compare(before, after)
    assert (found.changed, sorted(found.gaps)) == (changed, gaps)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_comparing_is_the_same_from_both_sides_and_nothing_differs_from_itself(one: Any, other: Any) -> None:
    there, back = compare(one, other), compare(other, one)
    assert {name: pair[::-1] for name, pair in there.changed.items()} == back.changed
    assert set(there.gaps) == set(back.gaps) and not set(there.gaps) & set(there.changed)
    assert (compare(one, one).changed, compare(one, one).gaps) == ({}, [])


def test_what_has_little_in_common_is_unknown_as_a_whole() -> None:
    found = compare({"a": 1}, {"a": 2, **{f"f{number}": 1 for number in range(600)}})
    assert found.changed == {} and "a" in found.gaps and len(found.gaps) == 500


# --- planning ---------------------------------------------------------------------------------------------------
def account(desk: Desk) -> Any:
    with working_for(desk.organization):
        return Integration.objects.get(platform="freshdesk").pk


def update(desk: Desk, minute: int, *, kind: str = "ticket_updated", number: int = 42, **more: Any) -> Incoming:
    changed = more.pop("changed", None)
    delivery = more.pop("delivery", new_id())
    ticket = {"id": number, "subject": "Fire", "status": 2, **more}
    at = START + timedelta(minutes=minute)
    event = specs.Event(kind, str(number), {"ticket": ticket}, occurred_at=at, changed=changed)
    return Incoming(event, "freshdesk", new_id().hex, clock.now(), integration_id=account(desk), delivery_id=delivery)


def rule_on(desk: Desk, conditions: Any, **more: Any) -> Rule:
    trigger = {"platform": "freshdesk", "event": ["ticket_created", "ticket_updated"], "conditions": conditions, **more}
    return desk.rule(MESSAGE, trigger=trigger)


def outcomes(desk: Desk, rule: Rule) -> list[str]:
    """What the rule said of each event, in the order of planning."""
    with working_for(desk.organization):
        said = dict(Verdict.objects.filter(rule=rule).values_list("event_id", "outcome"))
        return [said.get(key, "not_matched") for key in Event.objects.order_by("pk").values_list("pk", flat=True)]


@engine
def test_a_change_is_seen_by_the_state_before(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed_to": 5, "changed_from": 2}})
    desk.plan(update(desk, 0, kind="ticket_created"))
    desk.plan(update(desk, 1))
    desk.plan(update(desk, 2, status=5))
    desk.plan(update(desk, 3, status=5))
    assert outcomes(desk, rule) == ["could_not_tell", "not_matched", "matched", "not_matched"]
    with working_for(desk.organization):
        event = Event.objects.order_by("pk")[2]
        content = EventContent.objects.get(pk=event.pk)
        assert content.changed == {"status": [2, 5]}
        [verdict] = [item for item in verdicts_of(event, content) if item["rule"] == rule.pk]
    told = verdict["explanation"][0]
    assert told["actual"] == {"before": 2, "after": 5}
    assert told["reason"] == f"It was 2 in the event of {START + timedelta(minutes=1):%Y-%m-%d %H:%M:%S} UTC."


@engine
def test_two_updates_in_one_batch_are_compared_with_each_other(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    desk.plan(
        update(desk, 0), update(desk, 1, status=3), update(desk, 2, status=3), update(desk, 1, number=7, status=3)
    )
    assert outcomes(desk, rule) == ["could_not_tell", "matched", "not_matched", "could_not_tell"]


@engine
def test_what_one_delivery_tells_of_one_moment_is_one_state(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    desk.plan(update(desk, 0))
    both = new_id()
    desk.plan(update(desk, 1, status=5, delivery=both), update(desk, 1, status=5, delivery=both))
    assert outcomes(desk, rule) == ["could_not_tell", "matched", "matched"]


@engine
def test_what_is_overtaken_is_compared_with_what_preceded_it(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    desk.plan(update(desk, 0, status=2))
    desk.plan(update(desk, 10, status=5))
    desk.plan(update(desk, 5, status=2))  # overtaken: as it was at 0
    desk.plan(update(desk, 6, status=3))  # overtaken too: compared with the one of 5
    desk.plan(update(desk, 11, status=5))  # compared with the one of 10
    desk.plan(update(desk, -5, status=9))  # nothing is known of earlier
    said = ["could_not_tell", "matched", "not_matched", "matched", "not_matched", "could_not_tell"]
    assert outcomes(desk, rule) == said


@engine
def test_a_fetched_payload_after_a_short_one_is_no_change(desk: Desk) -> None:
    rules = [rule_on(desk, {name: {"changed": True}}) for name in ("status", "company", "company.name", "priority")]
    desk.plan(update(desk, 0, priority=None))
    desk.plan(update(desk, 1, status=3, company={"name": "Acme"}, priority=4))
    said = [outcomes(desk, rule)[1] for rule in rules]
    assert said == ["matched", "could_not_tell", "could_not_tell", "could_not_tell"]
    with working_for(desk.organization):
        event = Event.objects.order_by("pk")[1]
        [verdict] = [
            item for item in verdicts_of(event, EventContent.objects.get(pk=event.pk)) if item["rule"] == rules[1].pk
        ]
    assert "does not have it in the same form" in verdict["explanation"][0]["reason"]


@engine
def test_what_the_platform_says_itself_stands(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    desk.plan(update(desk, 0, status=2))
    desk.plan(update(desk, 1, status=3, changed={"priority": (1, 2)}))
    assert outcomes(desk, rule) == ["could_not_tell", "not_matched"]
    with working_for(desk.organization):
        assert EventContent.objects.order_by("pk").last().compared is None


@engine
def test_another_account_another_object_and_no_account_are_no_earlier_state(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    incoming = update(desk, 0)
    desk.plan(Incoming(incoming.event, "freshdesk", "no-account", clock.now()))
    desk.plan(update(desk, 1, number=7))
    desk.plan(update(desk, 2, status=3))
    assert outcomes(desk, rule) == ["could_not_tell"] * 3


@engine
def test_a_forgotten_content_is_no_earlier_state(desk: Desk) -> None:
    rule = rule_on(desk, {"status": {"changed": True}})
    desk.plan(update(desk, 0))
    with working_for(desk.organization):
        EventContent.objects.all().delete()
    desk.plan(update(desk, 1, status=3))
    assert outcomes(desk, rule)[1] == "could_not_tell"


@engine
def test_nothing_is_asked_where_no_listening_rule_asks(desk: Desk, django_assert_max_num_queries: Any) -> None:
    rule_on(desk, {"status": 3})
    desk.rule(
        MESSAGE,
        trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": {"status": {"changed": True}}},
    )
    with django_assert_max_num_queries(100) as queries:
        desk.plan(update(desk, 0), update(desk, 1))
    assert not any("ROW_NUMBER" in query["sql"] for query in queries.captured_queries)
    with working_for(desk.organization):
        assert {(row.changed, row.compared) for row in EventContent.objects.all()} == {(None, None)}


@engine
def test_a_batch_asks_twice_however_many_events_it_has(desk: Desk) -> None:
    rule_on(desk, {"status": {"changed": True}})
    desk.plan(*(update(desk, 0, number=number) for number in range(6)))

    def asked(count: int, minute: int) -> int:
        incoming = [update(desk, minute, number=number) for number in range(count)]
        with CaptureQueriesContext(connection) as queries:
            desk.plan(*incoming)
        return len(queries)

    few, many = asked(2, 1), asked(6, 2)
    assert few == many


@engine
def test_replays_and_later_rules_see_what_was_seen_then(desk: Desk) -> None:
    desk.plan(update(desk, 0))
    desk.plan(update(desk, 1, status=3))
    rule = rule_on(desk, {"status": {"changed_to": 3}})
    assert outcomes(desk, rule) == ["not_matched", "not_matched"]  # it was not there yet
    desk.plan(update(desk, 2, status=3))
    with working_for(desk.organization):
        events = list(Event.objects.order_by("pk"))
        backtest = Backtest(compiled_version(authoring.live_version(rule).pk), rule.pk)
        backtest.ask(events)
        assert (backtest.counts["matched"], backtest.counts["could_not_tell"]) == (1, 1)
        [planned] = replay_events([events[1]])
        assert planned.matched == 1
        [planned] = replay_events([events[0]])
        assert planned.matched == 0
        content = EventContent.objects.get(pk=events[1].pk)
        outcome, _ = trial.explain(
            compiled_version(authoring.live_version(rule).pk), stored_event(events[1], content), "freshdesk"
        )
    assert content.changed is None and outcome == "could_not_tell"  # history is not rewritten


LEAVES = st.sampled_from(
    [
        {"status": {"changed": True}},
        {"status": {"changed_to": 3}},
        {"not": {"status": {"changed_from": [2, 3]}}},
        {"company": {"changed": True}},
        {"any": [{"status": {"changed": False}}, {"company.name": {"changed_to": "B"}}]},
        {"status": 3},
    ]
)
UPDATES = st.fixed_dictionaries(
    {"minute": st.integers(0, 6), "status": st.integers(2, 4), "number": st.integers(1, 2)},
    optional={"company": st.sampled_from([{"name": "A"}, {"name": "B"}, None])},
)


@engine
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conditions=LEAVES, batches=st.lists(st.lists(UPDATES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_backtest_says_what_live_matching_said(desk: Desk, conditions: Any, batches: list[Any]) -> None:
    with working_for(desk.organization):
        Event.objects.all().delete()
    rule = rule_on(desk, conditions)
    for batch in batches:
        desk.plan(*(update(desk, item.pop("minute"), **item) for item in map(dict, batch)))
    with working_for(desk.organization):
        backtest = Backtest(compiled_version(authoring.live_version(rule).pk), rule.pk)
        backtest.ask(list(Event.objects.order_by("-pk")))
        # One that was not live says the same of what nobody asked then.
        EventContent.objects.update(changed=None, compared=None)
        later = Backtest(compiled_version(authoring.live_version(rule).pk), None)
        later.ask(list(Event.objects.order_by("-pk")))
        authoring.set_enabled(rule, False)
    counts = {name: backtest.counts[name] for name in ("matched", "not_matched", "could_not_tell")}
    live = outcomes(desk, rule)
    assert counts == {name: live.count(name) for name in counts}
    assert (backtest.counts["gained"], backtest.counts["lost"]) == (0, 0)
    assert counts == {name: later.counts[name] for name in counts}
