"""A worker sends itself messages through the broker, and ends itself when none of them comes any more.

After an outage of the broker a worker may hold a connection that looks whole and brings nothing. Nothing else would
notice: its process lives, its heartbeat in the database beats. The supervisor starts it anew.
"""

import logging
import os
import signal
import threading
import time
from typing import Any

from celery import Celery, signals
from kombu import Exchange, Queue

from supportops.running.waking import BROKER_ERRORS

logger = logging.getLogger(__name__)

TASK = "supportops.pulse"
EVERY_SECONDS = 20.0
# Beyond the longest time for which a worker may be busy with all it has: a minute's pump and its last call.
SILENT_SECONDS = 240.0


class Pulse:
    """Counts beats sent and heard. Only beats that the broker took count: while it is away nobody is to blame."""

    def __init__(self, now: float, silent_seconds: float = SILENT_SECONDS) -> None:
        self._silent_seconds = silent_seconds
        self._heard_at = now
        self._sent: list[float] = []

    def sent(self, now: float) -> None:
        """Note that the broker took a beat."""
        self._sent.append(now)

    def heard(self, now: float) -> None:
        """Note that a beat came back."""
        self._heard_at = now
        self._sent.clear()

    def has_stopped(self, now: float) -> bool:
        """Say whether beats were taken all this time and none came back."""
        # A single one may have been lost with an emptied broker.
        return len(self._sent) > 2 and now - max(self._heard_at, self._sent[0]) > self._silent_seconds


def watch_worker(app: Celery, queue: Queue) -> Pulse:
    """Beat from a thread of a worker's main process that also consumes `queue`; kill the process when beats stop."""
    pulse = Pulse(time.monotonic())

    @signals.task_received.connect(weak=False)
    def hear(request: Any = None, **_: Any) -> None:
        if request is not None and request.name == TASK:
            pulse.heard(time.monotonic())

    def beat() -> None:
        while True:
            try:
                app.send_task(TASK, queue=queue.name, retry=False, expires=EVERY_SECONDS * 3)
                pulse.sent(time.monotonic())
            except BROKER_ERRORS as error:
                logger.debug("No beat: the broker is away (%s).", error)
            if pulse.has_stopped(time.monotonic()):
                logger.critical("This worker consumes nothing any more; it ends itself to be started anew.")
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=beat, name="pulse", daemon=True).start()
    return pulse


def own_queue(hostname: str) -> Queue:
    """Give the queue of one worker alone: others must not hear its beats."""
    name = f"pulse.{hostname}"
    return Queue(name, Exchange(name), routing_key=name)
