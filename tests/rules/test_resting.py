"""Steps that call nobody: waits that survive everything, approvals by those who may, rules that run rules."""

from datetime import timedelta
from typing import Any

import pytest

from rules import authoring, interventions, recovery, variables
from rules.interventions import NotPossible
from rules.models import RuleVersion, Run
from supportops import clock
from supportops.context import Actor, acting_as
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.builders import World, browser, make_member
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, request_to

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
AFTER = request_to(name="after")


# --- wait -------------------------------------------------------------------------------------------------------
def test_a_wait_rests_until_its_time_and_fires_once(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "30m"}}, AFTER)
    desk.ticket()
    desk.perform()
    step = desk.step("rest")
    assert (desk.run.status, step.status, step.waits_for, step.worker_id) == ("waiting", "waiting", "time", None)
    desk.perform(later=timedelta(minutes=29))
    assert desk.sent(TOOL) == 0
    desk.perform(later=timedelta(minutes=31))
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)
    desk.perform(later=HOUR)
    assert desk.sent(TOOL) == 1


@pytest.mark.parametrize("wait", [{"for": 0}, {"until": "2020-01-01T00:00:00Z"}, {"until": 0}])
def test_a_wait_that_is_over_is_none(desk: Desk, wait: dict[str, Any]) -> None:
    desk.rule({"wait": wait}, AFTER)
    desk.ticket()
    desk.perform()
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)


def test_an_expression_says_how_long(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "{{ ticket.priority > 3 ? '1h' : '2h' }}"}}, AFTER)
    desk.ticket(priority=4)
    desk.perform()
    due_at = desk.step("rest").due_at
    assert due_at is not None and timedelta(minutes=59) < due_at - clock.now() <= HOUR


def test_a_time_that_is_none_fails_the_step_with_the_reason(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"until": "{{ ticket.subject }}"}})
    desk.ticket()
    desk.perform()
    assert (desk.run.status, desk.step("rest").status) == ("failed", "failed")
    assert "wait.until" in desk.step("rest").error


def test_a_worker_may_die_before_and_after_the_wait(desk: Desk) -> None:
    desk.rule({"id": "rest", "wait": {"for": "30m"}}, AFTER)
    desk.ticket()
    with a_worker_that_dies():
        desk.claimed()
    recovery.recover_steps()
    desk.perform()
    assert desk.step("rest").waits_for == "time"
    with clock.moved(HOUR):
        with a_worker_that_dies():
            desk.claimed()
        recovery.recover_steps()
        desk.perform()
    desk.perform(later=2 * HOUR)
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)


def test_branches_wait_side_by_side_and_a_cancelled_wait_ends(desk: Desk) -> None:
    short, long = {"id": "a", "wait": {"for": "1h"}}, {"id": "b", "wait": {"for": "2h"}, "needs": []}
    desk.rule(short, long, {**AFTER, "needs": ["a", "b"]})
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"a": "waiting", "b": "waiting", "after": "pending"}
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    desk.perform(later=3 * HOUR)
    assert (desk.run.status, desk.sent(TOOL)) == ("cancelled", 0)


# --- approval ---------------------------------------------------------------------------------------------------
def asked(desk: Desk, **approval: Any) -> Run:
    desk.rule({"id": "ask", "approval": {"message": "Refund {{ ticket.id }}?", **approval}}, AFTER)
    desk.ticket()
    desk.perform()
    return desk.run


def decide(desk: Desk, is_approved: bool, comment: str = "") -> None:
    with working_for(desk.organization), acting_as(Actor("user", "1", "ada@example.com")):
        interventions.decide(desk.run.pk, "ask", is_approved, comment)


def test_an_approval_is_waited_for_and_lets_the_run_go_on(desk: Desk) -> None:
    run = asked(desk)
    step = desk.step("ask")
    assert (run.status, step.waits_for, step.due_at) == ("waiting", "approval", None)
    assert step.deadline_at is not None and step.deadline_at > clock.now() + timedelta(days=6)
    desk.perform(later=HOUR)
    assert desk.sent(TOOL) == 0
    decide(desk, True, "Fine.")
    desk.perform()
    assert (desk.run.status, desk.sent(TOOL)) == ("succeeded", 1)
    assert desk.output("ask") == {"approved": True, "by": "ada@example.com", "comment": "Fine."}
    with pytest.raises(NotPossible, match="succeeded"):
        decide(desk, False)


