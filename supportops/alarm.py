"""Calls something at a time, soon, from one thread of the process. For wake-ups that may get lost, nothing more."""

import heapq
import os
import threading
import time
from collections.abc import Callable

# Whoever comes when so many wait is left to the sweep.
_MOST = 10_000


class Alarm:
    """Rings `ring` once for each time set; times within `together` seconds ring once."""

    def __init__(self, ring: Callable[[], None], together: float = 0.02) -> None:
        self._ring, self._together = ring, together
        self._reset()
        # A forked child has neither the thread nor, if it was held at that moment, a usable lock.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._condition = threading.Condition()
        self._times: list[float] = []
        self._thread: threading.Thread | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds; returns at once."""
        with self._condition:
            if len(self._times) >= _MOST:
                return
            heapq.heappush(self._times, time.monotonic() + max(0.0, seconds))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._times:
                    self._condition.wait()
                left = self._times[0] - time.monotonic()
                if left > 0:
                    self._condition.wait(left)
                    continue
                border = time.monotonic() + self._together
                while self._times and self._times[0] <= border:
                    heapq.heappop(self._times)
            self._ring()
