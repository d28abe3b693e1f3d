"""What comes after an attempt: an outcome in, the next move out."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Transient,
    Unavailable,
    Uncertain,
    Unreachable,
)
from rules.retry import AwaitCredentials, Bury, Hold, Move, RetryAt, RetryPolicy, backoff, next_move

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
POLICY = RetryPolicy()


def after(error: IntegrationError, attempts_made: int = 1, **choices: object) -> Move:
    return next_move(error, attempts_made=attempts_made, now=NOW, policy=POLICY, **choices)  # type: ignore[arg-type]


def wait_after(error: IntegrationError, attempts_made: int = 1) -> float:
    move = after(error, attempts_made)
    assert isinstance(move, RetryAt)
    return (move.at - NOW).total_seconds()


@pytest.mark.parametrize("kind", [Transient, RateLimited, Unavailable, Unreachable])
def test_what_may_pass_is_tried_again_until_the_attempts_are_used_up(kind: type[IntegrationError]) -> None:
    assert isinstance(after(kind("no"), 1), RetryAt)
    assert isinstance(after(kind("no"), POLICY.attempts - 1), RetryAt)
    assert after(kind("no"), POLICY.attempts) == Bury()


@pytest.mark.parametrize("kind", [Permanent, InvalidInput, NotFound, Forbidden, IntegrationError])
def test_what_would_fail_again_ends_the_step_at_once(kind: type[IntegrationError]) -> None:
    assert after(kind("no")) == Bury()


def test_rejected_credentials_wait_for_new_ones_however_many_attempts_were_made() -> None:
    assert after(CredentialsRejected("no"), 1) == AwaitCredentials()
    assert after(CredentialsRejected("no"), 100) == AwaitCredentials()


@pytest.mark.parametrize("kind", [RateLimited, Unavailable])
def test_the_wait_that_a_platform_asks_for_is_kept_and_spread_a_little(kind: type[RateLimited]) -> None:
    waits = [wait_after(kind("wait", retry_after=37)) for _ in range(50)]
    assert all(37 <= wait <= 37.5 for wait in waits)
    assert len(set(waits)) > 1, "steps told the same must not all come back at one instant"


@pytest.mark.parametrize(("asked", "kept"), [(0, 1), (0.2, 1), (-5, 1), (3600, 3600), (86400, 3600)])
def test_a_platform_may_ask_for_a_second_at_least_and_an_hour_at_most(asked: float, kept: float) -> None:
    assert kept <= wait_after(RateLimited("wait", retry_after=asked)) <= kept + 0.5


def test_without_a_wish_of_the_platform_waits_grow_by_the_factor_up_to_the_cap() -> None:
    longest = {made: max(wait_after(Unavailable("no"), made) for _ in range(300)) for made in (1, 2, 3)}
    assert longest[1] <= 2 < longest[2] <= 8 < longest[3] <= 32
    assert all(backoff(POLICY, 50) <= timedelta(hours=1) for _ in range(100))


def test_full_jitter_uses_the_whole_span() -> None:
    waits = [backoff(POLICY, 3).total_seconds() for _ in range(300)]
    assert min(waits) < 8, "short waits are as likely as long ones"
    assert max(waits) > 24
    assert min(waits) >= 0.2


def test_a_base_of_zero_means_at_once() -> None:
    assert backoff(RetryPolicy(base=0), 3) == timedelta(0)


def test_an_unknown_outcome_is_held_for_a_person_unless_its_author_chose_otherwise() -> None:
    assert after(Uncertain("?")) == Hold()
    assert isinstance(after(Uncertain("?"), on_uncertain="retry"), RetryAt)


def test_an_unknown_outcome_of_a_call_without_a_second_effect_is_repeated() -> None:
    move = after(Uncertain("?"), may_repeat=True)
    assert isinstance(move, RetryAt)
    assert move.at > NOW


def test_repeats_of_unknown_outcomes_end_too() -> None:
    assert after(Uncertain("?"), POLICY.attempts, may_repeat=True) == Bury()
    # What may have taken effect is never called a plain failure.
    assert after(Uncertain("?"), POLICY.attempts, on_uncertain="retry") == Hold()
