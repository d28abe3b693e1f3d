"""Rate limits: the same promises of the buckets in the process and of those in Redis."""

import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel
from pytest_django import Settings

from integrations import buckets
from integrations.base import BaseIntegration
from integrations.buckets import Bucket
from integrations.limits import Grant, asked_to_wait, learn, limits_for, reserve, slow_down
from integrations.specs import Limit
from supportops import clock
from tests.servers import TestServer, open_server, origin_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def valkey() -> Iterator[TestServer | None]:
    if not origin_of("valkey"):
        if os.environ.get("CI") == "true":
            pytest.fail("There is no Valkey here: the shared buckets are not covered.")
        yield None
        return
    server = open_server("valkey")
    yield server
    server.stop()


@pytest.fixture(params=["process", pytest.param("redis", marks=pytest.mark.servers)], autouse=True)
def kept_in(request: pytest.FixtureRequest, settings: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """Where the buckets of a test are kept: every test runs with both."""
    if request.param == "redis":
        server = request.getfixturevalue("valkey")
        if server is None:
            pytest.skip("No Valkey on this machine: the shared buckets are not covered.")
        settings.REDIS_URL = server.url
        buckets._shared()._redis.flushall()
    yield request.param
    assert "Redis is away" not in caplog.text


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def bucket(calls: float = 1, seconds: float = 1, burst: int = 1, key: str = "") -> Bucket:
    interval = seconds / calls
    return Bucket(key or f"test:{uuid.uuid4()}", interval, (burst - 1) * interval)


def seconds(grant: Grant, now: datetime = NOW) -> float:
    return 0.0 if grant.at is None else round((grant.at - now).total_seconds(), 3)


class TestOneBucket:
    def test_lets_a_burst_through_and_then_hands_out_times(self) -> None:
        one = bucket(calls=10, seconds=10, burst=3)
        assert [seconds(reserve([one], NOW)) for _ in range(6)] == [0, 0, 0, 1, 2, 3]

    def test_times_are_each_ones_own(self) -> None:
        one = bucket()
        grants = [reserve([one], NOW) for _ in range(200)]
        assert [seconds(grant) for grant in grants] == list(range(200))
        assert all(grant.reserved for grant in grants)

    def test_fills_again(self) -> None:
        one = bucket(burst=2)
        assert [seconds(reserve([one], NOW)) for _ in range(2)] == [0, 0]
        later = NOW + 10 * SECOND
        assert [seconds(reserve([one], later), later) for _ in range(3)] == [0, 0, 1]

    def test_beyond_the_horizon_nothing_is_reserved(self) -> None:
        one = bucket()
        near = timedelta(seconds=3)
        assert [seconds(reserve([one], NOW, horizon=near)) for _ in range(4)] == [0, 1, 2, 3]
        for _ in range(3):
            grant = reserve([one], NOW, horizon=near)
            assert (seconds(grant), grant.reserved) == (3, False)
        later = NOW + 2 * SECOND
        assert seconds(reserve([one], later, horizon=near), later) == 2

    def test_many_at_once_get_as_many_times(self) -> None:
        one = bucket(calls=100, seconds=1, burst=5)
        found: list[float] = []
        lock = threading.Lock()

        def work() -> None:
            for _ in range(25):
                grant = reserve([one], NOW)
                with lock:
                    found.append(seconds(grant))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(found) == [0.0] * 5 + [round(0.01 * n, 3) for n in range(1, 196)]

    def test_nothing_wanted(self) -> None:
        assert reserve([], NOW) == Grant()


class TestSeveralBuckets:
    def test_the_slowest_decides(self) -> None:
        wide, narrow = bucket(calls=100, burst=100), bucket()
        assert [seconds(reserve([wide, narrow], NOW)) for _ in range(3)] == [0, 1, 2]

    def test_who_waits_for_one_does_not_take_from_the_other(self) -> None:
        """Three thousand messages for one channel must not keep the others from speaking."""
        wide, busy, quiet = bucket(calls=10, seconds=1), bucket(), bucket()
        for _ in range(3000):
            reserve([wide, busy], NOW)
        later = NOW + SECOND
        assert seconds(reserve([wide, quiet], later), later) == 0

    def test_nothing_is_taken_from_any_when_one_lies_beyond_the_horizon(self) -> None:
        wide, narrow = bucket(burst=2), bucket()
        reserve([narrow], NOW)
        grant = reserve([wide, narrow], NOW, horizon=timedelta(seconds=0.5))
        assert not grant.reserved
        assert [seconds(reserve([wide], NOW)) for _ in range(3)] == [0, 0, 1]


class TestHolders:
    def test_comes_back_at_its_time_and_goes(self) -> None:
        one = bucket()
        reserve([one], NOW)
        assert seconds(reserve([one], NOW, holder="a")) == 1
        assert seconds(reserve([one], NOW, holder="b")) == 2
        for holder, at in (("b", 2), ("a", 1)):
            then = NOW + at * SECOND
            assert seconds(reserve([one], then, holder=holder), then) == 0
        then = NOW + 3 * SECOND
        assert seconds(reserve([one], then, holder="a"), then) == 0
        assert seconds(reserve([one], then, holder="b"), then) == 1

    def test_asked_early_it_keeps_its_time(self) -> None:
        one = bucket()
        reserve([one], NOW)
        assert {seconds(reserve([one], NOW, holder="a")) for _ in range(5)} == {1}
        assert seconds(reserve([one], NOW, holder="b")) == 2

    def test_takes_from_the_other_buckets_when_it_goes(self) -> None:
        wide, narrow = bucket(burst=2), bucket()
        reserve([narrow], NOW)
        assert seconds(reserve([wide, narrow], NOW, holder="a")) == 1
        then = NOW + SECOND
        assert seconds(reserve([wide, narrow], then, holder="a"), then) == 0
        assert [seconds(reserve([wide], then), then) for _ in range(2)] == [0, 1]


class TestSlowDown:
    def test_nothing_goes_before_and_then_one_by_one(self) -> None:
        one = bucket(calls=10, burst=5)
        slow_down(one, NOW + 7 * SECOND)
        assert [seconds(reserve([one], NOW)) for _ in range(3)] == [7, 7.1, 7.2]

    def test_bucket_without_a_rate(self) -> None:
        one = Bucket(f"test:{uuid.uuid4()}")
        assert {seconds(reserve([one], NOW)) for _ in range(100)} == {0}
        slow_down(one, NOW + 5 * SECOND)
        assert [seconds(reserve([one], NOW)) for _ in range(3)] == [5, 5.02, 5.04]
        later = NOW + 6 * SECOND
        assert {seconds(reserve([one], later), later) for _ in range(100)} == {0}

    def test_a_time_reserved_before_is_void(self) -> None:
        one = bucket()
        reserve([one], NOW)
        assert seconds(reserve([one], NOW, holder="a")) == 1
        slow_down(one, NOW + 60 * SECOND)
        then = NOW + SECOND
        grant = reserve([one], then, holder="a")
        assert seconds(grant) == 60
        at = NOW + 60 * SECOND
        assert seconds(reserve([one], at, holder="a"), at) == 0

    def test_a_shorter_one_changes_nothing_and_none_lasts_longer_than_an_hour(self) -> None:
        one = bucket()
        slow_down(one, NOW + 60 * SECOND)
        slow_down(one, NOW + 10 * SECOND)
        slow_down(one, NOW - 10 * SECOND)
        assert seconds(reserve([one], NOW)) == 60
        other = bucket()
        slow_down(other, NOW + timedelta(days=3))
        assert seconds(reserve([other], NOW)) == 3600

    def test_a_429_holds_the_narrowest_kind(self) -> None:
        account, channel = Bucket(f"test:{uuid.uuid4()}"), Bucket(f"test:{uuid.uuid4()}", 1, 0, True)
        asked_to_wait([account, channel], NOW + 9 * SECOND)
        assert seconds(reserve([account], NOW)) == 0
        assert seconds(reserve([account, channel], NOW)) == 9
        asked_to_wait([account], NOW + 9 * SECOND)
        assert seconds(reserve([account], NOW)) == 9


class Parameters(BaseModel):
    channel: str = ""


class Chat(BaseIntegration):
    key, name = "chat", "Chat"
    limits = [
        Limit("workspace", calls=50, seconds=60, burst=10),
        Limit("channel", calls=1, seconds=1, key=lambda action, data: data.channel if action == "send" else None),
    ]


def integration(**fields: Any) -> Any:
    return SimpleNamespace(pk=uuid.uuid4(), organization_id=uuid.uuid4(), **fields)


class TestLimitsOfConnectors:
    def test_declared(self) -> None:
        row = integration()
        asked, workspace, channel = limits_for(Chat, row, "send", Parameters(channel="#a"))
        assert (asked.interval, workspace.interval, channel.interval) == (0, 1.2, 1)
        assert (workspace.tolerance, channel.tolerance) == (pytest.approx(10.8), 0)
        assert (workspace.is_part, channel.is_part) == (False, True)
        assert all(item.key.startswith(f"{row.organization_id}:{row.pk}:") for item in (asked, workspace, channel))

    def test_each_key_has_its_bucket_and_each_integration_its_own(self) -> None:
        one, other = integration(), integration()
        keys = {
            item.key
            for row in (one, other)
            for channel in ("#a", "#b", "#a\r\nSET x", "\ud800", "x" * 5000)
            for item in limits_for(Chat, row, "send", Parameters.model_construct(channel=channel))
        }
        assert len(keys) == 2 * (1 + 1 + 5)
        assert all(len(key) < 140 and key.isascii() and key.isprintable() for key in keys)

    def test_a_limit_that_does_not_concern_the_call(self) -> None:
        assert len(limits_for(Chat, integration(), "archive", Parameters())) == 2
        assert len(limits_for(Chat, integration(), "enrich", None)) == 2

    def test_operator_switches_all_off(self, settings: Settings) -> None:
        settings.PLATFORM_LIMITS = {"chat": None}
        assert limits_for(Chat, integration(), "send", Parameters()) == []

    def test_operator_replaces_all(self, settings: Settings) -> None:
        settings.PLATFORM_LIMITS = {"chat": {"calls": 100, "seconds": 10, "burst": 3}, "other": None}
        _, only = limits_for(Chat, integration(), "send", Parameters())
        assert only.interval == 0.1
        assert only.tolerance == pytest.approx(0.2)

    @pytest.mark.parametrize(
        "odd",
        [
            {},
            {"calls": 1},
            {"calls": 0, "seconds": 1},
            7,
            [],
            {"calls": "x", "seconds": 1},
            {"calls": 1, "seconds": -1},
        ],
    )
    def test_operator_is_told_what_is_wrong(self, settings: Settings, odd: Any) -> None:
        settings.PLATFORM_LIMITS = {"chat": odd}
        with pytest.raises(ImproperlyConfigured, match="SUPPORTOPS_PLATFORM_LIMITS: 'chat'"):
            limits_for(Chat, integration(), "send", Parameters())

    def test_platform_says_it_allows_less(self) -> None:
        row = integration()
        learn(row.organization_id, row.pk, {"limit": 20, "remaining": 19, "reset_at": None}, NOW)
        _, workspace, channel = limits_for(Chat, row, "send", Parameters())
        assert (workspace.interval, channel.interval) == (3, 1)

    @pytest.mark.parametrize("limit", [500, 1, None, "many"])
    def test_a_word_that_is_not_lower_or_not_believable(self, limit: Any) -> None:
        row = integration()
        learn(row.organization_id, row.pk, {"limit": limit, "remaining": None, "reset_at": None}, NOW)
        assert limits_for(Chat, row, "send", Parameters())[1].interval == 1.2

    def test_nothing_left_holds_the_integration(self) -> None:
        row = integration()
        reset_at = (NOW + 30 * SECOND).isoformat()
        learn(row.organization_id, row.pk, {"limit": None, "remaining": 0, "reset_at": reset_at}, NOW)
        assert seconds(reserve(limits_for(Chat, row, "archive", Parameters()), NOW)) == 30
        assert seconds(reserve(limits_for(Chat, integration(), "archive", Parameters()), NOW)) == 0


def test_keys_in_redis_expire(kept_in: str) -> None:
    if kept_in != "redis":
        pytest.skip("Concerns the shared buckets alone.")
    one = bucket()
    for _ in range(3):
        reserve([one], NOW, holder=f"h{uuid.uuid4()}")
    slow_down(one, NOW + 30 * SECOND)
    client = buckets._shared()._redis
    keys = client.keys("*")
    assert len(keys) == 3
    assert all(0 < client.pttl(key) < 200_000 for key in keys)


def test_script_survives_an_emptied_redis(kept_in: str) -> None:
    if kept_in != "redis":
        pytest.skip("Concerns the shared buckets alone.")
    one = bucket()
    reserve([one], NOW)
    client = buckets._shared()._redis
    client.script_flush()
    assert seconds(reserve([one], NOW)) == 1
    client.flushall()
    assert seconds(reserve([one], NOW)) == 0
