"""Identifiers that sort by time and cannot be guessed: UUID version 7 (RFC 9562, section 5.7)."""

import os
import secrets
import threading
import time
import uuid
from datetime import UTC, datetime

_lock = threading.Lock()
_last_tick = 0
# Random bytes of the system, fetched for many ids at once: each fetch lets another thread go first.
_AT_ONCE = 4096
_random = memoryview(b"")


def _begin_anew() -> None:
    """A forked child must not hand out what its parent does, and may find the lock held by a thread it has not."""
    global _lock, _random
    _lock, _random = threading.Lock(), memoryview(b"")


os.register_at_fork(after_in_child=_begin_anew)


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7: 48 bits of milliseconds, 12 bits that keep the order within one, 62 random bits.

    Within one process each id is greater than the one before, so rows inserted in a row list in that order.
    """
    global _last_tick, _random
    tick = time.time_ns() * 4096 // 1_000_000  # milliseconds with 12 fractional bits
    with _lock:
        tick = max(tick, _last_tick + 1)
        _last_tick = tick
        if len(_random) < 8:
            _random = memoryview(os.urandom(_AT_ONCE))
        random, _random = int.from_bytes(_random[:8], "big") >> 2, _random[8:]
    milliseconds, fraction = tick >> 12, tick & 0xFFF
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random
    return uuid.UUID(int=value)


def first_id_at(at: datetime) -> uuid.UUID:
    """Return the least id that can be made at a time: rows older than that have smaller ones."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | 0b10 << 62)


def made_at(made: uuid.UUID) -> datetime:
    """Return when an id was made, by the clock of the machine that made it."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)


def new_key(length: int = 32) -> str:
    """Return a random text for addresses and secrets, safe in URLs, with at least `length` * 6 bits."""
    return secrets.token_urlsafe(length * 3 // 4 + 1)[:length]