def test_a_rejection_fails_the_step_with_its_reason(desk: Desk) -> None:
    asked(desk)
    decide(desk, False, "Too much.")
    desk.perform()
    assert (desk.run.status, desk.step("ask").error_class, desk.sent(TOOL)) == ("failed", "Rejected", 0)
    assert desk.step("ask").error == "Rejected by ada@example.com. Too much."


@pytest.mark.parametrize(("on_silence", "status", "sent"), [("approve", "succeeded", 1), ("reject", "failed", 0)])
def test_silence_means_what_the_author_says(desk: Desk, on_silence: str, status: str, sent: int) -> None:
    asked(desk, deadline="1h", on_silence=on_silence)
    with clock.moved(2 * HOUR):
        assert recovery.end_waits() == 1
    desk.perform(later=2 * HOUR)
    assert (desk.run.status, desk.sent(TOOL)) == (status, sent)


def test_who_may_decide_is_asked_by_the_api_and_the_page(desk: Desk, world: World) -> None:
    run = asked(desk, roles=["admin"], people=["bea@example.com"])
    address = f"/api/runs/{run.pk}/steps/ask/approve"
    token = world.ada.api.post(address, {}, format="json")
    assert (token.status_code, "role admin" in token.json()["errors"][0]["detail"]) == (403, True)
    assert world.bo.api.post(address, {}, format="json").status_code == 404
    make_member(desk.organization, Role.OPERATOR, email="carl@example.com")
    bea = make_member(desk.organization, Role.OPERATOR, email="bea@example.com")
    page = f"/admin/rules/run/{run.pk}/decide/"
    bea_at_work = browser(bea)
    shown = bea_at_work.get(f"/admin/rules/run/{run.pk}/change/").content.decode()
    assert "Refund 42?" in shown
    answer = bea_at_work.post(page, {"step": "ask", "decision": "approve", "comment": "ok"}, format="multipart")
    assert answer.status_code == 302, answer.content
    assert desk.step("ask").status == "succeeded"


def test_a_stranger_to_the_step_may_not_decide_on_the_page(desk: Desk) -> None:
    run = asked(desk, people=["bea@example.com"])
    carl = make_member(desk.organization, Role.OPERATOR, email="carl@example.com")
    page = f"/admin/rules/run/{run.pk}/decide/"
    browser(carl).post(page, {"step": "ask", "decision": "approve"}, format="multipart")
    assert desk.step("ask").status == "waiting"


def test_an_open_approval_may_be_decided_by_a_token(desk: Desk, world: World) -> None:
    run = asked(desk)
    answer = world.ada.api.post(f"/api/runs/{run.pk}/steps/ask/reject", {"comment": "no"}, format="json")
    assert answer.status_code == 202
    assert answer.json()["steps"][0]["status"] == "failed"
    again = world.ada.api.post(f"/api/runs/{run.pk}/steps/ask/approve", {}, format="json")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "not_possible")
    assert world.ada.api.post(f"/api/runs/{run.pk}/steps/none/approve", {}, format="json").status_code == 404


# --- another rule -----------------------------------------------------------------------------------------------
def inner(desk: Desk, *steps: dict[str, Any], **more: Any) -> Any:
    with working_for(desk.organization):
        return authoring.create({"name": "Inner", "steps": list(steps) or [request_to(name="work")], **more})[0]


def run_of(desk: Desk, rule: Any) -> Run:
    with working_for(desk.organization):
        found: Run = Run.objects.filter(rule=rule).order_by("-pk")[0]
        return found


