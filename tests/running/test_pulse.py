"""A worker that no longer consumes is noticed, one that is only cut off from its broker is not blamed."""

import threading
import time

import pytest
from celery.worker import WorkController

from supportops.running import pulse
from supportops.running.pulse import Pulse
from tests.running.starting import wait_for


def test_beats_that_come_back_are_life() -> None:
    heart = Pulse(0.0, silent_seconds=100)
    for second in range(0, 1000, 20):
        heart.sent(second)
        heart.heard(second + 1)
        assert not heart.has_stopped(second + 2)


def test_beats_that_are_taken_and_never_come_back_are_not() -> None:
    heart = Pulse(0.0, silent_seconds=100)
    heart.heard(10)
    stopped_at = []
    for second in range(20, 300, 20):
        heart.sent(second)
        if heart.has_stopped(second):
            stopped_at.append(second)
    assert stopped_at[0] == 140


def test_a_broker_that_is_away_is_not_the_workers_fault() -> None:
    heart = Pulse(0.0, silent_seconds=100)
    heart.heard(10)
    # Nothing could be sent for ten minutes; then the first beats after it have their time to come back.
    for second in (600, 620, 640):
        heart.sent(second)
        assert not heart.has_stopped(second)
    heart.heard(641)
    assert not heart.has_stopped(650)


def test_a_worker_hears_itself_through_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    from supportops.celery import app

    monkeypatch.setattr(pulse, "EVERY_SECONDS", 0.05)
    queue = pulse.own_queue("pulse-tests@here")
    app.amqp.queues.add(queue)
    worker = WorkController(
        app=app, pool="threads", concurrency=1, queues=queue.name, hostname="pulse-tests@here",
        without_heartbeat=True, without_mingle=True, without_gossip=True,
    )  # fmt: skip
    thread = threading.Thread(target=worker.start, daemon=True)
    thread.start()
    try:
        heart = pulse.watch_worker(app, queue)
        began = time.monotonic()
        wait_for(lambda: heart._heard_at > began, 10, "a beat that comes back")
    finally:
        worker.stop()
        thread.join(10)
        # The thread that beats goes on for as long as the tests do.
        monkeypatch.setattr(pulse, "EVERY_SECONDS", 3600)
        heart.heard(time.monotonic() + 1e9)
