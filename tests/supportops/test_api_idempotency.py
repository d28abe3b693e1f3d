"""A request with a key may be repeated: it is done once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from supportops import clock
from supportops.api import idempotency
from supportops.api.models import KeptAnswer
from supportops.tenancy.scope import working_for
from tests import builders
from tests.builders import World, api_client
from tests.supportops.sample_api import Echo

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.supportops.sample_api")]
KEY = {"Idempotency-Key": "order-66"}


@pytest.fixture(autouse=True)
def _first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "calls", 0)


def test_the_same_again_gives_the_first_answer(world: World) -> None:
    client = world.ada.api
    first = client.post("/api/echo", {"a": 1}, headers=KEY)
    again = client.post("/api/echo/", {"a": 1}, headers=KEY)  # the slash is no other route
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert (again["Location"], again["Content-Type"]) == ("/somewhere", "application/json")
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert Echo.calls == 1


def test_without_a_key_each_one_counts(world: World) -> None:
    for _ in range(2):
        world.ada.api.post("/api/echo", {"a": 1})
    assert Echo.calls == 2


@pytest.mark.parametrize("place", ["/api/echo", "/api/echo?dry_run=1"])
def test_another_request_with_the_key_is_409(world: World, place: str) -> None:
    world.ada.api.post("/api/echo", {"a": 1}, headers=KEY)
    body = {"a": 2} if place == "/api/echo" else {"a": 1}
    answer = world.ada.api.post(place, body, headers=KEY)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")
    assert Echo.calls == 1


def test_keys_are_the_callers_and_the_routes_own(world: World) -> None:
    other_token = api_client(builders.make_token(world.ada.organization))
    for client, place in (
        (world.ada.api, "/api/echo"),
        (other_token, "/api/echo"),
        (world.bo.api, "/api/echo"),
        (world.ada.api, "/api/numbers"),
    ):
        assert "Idempotency-Replayed" not in client.post(place, {"done": 1}, headers=KEY)
    assert Echo.calls == 3


def test_one_under_way_is_409(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = Echo.post

    def asks_again(self: Echo, request: Any) -> Any:
        seen.append(world.ada.api.post("/api/echo", {"a": 1}, headers=KEY))
        return real(self, request)

    monkeypatch.setattr(Echo, "post", asks_again)
    assert world.ada.api.post("/api/echo", {"a": 1}, headers=KEY).status_code == 201
    [inner] = seen
    assert (inner.status_code, inner.json()["errors"][0]["code"]) == (409, "idempotency_key_in_use")


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_refusal_frees_the_key(world: World, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(Echo, "answer", status)
    assert world.ada.api.post("/api/echo", {"a": 1}, headers=KEY).status_code == status
    monkeypatch.setattr(Echo, "answer", 201)
    assert world.ada.api.post("/api/echo", {"a": 2}, headers=KEY).status_code == 201


def test_a_bug_frees_the_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Echo.post

    def breaks(self: Echo, request: Any) -> Any:
        raise RuntimeError

    client = world.ada.api
    client.raise_request_exception = False
    monkeypatch.setattr(Echo, "post", breaks)
    assert client.post("/api/echo", {"a": 1}, headers=KEY).status_code == 500
    monkeypatch.setattr(Echo, "post", real)
    assert client.post("/api/echo", {"a": 1}, headers=KEY).status_code == 201


def test_after_a_day_the_key_is_free_and_the_answer_gone(world: World) -> None:
    world.ada.api.post("/api/echo", {"a": 1}, headers=KEY)
    with clock.moved(timedelta(hours=23, minutes=59)):
        assert world.ada.api.post("/api/echo", {"a": 1}, headers=KEY)["Idempotency-Replayed"]
        assert idempotency.forget_old_answers() == 0
    with clock.moved(timedelta(hours=24, minutes=1)):
        assert world.ada.api.post("/api/echo", {"a": 2}, headers=KEY).json()["call"] == 2
    with clock.moved(timedelta(hours=49)):
        assert idempotency.forget_old_answers() == 1
    assert KeptAnswer.across_organizations.count() == 0


def test_a_claim_whose_request_died_is_taken_over(world: World) -> None:
    world.ada.api.post("/api/echo", {"a": 1}, headers=KEY)
    with working_for(world.ada.organization):
        KeptAnswer.objects.update(status_code=None)
    assert world.ada.api.post("/api/echo", {"a": 1}, headers=KEY).status_code == 409
    with clock.moved(timedelta(minutes=11)):
        assert world.ada.api.post("/api/echo", {"a": 1}, headers=KEY).json()["call"] == 2


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    answer = world.ada.api.generic(
        "POST", "/api/echo", b"{}", content_type="application/json", HTTP_IDEMPOTENCY_KEY=key
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_idempotency_key")


def test_the_answer_is_kept_sealed(world: World) -> None:
    world.ada.api.post("/api/echo", {"secret": "s3cr3t-value"}, headers=KEY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM api_keptanswer")
        [(stored,)] = cursor.fetchall()
    assert len(bytes(stored)) > 100 and b"s3cr3t" not in bytes(stored) and b"czNjcjN0" not in bytes(stored)


@pytest.mark.django_db(transaction=True)
def test_at_once_it_is_done_once() -> None:
    world = builders.make_world()
    barrier, statuses = threading.Barrier(4), []

    def call() -> None:
        client = world.ada.api
        barrier.wait()
        statuses.append(client.post("/api/echo", {"a": 1}, headers=KEY).status_code)
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Echo.calls == 1
    assert set(statuses) <= {201, 409} and 201 in statuses
