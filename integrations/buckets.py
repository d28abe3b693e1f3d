"""Where buckets are kept: in Redis, one round trip for all that a call needs, or in the process.

Times are microseconds since 1970 of the database's clock, which all workers share. A bucket is when it will be empty
(`empty_at`) and until when the platform wants to be left alone (`hold`). Both stores run the same steps.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

_PREFIX = "supportops:limit:"
# Who was told to wait and has no rate to be spaced by does not come back in one instant.
_SPACING = 20_000
# A time reserved is kept a little longer than it lasts, for holders that come late.
_LATE = 120_000_000
# Coming a little early is coming in time.
_EARLY = 50_000
# Redis that did not answer is left alone for so long.
_AWAY_SECONDS = 5.0
_REDIS_TIMEOUT = 0.25
_MOST_IN_PROCESS = 50_000


@dataclass(frozen=True)
class Bucket:
    """One limit: a call each `interval` seconds, `tolerance` seconds' worth of them at once.

    Without an interval it lets everything through until it is told to hold. `is_part`: it stands for a part of what the
    integration does (a channel, an endpoint).
    """

    key: str
    interval: float = 0.0
    tolerance: float = 0.0
    is_part: bool = False

    @property
    def steps(self) -> tuple[int, int]:
        return round(self.interval * 1e6), round(self.tolerance * 1e6)


@dataclass(frozen=True)
class Asked:
    """A wish for one call from each of `buckets`."""

    buckets: Sequence[Bucket]
    now: int
    horizon: int
    holder: str = ""


class Store(Protocol):
    def reserve(self, asked: Asked) -> tuple[int, bool]:
        """Return (0, True) to go, else the time at which to come and whether it is reserved."""

    def slow_down(self, bucket: Bucket, until: int, now: int) -> None:
        """Let nothing through before `until`."""


def store() -> Store:
    """Return where buckets are kept just now: in Redis where it is configured and answers."""
    return _shared() if settings.REDIS_URL else in_process


class InProcess:
    """Buckets of one process: of the embedded default, and while Redis is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[int, int]] = {}  # key → (empty_at, hold)
        self._held: dict[str, tuple[int, str]] = {}  # holder → (time reserved, key of its bucket)

    def reserve(self, asked: Asked) -> tuple[int, bool]:
        """As `Store.reserve`."""
        with self._lock:
            self._make_room(asked.now)
            now = asked.now
            states = [self._buckets.get(bucket.key, (0, 0)) for bucket in asked.buckets]
            held = self._held.get(asked.holder) if asked.holder else None
            if held is not None:
                if all(hold <= now for _, hold in states):
                    if held[0] > now + _EARLY:
                        return held[0], True
                    del self._held[asked.holder]
                    self._take(asked, states, but=held[1])
                    return 0, True
                del self._held[asked.holder]
            earliest = [
                max(empty_at - bucket.steps[1], 0) for bucket, (empty_at, _) in zip(asked.buckets, states, strict=True)
            ]
            at = max(earliest)
            if at <= now:
                self._take(asked, states)
                return 0, True
            if at - now > asked.horizon:
                return now + asked.horizon, False
            # Only the bucket that makes it wait gives now; what the others have is there for calls that may go.
            slow = asked.buckets[earliest.index(at)]
            empty_at, hold = states[earliest.index(at)]
            self._buckets[slow.key] = (max(empty_at, now) + (slow.steps[0] or _SPACING), hold)
            if asked.holder:
                self._held[asked.holder] = (at, slow.key)
            return at, True

    def slow_down(self, bucket: Bucket, until: int, now: int) -> None:
        """As `Store.slow_down`."""
        with self._lock:
            empty_at, hold = self._buckets.get(bucket.key, (0, 0))
            self._buckets[bucket.key] = (max(empty_at, until + bucket.steps[1]), max(hold, until))

    def clear(self) -> None:
        """Forget everything, for tests."""
        with self._lock:
            self._buckets.clear()
            self._held.clear()

    def _take(self, asked: Asked, states: Sequence[tuple[int, int]], but: str = "") -> None:
        for bucket, (empty_at, hold) in zip(asked.buckets, states, strict=True):
            interval = bucket.steps[0]
            if interval and bucket.key != but:
                self._buckets[bucket.key] = (max(empty_at, asked.now) + interval, hold)

    def _make_room(self, now: int) -> None:
        """Drop what says nothing any more; should that not do, everything: calls then go too soon, not never."""
        if len(self._buckets) + len(self._held) < _MOST_IN_PROCESS:
            return
        self._buckets = {key: state for key, state in self._buckets.items() if max(state) > now}
        self._held = {holder: held for holder, held in self._held.items() if held[0] + _LATE > now}
        if len(self._buckets) + len(self._held) >= _MOST_IN_PROCESS * 9 // 10:
            log.warning("Too many rate limit buckets in one process; they start anew. Set SUPPORTOPS_REDIS_URL.")
            self._buckets.clear()
            self._held.clear()


