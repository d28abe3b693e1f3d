"""What happens every so often: names of tasks from settings.SCHEDULE, made due by the monotonic clock.

The embedded default runs them in threads of its own. In the production shape this module is a process that publishes
them (`python -m supportops.running.schedule`); two of it do no harm, and none for a while is caught up with.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from django.conf import settings

from supportops.running.waking import BROKER_ERRORS

logger = logging.getLogger(__name__)


class Schedule:
    """Calls `run(task name)` whenever one is due. The first round comes at once: after a crash there is work."""

    def __init__(self, run: Callable[[str], None], seconds: Mapping[str, float]) -> None:
        self._run = run
        self._seconds = seconds
        self._due = dict.fromkeys(seconds, 0.0)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End `loop` soon."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Say whether it was asked to end."""
        return self._stopped.is_set()

    def loop(self) -> None:
        """Run what is due until stopped."""
        while not self._stopped.wait(self.tick(time.monotonic())):
            pass

    def tick(self, now: float) -> float:
        """Run what is due at `now` and give the seconds until the next is."""
        for name, due_at in self._due.items():
            if due_at <= now:
                self._run(name)
                # From now on, not from when it was due: after a standstill one round is enough.
                self._due[name] = now + self._seconds[name]
        return max(0.0, min(self._due.values()) - now)


class Publisher:
    """Runs a task by publishing it; says once when the broker goes away and once when it is back."""

    def __init__(self, publish: Callable[[str], None]) -> None:
        self._publish = publish
        self._is_broker_away = False

    def __call__(self, name: str) -> None:
        """Publish `name`; while the broker is away nothing happens, and nothing is lost."""
        try:
            self._publish(name)
        except BROKER_ERRORS as error:
            if not self._is_broker_away:
                logger.warning("The broker does not take messages (%s); the schedule goes on without.", error)
            self._is_broker_away = True
        else:
            if self._is_broker_away:
                logger.info("The broker takes messages again.")
            self._is_broker_away = False


class InThreads:
    """Runs a task in a thread of its own, unless the one before is still under way."""

    def __init__(self, call: Callable[[str], None]) -> None:
        self._call = call
        self._under_way: dict[str, threading.Thread] = {}

    def __call__(self, name: str) -> None:
        """Start the task called `name`."""
        before = self._under_way.get(name)
        if before is None or not before.is_alive():
            thread = threading.Thread(target=self._call, args=(name,), name=name, daemon=True)
            self._under_way[name] = thread
            thread.start()


def scheduled_seconds() -> dict[str, float]:
    """Give the seconds between two runs of each scheduled task."""
    return {name: seconds for name, (_, seconds) in settings.SCHEDULE.items()}


def main() -> None:
    """Publish what is due until the process ends."""
    from supportops.celery import app
    from supportops.running.waking import publish

    Schedule(Publisher(lambda name: publish(app, name)), scheduled_seconds()).loop()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
    main()
