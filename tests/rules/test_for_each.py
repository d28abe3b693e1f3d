"""Steps that are done once for each item of a list: bounded, a few at once, each with its own fate."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from rules import interventions, items, recovery, variables
from rules.interventions import NotPossible
from rules.models import Run, RunStatus, Step, StepContent
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, cut_off, outcomes_of, request_to
from tests.rules.test_resting import inner, run_of

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = f"{TOOL}/after"
HOUR = timedelta(hours=1)


def each(values: Any = "{{ ticket.tags }}", **more: Any) -> dict[str, Any]:
    """A step that tells the tool of each item."""
    body = {"item": "{{ item }}", "index": "{{ index }}"}
    parameters = {"method": "POST", "url": TOOL, "json": body}
    return {"id": "tell", "for_each": values, "action": "http_request", "parameters": parameters, **more}


def told() -> dict[str, Any]:
    """A step that says what came of it."""
    return {
        "id": "after",
        "action": "http_request",
        "parameters": {"method": "POST", "url": AFTER, "json": "{{ steps.tell.output }}"},
    }


@pytest.fixture
def tool(desk: Desk) -> Desk:
    """The tool gives back the item that it was told of."""
    desk.platform.on("POST", TOOL, lambda request: httpx.Response(200, json={"did": _item(request)}))
    desk.platform.on("POST", AFTER, {})
    return desk


def _item(request: httpx.Request) -> Any:
    return json.loads(request.content)["item"]


def items_told(desk: Desk) -> list[Any]:
    return [body["item"] for body in desk.platform.bodies(TOOL)]


def refuse(desk: Desk, *refused: Any, status: int = 400) -> None:
    """Let the tool refuse some items."""

    def answer(request: httpx.Request) -> httpx.Response:
        item = _item(request)
        return httpx.Response(status if item in refused else 200, json={"did": item})

    desk.platform.on("POST", TOOL, answer)


def outputs(desk: Desk) -> list[Any]:
    """What each item of the newest run gave back."""
    return [output and output["body"]["did"] for output in desk.output("tell")["items"]]


# --- a list -----------------------------------------------------------------------------------------------------
def test_a_step_is_done_for_each_item_and_later_steps_see_all_of_it(tool: Desk) -> None:
    tool.rule(each(), told())
    tool.ticket(tags=["a", {"b": 1}, 3])
    tool.perform()
    assert tool.run.status == "succeeded"
    assert sorted(map(str, items_told(tool))) == ["3", "a", "{'b': 1}"]
    assert sorted(body["index"] for body in tool.platform.bodies(TOOL)) == [0, 1, 2]
    [sum_] = tool.platform.bodies(AFTER)
    assert [item["body"]["did"] for item in sum_["items"]] == ["a", {"b": 1}, 3]
    assert {name: sum_[name] for name in ("succeeded", "failed", "skipped", "errors")} == {
        "succeeded": 3,
        "failed": 0,
        "skipped": 0,
        "errors": [],
    }
    statuses = {"tell": "succeeded", "after": "succeeded", **{f"tell[{place}]": "succeeded" for place in range(3)}}
    assert tool.statuses() == statuses


def test_an_empty_list_is_done_at_once(tool: Desk) -> None:
    tool.rule(each(), told())
    tool.ticket(tags=[])
    tool.perform()
    assert (tool.run.status, items_told(tool)) == ("succeeded", [])
    assert tool.platform.bodies(AFTER) == [{"items": [], "succeeded": 0, "failed": 0, "skipped": 0, "errors": []}]


def test_the_list_may_be_written_out_and_hold_expressions(tool: Desk) -> None:
    tool.rule(each(["{{ ticket.id }}", "x", {"n": "{{ ticket.priority + 1 }}"}]))
    tool.ticket()
    tool.perform()
    assert sorted(map(str, items_told(tool))) == ["42", "x", "{'n': 5}"]


def test_the_list_may_be_what_a_step_before_brought(tool: Desk) -> None:
    tool.platform.on("GET", f"{TOOL}/list", {"rows": [{"id": 1}, {"id": 2}]})
    find = {"id": "find", "action": "http_request", "parameters": {"url": f"{TOOL}/list"}}
    tool.rule(find, each("{{ steps.find.output.body.rows.map(r, r.id) }}"))
    tool.ticket()
    tool.perform()
    assert sorted(items_told(tool)) == [1, 2]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{{ ticket.subject }}", "needs a list; its value is a text"),
        ("{{ ticket.nothing }}", "needs a list; its value is null"),
        ("{{ ticket }}", "needs a list; its value is an object"),
        ({"items": "{{ ticket.tags }}", "max": 2}, "has 3 items, and at most 2 are taken (`max`): nothing was done"),
        ("{{ ticket.tags[7] }}", "for_each"),
    ],
)
def test_what_is_no_list_or_too_long_fails_the_step_with_the_reason(tool: Desk, value: Any, words: str) -> None:
    tool.rule(each(value))
    tool.ticket(tags=[1, 2, 3])
    tool.perform()
    assert (tool.run.status, tool.step("tell").is_dead_letter, items_told(tool)) == ("failed", True, [])
    assert words in tool.step("tell").error


def test_only_so_many_items_are_under_way_at_once(tool: Desk) -> None:
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 2}))
    tool.ticket(tags=list(range(5)))
    tool.claimed()
    source, [first, held] = tool.begun()
    for _ in range(4):
        source.finish(outcomes_of([first]))
        assert (tool.run.status, tool.step("tell").waits_for) == ("running", "items")
        # One place is taken all the while.
        first, *others = [*tool.begun()[1], None]
        assert others in ([None], [])
    assert first is None
    source.finish(outcomes_of([held]))
    assert (tool.run.status, len(items_told(tool))) == ("succeeded", 5)


# --- conditions -------------------------------------------------------------------------------------------------
def test_a_condition_on_the_item_leaves_items_out(tool: Desk) -> None:
    tool.rule(each(condition="{{ item > 1 && ticket.id == 42 }}"))
    tool.ticket(tags=[1, 2, 3])
    tool.perform()
    assert sorted(items_told(tool)) == [2, 3]
    assert tool.output("tell")["skipped"] == 1
    assert outputs(tool) == [None, 2, 3]
    assert tool.statuses()["tell[0]"] == "skipped"


def test_a_condition_that_names_no_item_decides_about_the_whole_step(tool: Desk) -> None:
    tool.rule(each("{{ ticket.nothing }}", condition="{{ ticket.id == 1 }}"), told())
    tool.ticket()
    tool.perform()
    assert tool.statuses() == {"tell": "skipped", "after": "succeeded"}


def test_a_condition_that_cannot_be_evaluated_for_an_item_fails_that_item(tool: Desk) -> None:
    tool.rule(each(condition="{{ item.open }}", on_failure="continue"))
    tool.ticket(tags=[{"open": True}, {}])
    tool.perform()
    assert (tool.run.status, tool.statuses()["tell[1]"]) == ("succeeded", "failed")


# --- failures ---------------------------------------------------------------------------------------------------
def test_a_failure_starts_no_more_items_and_fails_the_step_with_its_reason(tool: Desk) -> None:
    refuse(tool, 1)
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 1}), told())
    tool.ticket(tags=[0, 1, 2, 3])
    tool.perform()
    statuses = {"tell[0]": "succeeded", "tell[1]": "failed", "tell[2]": "cancelled", "tell[3]": "cancelled"}
    assert tool.statuses() == {**statuses, "tell": "failed", "after": "skipped"}
    assert tool.run.status == "failed"
    assert "1 of 4 items failed; the first was tell[1]:" in tool.run.reason
    output = tool.output("tell")
    assert (output["succeeded"], output["failed"], output["errors"][0]["index"]) == (1, 1, 1)
    with working_for(tool.organization):
        assert [step.name for step in Step.objects.filter(is_dead_letter=True)] == ["tell"]


def test_with_continue_the_others_go_on_and_so_does_the_run(tool: Desk) -> None:
    refuse(tool, 1, 3)
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 1}, on_failure="continue"), told())
    tool.ticket(tags=[0, 1, 2, 3])
    tool.perform()
    assert tool.run.status == "succeeded"
    [sum_] = tool.platform.bodies(AFTER)
    assert (sum_["succeeded"], sum_["failed"], [error["index"] for error in sum_["errors"]]) == (2, 2, [1, 3])
    assert "400" in sum_["errors"][0]["error"]
    with working_for(tool.organization):
        content = StepContent.objects.get(step=tool.step("tell"))
    assert content.warnings[0].startswith("2 of 4 items failed; the first was tell[1]:")


def test_a_retry_does_only_those_again_that_failed_or_were_cut_off(tool: Desk) -> None:
    refuse(tool, 1)
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 1}), told())
    tool.ticket(tags=[0, 1, 2])
    tool.perform()
    refuse(tool)
    with working_for(tool.organization):
        interventions.retry_run(tool.run.pk)
    tool.perform()
    assert tool.run.status == "succeeded"
    assert items_told(tool) == [0, 1, 1, 2]
    assert outputs(tool) == [0, 1, 2]
    assert tool.attempts("tell[1]") == ["failed", "succeeded"]


def test_a_list_that_was_none_is_evaluated_again_by_a_retry(tool: Desk) -> None:
    tool.rule(each("{{ env.?LIST.orValue(null) == null ? null : [1] }}"))
    tool.ticket()
    tool.perform()
    assert tool.run.status == "failed"
    with working_for(tool.organization):
        variables.create(variables.Wish("LIST", "x"))
        interventions.retry_run(tool.run.pk)
    tool.perform()
    assert (tool.run.status, items_told(tool)) == ("succeeded", [1])


def test_an_item_is_tried_again_by_itself(tool: Desk) -> None:
    refuse(tool, "b", status=503)
    tool.rule(each())
    tool.ticket(tags=["a", "b"])
    tool.perform()
    assert (tool.run.status, tool.step("tell[1]").waits_for) == ("waiting", "retry")
    refuse(tool)
    tool.perform(later=HOUR)
    assert tool.run.status == "succeeded"
    assert items_told(tool).count("a") == 1
    assert tool.attempts("tell[1]") == ["failed", "succeeded"]


def test_an_uncertain_item_waits_for_a_person_and_holds_up_no_other(tool: Desk) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return cut_off(request) if _item(request) == 0 else httpx.Response(200, json={"did": _item(request)})

    tool.platform.on("POST", TOOL, answer)
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 1}))
    tool.ticket(tags=[0, 1, 2])
    tool.perform()
    assert (tool.run.status, sorted(items_told(tool))) == ("waiting", [0, 1, 2])
    with working_for(tool.organization):
        interventions.resolve(tool.run.pk, "tell[0]", "done")
    assert tool.run.status == "succeeded"
    assert tool.output("tell")["succeeded"] == 3
    with working_for(tool.organization), pytest.raises(NotPossible, match="succeeded"):
        interventions.resolve(tool.run.pk, "tell[0]", "done")


def test_an_answer_that_comes_late_lets_the_step_go_on(tool: Desk) -> None:
    tool.rule(each(), told())
    tool.ticket(tags=["a"])
    tool.claimed()
    with a_worker_that_dies():
        source, jobs = tool.begun()
        done = outcomes_of(jobs)
    recovery.recover_steps()
    with working_for(tool.organization):
        interventions.resolve(tool.run.pk, "tell[0]", "failed")
    assert tool.run.status == "failed"
    source.finish(done)
    tool.perform()
    assert (tool.run.status, len(items_told(tool)), len(tool.platform.bodies(AFTER))) == ("succeeded", 1, 1)


# --- stopping ---------------------------------------------------------------------------------------------------
def test_cancelling_starts_nothing_new_and_waits_for_the_call_under_way(tool: Desk) -> None:
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 2}), told())
    tool.ticket(tags=[0, 1, 2, 3])
    tool.claimed()
    source, jobs = tool.claimed()
    begun = source.begin(jobs[:1])
    with working_for(tool.organization):
        interventions.cancel(tool.run.pk)
    assert (tool.run.status, tool.step("tell").status) == ("running", "waiting")
    source.finish(outcomes_of(list(begun)))
    assert (tool.run.status, tool.step("tell").status) == ("cancelled", "cancelled")
    assert not source.begin(jobs[1:]), "who holds an item finds that it is his no longer"
    tool.perform(later=HOUR)
    assert items_told(tool) == [0]
    assert set(tool.statuses().values()) == {"succeeded", "cancelled"}


def test_a_failure_elsewhere_cuts_items_off_and_a_retry_goes_on_with_them(tool: Desk) -> None:
    tool.platform.on("POST", f"{TOOL}/other", {}, status=400)
    other = {**request_to(f"{TOOL}/other", name="other"), "needs": []}
    tool.rule({**each({"items": "{{ ticket.tags }}", "in_flight": 1}), "needs": []}, other)
    tool.ticket(tags=[0, 1, 2])
    tool.perform()
    assert (tool.run.status, tool.step("tell").status) == ("failed", "skipped")
    assert len(items_told(tool)) < 3
    tool.platform.on("POST", f"{TOOL}/other", {})
    with working_for(tool.organization):
        interventions.retry_run(tool.run.pk)
    tool.perform()
    assert (tool.run.status, sorted(items_told(tool))) == ("succeeded", [0, 1, 2])


def test_a_newer_run_of_its_key_takes_the_place_of_one_amid_its_items(tool: Desk) -> None:
    tool.rule(each({"items": "{{ ticket.tags }}", "in_flight": 1}), concurrency={"key": "ticket.id", "mode": "restart"})
    tool.ticket(tags=[0, 1])
    tool.claimed()
    older = tool.run
    tool.ticket(tags=[7])
    tool.perform()
    with working_for(tool.organization):
        assert Run.objects.get(pk=older.pk).status == RunStatus.SUPERSEDED
    assert (tool.run.status, items_told(tool)) == ("succeeded", [7])


# --- other rules ------------------------------------------------------------------------------------------------
def test_a_rule_is_run_for_each_item(tool: Desk) -> None:
    work = {
        **request_to(name="work"),
        "parameters": {"method": "POST", "url": TOOL, "json": {"item": "{{ inputs.n }}"}},
    }
    rule = inner(tool, work, inputs={"n": {"type": "integer"}})
    outer = tool.rule({"id": "tell", "for_each": [1, 2, 3], "rule": "Inner", "inputs": {"n": "{{ item * 10 }}"}})
    tool.ticket()
    tool.perform()
    tool.perform()
    assert run_of(tool, outer).status == "succeeded"
    assert sorted(items_told(tool)) == [10, 20, 30]
    with working_for(tool.organization):
        assert Run.objects.filter(rule=rule, status="succeeded").count() == 3
        output = StepContent.objects.get(step__name="tell").output
    assert [item["steps"]["work"]["body"]["did"] for item in output["items"]] == [10, 20, 30]


def test_cancelling_cancels_the_rules_that_items_wait_for(tool: Desk) -> None:
    rule = inner(tool, {"id": "rest", "wait": {"for": "1h"}})
    outer = tool.rule({"id": "tell", "for_each": [1, 2], "rule": "Inner"})
    tool.ticket()
    tool.perform()
    with working_for(tool.organization):
        interventions.cancel(run_of(tool, outer).pk)
        assert set(Run.objects.filter(rule=rule).values_list("status", flat=True)) == {"cancelled"}
    assert run_of(tool, outer).status == "cancelled"


# --- what is kept -----------------------------------------------------------------------------------------------
def test_outputs_that_are_too_large_together_are_left_out_by_index(tool: Desk) -> None:
    tool.platform.on("POST", TOOL, lambda request: httpx.Response(200, json={"did": "x" * 70_000}))
    tool.rule(each())
    tool.ticket(tags=[0, 1, 2])
    tool.perform()
    kept = tool.output("tell")["items"]
    assert [set(item) == {"truncated", "bytes"} for item in kept] == [False, False, True]
    assert tool.output("tell[2]")["body"]["did"] == "x" * 70_000
    with working_for(tool.organization):
        content = StepContent.objects.get(step=tool.step("tell"))
    assert content.warnings == [
        "The outputs of 1 items were left out: together they are too large. Each stands with its item."
    ]


def test_secrets_stay_out_of_lists(tool: Desk) -> None:
    with working_for(tool.organization):
        variables.create(variables.Wish("KEY", "plain"))
    tool.rule(each(["{{ env.KEY }}"]))
    with working_for(tool.organization):
        row = variables.Variable.objects.get(name="KEY")
        variables.change(row, variables.Wish("KEY", "sk-canary-0123456789", is_secret=True, hosts=("a.example",)))
    tool.ticket()
    tool.perform()
    assert (tool.step("tell").status, "secret" in tool.step("tell").error) == ("failed", True)
    assert not items_told(tool)


def test_an_item_whose_content_is_gone_fails_and_says_so(tool: Desk) -> None:
    tool.rule(each())
    tool.ticket(tags=[1])
    tool.claimed()
    with working_for(tool.organization):
        StepContent.objects.filter(step=tool.step("tell[0]")).delete()
    tool.perform()
    assert tool.step("tell[0]").error == "The content of this item was removed after its time."


# --- workers that die -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dies_at", range(4))
def test_a_worker_may_die_anywhere_and_the_list_is_there_once(tool: Desk, dies_at: int) -> None:
    tool.rule(each(on_uncertain="retry"), told())
    tool.ticket(tags=[0, 1])
    for place in range(4):
        if place == dies_at:
            with a_worker_that_dies():
                tool.claimed()
            recovery.recover_steps()
        source, jobs = tool.begun()
        source.finish(outcomes_of(jobs))
    tool.perform()
    assert (tool.run.status, sorted(items_told(tool))) == ("succeeded", [0, 1])
    assert len(tool.platform.bodies(AFTER)) == 1
    with working_for(tool.organization):
        assert Step.objects.filter(run=tool.run).count() == 4


# --- what it costs ----------------------------------------------------------------------------------------------
def test_an_outcome_costs_the_same_however_many_items_there_are(tool: Desk, django_assert_max_num_queries: Any) -> None:
    tool.rule(each({"items": "{{ ticket.tags }}", "max": 1000, "in_flight": 1}))
    costs = []
    for number in (5, 300):
        tool.ticket(tags=list(range(number)))
        tool.claimed()
        source, jobs = tool.begun()
        done = outcomes_of(jobs)
        with django_assert_max_num_queries(40) as queries:
            source.finish(done)
        costs.append(len(queries))
        with working_for(tool.organization):
            interventions.cancel(tool.run.pk)
    assert costs[0] == costs[1]


def test_items_are_counted_by_their_own_word() -> None:
    known = items.Counts()
    known.by_status.update(pending=4, running=1, waiting=2, uncertain=1, failed=1)
    known.untouched = 3
    assert (known.total, known.open, known.active, known.in_flight) == (9, 8, 2, 4)
    assert known.as_dict() == {"items": 9, "failed": 1}


def test_other_tenants_see_nothing_of_items(tool: Desk, world: World) -> None:
    tool.rule(each())
    tool.ticket(tags=[1])
    tool.perform()
    with working_for(world.bo.organization):
        assert not Step.objects.exists()