# The steps of InProcess.reserve. KEYS: the buckets, then the holder's. ARGV: now, horizon, whether there is a holder,
# then interval and tolerance of each bucket. Answers {time or 0, reserved}.
_RESERVE = (
    """
local now, horizon, has_holder = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local n = has_holder and #KEYS - 1 or #KEYS
local empty, hold, most_held = {}, {}, 0
for i = 1, n do
  local found = redis.call('HMGET', KEYS[i], 'empty', 'hold')
  empty[i], hold[i] = tonumber(found[1] or 0), tonumber(found[2] or 0)
  most_held = math.max(most_held, hold[i])
end
local function interval(i) return tonumber(ARGV[2 + 2 * i]) end
local function tolerance(i) return tonumber(ARGV[3 + 2 * i]) end
local function put(i, at)
  redis.call('HSET', KEYS[i], 'empty', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[i], math.ceil((math.max(at, hold[i]) - now) / 1000) + 60000)
end
local function take(but)
  for i = 1, n do
    if interval(i) > 0 and KEYS[i] ~= but then put(i, math.max(empty[i], now) + interval(i)) end
  end
end
if has_holder then
  local held = redis.call('HMGET', KEYS[n + 1], 'at', 'bucket')
  if held[1] then
    if most_held <= now then
      if tonumber(held[1]) > now + EARLY then return {held[1], 1} end
      redis.call('DEL', KEYS[n + 1])
      take(held[2])
      return {'0', 1}
    end
    redis.call('DEL', KEYS[n + 1])
  end
end
local slow, at = 0, -1
for i = 1, n do
  local earliest = math.max(empty[i] - tolerance(i), 0)
  if earliest > at then slow, at = i, earliest end
end
if at <= now then
  take('')
  return {'0', 1}
end
if at - now > horizon then return {string.format('%.0f', now + horizon), 0} end
put(slow, math.max(empty[slow], now) + (interval(slow) > 0 and interval(slow) or SPACING))
if has_holder then
  redis.call('HSET', KEYS[n + 1], 'at', string.format('%.0f', at), 'bucket', KEYS[slow])
  redis.call('PEXPIRE', KEYS[n + 1], math.ceil((at - now + LATE) / 1000))
end
return {string.format('%.0f', at), 1}
""".replace("EARLY", str(_EARLY))
    .replace("SPACING", str(_SPACING))
    .replace("LATE", str(_LATE))
)

_SLOW_DOWN = """
local until_, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = redis.call('HMGET', KEYS[1], 'empty', 'hold')
local empty = math.max(tonumber(found[1] or 0), until_ + tonumber(ARGV[3]))
local hold = math.max(tonumber(found[2] or 0), until_)
redis.call('HSET', KEYS[1], 'empty', string.format('%.0f', empty), 'hold', string.format('%.0f', hold))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(empty, hold) - now) / 1000) + 60000)
"""


class InRedis:
    """Buckets that all workers share. While Redis is away the process's own take over: work goes on."""

    def __init__(self, url: str, fallback: Store) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_REDIS_TIMEOUT,
            socket_connect_timeout=_REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )
        self._reserve = self._redis.register_script(_RESERVE)
        self._slow_down = self._redis.register_script(_SLOW_DOWN)
        self._fallback = fallback
        self._away_until = 0.0

    def reserve(self, asked: Asked) -> tuple[int, bool]:
        """As `Store.reserve`."""
        keys = [_PREFIX + bucket.key for bucket in asked.buckets]
        if asked.holder:
            keys.append(f"{_PREFIX}held:{asked.holder}")
        arguments = [asked.now, asked.horizon, 1 if asked.holder else 0]
        for bucket in asked.buckets:
            arguments += bucket.steps
        answer = self._run(self._reserve, keys, arguments)
        if answer is None:
            return self._fallback.reserve(asked)
        return int(answer[0]), bool(answer[1])

    def slow_down(self, bucket: Bucket, until: int, now: int) -> None:
        """As `Store.slow_down`."""
        if self._run(self._slow_down, [_PREFIX + bucket.key], [until, now, bucket.steps[1]]) is None:
            self._fallback.slow_down(bucket, until, now)

    def _run(self, script: Any, keys: list[str], arguments: list[Any]) -> list[Any] | None:
        """Run a script; None when Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return cast("list[Any]", script(keys=keys, args=arguments) or [])
        except redis.RedisError as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            log.warning("Redis is away (%s); rate limits hold for each process alone.", type(error).__name__)
            return None


in_process = InProcess()
_in_redis: dict[str, InRedis] = {}
_lock = threading.Lock()


def _shared() -> InRedis:
    url = settings.REDIS_URL
    with _lock:
        found = _in_redis.get(url)
        if found is None:
            found = _in_redis[url] = InRedis(url, in_process)
        return found


def _forget_after_fork() -> None:
    """A child must not speak on its parent's connections, nor wait for its locks."""
    global _lock, in_process
    _lock = threading.Lock()
    in_process = InProcess()
    _in_redis.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
