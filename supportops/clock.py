"""The one place where the time comes from: the database's, movable in tests.

Workers on several machines compare times that others wrote, so all of them use the database's clock. A
process measures its distance to that clock now and then (`sync`) and adds it to a monotonic reading in
between; a jump of the machine's own clock therefore changes nothing.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

_SYNC_EVERY = timedelta(seconds=5)
# The database's time at a monotonic reading; None until the first sync: then the machine's clock serves.
_anchor: tuple[datetime, float] | None = None
_moved = timedelta(0)
_frozen: datetime | None = None
_keeper: threading.Thread | None = None


def now() -> datetime:
    """Return the database's present time, aware, in UTC."""
    if _frozen is not None:
        return _frozen
    if _anchor is None:
        return datetime.now(UTC) + _moved
    at, reading = _anchor
    return at + timedelta(seconds=time.monotonic() - reading) + _moved


def in_utc(at: datetime) -> datetime | None:
    """Return an aware time of a stranger in UTC, None where that lies outside of the calendar.

    PostgreSQL knows no offsets beyond 15:59, which RFC 3339 allows; in UTC it takes each of them.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None


def sync() -> None:
    """Measure the distance to the database's clock. SQLite has no clock of its own: there it does nothing."""
    global _anchor
    if connection.vendor != "postgresql":
        return
    before = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    after = time.monotonic()
    _anchor = (row[0].astimezone(UTC), (before + after) / 2)


@contextmanager
def moved(by: timedelta) -> Iterator[None]:
    """Let `now` answer `by` later (or earlier) within the block. For tests."""
    global _moved
    _moved += by
    try:
        yield
    finally:
        _moved -= by


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Let `now` answer `at` within the block. For tests."""
    global _frozen
    before, _frozen = _frozen, at
    try:
        yield
    finally:
        _frozen = before
