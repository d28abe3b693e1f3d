"""What can go wrong between us and a platform, in the classes that decide what happens next (rules/retry.py).

``IntegrationError`` carries a message for people; ``detail`` is for logs. Neither may hold a secret.
`may_have_reached` says that a request that changes something went out and may have had its effect all the same.
"""

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from supportops.texts import storable

# What code of others may raise where it is called; a call of sys.exit() included.
CODE_OF_OTHERS_RAISES = (Exception, SystemExit, CancelledError)


def told(error: BaseException) -> str:
    """Return what an exception of others says, with its class; its words may themselves be broken."""
    try:
        words = str(error)
    except CODE_OF_OTHERS_RAISES:
        words = "(its message cannot be read)"
    return f"{type(error).__name__}: {words}"[:500]


class IntegrationError(Exception):
    """A call to a platform did not do what was asked."""

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        status_code: int | None = None,
        data: Any = None,
        may_have_reached: bool = False,
    ) -> None:
        # Vendors' words, which may hold anything; what cannot be stored would take the outcome with it.
        message = storable(message)
        super().__init__(message)
        self.message, self.detail, self.status_code, self.data = message, detail, status_code, data
        self.may_have_reached = may_have_reached


def masked(error: IntegrationError, mask: Callable[[str], str]) -> IntegrationError:
    """Return `error` with its words masked in place: a platform may repeat a credential in what it says."""
    error.message, error.detail = mask(error.message), mask(error.detail)
    error.args = (error.message,)
    return error


class Transient(IntegrationError):
    """May work when tried again."""


class RateLimited(Transient):
    """The platform asks us to wait; `retry_after` in seconds, None when it did not say how long."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class Unavailable(Transient):
    """The platform answered that it cannot now (5xx); `retry_after` in seconds where it said so."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class Unreachable(Transient):
    """No connection came about: nothing was sent."""


class Permanent(IntegrationError):
    """Trying again would fail again."""


class InvalidInput(Permanent):
    """The platform or we refused the parameters."""


class NotFound(Permanent):
    """What the action names does not exist there."""


class Forbidden(Permanent):
    """The account may not do this, or the address may not be called."""


class CredentialsRejected(IntegrationError):
    """The platform refused the credentials; the integration's steps wait for new ones."""


class Uncertain(IntegrationError):
    """The request went out and no answer came: it may have had its effect."""
