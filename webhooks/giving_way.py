"""Receipts first: a worker in the same process leaves them most of the interpreter while they come in.

Only the embedded default has both in one process. A receipt has somebody waiting for it who gives up after seconds;
what it leaves behind is in the database and loses nothing by being worked on a moment later.
"""

import threading
import time

# A worker rests so many times as long as it has just computed, and never longer than this at once.
_RESTS = 3.0
_MOST_SECONDS = 0.1
_LOOK_AGAIN = 0.002


class Receipts:
    """How many receipts this process has under way, and the worker's pause for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._worker = threading.local()

    def __enter__(self) -> None:
        with self._lock:
            self._under_way += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._under_way -= 1

    def give_way(self) -> None:
        """Rest while receipts are under way, in proportion to what this thread has computed since it last did."""
        computed = time.thread_time() - getattr(self._worker, "computed", time.thread_time())
        until = time.monotonic() + min(_MOST_SECONDS, _RESTS * computed)
        while self._under_way and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN)
        self._worker.computed = time.thread_time()


RECEIPTS = Receipts()
