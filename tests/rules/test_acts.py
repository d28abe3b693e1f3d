"""One act that a platform tells in pieces is one event: each rule fires once for it, whichever piece it waits for."""

from dataclasses import replace
from typing import Any

import pytest

from integrations import specs
from rules.models import Event, EventContent, Run, Verdict
from rules.planning import Incoming, Planned
from rules.replay import replay_events
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, Desk
from tests.webhooks.senders import deliveries, make_sender
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

PRIORITY = {"priority": ("low", "urgent")}
STATUS = {"status": ("new", "open")}
FIELD = {"custom_field.7": (None, "58211")}


def piece(desk: Desk, changed: Any, *, key: str = "act", **payload: Any) -> Incoming:
    event = specs.Event(
        "ticket_updated", "42", {"ticket": {"id": 42, "priority": "urgent"}, **payload}, changed=changed
    )
    return replace(desk.event(key=key), event=event)


def rule(desk: Desk, conditions: dict[str, Any]) -> None:
    on = {"platform": "freshdesk", "event": "ticket_updated", "conditions": conditions}
    desk.rule(MESSAGE, trigger=on)


def told(desk: Desk) -> dict[str, Any]:
    """What is stored of the only event."""
    with working_for(desk.organization):
        assert Event.objects.count() == 1
        content = EventContent.objects.get()
    assert set(content.payload) >= {"ticket"}
    changed: dict[str, Any] = {name: tuple(pair) for name, pair in content.changed.items()}
    return changed


def matched(planned: list[Planned]) -> list[int]:
    return [one.matched for one in planned]


def test_pieces_that_come_together_are_told_together(desk: Desk) -> None:
    rule(desk, {"status": {"changed": True}, "priority": {"changed_to": "urgent"}})
    planned = desk.plan(piece(desk, STATUS), piece(desk, PRIORITY), piece(desk, FIELD, custom_field={"id": 7}))
    assert matched(planned) == [1, 0, 0]
    assert [one.is_repeat for one in planned] == [False, True, True]
    assert told(desk) == {**STATUS, **PRIORITY, **FIELD}


@pytest.mark.parametrize("order", [(STATUS, PRIORITY), (PRIORITY, STATUS)])
def test_a_rule_fires_once_whichever_piece_comes_first(desk: Desk, order: tuple[Any, Any]) -> None:
    rule(desk, {})
    rule(desk, {"priority": {"changed_to": "urgent"}})
    runs = sum(matched(desk.plan(piece(desk, one)))[0] for one in order)
    assert runs == 2
    with working_for(desk.organization):
        assert Run.objects.values("rule").distinct().count() == 2
        assert sorted(Verdict.objects.values_list("outcome", flat=True)) == ["matched", "matched"]
    assert told(desk) == {**STATUS, **PRIORITY}


def test_a_rule_that_wants_two_pieces_fires_when_the_second_is_there(desk: Desk) -> None:
    rule(desk, {"status": {"changed": True}, "priority": {"changed": True}})
    assert matched(desk.plan(piece(desk, STATUS))) == [0]
    [second] = desk.plan(piece(desk, PRIORITY))
    assert (second.matched, second.is_repeat, second.has_grown) == (1, False, True)
    assert matched(desk.plan(piece(desk, FIELD))) == [0]


def test_what_could_not_be_told_at_first_may_be_later(desk: Desk) -> None:
    rule(desk, {"status": {"changed_to": "open"}})
    desk.plan(piece(desk, None))
    with working_for(desk.organization):
        assert Verdict.objects.get().outcome == "could_not_tell"
        before = Verdict.objects.get().pk
    assert matched(desk.plan(piece(desk, STATUS))) == [1]
    with working_for(desk.organization):
        verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.pk) == ("matched", before)


def test_a_piece_that_comes_again_is_a_repeat(desk: Desk) -> None:
    rule(desk, {})
    desk.plan(piece(desk, STATUS))
    for changed in (STATUS, None, {"status": ("open", "solved")}):
        [again] = desk.plan(piece(desk, changed))
        assert (again.is_repeat, again.matched) == (True, 0)
    assert told(desk) == STATUS


def test_another_act_is_another_event_and_a_replay_tells_the_whole(desk: Desk) -> None:
    rule(desk, {"status": {"changed": True}, "priority": {"changed": True}})
    desk.plan(piece(desk, STATUS))
    desk.plan(piece(desk, PRIORITY))
    desk.plan(piece(desk, PRIORITY, key="another act"))
    with working_for(desk.organization):
        events = list(Event.objects.order_by("pk"))
        assert [one.matched for one in replay_events(events)] == [1, 0]


def test_zendesks_deliveries_of_one_act_are_one_event(world: World) -> None:
    def delivery(kind: str, before: str, after: str) -> dict[str, Any]:
        return {
            "type": f"zen:event-type:ticket.{kind}_changed",
            "id": f"event-{kind}",
            "time": "2026-11-20T10:00:00Z",
            "detail": {"id": "35436", "status": "OPEN", "priority": "URGENT"},
            "event": {"previous": before, "current": after, "meta": {"sequence": {"id": "ACT", "position": 1}}},
        }

    sender = make_sender(world.ada, "zendesk")
    sender.send(delivery("status", "NEW", "OPEN"), headers={"x-zendesk-webhook-invocation-id": "1"})
    process_due()
    sender.send(delivery("priority", "LOW", "URGENT"), headers={"x-zendesk-webhook-invocation-id": "2"})
    process_due()
    with working_for(world.ada.organization):
        changed = EventContent.objects.get().changed
    assert changed == {"status": ["new", "open"], "priority": ["low", "urgent"]}
    reasons = [row.reason for row in deliveries(world.ada)]
    assert reasons[1] == "It tells more of an event that was planned before. No rule listens to this event."
