"""Steps become calls, and calls become outcomes: what is promised of effects, also when things go wrong."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from integrations import lifecycle
from integrations.connectors.http.connector import Http
from integrations.models import IntegrationHealth
from rules import authoring, interventions, preparing, recovery
from rules.execution import StepSource
from rules.models import Attempt, Run, Step, StepContent
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import (
    CONVERSATIONS,
    MESSAGE,
    NOTE,
    NOTES,
    SLACK,
    STATUS,
    TICKET,
    TOOL,
    Desk,
    a_worker_that_dies,
    cut_off,
    outcomes_of,
    request_to,
)

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def once(first: Any, then: Any) -> Any:
    """Answer the first request with one function and all others with another."""
    answers = [first]

    def answer(request: httpx.Request) -> httpx.Response:
        reply: httpx.Response = (answers.pop() if answers else then)(request)
        return reply

    return answer


def json_answer(body: Any, status: int = 200, **headers: str) -> Any:
    return lambda _: httpx.Response(status, json=body, headers=headers)


# --- the ordinary way -------------------------------------------------------------------------------------------
def test_a_step_makes_its_call_once_and_keeps_what_was_sent_and_answered(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket(subject="No paper")
    desk.perform()
    assert [body["text"] for body in desk.platform.bodies(SLACK)] == ["No paper"]
    run, step = desk.run, desk.step("message")
    assert (run.status, step.status, desk.attempts("message")) == ("succeeded", "succeeded", ["succeeded"])
    assert run.started_at and run.finished_at and step.finished_at
    assert (step.worker_id, step.due_at, step.sending_since) == (None, None, None)
    with working_for(desk.organization):
        content = StepContent.objects.get(step=step)
        attempt = Attempt.objects.get(step=step)
    assert content.parameters["message"] == "No paper"
    assert content.output["ts"] == "1.2"
    assert (attempt.status_code, attempt.number) == (200, 1)
    desk.perform()
    assert desk.sent(SLACK) == 1


def test_steps_follow_each_other_and_see_what_the_earlier_ones_gave(desk: Desk) -> None:
    desk.rule(
        request_to(name="first"),
        {**MESSAGE, "parameters": {"channel": "#desk", "message": "It is {{steps.first.output.body.answer}}"}},
    )
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"first": "succeeded", "message": "succeeded"}
    assert desk.platform.bodies(SLACK)[0]["text"] == "It is 42"
    assert [str(r.url) for r in desk.platform.requests] == [TOOL, SLACK]


@pytest.mark.parametrize(("priority", "sent"), [(4, 1), (1, 0)])
def test_a_condition_between_steps_decides_by_the_event_and_by_earlier_outputs(
    desk: Desk, priority: int, sent: int
) -> None:
    wanted = "steps.first.output.body.answer == (ticket.priority > 3 ? 42 : 43)"
    desk.rule(request_to(name="first"), {**MESSAGE, "condition": wanted}, request_to(name="last"))
    desk.ticket(priority=priority)
    desk.perform()
    assert desk.sent(SLACK) == sent
    assert desk.statuses() == {
        "first": "succeeded",
        "message": "succeeded" if sent else "skipped",
        "last": "succeeded",
    }
    assert desk.run.status == "succeeded"


def test_a_condition_that_cannot_be_evaluated_fails_its_step_and_says_why(desk: Desk) -> None:
    desk.rule({**MESSAGE, "condition": "ticket.subject * 2 > 3"})
    desk.ticket(subject="no number")
    desk.perform()
    step = desk.step("message")
    assert (step.status, step.is_dead_letter, desk.sent(SLACK)) == ("failed", True, 0)
    assert step.error.startswith("The condition could not be evaluated:")
    assert desk.run.reason.startswith("message: The condition could not be evaluated")


def test_the_attempt_stands_committed_as_sending_while_the_call_is_under_way(desk: Desk) -> None:
    seen: list[Any] = []

    def look(_: httpx.Request) -> httpx.Response:
        # In a slot's thread, with a connection of its own: it sees what is committed, and nothing else.
        try:
            seen.extend(Attempt.across_organizations.values_list("status", "number"))
            seen.extend(Step.across_organizations.filter(sending_since__isnull=False).values_list("name", "status"))
            seen.extend(Run.across_organizations.values_list("status", flat=True))
        finally:
            connection.close()
        return httpx.Response(200, json={"ok": True})

    desk.platform.on("POST", TOOL, look)
    desk.rule(request_to())
    desk.ticket()
    desk.perform()
    assert seen == [("sending", 1), ("tool", "running"), "running"]
    assert desk.attempts("tool") == ["succeeded"]


# --- workers that die -------------------------------------------------------------------------------------------
def test_what_was_only_claimed_when_its_worker_died_is_simply_done_again(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with a_worker_that_dies():
        _, jobs = desk.claimed()
    assert len(jobs) == 1
    desk.perform()
    assert desk.sent(SLACK) == 0, "a claim keeps others out until it is given back"
    assert recovery.recover_steps() == 1
    desk.perform()
    assert (desk.sent(SLACK), desk.statuses(), desk.attempts("message")) == (
        1,
        {"message": "succeeded"},
        ["succeeded"],
    )


def test_what_was_being_sent_when_its_worker_died_is_held_for_a_person(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with a_worker_that_dies():
        desk.begun()
    assert recovery.recover_steps() == 1
    desk.perform(later=HOUR)
    step = desk.step("message")
    assert (step.status, step.waits_for, step.worker_id) == ("uncertain", "person", None)
    assert (desk.run.status, desk.attempts("message"), desk.sent(SLACK)) == ("waiting", ["uncertain"], 0)
    assert "unknown" in step.error


def test_the_author_may_choose_that_an_unknown_outcome_is_repeated(desk: Desk) -> None:
    desk.rule({**MESSAGE, "on_uncertain": "retry"})
    desk.ticket()
    with a_worker_that_dies():
        desk.begun()
    recovery.recover_steps()
    assert desk.statuses() == {"message": "waiting"}
    desk.perform(later=HOUR)
    assert (desk.attempts("message"), desk.sent(SLACK)) == (["uncertain", "succeeded"], 1)


def test_what_sets_the_same_again_is_repeated_without_asking_anybody(desk: Desk) -> None:
    desk.platform.on("PUT", TICKET, once(cut_off, json_answer({"id": 42, "status": 3})))
    desk.rule(STATUS)
    desk.ticket()
    desk.perform()
    assert (desk.statuses(), desk.attempts("status")) == ({"status": "waiting"}, ["uncertain"])
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.attempts("status")) == ("succeeded", ["uncertain", "succeeded"])


def test_what_only_reads_is_repeated_without_asking_anybody(desk: Desk) -> None:
    desk.platform.on("GET", TOOL, once(cut_off, json_answer({"answer": 1})))
    step = request_to()
    step["parameters"] = {"method": "GET", "url": TOOL}
    desk.rule(step)
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"tool": "waiting"}
    desk.perform(later=HOUR)
    assert desk.run.status == "succeeded"


# --- looking for earlier work -----------------------------------------------------------------------------------
def a_note_that_arrived_unheard(desk: Desk, **more: Any) -> None:
    """Freshdesk takes the note and the line is cut; from then on the ticket shows it."""
    notes: list[dict[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)["body"]
        notes.append({"id": 7, "body": body, "created_at": clock.now().isoformat()})
        return cut_off(request)

    desk.platform.on("POST", NOTES, take)
    desk.platform.on("GET", CONVERSATIONS, lambda _: httpx.Response(200, json=notes))
    desk.rule({**NOTE, **more})
    desk.ticket()
    desk.perform()


def test_a_repeat_looks_for_what_the_cut_off_call_made_and_makes_no_second_one(desk: Desk) -> None:
    a_note_that_arrived_unheard(desk)
    assert (desk.statuses(), desk.attempts("note")) == ({"note": "waiting"}, ["uncertain"])
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.attempts("note")) == ("succeeded", ["uncertain", "succeeded"])
    assert desk.sent(NOTES) == 1


def test_a_failed_look_for_earlier_work_does_not_make_the_next_attempt_forget_to_look(desk: Desk) -> None:
    a_note_that_arrived_unheard(desk)
    found = next(reply for method, url, reply in desk.platform._answers if (method, url) == ("GET", CONVERSATIONS))
    desk.platform.on("GET", CONVERSATIONS, once(json_answer({}, 503), found))
    desk.perform(later=HOUR)
    assert desk.attempts("note") == ["uncertain", "failed"]
    desk.perform(later=3 * HOUR)
    assert desk.attempts("note") == ["uncertain", "failed", "succeeded"]
    assert desk.sent(NOTES) == 1


def test_a_dead_letter_whose_last_call_was_cut_off_is_looked_for_when_it_is_retried(desk: Desk) -> None:
    a_note_that_arrived_unheard(desk, retry={"attempts": 1})
    assert desk.statuses() == {"note": "failed"}
    with working_for(desk.organization):
        interventions.retry_run(desk.run.pk)
    desk.perform()
    assert (desk.run.status, desk.sent(NOTES)) == ("succeeded", 1)


def test_a_first_attempt_does_not_look_for_earlier_work(desk: Desk) -> None:
    desk.rule(NOTE)
    desk.ticket()
    desk.perform()
    assert desk.run.status == "succeeded"
    assert [request.method for request in desk.platform.requests] == ["POST"]


# --- late and stale outcomes ------------------------------------------------------------------------------------
def test_an_outcome_that_comes_late_resolves_the_uncertainty(desk: Desk) -> None:
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    with a_worker_that_dies():
        source, jobs = desk.begun()
    recovery.recover_steps()
    assert desk.statuses() == {"message": "uncertain", "after": "pending"}
    assert source.finish(outcomes_of(jobs)) == []
    assert desk.statuses()["message"] == "succeeded"
    assert desk.attempts("message") == ["succeeded"]
    desk.perform()
    assert (desk.run.status, desk.sent(SLACK)) == ("succeeded", 1)


def test_an_outcome_with_a_stale_fence_changes_nothing_but_its_attempt(desk: Desk) -> None:
    desk.rule(STATUS)
    desk.ticket()
    with a_worker_that_dies():
        source, jobs = desk.begun()
    recovery.recover_steps()
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.attempts("status")) == ("succeeded", ["uncertain", "succeeded"])
    step = desk.step("status")
    desk.platform.on("PUT", TICKET, {"description": "no"}, status=400)
    source.finish(outcomes_of(jobs))
    assert desk.attempts("status") == ["failed", "succeeded"]
    assert (desk.run.status, desk.step("status").status, desk.step("status").fence) == (
        "succeeded",
        "succeeded",
        step.fence,
    )


def test_a_worker_whose_claim_was_given_away_begins_nothing(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with a_worker_that_dies():
        source, jobs = desk.claimed()
    recovery.recover_steps()
    assert list(source.begin(jobs)) == []
    assert desk.attempts("message") == []
    desk.perform()
    assert desk.sent(SLACK) == 1


# --- people -----------------------------------------------------------------------------------------------------
def test_a_run_cancelled_before_its_call_sends_nothing(desk: Desk) -> None:
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    source, jobs = desk.claimed()
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    assert list(source.begin(jobs)) == [], "the claim was lost to the cancellation"
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.platform.requests) == ("cancelled", [])
    assert desk.statuses()["message"] == "cancelled"


def test_cancelling_waits_for_the_call_in_flight_and_starts_nothing_after_it(desk: Desk) -> None:
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    source, jobs = desk.begun()
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    assert desk.run.status == "running"
    source.finish(outcomes_of(jobs))
    desk.perform(later=HOUR)
    assert (desk.run.status, desk.statuses()["message"], desk.sent(SLACK)) == ("cancelled", "succeeded", 1)
    assert desk.sent(TOOL) == 0
    with working_for(desk.organization), pytest.raises(interventions.NotPossible, match="cancelled"):
        interventions.cancel(desk.run.pk)


@pytest.mark.parametrize(
    ("decision", "step", "run", "messages"),
    [("done", "succeeded", "succeeded", 1), ("failed", "failed", "failed", 1), ("repeat", "succeeded", "succeeded", 2)],
)
def test_a_person_says_what_became_of_an_unknown_outcome(
    desk: Desk, decision: str, step: str, run: str, messages: int
) -> None:
    desk.platform.on("POST", SLACK, once(cut_off, json_answer({"ok": True, "ts": "1.2", "channel": "C1"})))
    desk.rule(MESSAGE, request_to(name="after"))
    desk.ticket()
    desk.perform(later=HOUR)
    assert desk.statuses() == {"message": "uncertain", "after": "pending"}
    with working_for(desk.organization):
        interventions.resolve(desk.run.pk, "message", decision)
    desk.perform(later=HOUR)
    assert (desk.step("message").status, desk.run.status, desk.sent(SLACK)) == (step, run, messages)
    assert desk.sent(TOOL) == (1 if run == "succeeded" else 0)
    with working_for(desk.organization), pytest.raises(interventions.NotPossible):
        interventions.resolve(desk.run.pk, "message", decision)


def test_a_retried_run_goes_on_from_its_first_failed_step(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    desk.rule(request_to(name="first"), MESSAGE, request_to(name="last"))
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"first": "succeeded", "message": "failed", "last": "skipped"}
    assert (desk.run.status, desk.step("message").is_dead_letter) == ("failed", True)
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
    with working_for(desk.organization):
        interventions.retry_run(desk.run.pk)
    desk.perform()
    assert desk.statuses() == {"first": "succeeded", "message": "succeeded", "last": "succeeded"}
    assert [body["by"] for body in desk.platform.bodies(TOOL)] == ["first", "last"]
    assert (desk.run.status, desk.run.reason) == ("succeeded", "")


def test_a_failure_after_which_the_author_goes_on_ends_nothing(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    desk.rule({**MESSAGE, "on_failure": "continue"}, request_to(name="last", condition="steps.message.failed"))
    desk.ticket()
    desk.perform()
    assert desk.statuses() == {"message": "failed", "last": "succeeded"}
    assert (desk.run.status, desk.step("message").is_dead_letter) == ("succeeded", False)


# --- platforms in trouble ---------------------------------------------------------------------------------------
def test_a_platform_that_says_when_to_come_back_is_heeded(desk: Desk) -> None:
    limited = json_answer({"ok": False, "error": "ratelimited"}, 429, **{"Retry-After": "90"})
    desk.platform.on("POST", SLACK, once(limited, json_answer({"ok": True, "ts": "1.2", "channel": "C1"})))
    desk.rule(MESSAGE)
    desk.ticket()
    before = clock.now()
    desk.perform()
    step = desk.step("message")
    assert (step.status, step.waits_for) == ("waiting", "retry")
    assert step.due_at is not None
    assert 90 <= (step.due_at - before).total_seconds() < 100
    desk.perform(later=timedelta(seconds=80))
    assert desk.sent(SLACK) == 1, "not before its time"
    desk.perform(later=timedelta(seconds=101))
    assert desk.attempts("message") == ["failed", "succeeded"]


def test_a_run_that_waited_for_its_turn_began_with_its_first_call(desk: Desk, settings: Any) -> None:
    settings.PLATFORM_LIMITS = {}
    desk.rule(MESSAGE)
    desk.ticket(subject="first")
    desk.ticket(subject="second")
    desk.perform()
    desk.perform(later=timedelta(seconds=5))
    with working_for(desk.organization):
        runs = [(run.status, run.started_at, run.steps.get().started_at) for run in Run.objects.all()]
    for status, began, first_call in runs:
        assert status == "succeeded"
        assert began == first_call


def test_a_platform_that_stays_broken_leaves_a_dead_letter_after_the_last_attempt(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"message": "down"}, status=503)
    desk.rule(request_to(retry={"attempts": 3}))
    desk.ticket()
    for hours in range(6):
        desk.perform(later=hours * 2 * HOUR)
    step = desk.step("tool")
    assert (desk.sent(TOOL), step.status, step.is_dead_letter) == (3, "failed", True)
    assert (step.error_class, desk.run.status, desk.attempts("tool")) == ("Unavailable", "failed", ["failed"] * 3)


def test_a_retried_dead_letter_has_all_its_attempts_again(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"message": "down"}, status=503)
    desk.rule(request_to(retry={"attempts": 2}))
    desk.ticket()
    for hours in range(3):
        desk.perform(later=hours * 2 * HOUR)
    assert desk.sent(TOOL) == 2
    with working_for(desk.organization):
        interventions.retry_run(desk.run.pk)
    desk.perform(later=7 * HOUR)
    assert (desk.sent(TOOL), desk.statuses()) == (3, {"tool": "waiting"})
    desk.perform(later=10 * HOUR)
    assert (desk.sent(TOOL), desk.statuses()) == (4, {"tool": "failed"})


def test_a_refused_request_is_not_repeated(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"message": "no such thing"}, status=404)
    desk.rule(request_to())
    desk.ticket()
    desk.perform()
    desk.perform(later=24 * HOUR)
    assert (desk.sent(TOOL), desk.statuses(), desk.step("tool").error_class) == (1, {"tool": "failed"}, "NotFound")


# --- credentials ------------------------------------------------------------------------------------------------
def refused(desk: Desk) -> None:
    desk.platform.on("POST", NOTES, {"code": "invalid_credentials"}, status=401)
    desk.rule(NOTE)
    desk.ticket()
    desk.perform()


def test_refused_credentials_wait_for_new_ones_and_then_go_on(desk: Desk) -> None:
    refused(desk)
    step = desk.step("note")
    assert (step.status, step.waits_for, desk.run.status) == ("waiting", "credentials", "waiting")
    assert recovery.resume_with_credentials() == 0, "the old ones are still refused"
    desk.platform.on("POST", NOTES, {"id": 7}, status=201)
    with working_for(desk.organization):
        lifecycle.change(desk.integration("freshdesk"), credentials={"api_key": "n" * 20})
    assert recovery.resume_with_credentials() == 1
    desk.perform()
    assert (desk.run.status, desk.attempts("note")) == ("succeeded", ["failed", "succeeded"])


def test_while_credentials_are_refused_other_steps_wait_without_a_call(desk: Desk) -> None:
    refused(desk)
    desk.ticket()
    desk.perform(later=HOUR)
    assert (desk.sent(NOTES), desk.statuses(), desk.attempts("note")) == (1, {"note": "waiting"}, [])
    with working_for(desk.organization):
        health = IntegrationHealth.objects.get(integration=desk.integration("freshdesk"))
    assert health.credentials_rejected_at is not None


def test_a_wait_for_credentials_ends_after_three_days(desk: Desk) -> None:
    refused(desk)
    with clock.moved(timedelta(hours=71)):
        assert recovery.end_waits() == 0
    with clock.moved(timedelta(hours=73)):
        assert recovery.end_waits() == 1
    step = desk.step("note")
    assert (step.status, step.is_dead_letter, desk.run.status) == ("failed", True, "failed")
    assert "new credentials in time" in step.error


def test_a_wait_for_a_persons_word_ends_after_seven_days(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, cut_off)
    desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    with clock.moved(timedelta(days=6, hours=23)):
        assert recovery.end_waits() == 0
    with clock.moved(timedelta(days=7, hours=1)):
        assert recovery.end_waits() == 1
    assert (desk.step("message").status, desk.run.status) == ("failed", "failed")
    assert "a person's decision in time" in desk.step("message").error


# --- what cannot be prepared ------------------------------------------------------------------------------------
def test_poison_fails_alone_and_its_neighbours_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = preparing.render

    def poisoned(parameters: Any, roots: Any, **more: Any) -> Any:
        if roots["ticket"]["subject"] == "poison":
            raise RecursionError("too deep")
        return real(parameters, roots, **more)

    monkeypatch.setattr(preparing, "render", poisoned)
    desk.rule(MESSAGE)
    for subject in ("one", "poison", "two"):
        desk.ticket(subject=subject)
    desk.perform()
    assert sorted(body["text"] for body in desk.platform.bodies(SLACK)) == ["one", "two"]
    with working_for(desk.organization):
        failed = Step.objects.get(status="failed")
        assert (failed.error_class, failed.error) == ("RecursionError", "RecursionError: too deep")
        assert Run.objects.filter(status="succeeded").count() == 2


def test_a_handler_that_raises_fails_its_own_step_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, data: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Http, "http_request", broken)
    desk.rule(request_to())
    desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    with working_for(desk.organization):
        assert dict(Step.objects.values_list("name", "status")) == {"tool": "failed", "message": "succeeded"}
        assert Step.objects.get(name="tool").error == "ZeroDivisionError: division by zero"


def test_a_missing_integration_fails_the_step_and_says_what_to_do(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with working_for(desk.organization):
        lifecycle.delete(desk.integration("slack"))
    desk.perform()
    assert desk.statuses() == {"message": "failed"}
    assert "There is no slack integration" in desk.step("message").error
    assert "Connect one" in desk.step("message").error


def test_an_integration_that_is_switched_off_sends_nothing(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with working_for(desk.organization):
        lifecycle.change(desk.integration("slack"), is_enabled=False)
    desk.perform()
    assert (desk.statuses(), desk.sent(SLACK)) == ({"message": "failed"}, 0)
    assert "switched off" in desk.step("message").error


# --- rules that change in mid-run -------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["edited", "deleted", "disabled"])
def test_a_run_under_way_keeps_the_version_with_which_it_was_planned(desk: Desk, what: str) -> None:
    rule = desk.rule(request_to(name="first"), MESSAGE)
    desk.ticket(subject="as planned")
    source, jobs = desk.begun()
    with working_for(desk.organization):
        if what == "edited":
            other = {"platform": "freshdesk", "event": "ticket_created"}
            authoring.change(rule, {"trigger": other, "steps": [request_to(name="quite-another")]})
        elif what == "deleted":
            authoring.delete(rule)
        else:
            authoring.set_enabled(rule, False)
    source.finish(outcomes_of(jobs))
    desk.perform()
    assert desk.statuses() == {"first": "succeeded", "message": "succeeded"}
    assert [body["text"] for body in desk.platform.bodies(SLACK)] == ["as planned"]
    desk.ticket(subject="afterwards")
    desk.perform()
    assert desk.sent(SLACK) == 1, "the change holds for what comes after it"


def test_steps_of_another_queue_are_left_alone(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    assert StepSource("scripts").claim(10, set()) is None
    assert desk.statuses() == {"message": "pending"}


# --- errors that say that it went wrong, and not how far it came --------------------------------------------------
@pytest.mark.parametrize(("status", "took_it"), [(500, True), (502, True), (504, True), (500, False), (503, False)])
def test_after_a_server_error_what_was_made_all_the_same_is_found_first(desk: Desk, status: int, took_it: bool) -> None:
    notes: list[dict[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        notes.append({"id": len(notes), "body": json.loads(request.content)["body"]})
        return httpx.Response(201, json=notes[-1])

    def fail(request: httpx.Request) -> httpx.Response:
        if took_it:
            take(request)
        return httpx.Response(status, json={"message": "broken"})

    desk.platform.on("POST", NOTES, once(fail, take))
    desk.platform.on("GET", CONVERSATIONS, lambda _: httpx.Response(200, json=notes))
    desk.rule(NOTE)
    desk.ticket()
    desk.perform()
    assert desk.step("note").status == "waiting"
    desk.perform(later=HOUR)
    assert (desk.step("note").status, len(notes)) == ("succeeded", 1)
    assert desk.attempts("note") == ["failed", "succeeded"]
    asked = any(
        request.method == "GET" and str(request.url).startswith(CONVERSATIONS) for request in desk.platform.requests
    )
    assert asked is (status != 503), "what was turned away unread need not be looked for"
