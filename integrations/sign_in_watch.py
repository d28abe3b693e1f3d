"""Tells an organization that somebody keeps failing to sign in as one of its members."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.utils.translation import gettext as _

from integrations import notices
from integrations.models import Notice
from supportops import clock
from supportops.people.models import SignIn, User
from supportops.people.sign_in import attempted_email
from supportops.tenancy.memberships import places_of
from supportops.tenancy.scope import working_for

EVENT = "sign_ins.failed"
FAILURES, WITHIN = 10, timedelta(minutes=10)


@receiver(user_login_failed, dispatch_uid="integrations.sign_in_watch")
def watch(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    """Have it told once in ten minutes. Comes after people.sign_in, which has noted the failure by then."""
    user = User.objects.filter(email=attempted_email(None, credentials)).first()
    if user is None:
        return
    since = clock.now() - WITHIN
    failed = SignIn.objects.filter(user=user, at__gt=since).exclude(outcome=SignIn.Outcome.DONE)
    if failed.count() < FAILURES:
        return
    subject = _("Sign-ins of %(person)s keep failing") % {"person": user.email}
    text = _(
        "%(count)s sign-ins of %(person)s failed within %(minutes)s minutes. From one place no more than ten are "
        "looked at. If it was not this person, have the password changed and a second factor set up; the audit log "
        "names the addresses that it came from."
    ) % {"count": FAILURES, "person": user.email, "minutes": int(WITHIN.total_seconds() // 60)}
    for place in places_of(user):
        with working_for(place.organization), transaction.atomic():
            if not Notice.objects.filter(event=EVENT, subject=subject, created_at__gt=since).exists():
                notices.tell(EVENT, subject, text, {"person": user.email, "count": FAILURES})
