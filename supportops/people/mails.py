"""Mails to people about their account, through the operator's SMTP settings."""

import logging
import threading

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from supportops.people.models import User

_SENDS_NOTHING = ("django.core.mail.backends.console.EmailBackend", "django.core.mail.backends.dummy.EmailBackend")
# What a server may take to answer; a person waits for an invitation to be sent.
_SECONDS = 15

logger = logging.getLogger(__name__)


def are_sent() -> bool:
    """Return whether the operator has said by which server mails go out."""
    return settings.EMAIL_BACKEND not in _SENDS_NOTHING


def send(to: str, subject: str, template: str, **context: object) -> bool:
    """Send a mail now; returns whether the server took it. What went wrong is logged."""
    return _deliver(_written(to, subject, template, context))


def send_aside(to: str, subject: str, template: str, **context: object) -> None:
    """Send a mail once the transaction is committed, in a thread of its own: nobody waits for it.

    Nor does the time of an answer tell whether there was somebody to write to.
    """
    # Written here: the reader's language does not follow into the thread.
    message = _written(to, subject, template, context)
    sender = threading.Thread(target=_deliver, args=(message,), name="mail", daemon=True)
    transaction.on_commit(sender.start)


def tell(user: User, subject: str, text: str) -> None:
    """Tell a person what happened to his account, where mails are sent."""
    if are_sent():
        send_aside(user.email, _("SupportOps: %(subject)s") % {"subject": subject}, "people/mail/notice.txt", text=text)


def _written(to: str, subject: str, template: str, context: dict[str, object]) -> EmailMessage:
    text = render_to_string(template, {**context, "site": settings.PUBLIC_URL})
    return EmailMessage(" ".join(subject.split()), text.strip() + "\n", None, [to])


def _deliver(message: EmailMessage) -> bool:
    message.connection = get_connection(timeout=_SECONDS) if "smtp" in settings.EMAIL_BACKEND else get_connection()
    try:
        message.send()
    except OSError:  # smtplib's errors are among them
        logger.exception("A mail about an account could not be sent.")
        return False
    return True
