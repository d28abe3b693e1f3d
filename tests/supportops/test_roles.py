"""Who may do what: each role what the ones below it may, and what is its own."""

import itertools

import pytest

from supportops.tenancy.roles import SCOPES, Permission, Role, permissions_of

EXPECTED = {
    "owner": {"read", "execute", "write", "admin", "own"},
    "admin": {"read", "execute", "write", "admin"},
    "editor": {"read", "execute", "write"},
    "operator": {"read", "execute"},
    "viewer": {"read"},
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may(role: Role) -> None:
    assert {str(permission) for permission in permissions_of(role)} == EXPECTED[role]
    assert permissions_of(role.value) == permissions_of(role)


def test_roles_are_a_ladder() -> None:
    ladder = [permissions_of(role) for role in Role]
    assert all(upper > lower for upper, lower in itertools.pairwise(ladder))


def test_no_token_is_an_owner() -> None:
    assert Permission.OWN not in SCOPES
    assert set(SCOPES) == set(Permission) - {Permission.OWN}


def test_an_unknown_role_may_nothing() -> None:
    with pytest.raises(ValueError, match="nobody"):
        permissions_of("nobody")
