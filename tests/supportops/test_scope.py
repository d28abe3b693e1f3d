"""Rows of an organization are seen in its scope only; without a scope a query fails."""

import contextvars
import threading

import pytest

from supportops.tenancy.models import Environment
from supportops.tenancy.scope import (
    NoOrganizationInScope,
    current_organization_id,
    organization_in_scope,
    working_for,
)
from tests.builders import World

pytestmark = pytest.mark.django_db


def test_a_query_without_scope_fails(world: World) -> None:
    for query in (
        lambda: list(Environment.objects.all()),
        lambda: Environment.objects.count(),
        lambda: Environment.objects.filter(name="prod").delete(),
        lambda: Environment.objects.create(name="x"),
        lambda: Environment(name="x").save(),
        lambda: Environment.objects.update(name="x"),
    ):
        with pytest.raises(NoOrganizationInScope, match="working_for"):
            query()
    assert list(Environment.objects.none()) == []


def test_a_query_in_scope_sees_the_organizations_rows_only(world: World) -> None:
    with working_for(world.ada.organization):
        assert {row.organization_id for row in Environment.objects.all()} == {world.ada.organization.id}
        made = Environment.objects.create(name="qa")
        assert made.organization_id == world.ada.organization.id
        assert Environment.objects.update(position=9) == 4
    with working_for(world.bo.organization):
        assert not Environment.objects.filter(pk=made.pk).exists()
        assert not Environment.objects.filter(position=9).exists()
        assert Environment.objects.filter(pk=made.pk).delete() == (0, {})
    assert Environment.across_organizations.filter(pk=made.pk).exists()


def test_scopes_nest_and_end(world: World) -> None:
    ada, bo = world.ada.organization, world.bo.organization
    assert organization_in_scope() is None
    with working_for(ada):
        with pytest.raises(ValueError, match="x"), working_for(bo.id):
            assert current_organization_id() == bo.id
            raise ValueError("x")
        assert current_organization_id() == ada.id
    assert organization_in_scope() is None


def test_another_thread_has_none(world: World) -> None:
    seen: list[object] = []
    with working_for(world.ada.organization):
        thread = threading.Thread(target=lambda: seen.append(organization_in_scope()))
        thread.start()
        thread.join()
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(lambda: seen.append(organization_in_scope())))
        thread.start()
        thread.join()
    assert seen == [None, world.ada.organization.id]


def test_a_related_manager_stays_within(world: World) -> None:
    with working_for(world.ada.organization):
        memberships = world.bo.owner.memberships.all()
        assert list(memberships) == []
    with working_for(world.bo.organization):
        assert world.bo.owner.memberships.count() == 1
