"""What an authenticator app does: learns the secret, and computes codes from it."""

import base64
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core import mail
from django_otp.oath import hotp

from supportops import clock
from supportops.people import second_factor
from supportops.people.models import User


def secret_of(user: User) -> bytes:
    """Read what the set-up page shows to the person's app."""
    enrolment = second_factor.pending(user)
    assert enrolment is not None
    query = parse_qs(urlsplit(enrolment.address).query)
    assert query["secret"] == [enrolment.key.replace(" ", "")]
    return base64.b32decode(query["secret"][0])


def code_of(secret: bytes, *, steps: int = 0) -> str:
    """Return the code that the app shows, or shows so many half minutes later."""
    return f"{hotp(secret, int(clock.now().timestamp()) // 30 + steps):06}"


def enrol(user: User) -> tuple[bytes, list[str]]:
    """Set a second factor up, as if half a minute ago; returns its secret and the recovery codes."""
    second_factor.begin(user)
    secret = secret_of(user)
    answer, codes = second_factor.confirm(user, code_of(secret, steps=-1))
    assert answer.is_right
    return secret, codes


def mails(count: int) -> list[Any]:
    """Return the mails sent so far, once there are `count`: some are sent in threads of their own."""
    until = time.monotonic() + 10
    while len(mail.outbox) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(mail.outbox) == count, [message.subject for message in mail.outbox]
    return mail.outbox