def test_another_rule_is_run_with_inputs_and_its_outputs_are_seen(desk: Desk) -> None:
    work = {**request_to(name="work"), "parameters": {"method": "POST", "url": TOOL, "json": {"n": "{{ inputs.n }}"}}}
    rule = inner(desk, work, inputs={"n": {"type": "integer"}})
    told = request_to(f"{TOOL}/told", name="told")
    told["parameters"]["json"] = "{{ steps.call.output.steps.work.body.answer }}"
    desk.platform.on("POST", f"{TOOL}/told", {})
    outer = desk.rule({"id": "call", "rule": "Inner", "inputs": {"n": "{{ ticket.priority + 1 }}"}}, told)
    desk.ticket(priority=4)
    desk.perform()
    desk.perform()
    assert (run_of(desk, outer).status, run_of(desk, rule).status) == ("succeeded", "succeeded")
    assert desk.platform.bodies(TOOL) == [{"n": 5}]
    assert desk.platform.bodies(f"{TOOL}/told") == [42]
    assert (run_of(desk, rule).cause, run_of(desk, rule).depth) == ("rule", 1)


def test_a_rule_that_fails_fails_the_step_and_a_retry_runs_it_anew(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {}, status=400)
    rule = inner(desk)
    outer = desk.rule({"id": "call", "rule": "Inner"})
    desk.ticket()
    desk.perform()
    desk.perform()
    assert run_of(desk, outer).status == "failed"
    desk.platform.on("POST", TOOL, {"answer": 1})
    with working_for(desk.organization):
        interventions.retry_run(run_of(desk, outer).pk)
    desk.perform()
    desk.perform()
    assert run_of(desk, outer).status == "succeeded"
    with working_for(desk.organization):
        assert sorted(Run.objects.filter(rule=rule).values_list("status", flat=True)) == ["failed", "succeeded"]


@pytest.mark.parametrize("dies_at", range(3))
def test_a_worker_may_die_anywhere_and_the_rule_runs_once(desk: Desk, dies_at: int) -> None:
    rule = inner(desk)
    outer = desk.rule({"id": "call", "rule": "Inner"})
    desk.ticket()
    for place in range(3):
        if place == dies_at:
            with a_worker_that_dies():
                desk.claimed()
            recovery.recover_steps()
        desk.perform()
    assert run_of(desk, outer).status == "succeeded"
    with working_for(desk.organization):
        assert Run.objects.filter(rule=rule).count() == 1


def test_rules_that_run_each_other_stop_with_an_explanation(desk: Desk) -> None:
    rule = inner(desk)
    with working_for(desk.organization):
        rule, _ = authoring.change(rule, {"name": "Inner", "steps": [{"id": "again", "rule": "Inner"}]})
        interventions.start(rule, {})
    for _ in range(15):
        desk.perform()
    with working_for(desk.organization):
        runs = list(Run.objects.filter(rule=rule))
    assert len(runs) == 6
    assert {run.status for run in runs} == {"failed"}
    assert any("the chain ends here" in run.reason for run in runs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rule: authoring.set_enabled(rule, False), "switched off"),
        (lambda rule: authoring.delete(rule), "There is no rule"),
        (
            lambda rule: authoring.change(rule, {**RuleVersion.objects.get(rule=rule).document, "inputs": {"n": {}}}),
            "do not fit",
        ),
    ],
)
def test_a_rule_that_cannot_be_run_fails_the_step_with_the_reason(desk: Desk, change: Any, words: str) -> None:
    rule = inner(desk)
    desk.rule({"id": "call", "rule": "Inner"})
    with working_for(desk.organization):
        change(rule)
    desk.ticket()
    desk.perform()
    assert words in desk.step("call").error


def test_cancelling_a_run_cancels_what_it_waits_for(desk: Desk) -> None:
    rule = inner(desk, {"id": "rest", "wait": {"for": "1h"}})
    outer = desk.rule({"id": "call", "rule": "Inner"})
    desk.ticket()
    desk.perform()
    desk.perform()
    with working_for(desk.organization):
        interventions.cancel(run_of(desk, outer).pk)
    assert (run_of(desk, outer).status, run_of(desk, rule).status) == ("cancelled", "cancelled")


def test_secrets_stay_out_of_steps_that_call_nobody(desk: Desk) -> None:
    with working_for(desk.organization):
        variables.create(variables.Wish("KEY", "sk-canary-0123456789", is_secret=True, hosts=("a.example",)))
    inner(desk)
    desk.rule({"id": "call", "rule": "Inner", "inputs": {"k": "{{ env.KEY }}"}})
    desk.ticket()
    desk.perform()
    assert (desk.step("call").status, "secret" in desk.step("call").error) == ("failed", True)
