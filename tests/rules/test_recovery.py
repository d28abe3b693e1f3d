"""A worker killed at any boundary: another one takes over, and each effect is there once or listed as uncertain."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from integrations import lifecycle
from rules import execution, recovery, workers
from rules.execution import StepSource
from rules.models import Step, Worker
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import CONVERSATIONS, MESSAGE, NOTE, NOTES, SLACK, Desk, a_worker_that_dies

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Nothing in the engine may catch this, as nothing can catch a kill."""


def after(real: Any) -> Any:
    def killed(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise Killed

    return killed


def before(real: Any) -> Any:
    def killed(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    return killed


def after_all(real: Any) -> Any:
    """Die once no call is under way any more: two outcomes come one by one where the machine is slow."""

    def killed(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        if Step.across_organizations.filter(sending_since__isnull=False).exists():
            return result
        raise Killed

    return killed


# Where the worker dies: the place, whether right before or right after it, messages sent, and what becomes of it.
BOUNDARIES = [
    pytest.param("prepare", execution, before, "succeeded", id="after the claim"),
    pytest.param("begin", StepSource, before, "succeeded", id="after preparing"),
    pytest.param("begin", StepSource, after, "uncertain", id="after `sending` was written"),
    pytest.param("finish", StepSource, before, "uncertain", id="after the call, before its outcome was written"),
    pytest.param("finish", StepSource, after_all, "succeeded", id="after the outcomes were written"),
]


@pytest.mark.parametrize(("name", "owner", "when", "message"), BOUNDARIES)
def test_wherever_a_worker_is_killed_each_effect_is_there_once_or_listed_as_uncertain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, owner: Any, when: Any, message: str
) -> None:
    notes: list[dict[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        notes.append({"id": len(notes), "body": json.loads(request.content)["body"]})
        return httpx.Response(201, json=notes[-1])

    desk.platform.on("POST", NOTES, take)
    desk.platform.on("GET", CONVERSATIONS, lambda _: httpx.Response(200, json=notes))
    desk.rule(MESSAGE)
    desk.rule(NOTE)
    desk.ticket()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, when(getattr(owner, name)))
        desk.perform()

    with clock.moved(workers.DEAD_AFTER + timedelta(seconds=2)):
        recovery.recover_steps()
    desk.perform(later=timedelta(hours=1))
    with working_for(desk.organization):
        assert dict(Step.objects.values_list("name", "status")) == {"message": message, "note": "succeeded"}
        assert not Step.objects.filter(worker_id__isnull=False).exists()
    assert len(notes) == 1, "what bears our mark is there once"
    assert desk.sent(SLACK) <= 1, "what cannot be looked up is not sent a second time"
    if message == "succeeded":
        assert desk.sent(SLACK) == 1


def test_a_worker_that_beats_keeps_what_it_holds(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    source, jobs = desk.claimed()
    assert recovery.recover_steps() == 0
    assert len(source.begin(jobs)) == 1


def test_claims_die_with_their_worker_after_eight_seconds_of_silence(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    desk.claimed()
    workers.resign()
    with clock.moved(timedelta(seconds=6)):
        assert recovery.recover_steps() == 0
    with clock.moved(timedelta(seconds=11)):
        assert recovery.recover_steps() == 1
        assert recovery.recover_steps() == 0, "what was given back is not given back again"


def test_only_workers_that_hold_nothing_are_forgotten(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket()
    with a_worker_that_dies():
        desk.claimed()
    with clock.moved(timedelta(hours=2)):
        recovery.forget_workers()
        assert Worker.objects.count() == 1
        recovery.recover_steps()
        recovery.forget_workers()
        assert Worker.objects.count() == 0


# --- waits --------------------------------------------------------------------------------------------------------
def new_key(desk: Desk, key: str) -> None:
    with working_for(desk.organization):
        lifecycle.change(desk.integration("freshdesk"), credentials={"api_key": key * 20})


def test_credentials_that_are_refused_again_do_not_begin_the_three_days_anew(desk: Desk) -> None:
    desk.platform.on("POST", NOTES, {"code": "invalid_credentials"}, status=401)
    desk.rule(NOTE)
    desk.ticket()
    desk.perform()
    deadline_at = desk.step("note").deadline_at
    for days, key in ((1, "m"), (2, "n")):
        with clock.moved(timedelta(days=days)):
            new_key(desk, key)
            assert recovery.resume_with_credentials() == 1
            desk.perform()
    step = desk.step("note")
    assert (step.status, step.waits_for, step.deadline_at) == ("waiting", "credentials", deadline_at)
    with clock.moved(timedelta(hours=73)):
        assert recovery.end_waits() == 1
    assert (desk.step("note").is_dead_letter, desk.run.status) == (True, "failed")


def test_a_step_that_goes_on_does_not_end_by_the_wait_it_came_from(desk: Desk) -> None:
    desk.platform.on("POST", NOTES, {"code": "invalid_credentials"}, status=401)
    desk.rule(NOTE)
    desk.ticket()
    desk.perform()
    new_key(desk, "m")
    assert recovery.resume_with_credentials() == 1
    with clock.moved(timedelta(hours=73)):
        assert recovery.end_waits() == 0
        # Down for a while: from now on it waits for the platform, and not for a person.
        desk.platform.on("POST", NOTES, {}, status=503)
        desk.perform()
        step = desk.step("note")
        assert (step.status, step.waits_for, step.deadline_at) == ("waiting", "retry", None)
        assert recovery.end_waits() == 0
