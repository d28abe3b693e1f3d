"""A digest gathers and tells once: nothing gets lost, whoever dies or is cancelled in between."""

import json
from datetime import timedelta
from typing import Any

import pytest

from rules import interventions, recovery
from rules.models import DigestItem, Run, Step
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, cut_off

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def tell(**more: Any) -> dict[str, Any]:
    told = {
        "count": "{{ count }}",
        "more": "{{ more }}",
        "first": "{{ items[0].ticket.subject }}",
        "ids": "{{ items.map(i, i.ticket.id) }}",
    }
    parameters = {"method": "POST", "url": TOOL, "json": told}
    return {"id": "tell", "action": "http_request", "digest": "15m", "parameters": parameters, **more}


def tickets(desk: Desk, *numbers: int, at: float = 0, **ticket: Any) -> None:
    with clock.moved(at * MINUTE):
        for number in numbers:
            desk.plan(desk.event(number=number, ticket=ticket))
            desk.perform()


def bodies(desk: Desk) -> list[Any]:
    """What arrived, in order."""
    return [json.loads(request.content) for request in desk.platform.requests if str(request.url) == TOOL]


def runs(desk: Desk) -> list[tuple[str, str]]:
    """How each run and its step are, oldest first."""
    with working_for(desk.organization):
        return list(Step.objects.order_by("pk").values_list("run__status", "status"))


def test_what_comes_within_the_window_is_told_in_one(desk: Desk) -> None:
    desk.rule(tell())
    tickets(desk, 1)
    tickets(desk, 2, at=5)
    tickets(desk, 3, at=14)
    desk.perform(later=14.9 * MINUTE)
    assert bodies(desk) == [] and runs(desk) == [("waiting", "waiting")] * 3
    assert desk.step("tell").waits_for == "digest"
    desk.perform(later=15.01 * MINUTE)
    desk.perform(later=16 * MINUTE)
    assert bodies(desk) == [{"count": 3, "more": 0, "first": "Printer on fire", "ids": [1, 2, 3]}]
    assert runs(desk) == [("succeeded", "succeeded"), ("succeeded", "skipped"), ("succeeded", "skipped")]
    with working_for(desk.organization):
        speaker = Step.objects.order_by("pk")[0]
    assert f"Told with 2 others by the step 'tell' of run {speaker.run_id}." == desk.step("tell").error
    assert desk.output("tell") == {"told_by": {"run": str(speaker.run_id), "step": "tell"}, "count": 3}


def test_who_comes_later_opens_the_next_window(desk: Desk) -> None:
    desk.rule(tell())
    tickets(desk, 1)
    # The window is over, though nobody has told it yet.
    with clock.moved(15.5 * MINUTE):
        desk.ticket(id=2)
        desk.perform()
    assert [body["ids"] for body in bodies(desk)] == [[1]]
    desk.perform(later=32 * MINUTE)
    assert [body["ids"] for body in bodies(desk)] == [[1], [2]]


def test_each_key_has_a_window_of_its_own(desk: Desk) -> None:
    desk.rule(tell(digest="15m per ticket.team"))
    tickets(desk, 1, 2, team="red")
    tickets(desk, 3, team="blue")
    tickets(desk, 4)
    desk.perform(later=16 * MINUTE)
    assert sorted(body["ids"] for body in bodies(desk)) == [[1, 2], [3], [4]]


def test_a_condition_is_asked_when_the_step_comes_and_not_again(desk: Desk) -> None:
    desk.rule(tell(condition="{{ ticket.priority > 3 && now < timestamp('2500-01-01T00:00:00Z') }}"))
    tickets(desk, 1)
    tickets(desk, 2, priority=1)
    desk.perform(later=16 * MINUTE)
    assert [body["ids"] for body in bodies(desk)] == [[1]]


@pytest.mark.parametrize("dies_at", ["joining", "the end", "after the call"])
def test_a_worker_may_die_and_nothing_is_lost_or_told_twice(desk: Desk, dies_at: str) -> None:
    desk.rule(tell())
    desk.plan(desk.event(number=1), desk.event(number=2))
    if dies_at == "joining":
        with a_worker_that_dies():
            desk.claimed()
        recovery.recover_steps()
    desk.perform()
    with clock.moved(16 * MINUTE):
        if dies_at == "the end":
            with a_worker_that_dies():
                desk.claimed()
            recovery.recover_steps()
        if dies_at == "after the call":
            with a_worker_that_dies():
                for job in desk.begun()[1]:
                    job.call()
            recovery.recover_steps()
        desk.perform()
    desk.perform(later=17 * MINUTE)
    assert [body["ids"] for body in bodies(desk)] == [[1, 2]]
    with working_for(desk.organization):
        # What the worker had sent when it died is uncertain, as for every other step: nobody sends it again.
        ended = {"uncertain", "skipped"} if dies_at == "after the call" else {"succeeded", "skipped"}
        assert set(Step.objects.values_list("status", flat=True)) == ended
        assert DigestItem.objects.count() == 2


def test_who_is_cancelled_is_not_told_and_takes_nobody_along(desk: Desk) -> None:
    desk.rule(tell())
    tickets(desk, 1, 2, 3)
    with working_for(desk.organization):
        interventions.cancel(Run.objects.order_by("pk")[0].pk)
    desk.perform(later=16 * MINUTE)
    desk.perform(later=17 * MINUTE)
    assert bodies(desk) == [{"count": 2, "more": 0, "first": "Printer on fire", "ids": [2, 3]}]
    assert runs(desk) == [("cancelled", "cancelled"), ("succeeded", "succeeded"), ("succeeded", "skipped")]


