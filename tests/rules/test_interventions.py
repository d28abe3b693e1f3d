"""What people do to runs: each act does one thing, leaves one entry, and is refused where it makes no sense."""

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from rules import authoring, interventions
from rules.interventions import NotPossible
from rules.models import Rule, Run, RunContent, Step
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, SLACK, TOOL, Desk, request_to

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = {"ok": True, "ts": "1.2", "channel": "C1"}
REFUSAL = {"ok": False, "error": "channel_not_found"}


@pytest.fixture
def scoped(desk: Desk) -> Any:
    with working_for(desk.organization):
        yield desk


def entries(action: str) -> list[dict[str, Any]]:
    return [entry.changes for entry in AuditEntry.objects.filter(action=action).order_by("pk")]


# --- start --------------------------------------------------------------------------------------------------------
def test_a_run_started_by_hand_keeps_its_inputs_and_says_who_caused_it(scoped: Desk) -> None:
    rule = scoped.rule(request_to(name="tool"), environment="dev")
    run = interventions.start(rule, {"severity": "high"})
    assert (run.cause, run.event_id, run.environment, run.status) == ("api", None, "dev", "pending")
    assert RunContent.objects.get(pk=run.pk).inputs == {"severity": "high"}
    assert interventions.start(rule, {}, environment="prod", cause="manual").environment == "prod"
    assert entries("rule.executed")[0]["run"] == str(run.pk)
    scoped.perform()
    assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert scoped.sent(TOOL) == 2


def test_a_run_keeps_its_version_whatever_happens_to_the_rule(scoped: Desk) -> None:
    rule = scoped.rule(request_to(name="tool"))
    interventions.start(rule, {})
    authoring.change(rule, {"steps": [request_to("https://tools.example.com/other")]})
    authoring.set_enabled(rule, False)
    authoring.delete(Rule.objects.get(pk=rule.pk))
    scoped.perform()
    assert (scoped.run.status, scoped.run.version.number, scoped.sent(TOOL)) == ("succeeded", 1, 1)


# --- cancel -------------------------------------------------------------------------------------------------------
def test_cancelling_what_waits_ends_it_at_once(scoped: Desk) -> None:
    scoped.platform.on("POST", SLACK, {}, status=503)
    scoped.rule(MESSAGE, request_to(name="after"))
    scoped.ticket()
    scoped.perform()
    assert scoped.statuses()["message"] == "waiting"
    interventions.cancel(scoped.run.pk)
    assert (scoped.run.status, scoped.statuses()) == ("cancelled", {"message": "cancelled", "after": "cancelled"})
    scoped.platform.on("POST", SLACK, ANSWER)
    scoped.perform(later=timedelta(hours=2))
    assert scoped.sent(SLACK) == 1, "the one before"
    with pytest.raises(NotPossible, match="it is cancelled"):
        interventions.cancel(scoped.run.pk)
    assert len(entries("run.cancelled")) == 1


# --- retry --------------------------------------------------------------------------------------------------------
def test_a_retry_begins_at_the_step_that_failed_and_does_nothing_twice(scoped: Desk) -> None:
    scoped.platform.on("POST", SLACK, REFUSAL)
    scoped.rule(request_to(name="before"), MESSAGE, request_to("https://tools.example.com/after", name="after"))
    scoped.platform.on("POST", "https://tools.example.com/after", {})
    scoped.ticket()
    scoped.perform()
    first = scoped.run.finished_at
    scoped.platform.on("POST", SLACK, ANSWER)
    interventions.retry_run(scoped.run.pk)
    scoped.perform()
    assert set(scoped.statuses().values()) == {"succeeded"}
    assert scoped.sent(TOOL) == 1
    assert first is not None and scoped.run.finished_at > first
    assert entries("run.retried") == [{"step": "message"}]
    assert [entry["status"] for entry in entries("run.finished")] == ["failed", "succeeded"]
    with pytest.raises(NotPossible, match="No step of this run failed"):
        interventions.retry_run(scoped.run.pk)


def test_a_failure_that_its_author_expected_is_nothing_to_retry(scoped: Desk) -> None:
    scoped.platform.on("POST", SLACK, REFUSAL)
    scoped.rule({**MESSAGE, "on_failure": "continue"})
    scoped.ticket()
    scoped.perform()
    assert scoped.run.status == "succeeded"
    with pytest.raises(NotPossible):
        interventions.retry_run(scoped.run.pk)
    assert interventions.retry_steps([scoped.step("message").pk]) == 0


def test_many_are_retried_at_once_and_others_are_left_alone(scoped: Desk, world: World) -> None:
    scoped.platform.on("POST", SLACK, REFUSAL)
    scoped.rule(MESSAGE)
    for _ in range(3):
        scoped.ticket()
    scoped.perform()
    scoped.platform.on("POST", SLACK, ANSWER)
    letters = list(Step.objects.filter(is_dead_letter=True).order_by("pk").values_list("pk", flat=True))
    with working_for(world.bo.organization):
        assert interventions.retry_steps(letters) == 0
    assert interventions.retry_steps([*letters[:2], letters[0]]) == 2
    assert interventions.retry_steps(letters[:2]) == 0, "they are on their way"
    scoped.perform()
    assert sorted(Step.objects.values_list("status", flat=True)) == ["failed", "succeeded", "succeeded"]
    assert len(entries("run.retried")) == 2


# --- resolve ------------------------------------------------------------------------------------------------------
def test_only_what_is_uncertain_can_be_resolved(scoped: Desk) -> None:
    scoped.rule(MESSAGE)
    scoped.ticket()
    for name, words in (("message", "is pending"), ("nosuch", "is no step of this run")):
        with pytest.raises(NotPossible, match=words):
            interventions.resolve(scoped.run.pk, name, "done")
    assert entries("step.resolved") == []


def test_the_run_of_another_organization_is_not_there(scoped: Desk, world: World) -> None:
    scoped.rule(MESSAGE)
    scoped.ticket()
    run = scoped.run.pk
    with working_for(world.bo.organization):
        for deed in (interventions.cancel, interventions.retry_run):
            with pytest.raises(KeyError):
                deed(run)
    assert (scoped.run.status, clock.now() > scoped.run.created_at) == ("pending", True)
