"""The API's addresses for runs: what is shown of them, and what people may do about them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from audit.models import AuditEntry
from rules import recovery
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, SLACK, TOOL, Desk, cut_off, request_to

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def failed(desk: Desk) -> str:
    """Return the id of a run whose first of two steps the platform refused."""
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    desk.perform()
    return str(desk.run.pk)


def uncertain(desk: Desk) -> str:
    """Return the id of a run of whose first call nobody knows whether it took effect."""
    desk.platform.on("POST", SLACK, cut_off)
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    desk.perform()
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
    return str(desk.run.pk)


def acts(desk: Desk) -> list[str]:
    with working_for(desk.organization):
        entries = AuditEntry.objects.filter(resource_type="run").exclude(action="run.finished").order_by("pk")
        return list(entries.values_list("action", flat=True))


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


# --- what is shown ------------------------------------------------------------------------------------------------
def test_a_run_shows_its_steps_in_the_order_of_the_document_with_their_attempts(world: World, desk: Desk) -> None:
    rule = desk.rule({**MESSAGE, "on_failure": "continue"}, request_to(name="after"))
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    desk.ticket(subject="Printer <on> fire")
    desk.perform()
    for address in (f"/api/runs/{desk.run.pk}/", f"/api/runs/{desk.run.pk}"):
        shown = world.ada.api.get(address).json()
        assert (shown["rule"], shown["version"], shown["status"], shown["inputs"]) == (str(rule.pk), 1, "succeeded", {})
        assert shown["started_at"] <= shown["finished_at"] and shown["finished_at"].endswith("Z")
        message, after = shown["steps"]
        assert (message["id"], message["platform"], message["action"]) == ("message", "slack", "send_message")
        assert (message["status"], after["status"]) == ("failed", "succeeded")
        assert message["parameters"] == {"channel": "#desk", "message": "Printer &lt;on&gt; fire"}
        [attempt] = message["attempts"]
        assert {"started_at", "duration_ms", "status_code", "error"} <= set(attempt)
        assert (attempt["status"], attempt["status_code"]) == ("failed", 200)
        assert "channel_not_found" in attempt["error"]
        assert (after["id"], after["platform"], after["output"]["status"]) == ("after", None, 200)


def test_runs_are_listed_newest_first_and_found_by_each_filter(world: World, desk: Desk) -> None:
    first, second = desk.rule(MESSAGE), desk.rule(MESSAGE, enabled=False)
    delivery = uuid4()
    desk.plan(desk.event(delivery_id=delivery))
    old = str(desk.run.pk)
    desk.perform()
    with clock.moved(HOUR):
        started = world.ada.api.post(f"/api/rules/{second.pk}/execute", {}, format="json").json()["run"]
        between = (clock.now() - HOUR / 2).isoformat().replace("+00:00", "Z")
        desk.perform()
    api = world.ada.api
    assert ids(api.get("/api/runs/")) == [started, old]
    assert ids(api.get(f"/api/runs?rule={first.pk}")) == [old]
    assert ids(api.get(f"/api/runs/?delivery={delivery}")) == [old]
    assert ids(api.get(f"/api/runs/?started_after={between}")) == [started]
    assert ids(api.get(f"/api/runs/?started_before={between}")) == [old]
    assert ids(api.get("/api/runs/?status=failed")) == [started]
    assert ids(api.get("/api/runs/?status=succeeded")) == [old]
    page = api.get("/api/runs/?page_size=1").json()
    assert ids(api.get(page["next"])) == [old]
    assert world.bo.api.get("/api/runs/").json()["results"] == []
    for name, value in (("rule", "x"), ("status", "done"), ("started_after", "soon"), ("delivery", "1")):
        refused = api.get(f"/api/runs/?{name}={value}")
        assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, name)


# --- retry --------------------------------------------------------------------------------------------------------
def test_a_failed_run_goes_on_from_the_step_that_failed(world: World, desk: Desk) -> None:
    run = failed(desk)
    assert desk.statuses() == {"message": "failed", "after": "skipped"}
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
    answer = world.ada.api.post(f"/api/runs/{run}/retry")
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, run, "running")
    desk.perform()
    shown = world.ada.api.get(f"/api/runs/{run}/").json()
    assert (shown["status"], shown["reason"]) == ("succeeded", "")
    assert [len(step["attempts"]) for step in shown["steps"]] == [2, 1]
    again = world.ada.api.post(f"/api/runs/{run}/retry/")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_possible")
    assert acts(desk) == ["run.retried"]


# --- cancel -------------------------------------------------------------------------------------------------------
def test_a_cancelled_run_sends_nothing_and_cannot_be_cancelled_twice(world: World, desk: Desk) -> None:
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    address = f"/api/runs/{desk.run.pk}/cancel/"
    answer = world.ada.api.post(address)
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    desk.perform(later=HOUR)
    assert desk.platform.requests == []
    assert {step["status"] for step in answer.json()["steps"]} == {"cancelled"}
    assert world.ada.api.post(address).status_code == 409
    assert world.ada.api.post(address.replace("cancel", "retry")).status_code == 409
    assert acts(desk) == ["run.cancelled"]


# --- what is uncertain --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "statuses", "run_status", "messages"),
    [
        ("done", {"message": "succeeded", "after": "succeeded"}, "succeeded", 1),
        ("repeat", {"message": "succeeded", "after": "succeeded"}, "succeeded", 2),
        ("failed", {"message": "failed", "after": "skipped"}, "failed", 1),
    ],
)
def test_a_person_says_what_became_of_an_uncertain_call(
    world: World, desk: Desk, outcome: str, statuses: dict[str, str], run_status: str, messages: int
) -> None:
    run = uncertain(desk)
    shown = world.ada.api.get(f"/api/runs/{run}/").json()
    assert (shown["status"], shown["steps"][0]["status"]) == ("waiting", "uncertain")
    address = f"/api/runs/{run}/steps/message/resolve"
    assert world.ada.api.post(address, {"outcome": outcome}, format="json").status_code == 202
    desk.perform(later=HOUR)
    assert (desk.statuses(), desk.run.status) == (statuses, run_status)
    assert (desk.sent(SLACK), desk.sent(TOOL)) == (messages, 1 if run_status == "succeeded" else 0)
    letters = world.ada.api.get("/api/dead-letters/").json()["results"]
    assert [letter["run"] for letter in letters] == ([run] if outcome == "failed" else [])
    again = world.ada.api.post(address, {"outcome": outcome}, format="json")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_possible")
    assert acts(desk) == ["step.resolved"]


def test_what_is_no_outcome_or_no_step_is_refused(world: World, desk: Desk) -> None:
    run = uncertain(desk)
    address = f"/api/runs/{run}/steps/message/resolve/"
    for body in ({}, {"outcome": "perhaps"}, {"outcome": ["done"]}, {"outcome": None}, [], "done"):
        refused = world.ada.api.post(address, body, format="json")
        assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "outcome"), body
    assert world.ada.api.post(address.replace("message", "nosuch"), {"outcome": "done"}).status_code == 404
    assert world.ada.api.post(address.replace("message", "after"), {"outcome": "done"}).status_code == 409
    assert desk.step("message").status == "uncertain"


def test_nobody_who_decides_in_seven_days_makes_it_a_dead_letter_that_can_be_retried(world: World, desk: Desk) -> None:
    run = uncertain(desk)
    with clock.moved(timedelta(days=8)):
        assert recovery.end_waits() == 1
    [letter] = world.ada.api.get("/api/dead-letters/").json()["results"]
    assert (letter["run"], letter["step"], letter["error_class"]) == (run, "message", "Uncertain")
    assert world.ada.api.post(f"/api/runs/{run}/retry/").status_code == 202
    desk.perform()
    assert desk.run.status == "succeeded"
    assert world.ada.api.get("/api/dead-letters/").json()["results"] == []
