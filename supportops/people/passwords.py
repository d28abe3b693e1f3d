"""Passwords: changed, chosen for the first time, or anew where one was forgotten. Ends all sessions; told by mail."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from supportops.api.throttling import seconds_to_wait
from supportops.context import SYSTEM
from supportops.people.journal import himself, note
from supportops.people.mails import send_aside, tell
from supportops.people.models import User
from supportops.people.sessions import end_sessions


def change(user: User, password: str, *, by_himself: bool = True) -> None:
    """Give `user` another password, which the form has checked. Whoever acts in a session of his renews that one.

    The entry names him, or whoever acts where it is not `by_himself`.
    """
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        end_sessions(user)
        note("password.changed", user, actor=himself(user) if by_himself else None)
    tell(user, _("Your password was changed"), _("All sign-ins of your account were ended."))


def send_reset(email: str) -> None:
    """Send the address where a new password is chosen, if an active person signs in with `email`.

    Once a minute at most for each person. Who never had a password, since an invitation was lost, gets one too.
    """
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None or seconds_to_wait(f"password-reset:{user.pk}", 1) is not None:
        return
    note("password.reset_asked", user, actor=SYSTEM)
    place = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": default_token_generator.make_token(user)}
    send_aside(
        user.email,
        _("SupportOps: your password"),
        "people/mail/password_reset.txt",
        address=settings.PUBLIC_URL + reverse("password-choose", kwargs=place),
        minutes=settings.PASSWORD_RESET_TIMEOUT // 60,
    )
