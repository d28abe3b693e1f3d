"""The outcome of a call that did happen counts, however late it comes and whatever became of its step meanwhile."""

from datetime import timedelta

import pytest

from audit.models import AuditEntry
from rules import interventions, recovery
from rules.execution import Outcome
from rules.pump import Job
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import (
    MESSAGE,
    SLACK,
    STATUS,
    TICKET,
    TOOL,
    Desk,
    StepSource,
    a_worker_that_dies,
    cut_off,
    outcomes_of,
    request_to,
)

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def under_way(desk: Desk, step: dict[str, object] = MESSAGE) -> tuple[StepSource, list[Job]]:
    """Let a worker be taken for dead in the middle of the first of two calls."""
    desk.rule(step, request_to(name="after"))
    desk.ticket()
    with a_worker_that_dies():
        source, jobs = desk.begun()
    recovery.recover_steps()
    return source, jobs


def finish(source: StepSource, done: list[tuple[Job, Outcome]]) -> None:
    assert source.finish(done) == []


def finished_runs(desk: Desk) -> list[str]:
    with working_for(desk.organization):
        entries = AuditEntry.objects.filter(action="run.finished").order_by("pk")
        return [entry.changes["status"] for entry in entries]


def buried(desk: Desk) -> tuple[StepSource, list[Job]]:
    """The same, and nobody said in seven days what became of the call."""
    source, jobs = under_way(desk)
    with clock.moved(timedelta(days=8)):
        assert recovery.end_waits() == 1
    assert (desk.run.status, desk.step("message").is_dead_letter) == ("failed", True)
    assert desk.statuses() == {"message": "failed", "after": "skipped"}
    return source, jobs


def test_a_late_success_takes_its_step_from_the_dead_letters_and_the_run_goes_on(desk: Desk) -> None:
    source, jobs = buried(desk)
    finish(source, outcomes_of(jobs))
    step = desk.step("message")
    assert (step.status, step.is_dead_letter, step.error, desk.run.status) == ("succeeded", False, "", "running")
    assert desk.output("message")["ts"] == "1.2"
    desk.perform()
    assert (desk.run.status, desk.run.reason, desk.sent(SLACK), desk.sent(TOOL)) == ("succeeded", "", 1, 1)
    assert finished_runs(desk) == ["failed", "succeeded"]


def test_the_last_try_of_a_step_that_may_repeat_is_not_lost_either(desk: Desk) -> None:
    source, jobs = under_way(desk, {**STATUS, "retry": {"attempts": 1}})
    assert desk.statuses() == {"status": "failed", "after": "skipped"}
    finish(source, outcomes_of(jobs))
    desk.perform()
    assert (desk.run.status, desk.attempts("status"), desk.sent(TICKET)) == ("succeeded", ["succeeded"], 1)


def test_a_late_failure_is_the_reason_from_then_on(desk: Desk) -> None:
    source, jobs = buried(desk)
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    finish(source, outcomes_of(jobs))
    step = desk.step("message")
    assert (step.status, step.is_dead_letter, step.error_class) == ("failed", True, "NotFound")
    assert (desk.run.status, desk.statuses()["after"]) == ("failed", "skipped")
    assert step.error in desk.run.reason


def test_a_late_answer_that_says_nothing_changes_nothing(desk: Desk) -> None:
    source, jobs = buried(desk)
    before = desk.step("message")
    desk.platform.on("POST", SLACK, cut_off)
    finish(source, outcomes_of(jobs))
    after = desk.step("message")
    assert (after.status, after.error, after.finished_at) == ("failed", before.error, before.finished_at)
    assert desk.attempts("message") == ["uncertain"]


def test_a_call_that_took_effect_shows_so_in_a_cancelled_run_and_nothing_follows(desk: Desk) -> None:
    source, jobs = under_way(desk)
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    assert desk.statuses() == {"message": "cancelled", "after": "cancelled"}
    finish(source, outcomes_of(jobs))
    desk.perform(later=HOUR)
    assert desk.statuses() == {"message": "succeeded", "after": "cancelled"}
    assert (desk.run.status, desk.sent(TOOL)) == ("cancelled", 0)


def test_what_a_person_asked_to_repeat_is_not_repeated_once_the_first_call_is_known_to_have_worked(desk: Desk) -> None:
    source, jobs = under_way(desk)
    with working_for(desk.organization):
        interventions.resolve(desk.run.pk, "message", "repeat")
    other, claimed = desk.claimed()
    finish(source, outcomes_of(jobs))
    assert list(other.begin(claimed)) == [], "whoever claimed the repeat has lost it"
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.sent(SLACK), desk.attempts("message")) == ("succeeded", 1, ["succeeded"])


def test_once_the_repeat_is_under_way_the_first_call_is_history(desk: Desk) -> None:
    source, jobs = under_way(desk)
    with working_for(desk.organization):
        interventions.resolve(desk.run.pk, "message", "repeat")
    other, again = desk.begun()
    finish(source, outcomes_of(jobs))
    assert desk.step("message").sending_since is not None
    finish(other, outcomes_of(again))
    assert (desk.statuses()["message"], desk.attempts("message")) == ("succeeded", ["succeeded", "succeeded"])


def test_a_person_who_said_done_is_not_contradicted_by_a_failure(desk: Desk) -> None:
    source, jobs = under_way(desk)
    with working_for(desk.organization):
        interventions.resolve(desk.run.pk, "message", "done")
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    finish(source, outcomes_of(jobs))
    assert (desk.statuses()["message"], desk.attempts("message")) == ("succeeded", ["failed"])
