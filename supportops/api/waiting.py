"""Lets a caller wait for something to be done: a few of each organization at a time, the others not at all."""

import time
import uuid
from collections import Counter
from collections.abc import Callable

from django.db import close_old_connections

# Callers that may wait at once per organization and process.
MOST_WAITING = 4
_waiting: Counter[uuid.UUID] = Counter()


def wait_until(is_done: Callable[[], bool], organization_id: uuid.UUID, seconds: float) -> bool:
    """Ask until `is_done`, at most so long, and return whether it is. At once when too many wait."""
    if _waiting[organization_id] >= MOST_WAITING:
        return False
    _waiting[organization_id] += 1
    try:
        until = time.monotonic() + seconds
        pause = 0.05
        while not is_done():
            left = until - time.monotonic()
            if left <= 0:
                return False
            close_old_connections()
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.5)
        return True
    finally:
        _waiting[organization_id] -= 1
