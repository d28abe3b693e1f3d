"""Members of an organization: joined, given another role, removed. Needs the organization in scope.

An organization always keeps an owner, and only owners make or unmake owners. Who loses a role loses his sessions:
what a browser has open must not outlive the right to see it.
"""

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.recording import Person, record
from supportops.people.models import User
from supportops.people.sessions import end_sessions
from supportops.tenancy.models import Membership
from supportops.tenancy.names import unless_taken
from supportops.tenancy.roles import Role, permissions_of


def add_member(email: str, role: Role | str, *, name: str = "", by_owner: bool) -> tuple[Membership, bool]:
    """Make somebody a member without asking him, as the operator does.

    Returns the membership and whether the user is new, without any password yet.
    Raises ValidationError for a bad address or role, or somebody who is a member already, and PermissionDenied
    when an owner is made by somebody who is none.
    """
    email = checked_email(email)
    role = checked_role(role)
    refuse_to_non_owner(by_owner, role)
    with transaction.atomic():
        user, is_new = User.objects.get_or_create_by_email(email, name=name)
        return join(user, role), is_new


def join(user: User, role: Role) -> Membership:
    """Make a user a member. Raises ValidationError for somebody who is one already."""
    refusal = ValidationError({"email": ValidationError("This person is a member already.", "not_unique")})
    with transaction.atomic():
        with unless_taken(refusal):
            membership: Membership = Membership.objects.create(user=user, role=role)
        record("member.added", membership, changes={"person": _person(user), "role": role.value})
    return membership


def change_role(membership: Membership, role: Role | str, *, by_owner: bool) -> Membership:
    """Give a member another role. Raises ValidationError for the last owner, PermissionDenied among owners."""
    role = checked_role(role)
    with transaction.atomic():
        membership = _locked(membership)
        before = Role(membership.role)
        if role == before:
            return membership
        refuse_to_non_owner(by_owner, before, role)
        if before == Role.OWNER:
            _refuse_without_other_owner(membership)
        membership.role = role
        membership.save(update_fields=["role"])
        if not permissions_of(role) >= permissions_of(before):
            end_sessions(membership.user)
        record(
            "member.changed",
            membership,
            changes={"person": _person(membership.user), "role": [before.value, role.value]},
        )
    return membership


def remove_member(membership: Membership, *, by_owner: bool) -> None:
    """Take somebody's membership. Raises ValidationError for the last owner, PermissionDenied among owners."""
    with transaction.atomic():
        membership = _locked(membership)
        role = Role(membership.role)
        refuse_to_non_owner(by_owner, role)
        if role == Role.OWNER:
            _refuse_without_other_owner(membership)
        end_sessions(membership.user)
        record("member.removed", membership, changes={"person": _person(membership.user), "role": role.value})
        membership.delete()


def _locked(membership: Membership) -> Membership:
    """Return the membership as it is now, with all owners locked, so that two cannot unmake each other at once."""
    list(Membership.objects.select_for_update().filter(role=Role.OWNER).order_by("pk").values_list("pk"))
    found: Membership = Membership.objects.select_related("user").get(pk=membership.pk)
    return found


def _refuse_without_other_owner(membership: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER, user__is_active=True).exclude(pk=membership.pk)
    if not others.exists():
        raise ValidationError("An organization needs an owner: make somebody else an owner first.", "last_owner")


def refuse_to_non_owner(by_owner: bool, *roles: Role) -> None:
    """Raise PermissionDenied when an owner is made or unmade by somebody who is none."""
    if Role.OWNER in roles and not by_owner:
        raise PermissionDenied("Only owners make or unmake owners.")


def checked_role(role: Role | str) -> Role:
    """Return the role with this name. Raises ValidationError."""
    try:
        return Role(role)
    except ValueError:
        raise ValidationError(
            {"role": ValidationError(f"A role is one of {', '.join(Role)}.", "invalid_choice")}
        ) from None


def checked_email(email: str) -> str:
    """Return an address in the form in which it is kept. Raises ValidationError."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValidationError({"email": error}) from None
    return email


def _person(user: User) -> Person:
    return Person("user", str(user.pk), user.email)
