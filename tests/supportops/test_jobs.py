"""Long work: done slice by slice, stopped, resumed, taken over, and seen by its organization only."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from audit.models import AuditEntry
from audit.recording import record
from supportops import clock
from supportops.context import Actor, acting_as
from supportops.jobs import kinds, running
from supportops.jobs.kinds import JobFailed, JobSteps, Progress, job
from supportops.jobs.models import Job
from supportops.tenancy.models import Environment
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import current_organization_id, working_for
from tests import builders
from tests.builders import World, browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_kinds() -> Iterator[None]:
    before = dict(kinds._kinds)
    yield
    kinds._kinds.clear()
    kinds._kinds.update(before)


def count_to(limit: int, *, breaks_at: int | None = None, error: Exception | None = None) -> list[int]:
    """Declare the job `count`, which makes an environment per slice; return the slices it did."""
    seen: list[int] = []

    @job("count")
    def count(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        for number in range(cursor or 0, limit):
            if number == breaks_at and error is not None:
                raise error
            Environment.objects.create(name=f"made-{number}")
            seen.append(number)
            yield Progress(done=number + 1, cursor=number + 1, total=limit)
        return {"counted": limit, "for": str(current_organization_id()), **parameters}

    return seen


def start(world: World, **parameters: Any) -> Job:
    with working_for(world.ada.organization), acting_as(Actor("user", "7", "ada@example.com"), request_id="asked"):
        return running.start("count", parameters)


def made(world: World) -> int:
    with working_for(world.ada.organization):
        return Environment.objects.filter(name__startswith="made").count()


def test_it_is_done_in_its_organization_and_says_what_came_of_it(world: World) -> None:
    count_to(3)
    started = start(world, by=2)
    place = f"/api/jobs/{started.pk}"
    assert world.ada.api.get(place).json()["status"] == "pending"
    assert running.work_due() == 1
    shown = world.ada.api.get(place + "/").json()
    assert (shown["status"], shown["done"], shown["total"], shown["error"]) == ("succeeded", 3, 3, "")
    assert shown["result"] == {"counted": 3, "for": str(world.ada.organization.pk), "by": 2}
    assert shown["author"] == "ada@example.com" and shown["finished_at"].endswith("Z")
    assert made(world) == 3
    assert running.work_due() == 0


def test_it_works_in_the_name_of_who_started_it(world: World) -> None:
    @job("count")
    def audited(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        record("rule.imported", None)
        yield Progress(1)

    start(world)
    running.work_due()
    with working_for(world.ada.organization):
        entry = AuditEntry.objects.get()
    assert (entry.actor_type, entry.actor_id, entry.request_id) == ("user", "7", "asked")


def test_an_unknown_kind_is_refused(world: World) -> None:
    with working_for(world.ada.organization), pytest.raises(kinds.UnknownKind):
        running.start("nothing", {})


def test_two_jobs_of_one_name_are_refused() -> None:
    count_to(1)

    with pytest.raises(ValueError, match="two jobs"):

        @job("count")
        def other(parameters: dict[str, Any], cursor: Any) -> JobSteps:
            yield Progress(1)


def test_it_stops_between_slices_and_goes_on_there(world: World) -> None:
    seen: list[int] = []

    @job("count")
    def count(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        for number in range(cursor or 0, 4):
            seen.append(number)
            if len(seen) == 2:
                assert world.ada.api.post(f"/api/jobs/{started.pk}/cancel").status_code == 200
            yield Progress(number + 1, cursor=number + 1)
        return "all"

    started = start(world)
    running.work_due()
    place = f"/api/jobs/{started.pk}/"
    shown = world.ada.api.get(place).json()
    assert (shown["status"], shown["done"], seen) == ("cancelled", 2, [0, 1])
    assert world.ada.api.post(place + "resume").json()["status"] == "pending"
    running.work_due()
    shown = world.ada.api.get(place).json()
    assert (shown["status"], shown["result"], seen) == ("succeeded", "all", [0, 1, 2, 3])


def test_one_that_waits_is_cancelled_at_once(world: World) -> None:
    seen = count_to(3)
    started = start(world)
    assert world.ada.api.post(f"/api/jobs/{started.pk}/cancel/").json()["status"] == "cancelled"
    assert running.work_due() == 0 and seen == []


def test_one_that_has_ended_stays_so(world: World) -> None:
    count_to(1)
    started = start(world)
    running.work_due()
    for deed in ("cancel", "resume"):
        assert world.ada.api.post(f"/api/jobs/{started.pk}/{deed}").json()["status"] == "succeeded"


def test_a_slice_and_its_cursor_are_one(world: World) -> None:
    """A worker that dies within a slice leaves nothing of it; the next one does it once."""
    count_to(4, breaks_at=2, error=OperationalError("server closed the connection"))
    started = start(world)
    running.work_due()
    started.refresh_from_db()
    assert (started.status, started.done, made(world)) == ("running", 2, 2)
    assert running.work_due() == 0  # its lease still holds
    seen = count_to(4)
    with clock.moved(running.LEASE + timedelta(seconds=1)):
        running.work_due()
    started.refresh_from_db()
    assert (started.status, started.done, made(world), seen) == ("succeeded", 4, 4, [2, 3])


def test_who_lost_the_lease_writes_nothing_more(world: World) -> None:
    @job("count")
    def count(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        Environment.objects.create(name="made-0")
        Job.objects.update(fence=99)  # somebody took over
        yield Progress(1, cursor=1)

    started = start(world)
    running.work_due()
    started.refresh_from_db()
    assert made(world) == 0
    assert (started.done, started.status) == (0, "running")


def test_failures_say_what_people_need_and_no_more(world: World) -> None:
    count_to(2, breaks_at=1, error=JobFailed("The file has no rows."))
    first = start(world)
    running.work_due()
    count_to(2, breaks_at=1, error=RuntimeError("password=hunter2"))
    second = start(world)
    running.work_due()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.error, first.done) == ("failed", "The file has no rows.", 1)
    assert (second.status, second.error) == ("failed", "Something went wrong on our side; the log says what.")


def test_one_turn_does_not_last_for_ever(world: World) -> None:
    at = clock.now()

    @job("count")
    def slow(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        for number in range(cursor or 0, 3):
            moves.enter_context(clock.moved(timedelta(seconds=11)))
            yield Progress(number + 1, cursor=number + 1)

    from contextlib import ExitStack

    started = start(world)
    with ExitStack() as moves:
        for done in (1, 2, 3):
            running.work_due()
            started.refresh_from_db()
            assert started.done == done
            assert started.due_at is not None and started.due_at > at
        running.work_due()
    started.refresh_from_db()
    assert started.status == "succeeded"


def test_another_organizations_job_is_not_there(world: World) -> None:
    count_to(1)
    place = f"/api/jobs/{start(world).pk}/"
    assert world.bo.api.get(place).status_code == 404
    assert world.bo.api.post(place + "cancel").status_code == 404
    assert world.bo.api.get("/api/jobs/").json()["results"] == []
    assert len(world.ada.api.get("/api/jobs").json()["results"]) == 1


def test_a_viewer_looks_but_does_not_stop(world: World) -> None:
    count_to(1)
    place = f"/api/jobs/{start(world).pk}/"
    viewer = browser(builders.make_member(world.ada.organization, Role.VIEWER))
    assert viewer.get(place).status_code == 200
    assert viewer.post(place + "cancel").status_code == 403
