"""Sign-ins leave an entry in the audit log of each organization that the person belongs to, failed ones too."""

import logging
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from supportops.context import SYSTEM
from supportops.people import sessions
from supportops.people.journal import himself, note
from supportops.people.models import SignIn, User

logger = logging.getLogger(__name__)


def attempted_email(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """Return whose password is tried, in one form: attempts are counted per person, however the address is typed."""
    given = (credentials or {}).get("username") or (request.POST.get("username") if request is not None else "")
    return str(given or "").strip().lower()


@receiver(user_logged_in, dispatch_uid="people.signed_in")
def note_sign_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """Write `signed_in`, and note in the session where it comes from."""
    if request is not None and hasattr(request, "session"):
        sessions.mark(request)
    sessions.remember(user, SignIn.Outcome.DONE, request)
    note("signed_in", user, actor=himself(user))


@receiver(user_logged_out, dispatch_uid="people.signed_out")
def note_sign_out(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    """Write `signed_out`."""
    if user is not None:
        note("signed_out", user, actor=himself(user))


@receiver(user_login_failed, dispatch_uid="people.sign_in_failed")
def note_failed_sign_in(
    sender: Any,
    credentials: dict[str, Any],
    request: HttpRequest | None = None,
    factor: str = "password",
    **kwargs: Any,
) -> None:
    """Write `sign_in_failed` for somebody who exists; strangers' addresses belong to nobody's log.

    `factor` is what was wrong: `password` or `code`.
    """
    user = User.objects.filter(email=attempted_email(None, credentials)).first()
    if user is None:
        logger.info("A sign-in failed for an address that is not known.")
        return
    sessions.remember(user, SignIn.Outcome(factor), request)
    # Whoever it was, it was not shown to be the user.
    note("sign_in_failed", user, actor=SYSTEM, changes={"by": factor})
