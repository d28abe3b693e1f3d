"""Backtest: what a rule would have made of past events. It says what live matching said, and does nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import authoring
from rules.backtest import Backtest, Window, events_in
from rules.compiled import compile_rule, compiled_version
from rules.models import Event, Rule, Run, Verdict
from supportops import clock
from supportops.ids import new_id
from supportops.jobs import running
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, Desk, request_to

pytestmark = pytest.mark.django_db(transaction=True)

LEAVES = st.sampled_from(
    [
        {"priority": 4},
        {"priority": {"gte": 3}},
        {"subject": {"icontains": "fire"}},
        {"subject": {"matches": "^No"}},
        {"tags": {"contains": "vip"}},
        {"tags": {"gt": 1}},
        {"nothing": {"exists": False}},
        {"any": [{"priority": 1}, {"tags": ["vip"]}]},
        {"not": {"priority": 4}},
        {"expr": "ticket.priority > 2 && size(ticket.tags) == 0"},
        {"status": {"changed": True}},
    ]
)
TICKETS = st.fixed_dictionaries(
    {
        "priority": st.integers(1, 4),
        "subject": st.sampled_from(["Printer on fire", "No paper", "Zahlung"]),
        "tags": st.sampled_from([[], ["vip"], ["vip", "x"], "odd"]),
    }
)


def created(conditions: Any) -> dict[str, Any]:
    return {"platform": "freshdesk", "event": "ticket_created", "conditions": conditions}


def window(limit: int = 1000) -> Window:
    now = clock.now()
    return Window(now - timedelta(days=1), now + timedelta(days=1), limit)


def result_of(desk: Desk, rule: Rule, document: dict[str, Any] | None = None, limit: int = 1000) -> dict[str, Any]:
    with working_for(desk.organization):
        if document is None:
            compiled = compiled_version(authoring.live_version(rule).pk)
        else:
            compiled = compile_rule(rule.pk, new_id(), document)
        test = Backtest(compiled, rule.pk)
        for page in events_in(window(limit), compiled):
            test.ask(page)
        return test.result()


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conditions=LEAVES, tickets=st.lists(TICKETS, min_size=1, max_size=6))
def test_a_backtest_says_what_live_matching_said(desk: Desk, conditions: Any, tickets: list[dict[str, Any]]) -> None:
    rule = desk.rule(MESSAGE, trigger=created(conditions))
    started = clock.now()
    for ticket in tickets:
        desk.ticket(**ticket)
    with working_for(desk.organization):
        live = dict(Verdict.objects.filter(rule=rule).values_list("event_id", "outcome"))
        compiled = compiled_version(authoring.live_version(rule).pk)
        test = Backtest(compiled, rule.pk)
        rows = list(Event.objects.filter(received_at__gte=started))
        for row in rows:
            test.ask([row])
        found = test.result()
    said = list(live.values())
    assert found["events"] == len(tickets)
    assert (found["gained_count"], found["lost_count"]) == (0, 0)
    assert found["matched_then"] == found["matched"] == said.count("matched")
    assert found["could_not_tell"] == said.count("could_not_tell")


def test_what_another_document_would_do_otherwise_is_named(desk: Desk) -> None:
    rule = desk.rule(
        MESSAGE, trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}}
    )
    desk.ticket(priority=4, subject="a")
    desk.ticket(priority=3, subject="b")
    desk.ticket(priority=1, subject="c")
    trigger = {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": {"lt": 4}}}
    document = {"trigger": trigger, "steps": [request_to(), {**MESSAGE, "condition": "{{ ticket.priority > 2 }}"}]}
    found = result_of(desk, rule, document)
    assert (found["matched_then"], found["matched"], found["gained_count"], found["lost_count"]) == (1, 2, 2, 1)
    assert found["calls"] == {"http_request": 2, "slack.send_message": 1}
    assert (found["gained"][0]["then"], found["lost"][0]["now"]) == ("not_matched", "not_matched")
    assert found["lost"][0]["external_id"] == "42"


def test_it_does_nothing_and_writes_nothing(desk: Desk) -> None:
    rule = desk.rule(MESSAGE)
    for _ in range(3):
        desk.ticket()
    with working_for(desk.organization):
        before = (Run.objects.count(), Verdict.objects.count(), Event.objects.count())
    with CaptureQueriesContext(connection) as queries:
        found = result_of(desk, rule)
    assert found["matched"] == 3
    assert not [query["sql"] for query in queries.captured_queries if not query["sql"].startswith("SELECT")]
    assert desk.platform.requests == []
    with working_for(desk.organization):
        assert (Run.objects.count(), Verdict.objects.count(), Event.objects.count()) == before


def test_queries_do_not_grow_with_the_events_of_a_slice(desk: Desk) -> None:
    rule = desk.rule(MESSAGE)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            result_of(desk, rule)
        return len(captured)

    desk.ticket()
    queries()
    one = queries()
    for _ in range(20):
        desk.ticket()
    assert queries() == one


def test_the_newest_events_come_first_and_late_ones_count_as_live(desk: Desk) -> None:
    rule = desk.rule(MESSAGE, late="skip")
    for days in (0, 0, 3):
        desk.plan(desk.event(occurred_at=clock.now() - timedelta(days=days)))
    found = result_of(desk, rule)
    assert (found["matched"], found["suppressed"]) == (2, 1)
    assert result_of(desk, rule, limit=1)["suppressed"] == 1


# --- the API ----------------------------------------------------------------------------------------------------
DOCUMENT = {
    "name": "Tell",
    "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": {"gte": 3}}},
    "steps": [MESSAGE],
}


def job_of(world: World, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.content
    running.work_due()
    job: dict[str, Any] = world.ada.api.get(f"/api/jobs/{answer.json()['job']}/").json()
    assert job["status"] == "succeeded", job
    return job


def test_a_saved_and_an_unsaved_document_are_tried_by_jobs(desk: Desk, world: World) -> None:
    rule = desk.rule(
        MESSAGE, trigger={"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}}
    )
    desk.ticket(priority=4)
    desk.ticket(priority=3)
    saved = job_of(world, world.ada.api.post(f"/api/rules/{rule.pk}/backtest", {}, format="json"))
    assert (saved["result"]["matched"], saved["result"]["gained_count"], saved["done"]) == (1, 0, 2)
    assert saved["result"]["contents_since"]
    body = {"document": DOCUMENT, "rule": str(rule.pk), "limit": 10}
    unsaved = job_of(world, world.ada.api.post("/api/rules/backtest", body, format="json"))
    assert (unsaved["result"]["matched"], unsaved["result"]["gained_count"]) == (2, 1)
    free = job_of(world, world.ada.api.post("/api/rules/backtest", {"document": DOCUMENT}, format="json"))
    assert (free["result"]["matched_then"], free["result"]["matched"]) == (None, 2)


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "document"),
        ({"document": []}, "document"),
        ({"document": {**DOCUMENT, "trigger": {"platform": "nope", "event": "x"}}}, "document.trigger.platform"),
        ({"document": {"name": "M", "steps": [request_to()]}}, "trigger"),
        ({"document": DOCUMENT, "limit": 0}, "limit"),
        ({"document": DOCUMENT, "since": "yesterday"}, "since"),
        ({"document": DOCUMENT, "since": "2026-11-20T00:00:00Z", "until": "2026-11-19T00:00:00Z"}, "since"),
        ({"document": DOCUMENT, "rule": "019a0000-0000-7000-8000-000000000000"}, "rule"),
    ],
)
def test_bad_input_is_told_with_its_place(world: World, body: dict[str, Any], attr: str) -> None:
    answer = world.ada.api.post("/api/rules/backtest", body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_another_organizations_rule_is_not_there(desk: Desk, world: World) -> None:
    rule = desk.rule(MESSAGE)
    assert world.bo.api.post(f"/api/rules/{rule.pk}/backtest", {}, format="json").status_code == 404
    body = {"document": DOCUMENT, "rule": str(rule.pk)}
    assert world.bo.api.post("/api/rules/backtest", body, format="json").status_code == 400
