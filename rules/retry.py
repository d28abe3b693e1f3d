"""Decides what comes after an attempt. Pure: an outcome in, the next move out."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.errors import CredentialsRejected, IntegrationError, RateLimited, Transient, Unavailable, Uncertain

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how far apart a step is tried: exponential backoff with full jitter.

    `attempts` counts the first one. Waits lie between 0 and min(cap, base * factor^n) seconds.
    """

    attempts: int = 8
    base: float = 2.0
    factor: float = 4.0
    cap: float = 3600.0


@dataclass(frozen=True)
class RetryAt:
    """Try again then."""

    at: datetime


@dataclass(frozen=True)
class Bury:
    """Failed for good; rests until a person acts."""


@dataclass(frozen=True)
class Hold:
    """Nobody knows whether it took effect; a person decides."""


@dataclass(frozen=True)
class AwaitCredentials:
    """The platform refused the credentials; wait for new ones."""


Move = RetryAt | Bury | Hold | AwaitCredentials


def next_move(
    error: IntegrationError,
    *,
    attempts_made: int,
    now: datetime,
    policy: RetryPolicy,
    may_repeat: bool = False,
    on_uncertain: str = "hold",
) -> Move:
    """Return what to do after `attempts_made` attempts of which the last ended in `error`.

    `may_repeat`: a second call cannot have a second effect. `on_uncertain`: what the step's author chose where it can.
    """
    if isinstance(error, CredentialsRejected):
        return AwaitCredentials()
    if isinstance(error, Uncertain):
        if not may_repeat and on_uncertain != "retry":
            return Hold()
        if attempts_made >= policy.attempts:
            return Hold() if not may_repeat else Bury()
        return RetryAt(now + backoff(policy, attempts_made))
    if isinstance(error, Transient) and attempts_made < policy.attempts:
        asked = error.retry_after if isinstance(error, (RateLimited, Unavailable)) else None
        wait = backoff(policy, attempts_made) if asked is None else timedelta(seconds=asked)
        if asked is not None:
            # A little later than asked, so that many steps told the same do not come back at one instant.
            wait = min(max(wait, FIRST_WAIT), LONGEST_WAIT) + timedelta(seconds=random.uniform(0, 0.5))  # noqa: S311
        return RetryAt(now + wait)
    return Bury()


def backoff(policy: RetryPolicy, attempts_made: int) -> timedelta:
    """Return a wait after so many attempts, with full jitter.

    Source: Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
    """
    ceiling = min(policy.cap, policy.base * policy.factor ** max(0, attempts_made - 1))
    return timedelta(seconds=random.uniform(min(0.2, ceiling), ceiling))  # noqa: S311 - spreads load, no secret
