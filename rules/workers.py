"""Who this process is among those that claim work, and the heartbeat that keeps its claims alive.

A worker beats every 2 s. One that has not beaten for 8 s is dead: its claims go back (rules/recovery.py). A
process that was stopped and wakes up finds out at its next write, since its fences have moved on.
"""

import os
import socket
import threading
import uuid
from datetime import timedelta

import structlog
from django.db import DatabaseError, connection

from rules.models import Worker
from supportops import clock
from supportops.ids import new_id

BEAT_EVERY = 2.0
DEAD_AFTER = timedelta(seconds=8)
FORGOTTEN_AFTER = timedelta(hours=1)

log = structlog.get_logger()


class _Heart:
    """One per process; made anew after a fork."""

    def __init__(self, kind: str) -> None:
        self.pid = os.getpid()
        self.worker_id = new_id()
        self.kind = kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        Worker.objects.create(id=self.worker_id, kind=self.kind, host=socket.gethostname()[:200], pid=self.pid)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_EVERY):
            try:
                clock.sync()
                now = clock.now()
                if not Worker.objects.filter(pk=self.worker_id).update(beat_at=now):
                    Worker.objects.create(
                        id=self.worker_id, kind=self.kind, host=socket.gethostname()[:200], pid=self.pid
                    )
            except DatabaseError as error:
                # The database is away: nobody can claim now either. The next beat tries again.
                log.warning("heartbeat.failed", error=str(error)[:200])
                connection.close()
        connection.close()


_heart: _Heart | None = None
_lock = threading.Lock()


def this_worker_id(kind: str = "worker") -> uuid.UUID:
    """Return the id under which this process claims; the first call starts its heartbeat."""
    global _heart
    with _lock:
        if _heart is None or _heart.pid != os.getpid():
            _heart = _Heart(kind)
            _heart.start()
        return _heart.worker_id


def stop() -> None:
    """End this process's heartbeat and give up its name: what it still holds goes to others at once."""
    global _heart
    with _lock:
        if _heart is not None and _heart.pid == os.getpid():
            _heart.stop()
            Worker.objects.filter(pk=_heart.worker_id).update(beat_at=clock.now() - DEAD_AFTER * 2)
        _heart = None


def resign() -> None:
    """Forget this process's name without touching the database: its claims count as dead once the name is silent."""
    global _heart
    with _lock:
        if _heart is not None:
            _heart.stop()
        _heart = None


def alive() -> int:
    """Return how many workers beat at present."""
    return Worker.objects.filter(beat_at__gte=clock.now() - DEAD_AFTER).count()


def dead_ids() -> list[uuid.UUID]:
    """Return the workers that are dead but not forgotten."""
    return list(Worker.objects.filter(beat_at__lt=clock.now() - DEAD_AFTER).values_list("id", flat=True))
