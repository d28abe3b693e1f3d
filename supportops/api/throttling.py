"""How many requests a caller may make in a minute: per token (or user) and per organization.

Counted with a sliding window of two counters, so that nobody gets twice the limit around the turn of a minute.
In Redis where there is one, else in the process. Webhooks in are never counted here.
"""

import logging
import math
import threading
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from supportops import clock
from supportops.api.callers import Caller

logger = logging.getLogger(__name__)

_WINDOW = 60

# KEYS: this window's counter, the one before. ARGV: share of the window before that still counts, limit.
# Returns -1 when the request was counted, else the count of the window before.
_TAKE = """
local now = tonumber(redis.call('GET', KEYS[1]) or '0')
local before = tonumber(redis.call('GET', KEYS[2]) or '0')
if now + before * tonumber(ARGV[1]) + 1 > tonumber(ARGV[2]) then return {now, before} end
redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], 120)
return {-1, 0}
"""


class _InProcess:
    """Counters of this process. Holds two windows and drops what is older."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], int] = {}
        self._newest = 0

    def take(self, key: str, window: int, share: float, limit: int) -> tuple[int, int] | None:
        with self._lock:
            if window != self._newest:
                self._counts = {at: count for at, count in self._counts.items() if at[1] >= window - 1}
                self._newest = window
            now, before = self._counts.get((key, window), 0), self._counts.get((key, window - 1), 0)
            if now + before * share + 1 > limit:
                return now, before
            self._counts[key, window] = now + 1
            return None

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


in_process = _InProcess()


@lru_cache(maxsize=1)
def _redis(url: str) -> "redis.Redis":
    # Short timeouts: counting must never hold up a request for long.
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


def seconds_to_wait(key: str, limit: int) -> float | None:
    """Count one request of `key` and return None, or return how long to wait when `limit` a minute is reached."""
    at = clock.now().timestamp()
    window, elapsed = int(at // _WINDOW), at % _WINDOW
    share = 1 - elapsed / _WINDOW
    refused = _take(key, window, share, limit)
    if refused is None:
        return None
    now, before = refused
    if now + 1 > limit or not before:
        # Nothing frees up before the turn of the window; then this window's count begins to fade.
        over = (now + 1 - limit) / max(now, 1)
        return _WINDOW - elapsed + max(0.0, over) * _WINDOW
    # Until the window before has faded enough for one more.
    return (share - (limit - now - 1) / before) * _WINDOW


def _take(key: str, window: int, share: float, limit: int) -> tuple[int, int] | None:
    if settings.REDIS_URL:
        names = [f"throttle:{key}:{window}", f"throttle:{key}:{window - 1}"]
        try:
            now, before = _redis(settings.REDIS_URL).eval(_TAKE, 2, *names, share, limit)
            return None if now < 0 else (int(now), int(before))
        except redis.RedisError:
            # Better a limit per process than none, and far better than no answer.
            logger.warning("Redis is out of reach: requests are counted per process.", exc_info=True)
    return in_process.take(key, window, share, limit)


class _PerCaller(BaseThrottle):
    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        caller = request.auth
        # REST framework asks every throttle, also after one has refused: what a token's own limit holds back must not
        # use up its organization's.
        if not isinstance(caller, Caller) or getattr(request, "is_throttled", False):
            return True
        self._wait = seconds_to_wait(*self.key_and_limit(caller))
        request.is_throttled = self._wait is not None  # type: ignore[attr-defined]
        return self._wait is None

    def wait(self) -> float | None:
        return None if self._wait is None else max(1.0, math.ceil(self._wait))

    def key_and_limit(self, caller: Caller) -> tuple[str, int]:
        raise NotImplementedError


class PerToken(_PerCaller):
    """SUPPORTOPS_API_REQUESTS_PER_MINUTE for each token, or user with a session."""

    def key_and_limit(self, caller: Caller) -> tuple[str, int]:
        return caller.key, settings.API_REQUESTS_PER_MINUTE


class PerOrganization(_PerCaller):
    """SUPPORTOPS_API_ORGANIZATION_REQUESTS_PER_MINUTE for all callers of an organization together."""

    def key_and_limit(self, caller: Caller) -> tuple[str, int]:
        return f"organization:{caller.organization.id}", settings.API_ORGANIZATION_REQUESTS_PER_MINUTE
