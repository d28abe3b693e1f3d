"""New people choose their password at an address that works once and for a limited time."""

import logging

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from supportops.people.models import User
from supportops.tenancy.models import Organization

_SENDS_NOTHING = ("django.core.mail.backends.console.EmailBackend", "django.core.mail.backends.dummy.EmailBackend")

logger = logging.getLogger(__name__)


def invite(user: User, organization: Organization) -> str | None:
    """Send `user` the address where he chooses his first password; return it only where no mail is sent.

    It stops working once a password is chosen, and after PASSWORD_RESET_TIMEOUT. Where mail is sent nobody else gets
    to see it: who opens it first owns the account, also in organizations that the person joins later.
    """
    place = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": default_token_generator.make_token(user)}
    invitation: str = settings.PUBLIC_URL + reverse("invitation", kwargs=place)
    if settings.EMAIL_BACKEND in _SENDS_NOTHING:
        return invitation
    transaction.on_commit(lambda: _send(user.email, organization.name, invitation))
    return None


def _send(email: str, organization: str, invitation: str) -> None:
    text = f"You were added to {organization} on SupportOps.\n\nChoose your password here:\n{invitation}\n"
    try:
        send_mail(f"You were added to {organization}", text, None, [email])
    except OSError:  # smtplib's errors are among them
        # The member is there all the same; removing and adding him again sends another one.
        logger.exception("An invitation could not be sent by mail.")
