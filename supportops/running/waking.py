"""Wake-ups: publishing tasks that carry nothing, beside the work that asks for them and never in its way.

The database is the queue of record, so a message says only "look what is due". That allows two things. Publishing
may be late or fail without harm: it happens in a thread of its own, a request never waits for the broker, and the
sweep finds what nobody was woken for. And wake-ups may be folded: a thousand deliveries in a second need no
thousand messages.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery, current_app
from celery.contrib.django.task import DjangoTask
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# What a broker that is away, full or restarting may raise: kombu's own, redis-py's where kombu lets it through.
BROKER_ERRORS: tuple[type[Exception], ...] = (OperationalError, ChannelError, RedisError, OSError)
# Wake-ups of one task are folded within this time, per process; the first one goes at once. Publishing takes some
# milliseconds of the interpreter, and whoever was woken works on until nothing is due.
PAUSE_SECONDS = 0.1
# More waiting messages than any number of workers would take at once; the broker shall not fill up while none runs.
MOST_WAITING = 500


class Waker:
    """Publishes each wanted task soon, at most once per pause, from one daemon thread per process."""

    def __init__(self, publish: Callable[[str], None], pause: float = PAUSE_SECONDS) -> None:
        self._publish = publish
        self._pause = pause
        self._reset()
        # A forked child has neither the thread nor, if it was held at that moment, a usable lock.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[str, None] = {}
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_broker_away = False

    def wake(self, task_name: str) -> None:
        """Have `task_name` published within the pause; returns at once, never raises for a broker's sake."""
        with self._lock:
            self._wanted[task_name] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, {}
            for task_name in wanted:
                self._publish_one(task_name)
            time.sleep(self._pause)

    def _publish_one(self, task_name: str) -> None:
        try:
            self._publish(task_name)
        except BROKER_ERRORS as error:
            # Said once per outage: the sweep asks again every few seconds.
            if not self._is_broker_away:
                logger.warning("The broker does not take messages (%s); the sweep wakes workers later.", error)
            self._is_broker_away = True
        else:
            if self._is_broker_away:
                logger.info("The broker takes messages again.")
            self._is_broker_away = False


if TYPE_CHECKING:
    # Generic in the stubs only.
    _DjangoTask = DjangoTask[Any, Any]
else:
    _DjangoTask = DjangoTask


class WakingTask(_DjangoTask):
    """The base of all tasks: without arguments it is a wake-up, published by the waker.

    A task with arguments is published at once and raises what the broker raises; work that must not be lost belongs
    into a row, which a task without arguments then finds.
    """

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        """Publish the task; None for a wake-up. Raises ValueError for a time to come: waits are rows with `due_at`."""
        if options.get("countdown") is not None or options.get("eta") is not None:
            raise ValueError(f"{self.name}: a wait is a row with due_at, never a message with an ETA.")
        if args or kwargs or more or options or self.app.conf.task_always_eager:
            return super().apply_async(args, kwargs, *more, **options)
        WAKER.wake(self.name)
        return None


def publish(app: Celery, task_name: str) -> None:
    """Publish a wake-up now, unless enough of them wait already. Raises BROKER_ERRORS."""
    queue = app.amqp.router.route({}, task_name)["queue"].name
    with app.producer_pool.acquire(block=True, timeout=5) as producer:
        if messages_waiting(producer.channel, queue) < MOST_WAITING:
            app.send_task(task_name, producer=producer, retry=False)


def messages_waiting(channel: Any, queue: str) -> int:
    """Give how many messages wait in `queue`. Raises BROKER_ERRORS."""
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except ChannelError:
        # An empty queue does not exist on Redis.
        return 0


WAKER = Waker(lambda task_name: publish(current_app, task_name))
