"""Where buckets are kept when something is missing: Redis, room."""

import socket
import time

import pytest
from pytest_django import Settings

from integrations import buckets
from integrations.buckets import Asked, Bucket, InProcess

HOUR = 3_600_000_000


def asked(*wanted: Bucket, now: int = 1_000_000, holder: str = "") -> Asked:
    return Asked(wanted, now, HOUR, holder)


def test_work_goes_on_without_redis(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    one = Bucket("away", 1, 0)
    assert [buckets.store().reserve(asked(one))[0] for _ in range(3)] == [0, 2_000_000, 3_000_000]
    buckets.store().slow_down(one, 9_000_000, 1_000_000)
    assert buckets.store().reserve(asked(one))[0] == 9_000_000
    assert caplog.text.count("Redis is away (ConnectionError)") == 1


def test_redis_that_hangs_is_not_waited_for_each_time(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        began = time.monotonic()
        for number in range(20):
            buckets.store().reserve(asked(Bucket(f"hangs{number}", 1, 0)))
        assert time.monotonic() - began < 3


def test_comes_back_to_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    store = buckets._shared()
    store.reserve(asked(Bucket("back", 1, 0)))
    asked_again: list[object] = []
    monkeypatch.setattr(store, "_reserve", lambda keys, args: asked_again.append(keys) or ["7", 1])
    assert store.reserve(asked(Bucket("back", 1, 0)))[0] != 7
    monkeypatch.setattr(store, "_away_until", 0.0)
    assert store.reserve(asked(Bucket("back", 1, 0))) == (7, True)
    assert len(asked_again) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(buckets, "_MOST_IN_PROCESS", 100)
    kept = InProcess()
    for number in range(100):
        kept.reserve(asked(Bucket(f"old{number}", 1, 0), now=number))
    kept.reserve(asked(Bucket("new", 1, 0), now=10_000_000))
    assert len(kept._buckets) == 1
    assert caplog.text == ""
    for number in range(200):
        kept.reserve(asked(Bucket(f"busy{number}", 10, 0), now=10_000_000, holder=f"h{number}"))
        assert len(kept._buckets) + len(kept._held) <= 101
    assert "start anew" in caplog.text


def test_holders_do_not_stay_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_MOST_IN_PROCESS", 20)
    kept = InProcess()
    one = Bucket("one", 0.001, 0)
    for number in range(15):
        kept.reserve(asked(one, holder=f"h{number}"))
    assert len(kept._held) == 14
    for number in range(30):
        kept.reserve(asked(Bucket(f"b{number}", 0.001, 0), now=HOUR + number))
    assert len(kept._held) == 0


def test_a_fork_starts_with_its_own(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    before = buckets.store()
    buckets._forget_after_fork()
    assert buckets.store() is not before
