"""The scope that cannot be forgotten: which organization the running code works for.

Rows of an organization can be queried only inside ``with working_for(organization):``. Outside, the query
raises `NoOrganizationInScope` instead of returning everybody's rows.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class HasId(Protocol):
    """Anything with the id of an organization, such as an Organization."""

    id: uuid.UUID


_current: ContextVar[uuid.UUID | None] = ContextVar("organization", default=None)


class NoOrganizationInScope(RuntimeError):
    """Rows of organizations were asked for outside of any organization's scope."""


@contextmanager
def working_for(organization: "HasId | uuid.UUID") -> Iterator[None]:
    """Work for `organization` within the block. Blocks nest; the inner one holds."""
    organization_id = organization if isinstance(organization, uuid.UUID) else organization.id
    token = _current.set(organization_id)
    try:
        yield
    finally:
        _current.reset(token)


def current_organization_id() -> uuid.UUID:
    """Return the organization in scope. Raises NoOrganizationInScope outside of any."""
    organization_id = _current.get()
    if organization_id is None:
        raise NoOrganizationInScope("This needs an organization: wrap the access in `with working_for(organization):`.")
    return organization_id


def organization_in_scope() -> uuid.UUID | None:
    """Return the organization in scope, or None outside of any."""
    return _current.get()
