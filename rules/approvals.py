"""Who may decide a step that waits for approval."""

from collections.abc import Mapping
from typing import Any

from supportops.context import current
from supportops.tenancy.models import Membership
from supportops.tenancy.roles import Permission, Role, permissions_of


def why_not(asked: Mapping[str, Any] | None, role: str) -> str:
    """Return why whoever acts now, with this role in the organization, may not decide; "" where he may.

    `asked` are the parameters of the step (rules.kinds.Approval). Where it names roles or people, nobody else may, and
    no token: behind a token stands nobody in particular.
    """
    roles, people = _named(asked)
    if not roles and not people:
        return ""
    actor = current().actor
    is_named = actor.type == "user" and actor.name.lower() in people
    if is_named or (role and role in roles):
        return ""
    return f"This is for {' or '.join([*(f'the role {name}' for name in roles), *people])} to decide."


def members_who_may(asked: Mapping[str, Any] | None) -> list[Membership]:
    """Return the members who may decide, those named first, then owners before others. Needs the organization in scope.

    Whoever may not run rules decides nothing, named or not: it is what the API and the admin ask for as well.
    """
    roles, people = _named(asked)
    found = [
        membership
        for membership in Membership.objects.select_related("user").filter(user__is_active=True)
        if Permission.EXECUTE in permissions_of(membership.role)
        and (membership.role in roles or membership.user.email.lower() in people or not (roles or people))
    ]
    order = list(Role)
    return sorted(
        found, key=lambda one: (one.user.email.lower() not in people, order.index(Role(one.role)), one.user.email)
    )


def may_still(asked: Mapping[str, Any] | None, user_id: Any) -> Membership | None:
    """Return the membership by which a person may decide now; None where he may not, or no longer."""
    return next((one for one in members_who_may(asked) if one.user_id == user_id), None)


def _named(asked: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    given = asked or {}
    return list(given.get("roles") or ()), [address.lower() for address in given.get("people") or ()]
