"""Notes what happened to a person's account in the audit log of each organization that he belongs to."""

from typing import Any

from django.db import transaction

from audit.recording import record
from supportops.context import Actor, acting_as
from supportops.people.models import User
from supportops.tenancy.memberships import places_of
from supportops.tenancy.scope import working_for


def note(action: str, user: User, *, actor: Actor | None = None, changes: dict[str, Any] | None = None) -> None:
    """Write `action` on `user`, by `actor` or by whoever acts."""
    for place in places_of(user):
        with working_for(place.organization), acting_as(actor), transaction.atomic():
            record(action, user, changes=changes)


def himself(user: User) -> Actor:
    """Return the person as the one who acts."""
    return Actor("user", str(user.pk), user.email)
