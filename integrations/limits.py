"""Keeps calls within what platforms allow: buckets that hand out times, shared by all workers.

A call that may not go now gets the time at which it may, and that time is its own: it is put back once and not polled.
The buckets follow the generic cell rate algorithm (one number each: when the bucket will be empty again). They live in
Redis, or without one in the process (integrations/buckets.py). A platform that asks us to wait pushes its bucket.
"""

import hashlib
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel

from integrations import buckets
from integrations.base import BaseIntegration
from integrations.buckets import Bucket
from integrations.models import Integration
from integrations.specs import Limit
from supportops import clock

__all__ = ["Bucket", "Grant", "asked_to_wait", "forget", "learn", "limits_for", "reserve", "slow_down"]

# Nobody is told to wait longer than this; beyond it nothing is reserved.
HORIZON = timedelta(hours=1)
# A platform's own word counts where it is not absurdly far below what is declared: its window may be another one.
_LEAST_BELIEVED = 0.1
_MOST_LEARNED = 10_000
# Has no rate of its own: it is there so that a platform without declared limits can ask us to wait.
_ASKED = "asked"


@dataclass(frozen=True)
class Grant:
    """When a call may be made: `at` None means now. `reserved`: that time is its own."""

    at: datetime | None = None
    reserved: bool = True


def limits_for(
    connector: type[BaseIntegration], integration: Integration, action: str, params: BaseModel | None
) -> list[Bucket]:
    """Return the buckets that a call takes from: the connector's limits, as the operator and the platform changed them.

    Without `params` limits that depend on them are left out. None in SUPPORTOPS_PLATFORM_LIMITS switches all off.
    """
    key = connector.key
    declared: Sequence[Limit] = connector.limits
    if key in settings.PLATFORM_LIMITS:
        override = overriding_limit(key, settings.PLATFORM_LIMITS[key])
        if override is None:
            return []
        declared = [override]
    prefix = f"{integration.organization_id}:{integration.pk}"
    learned = _learned.get(integration.pk)
    found = [Bucket(f"{prefix}:{_ASKED}")]
    for limit in declared:
        part = ""
        if limit.key is not None:
            given = limit.key(action, params) if params is not None else None
            if given is None:
                continue
            part = hashlib.sha256(str(given).encode(errors="surrogatepass")).hexdigest()[:24]
        calls = limit.calls
        if learned is not None and limit.key is None and calls * _LEAST_BELIEVED <= learned < calls:
            calls = learned
        interval = limit.seconds / calls
        bucket = Bucket(f"{prefix}:{limit.name}:{part}", interval, (limit.burst - 1) * interval, bool(part))
        found.append(bucket)
    return found


def reserve(wanted: Sequence[Bucket], now: datetime, *, holder: str = "", horizon: timedelta = HORIZON) -> Grant:
    """Take one call from each bucket, or reserve the earliest time at which there is one.

    `holder` names who waits (a step, a delivery): asked again at that time it is let through. Without it the caller
    remembers by itself that it holds a time. Beyond `horizon` nothing is reserved, and `at` is its end.
    """
    if not wanted:
        return Grant()
    asked = buckets.Asked(wanted, _micros(now), round(horizon.total_seconds() * 1e6), holder)
    at, is_reserved = buckets.store().reserve(asked)
    if at == 0:
        return Grant()
    return Grant(now + timedelta(microseconds=at - asked.now), is_reserved)


def slow_down(bucket: Bucket, until: datetime) -> None:
    """Let nothing more through before `until`: the platform has asked for it. Times already reserved are void."""
    now = clock.now()
    until = min(until, now + HORIZON)
    if until > now:
        buckets.store().slow_down(bucket, _micros(until), _micros(now))


def asked_to_wait(wanted: Sequence[Bucket], until: datetime) -> None:
    """Heed a 429 for a call that took from `wanted`: nothing of its kind goes before `until`.

    Its kind is the narrowest that is known: the channel or endpoint, else everything of the integration.
    """
    parts = [bucket for bucket in wanted if bucket.is_part]
    for bucket in parts[-1:] or wanted[:1]:
        slow_down(bucket, until)


def learn(organization_id: uuid.UUID, integration_id: uuid.UUID, rate_limit: Mapping[str, Any], now: datetime) -> None:
    """Heed what an answer's headers said: a lower limit than declared, and that nothing is left until a time."""
    limit, remaining, reset_at = (rate_limit.get(name) for name in ("limit", "remaining", "reset_at"))
    if isinstance(limit, int) and limit > 0:
        with _lock:
            if len(_learned) >= _MOST_LEARNED:
                _learned.clear()
            _learned[integration_id] = limit
    if remaining == 0 and isinstance(reset_at, str):
        until = datetime.fromisoformat(reset_at)
        if until > now:
            slow_down(Bucket(f"{organization_id}:{integration_id}:{_ASKED}"), until)


def forget() -> None:
    """Forget what this process keeps of limits, for tests."""
    buckets.in_process.clear()
    _learned.clear()


_learned: dict[uuid.UUID, int] = {}
_lock = threading.Lock()


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def overriding_limit(key: str, override: Any) -> Limit | None:
    """Return the limit that an operator sets in place of a platform's own, None for none at all.

    Raises ImproperlyConfigured, naming the platform.
    """
    if override is None:
        return None
    try:
        calls, seconds = float(override["calls"]), float(override["seconds"])
        burst = int(override.get("burst", 1))
    except (TypeError, KeyError, ValueError, AttributeError):
        calls = seconds = burst = 0
    if calls <= 0 or seconds <= 0 or burst < 1:
        raise ImproperlyConfigured(
            f"SUPPORTOPS_PLATFORM_LIMITS: '{key}' must be null or an object such as "
            '{"calls": 100, "seconds": 60, "burst": 5}.'
        )
    return Limit("operator", calls, seconds, burst)
