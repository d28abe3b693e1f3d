"""Wakes workers. Messages carry nothing: the database is the truth, and the sweep wakes for what is due anyway.

So publishing happens after commit, at most a few times a second, and may fail without harm.
"""

import threading
import time

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger()

_LEAST_BETWEEN = 0.02  # seconds between two messages of a kind from one process
_QUIET_AFTER_FAILURE = 2.0
_lock = threading.Lock()
_next_at: dict[str, float] = {}


def plan() -> None:
    """Have due deliveries planned once the present transaction is committed."""
    transaction.on_commit(lambda: _send("webhooks.tasks.plan"))


def perform() -> None:
    """Have due steps performed once the present transaction is committed."""
    transaction.on_commit(lambda: _send("rules.tasks.perform"))


def _send(task: str) -> None:
    now = time.monotonic()
    with _lock:
        if now < _next_at.get(task, 0.0):
            return
        _next_at[task] = now + _LEAST_BETWEEN
    try:
        current_app.send_task(task, queue="work", retry=False)
    except (OperationalError, OSError) as error:
        with _lock:
            _next_at[task] = time.monotonic() + _QUIET_AFTER_FAILURE
        log.warning("wake.failed", task=task, error=str(error)[:200])
