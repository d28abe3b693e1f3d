"""People are asked to become members by mail, and become it only by accepting, at an address that works once.

Made, sent again, changed and revoked in the organization's scope, each with an audit entry. `find` and `accept` are for
the person who opens the address: the key in it says which organization it is.
"""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.recording import Person, record
from supportops import clock
from supportops.context import acting_as, current
from supportops.ids import new_key
from supportops.people import mails, members
from supportops.people.journal import himself
from supportops.people.models import Invitation, User
from supportops.tenancy.models import Membership
from supportops.tenancy.names import unless_taken
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for

MOST_OPEN = 200
# Mails to one address are not sent more often.
RESEND_AFTER = timedelta(minutes=1)


def invite(email: str, role: Role | str, *, name: str = "", by_owner: bool) -> tuple[Invitation, str | None]:
    """Ask somebody to become a member; returns the invitation, and its address only where no mail is sent.

    Where mail is sent nobody else gets to see the address: who opens it first owns the new account. Raises
    ValidationError for a bad address or role, or somebody who is a member or invited already, and PermissionDenied
    when somebody who is no owner makes one.
    """
    email = members.checked_email(email)
    role = members.checked_role(role)
    members.refuse_to_non_owner(by_owner, role)
    if Membership.objects.filter(user__email=email).exists():
        raise _refused("email", "This person is a member already.", "not_unique")
    if Invitation.objects.count() >= MOST_OPEN:
        raise _refused("email", f"{MOST_OPEN} invitations are open already: revoke some first.", "too_many")
    row = Invitation(email=email, role=role.value, name=name.strip()[:200], invited_by=current().actor.name[:254])
    key = _renew(row)
    taken = _refused("email", "This person is invited already: send that invitation again, or revoke it.", "not_unique")
    with transaction.atomic():
        with unless_taken(taken):
            row.save(force_insert=True)
        record("member.invited", row, changes={"person": _person(row), "role": row.role})
    return row, _hand_over(row, key)


def send_again(invitation: Invitation) -> str | None:
    """Send an invitation once more, at a new address and with all of its time; the old address works no longer.

    Returns the address only where no mail is sent. Raises ValidationError within a minute of the last mail.
    """
    if invitation.mailed_at is not None and clock.now() - invitation.mailed_at < RESEND_AFTER:
        raise ValidationError("This invitation was sent less than a minute ago: wait a little.", "too_soon")
    key = _renew(invitation)
    with transaction.atomic():
        invitation.save(update_fields=["digest", "expires_at"])
        record("invitation.sent_again", invitation, changes={"person": _person(invitation)})
    return _hand_over(invitation, key)


def change_role(invitation: Invitation, role: Role | str, *, by_owner: bool) -> Invitation:
    """Offer another role. Raises ValidationError for one that is none, PermissionDenied among owners."""
    role = members.checked_role(role)
    before = Role(invitation.role)
    if role != before:
        members.refuse_to_non_owner(by_owner, before, role)
        with transaction.atomic():
            invitation.role = role.value
            invitation.save(update_fields=["role"])
            changes = {"person": _person(invitation), "role": [before.value, role.value]}
            record("invitation.changed", invitation, changes=changes)
    return invitation


def revoke(invitation: Invitation, *, by_owner: bool) -> None:
    """Take an invitation back; its address works no longer. Raises PermissionDenied for an owner's, to others."""
    members.refuse_to_non_owner(by_owner, Role(invitation.role))
    with transaction.atomic():
        record("invitation.revoked", invitation, changes={"person": _person(invitation), "role": invitation.role})
        invitation.delete()


def find(key: str) -> Invitation | None:
    """Return the open invitation with this key and its organization. Works across organizations: the key says which."""
    row: Invitation | None = (
        Invitation.across_organizations.select_related("organization")
        .filter(digest=_digest(key), organization__is_active=True, expires_at__gt=clock.now())
        .first()
    )
    return row


def account_of(invitation: Invitation) -> User | None:
    """Return whose account the invited address is; None for somebody new.

    An account without a password that belongs nowhere and may nothing is as good as none.
    """
    user = User.objects.filter(email=invitation.email).first()
    if user is None or user.has_usable_password() or user.is_superuser:
        return user
    return user if Membership.across_organizations.filter(user=user).exists() else None


def accept(key: str, user: User) -> Membership:
    """Make the person who signs in with the invited address a member, as offered.

    Raises ValidationError where the invitation is for somebody else, or is open no longer.
    """
    with transaction.atomic():
        invitation = find(key)
        if invitation is None or invitation.email != user.email:
            raise ValidationError(_("This invitation is for somebody else, or is open no longer."), "not_open")
        return _become_member(invitation, user)


def accept_as_new(key: str, *, name: str, password: str) -> User:
    """Make an account for the invited address, with a password that the form has checked, and accept.

    Raises ValidationError where the invitation is open no longer, or the address has an account by now.
    """
    with transaction.atomic():
        invitation = find(key)
        if invitation is None or account_of(invitation) is not None:
            raise ValidationError(_("This invitation is open no longer."), "not_open")
        user, _is_new = User.objects.get_or_create_by_email(invitation.email)
        if not user.is_active:
            raise ValidationError(_("This invitation is open no longer."), "not_open")
        user.name = name.strip() or user.name
        user.set_password(password)
        user.save(update_fields=["name", "password"])
        _become_member(invitation, user)
    return user


def _become_member(invitation: Invitation, user: User) -> Membership:
    with working_for(invitation.organization), acting_as(himself(user)):
        # Of two at once, one finds it still there.
        if not Invitation.objects.filter(pk=invitation.pk, digest=invitation.digest).delete()[0]:
            raise ValidationError(_("This invitation is open no longer."), "not_open")
        return members.join(user, Role(invitation.role))


def _renew(row: Invitation) -> str:
    """Give the row a new key, which is returned and stored nowhere, and all of its time."""
    key = new_key(40)
    row.digest = _digest(key)
    row.expires_at = clock.now() + timedelta(days=settings.INVITATION_DAYS)
    return key


def _hand_over(row: Invitation, key: str) -> str | None:
    address: str = settings.PUBLIC_URL + reverse("invitation", kwargs={"key": key})
    if not mails.are_sent():
        return address
    transaction.on_commit(lambda: _send(row, address))
    return None


def _send(row: Invitation, address: str) -> None:
    organization = row.organization.name
    taken = mails.send(
        row.email,
        _("You are invited to %(organization)s on SupportOps") % {"organization": organization},
        "people/mail/invitation.txt",
        organization=organization,
        invited_by=row.invited_by,
        role=row.get_role_display(),
        address=address,
        expires_at=row.expires_at,
    )
    row.mailed_at = clock.now() if taken else None
    Invitation.across_organizations.filter(pk=row.pk).update(mailed_at=row.mailed_at)


def _refused(field: str, message: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(message, code)})


def _person(row: Invitation) -> Person:
    return Person("user", str(row.pk), row.email)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
