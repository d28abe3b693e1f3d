"""Where an event came from: a loop through our own account grows deeper with every turn, people's work does not."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations import specs
from integrations.models import Integration
from rules.models import Event, Run, Verdict
from rules.planning import DEEPEST_CHAIN, Planned
from rules.provenance import Provenance, provenance_of
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, SLACK, STATUS, TICKET, Desk

pytestmark = pytest.mark.django_db(transaction=True)

US, PERSON = "5", "77"
ON_SLACK = {"platform": "slack", "event": "message"}


@pytest.fixture
def accounts(desk: Desk) -> dict[str, Integration]:
    """Both integrations know as whom they sign in."""
    with working_for(desk.organization):
        Integration.objects.update(actor_id=US)
        return {row.platform: row for row in Integration.objects.all()}


def happened(kind: str, external_id: str, *, actor: str = US, at: datetime | None = None, **more: Any) -> specs.Event:
    subject = "ticket" if kind.startswith("ticket") else "message"
    payload = {subject: {"id": external_id, "subject": "Hello", "channel": "C1"}}
    return specs.Event(kind, external_id, payload, occurred_at=at or clock.now(), actor_id=actor, **more)


def origin(desk: Desk, account: Integration, event: specs.Event) -> Provenance:
    with working_for(desk.organization):
        return provenance_of(event, account, clock.now())


def arrive(desk: Desk, account: Integration, event: specs.Event) -> Planned:
    """Let an event come in as a delivery brings it."""
    found = origin(desk, account, event)
    incoming = replace(
        desk.event(), event=event, platform=account.platform, integration_id=account.pk, depth=found.depth
    )
    [planned] = desk.plan(incoming)
    return planned


def depths(desk: Desk) -> list[int]:
    with working_for(desk.organization):
        return list(Event.objects.order_by("pk").values_list("depth", flat=True))


def test_a_rule_that_answers_its_own_change_of_a_ticket_is_stopped(
    desk: Desk, accounts: dict[str, Integration]
) -> None:
    desk.rule(STATUS, trigger={"platform": "freshdesk", "event": "ticket_updated"})
    account = accounts["freshdesk"]
    arrive(desk, account, happened("ticket_updated", "42", actor=PERSON))
    for _ in range(10):
        desk.perform()
        if arrive(desk, account, happened("ticket_updated", "42")).matched == 0:
            break
    assert depths(desk) == list(range(DEEPEST_CHAIN + 2))
    assert desk.sent(TICKET) == DEEPEST_CHAIN + 1
    with working_for(desk.organization):
        assert "the chain ends here" in Verdict.objects.get(outcome="suppressed").reason


def test_a_loop_in_which_every_turn_makes_a_new_object_is_stopped(desk: Desk, accounts: dict[str, Integration]) -> None:
    desk.rule({**MESSAGE, "parameters": {"channel": "#desk", "message": "Hello"}}, trigger=ON_SLACK)
    arrive(desk, accounts["slack"], happened("message", "C1:0.1", actor=PERSON))
    for turn in range(10):
        desk.platform.on("POST", SLACK, {"ok": True, "ts": f"1.{turn}", "channel": "C1"})
        desk.perform()
        if arrive(desk, accounts["slack"], happened("message", f"C1:1.{turn}")).matched == 0:
            break
    assert depths(desk) == list(range(DEEPEST_CHAIN + 2))


def test_a_loop_across_two_platforms_is_stopped(desk: Desk, accounts: dict[str, Integration]) -> None:
    desk.rule(MESSAGE, trigger={"platform": "freshdesk", "event": "ticket_updated"})
    about_42 = {**STATUS, "parameters": {"ticket_id": 42, "status": "pending"}}
    desk.rule(about_42, trigger=ON_SLACK)
    arrive(desk, accounts["freshdesk"], happened("ticket_updated", "42", actor=PERSON))
    for turn in range(5):
        desk.platform.on("POST", SLACK, {"ok": True, "ts": f"1.{turn}", "channel": "C1"})
        desk.perform()
        if arrive(desk, accounts["slack"], happened("message", f"C1:1.{turn}")).matched == 0:
            break
        desk.perform()
        if arrive(desk, accounts["freshdesk"], happened("ticket_updated", "42")).matched == 0:
            break
    # Four rules in a row, an honest chain, are let through.
    assert depths(desk) == list(range(DEEPEST_CHAIN + 2))
    assert desk.sent(SLACK) + desk.sent(TICKET) == DEEPEST_CHAIN + 1


def test_what_our_account_did_to_other_objects_makes_nothing_deeper(
    desk: Desk, accounts: dict[str, Integration]
) -> None:
    desk.rule(STATUS)
    [planned] = desk.plan(desk.event(integration_id=accounts["freshdesk"].pk, depth=4))
    desk.perform()
    assert len(planned.run_ids) == 1
    assert origin(desk, accounts["freshdesk"], happened("ticket_updated", "42")).depth == 5
    # The same number as another kind of thing, another ticket, and the same ticket in another account.
    assert origin(desk, accounts["freshdesk"], happened("ticket_updated", "43")).depth == 1
    assert origin(desk, accounts["slack"], happened("message", "42")).depth == 1
    assert origin(desk, accounts["freshdesk"], happened("ticket_updated", "42", actor=PERSON)).depth == 0


def test_a_person_who_shares_our_account_makes_no_chain_by_working_on(
    desk: Desk, accounts: dict[str, Integration]
) -> None:
    desk.rule(STATUS)
    desk.plan(desk.event(integration_id=accounts["freshdesk"].pk, depth=3))
    desk.perform()
    later = clock.now() + timedelta(minutes=3)
    assert origin(desk, accounts["freshdesk"], happened("ticket_updated", "42", at=later)).depth == 1


def test_an_event_that_is_here_before_the_answer_to_its_call_is_that_calls(
    desk: Desk, accounts: dict[str, Integration]
) -> None:
    desk.rule(MESSAGE)
    desk.plan(desk.event(depth=2))
    desk.begun()
    found = origin(desk, accounts["slack"], happened("message", "C1:9.9"))
    assert (found.depth, (found.known or {})["step"]) == (3, str(desk.step("message").pk))
    # A step that names another ticket is not taken for it, and what only reads makes no event.
    assert origin(desk, accounts["freshdesk"], happened("ticket_updated", "7")).depth == 1


def test_a_mark_tells_the_depth_and_an_old_mark_does_not_hide_that_we_wrote_again(
    desk: Desk, accounts: dict[str, Integration]
) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    mark = str(desk.step("message").pk)
    assert origin(desk, accounts["freshdesk"], happened("ticket_created", "42", marker=mark)).depth == 1
    assert origin(desk, accounts["freshdesk"], happened("ticket_created", "42", marker=mark, actor=PERSON)).depth == 1
    with clock.moved(timedelta(minutes=10)):
        desk.rule(STATUS, trigger={"platform": "freshdesk", "event": "ticket_updated"})
        for depth in (1, 2, 3):
            arrive(desk, accounts["freshdesk"], happened("ticket_updated", "42", marker=mark))
            desk.perform()
            assert depths(desk)[-1] == depth


def test_no_mark_of_another_organization_counts(desk: Desk, accounts: dict[str, Integration], world: Any) -> None:
    desk.rule(MESSAGE)
    desk.plan(desk.event(depth=3))
    event = happened("ticket_created", "42", actor=PERSON, marker=str(desk.step("message").pk))
    with working_for(world.bo.organization):
        assert Run.objects.count() == 0
        assert provenance_of(event, None, clock.now()) == Provenance()
