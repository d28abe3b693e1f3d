"""Which organizations a person belongs to, and as what."""

from dataclasses import dataclass
from typing import Any

from supportops.tenancy.models import Membership, Organization
from supportops.tenancy.roles import Permission, Role, permissions_of


@dataclass(frozen=True)
class Place:
    """An organization and the role that a person has there."""

    organization: Organization
    role: Role

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.role)


def places_of(user: Any) -> list[Place]:
    """Return a user's places in active organizations, by slug. Works across organizations: the user is the key."""
    memberships = (
        Membership.across_organizations.select_related("organization")
        .filter(user=user, organization__is_active=True)
        .order_by("organization__slug")
    )
    return [Place(membership.organization, Role(membership.role)) for membership in memberships]


def operated_place(slug: str) -> Place | None:
    """Return the place of a superuser, who operates the installation, in any active organization: its owner's."""
    organization = Organization.objects.filter(slug=slug, is_active=True).first()
    return Place(organization, Role.OWNER) if organization else None
