"""What failed for good, steps and deliveries as one list, and how many of it are retried at once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from rules.models import RunStatus, Step, StepStatus
from supportops import clock
from supportops.jobs.running import work_due
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.history import make_delivery, make_history, make_rule
from webhooks.models import DeliveryBody, DeliveryStatus

pytestmark = pytest.mark.django_db(transaction=True)


def failed_step(days: float) -> str:
    """Return the id of a step of the organization in scope that failed so many days ago."""
    history = make_history(
        make_rule(),
        clock.now() - timedelta(days=days),
        RunStatus.FAILED,
        step_statuses=(StepStatus.FAILED,),
        is_dead_letter=True,
        error_class="NotFound",
        error="no such channel",
        finished_at=clock.now(),
    )
    return str(history.steps[0].pk)


def failed_delivery(days: float) -> str:
    """Return the id of a delivery of the organization in scope that could not be planned so many days ago."""
    at = clock.now() - timedelta(days=days)
    delivery = make_delivery(at, DeliveryStatus.FAILED, processed_at=at, reason="KeyError: 'x'", attempts_made=1)
    return str(delivery.pk)


def retry(world: World, body: dict[str, Any]) -> dict[str, Any]:
    answer = world.ada.api.post("/api/dead-letters/retry", body, format="json")
    assert answer.status_code == 202, answer.content
    work_due()
    job: dict[str, Any] = world.ada.api.get(f"/api/jobs/{answer.json()['job']}/").json()
    assert job["status"] == "succeeded", job
    return job


def test_steps_and_deliveries_are_one_list_newest_first(world: World) -> None:
    with working_for(world.ada.organization):
        made = [failed_step(4), failed_delivery(3), failed_delivery(2), failed_step(1)]
        make_history(make_rule(), clock.now())
    with working_for(world.bo.organization):
        failed_step(0)
    seen, address = [], "/api/dead-letters/?page_size=3"
    sizes = []
    while address:
        page = world.ada.api.get(address).json()
        seen += [(row["id"], row["kind"]) for row in page["results"]]
        sizes.append(len(page["results"]))
        address = page["next"]
    kinds = ["step", "delivery", "delivery", "step"]
    assert seen == list(zip(reversed(made), kinds, strict=True))
    assert sizes == [3, 1]


def test_causes_are_counted(world: World) -> None:
    with working_for(world.ada.organization):
        for days in (1, 2):
            failed_step(days)
        failed_delivery(3)
    groups = world.ada.api.get("/api/dead-letters/?group=cause").json()["results"]
    assert [(row["kind"], row["platform"], row["error_class"], row["count"]) for row in groups] == [
        ("step", "slack", "NotFound", 2),
        ("delivery", "slack", "KeyError", 1),
    ]


def test_a_cause_found_in_the_groups_is_a_filter_of_the_list(world: World) -> None:
    with working_for(world.ada.organization):
        made = {"NotFound": failed_step(1), "KeyError": failed_delivery(2)}
    for cause, letter in made.items():
        found = world.ada.api.get(f"/api/dead-letters/?error_class={cause}").json()["results"]
        assert [(row["id"], row["error_class"]) for row in found] == [(letter, cause)]
    assert world.ada.api.get("/api/dead-letters/?error_class=Key").json()["results"] == []


def test_those_named_are_retried_and_no_others(world: World) -> None:
    with working_for(world.ada.organization):
        named = [failed_step(4), failed_delivery(3)]
        others = [failed_delivery(2), failed_step(1)]
    with working_for(world.bo.organization):
        foreign = failed_step(1)
    assert retry(world, {"ids": [*named, foreign]})["result"] == {"retried": 2}
    left = [row["id"] for row in world.ada.api.get("/api/dead-letters/").json()["results"]]
    assert left == list(reversed(others))
    with working_for(world.bo.organization):
        assert Step.objects.get().status == StepStatus.FAILED


def test_a_filter_names_many(world: World) -> None:
    with working_for(world.ada.organization):
        step, _ = failed_step(2), failed_delivery(1)
    assert retry(world, {"filter": {"kind": "delivery"}})["result"] == {"retried": 1}
    assert [row["id"] for row in world.ada.api.get("/api/dead-letters/").json()["results"]] == [step]
    assert retry(world, {"filter": {}})["result"] == {"retried": 1}
    assert world.ada.api.get("/api/dead-letters/").json()["results"] == []


def test_one_whose_content_is_gone_holds_up_no_other(world: World) -> None:
    with working_for(world.ada.organization):
        gone, step = failed_delivery(40), failed_step(1)
        DeliveryBody.objects.filter(pk=gone).delete()
    assert retry(world, {"ids": [gone, step]})["result"] == {"retried": 1}
    assert [row["id"] for row in world.ada.api.get("/api/dead-letters/").json()["results"]] == [gone]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["x"]},
        {"filter": "all"},
        {"filter": {"colour": "red"}},
        {"filter": {"after": 1}},
        {"ids": "", "n": 1},
    ],
)
def test_a_request_that_names_nothing_is_refused(world: World, body: dict[str, Any]) -> None:
    assert world.ada.api.post("/api/dead-letters/retry", body, format="json").status_code == 400


def test_more_ids_than_a_job_remembers_are_refused_and_not_cut_off(world: World) -> None:
    ids = [str(uuid.uuid4()) for _ in range(10_001)]
    answer = world.ada.api.post("/api/dead-letters/retry", {"ids": ids}, format="json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["attr"], error["code"]) == (400, "ids", "too_many")
    assert "10001" in error["detail"]
