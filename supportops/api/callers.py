"""Who calls the API: what an authentication class hands over as `request.auth`, for tokens and sessions alike."""

from dataclasses import dataclass

from supportops.context import Actor
from supportops.tenancy.models import Organization
from supportops.tenancy.roles import Permission


@dataclass(frozen=True)
class Caller:
    """The organization worked for, what the caller may do there, and by which key he is counted.

    `key` is `token:<id>` or `user:<id>`: throttling and idempotency keys are per caller. `role` is empty for
    tokens.
    """

    organization: Organization
    permissions: frozenset[Permission]
    actor: Actor
    key: str
    role: str = ""

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
