"""Who may do what: five roles, five permissions. Scopes of API tokens use the same words."""

from enum import StrEnum


class Permission(StrEnum):
    """What a request or an admin page needs. The first four are also the scopes of API tokens."""

    READ = "read"  # see everything but secrets
    EXECUTE = "execute"  # run, test, replay, retry, cancel, resolve
    WRITE = "write"  # rules and integrations
    ADMIN = "admin"  # members, tokens, environments, deletion of integrations' history
    OWN = "own"  # owners themselves


class Role(StrEnum):
    """A member's role; each can do what the ones after it can."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.EXECUTE}),
    Role.EDITOR: frozenset({Permission.READ, Permission.EXECUTE, Permission.WRITE}),
    Role.ADMIN: frozenset({Permission.READ, Permission.EXECUTE, Permission.WRITE, Permission.ADMIN}),
    Role.OWNER: frozenset(Permission),
}

SCOPES = (Permission.READ, Permission.WRITE, Permission.EXECUTE, Permission.ADMIN)


def permissions_of(role: Role | str) -> frozenset[Permission]:
    """Return what a member with `role` may do."""
    return _ALLOWED[Role(role)]
