"""So many requests a minute for each caller and each organization, and no more around the turn of a minute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from supportops import clock
from supportops.api import throttling
from supportops.tenancy.roles import Role
from tests import builders
from tests.builders import World, api_client, browser

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
WHO = "/api/organization"


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 5
    settings.API_ORGANIZATION_REQUESTS_PER_MINUTE = 8


def allowed(client: Any, tries: int = 20) -> int:
    return [client.get(WHO).status_code for _ in range(tries)].count(200)


def test_a_token_has_its_number(world: World) -> None:
    with clock.frozen(AT):
        assert allowed(world.ada.api) == 5
        answer = world.ada.api.get(WHO)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "throttled")
        assert allowed(world.bo.api) == 5  # nobody else's


def test_retry_after_is_neither_too_short_nor_long(world: World) -> None:
    with clock.frozen(AT):
        allowed(world.ada.api)
        wait = int(world.ada.api.get(WHO)["Retry-After"])
    with clock.frozen(AT + timedelta(seconds=wait)):
        assert world.ada.api.get(WHO).status_code == 200
    assert wait <= 60


def test_the_turn_of_a_minute_gives_nothing_extra(world: World) -> None:
    with clock.frozen(AT.replace(second=59)):
        assert allowed(world.ada.api) == 5
    with clock.frozen(AT.replace(minute=1, second=1)):
        assert allowed(world.ada.api) == 0
    with clock.frozen(AT.replace(minute=1, second=30)):
        assert allowed(world.ada.api) == 2
    with clock.frozen(AT.replace(minute=3, second=0)):
        assert allowed(world.ada.api) == 5


def test_an_organization_has_its_number_whoever_calls(world: World) -> None:
    clients = [
        world.ada.api,
        api_client(builders.make_token(world.ada.organization)),
        browser(builders.make_member(world.ada.organization, Role.VIEWER)),
    ]
    with clock.frozen(AT):
        assert [allowed(client) for client in clients] == [5, 3, 0]
        assert allowed(world.bo.api) == 5


def test_strangers_are_not_counted_against_anybody(world: World) -> None:
    with clock.frozen(AT):
        for _ in range(20):
            assert api_client("so_wrong").get(WHO).status_code == 401
        assert allowed(world.ada.api) == 5


def test_without_redis_it_is_counted_here(world: World, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with clock.frozen(AT):
        assert allowed(world.ada.api, 7) == 5
    assert "counted per process" in caplog.text


@pytest.mark.servers
def test_processes_count_together_in_redis(world: World, settings: Any, valkey_url: str) -> None:
    settings.REDIS_URL = valkey_url
    with clock.frozen(AT.replace(second=59)):
        assert allowed(world.ada.api) == 5
        throttling.in_process.clear()  # another process, which has counted nothing itself
        answer = world.ada.api.get(WHO)
        assert answer.status_code == 429 and 1 <= int(answer["Retry-After"]) <= 60
    with clock.frozen(AT.replace(minute=1, second=30)):
        assert allowed(world.ada.api) == 2
    assert throttling.in_process._counts == {}


def test_old_counts_are_dropped() -> None:
    for minute in range(5):
        with clock.frozen(AT + timedelta(minutes=minute)):
            throttling.seconds_to_wait(f"token:{minute}", 5)
    assert len(throttling.in_process._counts) == 2