def test_another_speaks_where_the_speaker_was_cancelled_before_it_could(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"later": 1}, status=503)
    desk.rule(tell(retry={"attempts": 5, "base": "1h", "cap": "1h"}))
    tickets(desk, 1, 2)
    desk.perform(later=16 * MINUTE)
    with working_for(desk.organization):
        first, second = Run.objects.order_by("pk")
        assert (Step.objects.get(run=first).waits_for, Step.objects.get(run=second).waits_for) == ("retry", "digest")
        interventions.cancel(first.pk)
    desk.platform.on("POST", TOOL, {})
    desk.perform(later=180 * MINUTE)
    assert [body["ids"] for body in bodies(desk)][1:] == [[2]]
    assert [status for status, _ in runs(desk)] == ["cancelled", "succeeded"]


def test_a_digest_that_failed_is_told_when_its_step_is_retried(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, {"no": 1}, status=400)
    desk.rule(tell())
    tickets(desk, 1, 2)
    desk.perform(later=16 * MINUTE)
    desk.perform(later=17 * MINUTE)
    assert runs(desk) == [("failed", "failed"), ("succeeded", "skipped")]
    assert "which failed: see there" in desk.step("tell").error
    desk.platform.on("POST", TOOL, {})
    with working_for(desk.organization):
        interventions.retry_run(Run.objects.order_by("pk")[0].pk)
    desk.perform()
    assert [body["ids"] for body in bodies(desk)] == [[1, 2], [1, 2]]


def test_a_digest_that_may_have_arrived_is_shown_to_a_person_once(desk: Desk) -> None:
    desk.platform.on("POST", TOOL, cut_off)
    desk.rule(tell())
    tickets(desk, 1, 2)
    desk.perform(later=16 * MINUTE)
    desk.perform(later=17 * MINUTE)
    assert [step for _, step in runs(desk)] == ["uncertain", "skipped"]
    assert "not known yet" in desk.step("tell").error and len(bodies(desk)) == 1


def test_items_are_bounded_and_the_rest_is_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.digests.MOST_ITEMS", 2)
    desk.rule(tell())
    tickets(desk, 1, 2, 3, 4, 5)
    desk.perform(later=16 * MINUTE)
    assert bodies(desk) == [{"count": 5, "more": 3, "first": "Printer on fire", "ids": [1, 2]}]


def test_large_events_do_not_make_a_digest_larger_than_its_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.digests.MOST_ITEM_BYTES", 3000)
    desk.rule(tell())
    tickets(desk, 1, 2, 3, text="x" * 1000)
    desk.perform(later=16 * MINUTE)
    (body,) = bodies(desk)
    assert (body["count"], body["more"], body["ids"]) == (3, 1, [1, 2])


def test_a_rule_of_inputs_gathers_too(desk: Desk, world: World) -> None:
    rule = desk.rule(
        {
            "id": "tell",
            "action": "http_request",
            "digest": "15m per inputs.team",
            "parameters": {"method": "POST", "url": TOOL, "json": {"what": "{{ items.map(i, i.inputs.what) }}"}},
        },
        trigger={"platform": "manual"},
    )
    for team, what in (("a", 1), ("b", 2), ("a", 3)):
        given = {"inputs": {"team": team, "what": what}}
        assert world.ada.api.post(f"/api/rules/{rule.pk}/execute", given, format="json").status_code == 202
    desk.perform()
    desk.perform(later=16 * MINUTE)
    assert sorted(body["what"] for body in bodies(desk)) == [[1, 3], [2]]


def test_only_a_step_with_a_digest_has_items(desk: Desk, world: World) -> None:
    plain = {key: value for key, value in tell().items() if key != "digest"}
    document = {"name": "Plain", "trigger": {"platform": "freshdesk", "event": "ticket_created"}, "steps": [plain]}
    refused = world.ada.api.post("/api/rules", document, format="json").json()["errors"]
    assert {error["attr"] for error in refused} == {
        f"steps.0.parameters.json.{name}" for name in tell()["parameters"]["json"]
    }
    document["steps"] = [tell()]
    document["concurrency"] = {"key": "ticket.id", "mode": "queued"}
    saved = world.ada.api.post("/api/rules", document, format="json")
    assert saved.status_code == 201
    assert "little to gather" in saved.content.decode()


def test_a_trial_tells_of_one_event(desk: Desk, world: World) -> None:
    rule = desk.rule(tell())
    given = {"event": {"ticket": {"id": 7, "subject": "Help"}}}
    (step,) = world.ada.api.post(f"/api/rules/{rule.pk}/test", given, format="json").json()["steps"]
    assert step["error"] is None and step["digest"] == {"text": "15m", "key": ""}
    assert step["parameters"]["json"] == {"count": 1, "more": 0, "first": "Help", "ids": [7]}


def test_a_backtest_counts_what_is_left_out_and_gathered(desk: Desk) -> None:
    from rules.backtest import Backtest
    from rules.compiled import compiled_version
    from rules.models import Event, RuleVersion

    rule = desk.rule(
        {**tell(), "id": "gathered"},
        {"id": "few", "action": "http_request", "throttle": "2 per 1h", "parameters": {"url": TOOL}},
    )
    tickets(desk, 1, 2, 3, 4)
    with working_for(desk.organization):
        compiled = compiled_version(RuleVersion.objects.get(rule=rule).pk)
        test = Backtest(compiled, rule.pk)
        events = list(Event.objects.order_by("-pk"))
        test.ask(events[:2])
        test = Backtest(compiled, rule.pk, json.loads(json.dumps(test.so_far())))
        test.ask(events[2:])
        found = test.result()
    assert found["calls"] == {"http_request": 3} and found["held_back"] == {"gathered": 3, "few": 2}
