"""A throttle counts in the database: exactly, over retries, restarts and workers at once."""

import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from rules import authoring, interventions, recovery
from rules.models import Run, Step, ThrottlePlace
from rules.pacing import parse_throttle
from rules.problems import Refused
from rules.throttling import why_throttled
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, request_to

pytestmark = pytest.mark.django_db(transaction=True)


def tell(**more: Any) -> dict[str, Any]:
    return request_to(name="tell", **{"throttle": "one per 10m per ticket.id", **more})


def after(desk: Desk, minutes: float, **event: Any) -> dict[str, str]:
    """Let a ticket be opened and worked on after so many minutes; return how its steps ended."""
    with clock.moved(timedelta(minutes=minutes)):
        desk.plan(desk.event(**event))
        desk.perform()
        return desk.statuses()


def test_what_is_beyond_the_limit_is_left_out_and_says_why(desk: Desk) -> None:
    desk.rule(tell(), request_to(f"{TOOL}/next", name="next"))
    desk.platform.on("POST", f"{TOOL}/next", {})
    assert after(desk, 0) == {"tell": "succeeded", "next": "succeeded"}
    first = desk.run
    assert after(desk, 9) == {"tell": "skipped", "next": "succeeded"}
    step = desk.step("tell")
    assert "Throttled: one per 10m for '42'" in step.error and str(first.pk) in step.error
    assert desk.run.status == "succeeded" and desk.sent(TOOL) == 1
    # Another ticket has places of its own.
    assert after(desk, 9, number=43)["tell"] == "succeeded"
    assert after(desk, 11)["tell"] == "succeeded"


def test_without_a_key_all_events_of_the_rule_are_counted_together(desk: Desk) -> None:
    desk.rule(tell(throttle="2 per 1h"))
    desk.rule(tell(throttle="2 per 1h"))
    found = [after(desk, minute, number=minute + 1)["tell"] for minute in (0, 1, 2, 61.5)]
    assert found == ["succeeded", "succeeded", "skipped", "succeeded"]
    # Two rules, each with its own count.
    assert desk.sent(TOOL) == 6


def test_a_step_that_its_condition_leaves_out_takes_no_place(desk: Desk) -> None:
    desk.rule(tell(throttle="one per 10m", condition="{{ ticket.priority > 3 }}"))
    assert after(desk, 0, ticket={"priority": 1})["tell"] == "skipped"
    assert after(desk, 1)["tell"] == "succeeded"


def test_a_retry_takes_no_second_place(desk: Desk) -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json={})])
    desk.platform.on("POST", TOOL, lambda _: next(answers))
    desk.rule(tell(throttle="2 per 1h", retry={"attempts": 3, "base": "1s", "factor": 1, "cap": "1s"}))
    assert after(desk, 0)["tell"] == "waiting"
    first = desk.run
    desk.perform(later=timedelta(minutes=1))
    with working_for(desk.organization):
        assert Step.objects.get(run=first).status == "succeeded" and ThrottlePlace.objects.count() == 1
    desk.platform.on("POST", TOOL, {})
    assert [after(desk, minute)["tell"] for minute in (2, 3)] == ["succeeded", "skipped"]


def test_a_step_that_failed_gives_its_place_back_and_may_still_be_retried(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"no": 1}, status=400)
    desk.rule(tell())
    assert after(desk, 0)["tell"] == "failed"
    failed = desk.run
    desk.platform.on("POST", TOOL, {})
    assert after(desk, 1)["tell"] == "succeeded"
    with working_for(desk.organization):
        interventions.retry_run(failed.pk)
    desk.perform()
    with working_for(desk.organization):
        assert Run.objects.get(pk=failed.pk).status == "succeeded"


def test_a_worker_that_dies_with_its_place_keeps_it(desk: Desk) -> None:
    desk.rule(tell())
    desk.ticket()
    with a_worker_that_dies():
        desk.claimed()
    assert after(desk, 1)["tell"] == "skipped"
    recovery.recover_steps()
    desk.perform()
    assert desk.sent(TOOL) == 1


def test_many_at_once_get_exactly_the_places_there_are(desk: Desk) -> None:
    rule = desk.rule(tell(throttle="3 per 1h"))
    desk.plan(*(desk.event(number=number) for number in range(1, 13)))
    with working_for(desk.organization):
        steps = list(Step.objects.select_related("run").filter(run__rule=rule))
    throttle, reasons, failures = parse_throttle("3 per 1h"), [], []
    at_once = threading.Barrier(len(steps))

    def take(step: Step) -> None:
        try:
            at_once.wait(20)
            with working_for(desk.organization):
                reasons.append(why_throttled(step, "tell", throttle, "", clock.now()))
                reasons.append(why_throttled(step, "tell", throttle, "", clock.now()))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert sum(reason == "" for reason in reasons) == 6 and len(reasons) == 24
    with working_for(desk.organization):
        assert ThrottlePlace.objects.count() == 3


def test_a_key_that_cannot_be_worked_out_fails_the_step(desk: Desk) -> None:
    desk.rule(tell(throttle="one per 10m per ticket.subject - 1"))
    assert after(desk, 0)["tell"] == "failed"
    assert "The key of `throttle`" in desk.step("tell").error and desk.sent(TOOL) == 0


@pytest.mark.parametrize(
    ("step", "at", "code"),
    [
        (tell(throttle="one per"), "steps.0.throttle", "invalid_expression"),
        (tell(throttle="one per 1m per tikcet.id"), "steps.0.throttle", "unknown_name"),
        (tell(digest="15m"), "steps.0.digest", "ambiguous"),
        ({"wait": {"for": "1m"}, "throttle": "one per 1m"}, "steps.0.throttle", "not_for_kind"),
    ],
)
def test_what_is_wrong_is_said_when_the_rule_is_saved(desk: Desk, step: dict[str, Any], at: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        desk.rule(step)
    assert [(problem.attr, problem.code) for problem in refused.value.problems] == [(at, code)]


def test_a_trial_shows_the_limit_and_takes_no_place(desk: Desk, world: World) -> None:
    rule = desk.rule(tell())
    answer = world.ada.api.post(f"/api/rules/{rule.pk}/test", {"event": {"ticket": {"id": 42}}}, format="json")
    assert answer.json()["steps"][0]["throttle"] == {"text": "one per 10m per ticket.id", "key": "42"}
    with working_for(desk.organization):
        assert not ThrottlePlace.objects.exists()
        assert authoring.create(rule_document())[0].name == "Second"


def rule_document() -> dict[str, Any]:
    return {"name": "Second", "steps": [request_to(name="tell", throttle="one per 1h per inputs.team")]}
