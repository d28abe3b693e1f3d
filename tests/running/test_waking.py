"""Wake-ups are folded, beside the work, and survive a broker that is away."""

import logging
import threading
import time
from collections.abc import Callable

import pytest
from celery import Celery, shared_task
from celery.worker import WorkController
from kombu.exceptions import OperationalError

from supportops.running.waking import MOST_WAITING, Waker, messages_waiting, publish


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_many_wakes_are_few_messages_and_the_last_wake_is_never_lost() -> None:
    published: list[str] = []
    waker = Waker(published.append, pause=0.02)
    for _ in range(1000):
        waker.wake("plan")
    waker.wake("perform")
    wait_for(lambda: "perform" in published)
    assert 1 <= published.count("plan") <= 5
    before = len(published)
    waker.wake("plan")
    wait_for(lambda: len(published) == before + 1)


def test_waking_does_not_wait_for_the_broker() -> None:
    let_go = threading.Event()
    waker = Waker(lambda name: let_go.wait(5) and None, pause=0)
    started = time.monotonic()
    for _ in range(100):
        waker.wake("plan")
    assert time.monotonic() - started < 0.5
    let_go.set()


def test_a_broker_that_is_away_is_said_once_and_its_return_too(caplog: pytest.LogCaptureFixture) -> None:
    is_away = True
    published: list[str] = []

    def publish(name: str) -> None:
        if is_away:
            raise OperationalError("connection refused")
        published.append(name)

    waker = Waker(publish, pause=0)
    with caplog.at_level(logging.INFO, "supportops.running.waking"):
        for _ in range(3):
            waker.wake("plan")
            wait_for(lambda: not waker._wanted)
            time.sleep(0.02)
        is_away = False
        waker.wake("plan")
        wait_for(lambda: bool(published))
        wait_for(lambda: len(caplog.records) == 2)
    assert "does not take messages (connection refused)" in caplog.text
    assert "takes messages again" in caplog.text


def test_a_task_for_later_is_refused() -> None:
    with pytest.raises(ValueError, match="a wait is a row with due_at"):
        wake_for_test.apply_async(countdown=5)


done = threading.Event()


@shared_task(name="tests.wake")
def wake_for_test() -> None:
    done.set()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Celery:
    """Our application on the in-memory broker, with nothing waiting."""
    from supportops.celery import app

    with app.connection_for_write() as connection:
        for queue in ("work", "maintenance"):
            connection.default_channel.queue_declare(queue=queue)
            connection.default_channel.queue_purge(queue=queue)
    return app


def test_a_worker_in_a_thread_does_what_it_is_woken_for(broker: Celery) -> None:
    done.clear()
    worker = WorkController(
        app=broker, pool="threads", concurrency=2, queues="work", hostname="tests@here",
        without_heartbeat=True, without_mingle=True, without_gossip=True,
    )  # fmt: skip
    thread = threading.Thread(target=worker.start, daemon=True)
    thread.start()
    try:
        started = time.monotonic()
        wake_for_test.delay()
        assert done.wait(10)
        done.clear()
        started = time.monotonic()
        wake_for_test.delay()
        assert done.wait(10)
        assert time.monotonic() - started < 0.5
    finally:
        worker.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_the_broker_does_not_fill_up_while_no_worker_runs(broker: Celery) -> None:
    for _ in range(MOST_WAITING + 20):
        publish(broker, "tests.wake")
    with broker.connection_for_read() as connection:
        assert messages_waiting(connection.default_channel, "work") == MOST_WAITING
        connection.default_channel.queue_purge(queue="work")
