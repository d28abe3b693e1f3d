"""Pages: newest first, each row once, cursors that nobody can make up."""

import pytest

from supportops.jobs.models import Job
from supportops.tenancy.scope import working_for
from tests.builders import Tenant, World

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.supportops.sample_api")]
PUBLIC = "http://127.0.0.1:8000"


def make(tenant: Tenant, count: int) -> None:
    with working_for(tenant.organization):
        for number in range(count):
            Job.objects.create(kind="x", done=number)


def page(tenant: Tenant, address: str) -> tuple[list[int], str | None, str | None]:
    answer = tenant.api.get(address.removeprefix(PUBLIC))
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert list(body) == ["next", "previous", "results"]
    return [row["done"] for row in body["results"]], body["next"], body["previous"]


def test_there_and_back_again(world: World) -> None:
    make(world.ada, 7)
    make(world.bo, 2)
    rows, following, before = page(world.ada, "/api/numbers?page_size=3&status=pending")
    assert (rows, before) == ([6, 5, 4], None)
    assert following is not None and following.startswith(f"{PUBLIC}/api/numbers?page_size=3&status=pending&cursor=")
    rows, following, before = page(world.ada, following)
    assert rows == [3, 2, 1] and following and before
    rows, last, before = page(world.ada, following)
    assert (rows, last) == ([0], None) and before
    rows, following, before = page(world.ada, before)
    assert rows == [3, 2, 1] and following and before
    rows, following, before = page(world.ada, before)
    assert (rows, before) == ([6, 5, 4], None) and following


def test_rows_that_come_meanwhile_shift_nothing(world: World) -> None:
    make(world.ada, 4)
    rows, following, _ = page(world.ada, "/api/numbers?page_size=2")
    make(world.ada, 3)
    assert following is not None
    assert (rows, page(world.ada, following)[0]) == ([3, 2], [1, 0])


def test_fifty_a_page_and_two_hundred_at_most(world: World) -> None:
    make(world.ada, 205)
    assert len(page(world.ada, "/api/numbers")[0]) == 50
    assert len(page(world.ada, "/api/numbers?page_size=9999999999999")[0]) == 200
    assert page(world.bo, "/api/numbers") == ([], None, None)


@pytest.mark.parametrize("size", ["0", "-1", "many", "1.5", "%D9%A3"])
def test_a_page_size_that_is_none_is_refused(world: World, size: str) -> None:
    answer = world.ada.api.get(f"/api/numbers?page_size={size}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "page_size")


def test_a_cursor_that_somebody_made_is_refused(world: World) -> None:
    make(world.ada, 3)
    following = page(world.ada, "/api/numbers?page_size=1")[1]
    assert following is not None
    real = following.rpartition("cursor=")[2]
    for cursor in ("x", real[:-1], real.replace("n", "p", 1), real.replace(real[5], "f" if real[5] != "f" else "e", 1)):
        answer = world.ada.api.get(f"/api/numbers?cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_cursor"), cursor


def test_another_organizations_cursor_shows_nothing_of_it(world: World) -> None:
    make(world.ada, 3)
    make(world.bo, 1)
    following = page(world.ada, "/api/numbers?page_size=1")[1]
    assert following is not None
    assert page(world.bo, following)[0] == []
