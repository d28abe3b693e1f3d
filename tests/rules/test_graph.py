"""Runs whose steps branch and join: each step once, the join once, a final state always."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from rules import interventions, recovery
from supportops.tenancy.scope import working_for
from tests.rules.engine import TOOL, Desk, a_worker_that_dies, outcomes_of, request_to

pytestmark = pytest.mark.django_db(transaction=True)


def step(name: str, *needs: str, **more: Any) -> dict[str, Any]:
    """A call to an address of its own. Repeating it changes nothing, so a cut-off one is made again."""
    parameters = {"method": "PUT", "url": f"{TOOL}/{name}"}
    return {**request_to(name=name, **more), "parameters": parameters, "needs": list(needs)}


DIAMOND = (step("start"), step("left", "start"), step("right", "start"), step("join", "left", "right"))


@pytest.fixture
def tools(desk: Desk) -> Desk:
    for name in ("start", "left", "right", "join", "after"):
        desk.platform.on("PUT", f"{TOOL}/{name}", {"by": name})
    return desk


def calls(desk: Desk) -> Counter[str]:
    return Counter(str(request.url).rpartition("/")[2] for request in desk.platform.requests)


def test_branches_run_and_the_join_waits_for_all_of_them(tools: Desk) -> None:
    tools.rule(*DIAMOND)
    tools.ticket()
    source, jobs = tools.begun()
    source.finish(outcomes_of(jobs))
    source, jobs = tools.begun()
    assert {job.work.prepared.step.name for job in jobs} == {"left", "right"}
    source.finish(outcomes_of(jobs[:1]))
    assert tools.statuses()["join"] == "pending"
    assert tools.step("join").due_at is None
    source.finish(outcomes_of(jobs[1:]))
    tools.perform()
    assert (tools.run.status, calls(tools)) == ("succeeded", Counter(start=1, left=1, right=1, join=1))


def test_a_branch_that_is_not_taken_is_skipped_and_the_join_takes_the_other(tools: Desk) -> None:
    left = step("left", "start", condition="{{ ticket.priority > 4 }}")
    message = "{{ [steps.left.output, steps.right.status] }}"
    join = {**step("join", "after", "right"), "parameters": {"method": "PUT", "url": f"{TOOL}/join", "json": message}}
    tools.rule(step("start"), left, step("after", "left"), step("right", "start"), join)
    tools.ticket()
    tools.perform()
    skipped = {"left": "skipped", "after": "skipped"}
    assert tools.statuses() == {"start": "succeeded", "right": "succeeded", "join": "succeeded", **skipped}
    assert tools.step("after").error == "Every step that this one needs was skipped."
    assert tools.platform.bodies(f"{TOOL}/join") == [[None, "succeeded"]]


def test_a_failure_starts_nothing_new_in_other_branches_and_waits_for_what_is_under_way(tools: Desk) -> None:
    tools.platform.on("PUT", f"{TOOL}/left", {"error": "no"}, status=400)
    tools.rule(*DIAMOND, step("after", "right"))
    tools.ticket()
    tools.perform()
    assert tools.run.status == "failed"
    assert tools.statuses()["join"] == "skipped"
    assert calls(tools)["join"] == 0


def test_a_retry_goes_on_with_every_branch_that_failed_and_with_what_the_failure_cut_off(tools: Desk) -> None:
    for name in ("left", "right"):
        tools.platform.on("PUT", f"{TOOL}/{name}", {"error": "no"}, status=400)
    tools.rule(*DIAMOND, step("after", "right"))
    tools.ticket()
    tools.perform()
    assert tools.statuses() == {
        "start": "succeeded",
        "left": "failed",
        "right": "failed",
        "join": "skipped",
        "after": "skipped",
    }
    for name in ("left", "right"):
        tools.platform.on("PUT", f"{TOOL}/{name}", {"by": name})
    with working_for(tools.organization):
        interventions.retry_run(tools.run.pk)
    tools.perform()
    assert set(tools.statuses().values()) == {"succeeded"}
    assert calls(tools) == Counter(start=1, left=2, right=2, join=1, after=1)


@pytest.mark.parametrize("dies_at", range(8))
def test_a_worker_may_die_anywhere_and_each_effect_is_there_once(tools: Desk, dies_at: int) -> None:
    """Every commit boundary in turn: claimed, sending written, calls made but not written, one of two written."""
    tools.rule(*DIAMOND)
    tools.ticket()
    if dies_at >= 4:
        source, jobs = tools.begun()
        source.finish(outcomes_of(jobs))
    with a_worker_that_dies():
        source, jobs = tools.claimed() if dies_at % 4 == 0 else tools.begun()
        if dies_at % 4 >= 2:
            done = outcomes_of(jobs)
            if dies_at % 4 == 3:
                source.finish(done[:1])
    recovery.recover_steps()
    tools.perform()
    tools.perform(later=timedelta(hours=1))
    assert tools.run.status == "succeeded"
    assert set(tools.statuses().values()) == {"succeeded"}
    assert calls(tools)["join"] == 1
