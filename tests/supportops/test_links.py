"""A link to another organization's row cannot be stored, by any way."""

import pytest
from django.db import IntegrityError, connection, transaction

from integrations.models import Endpoint, Integration
from supportops.tenancy.links import links
from supportops.tenancy.models import Environment
from supportops.tenancy.scope import working_for
from tests.builders import Tenant, World

pytestmark = pytest.mark.django_db(transaction=True)


def integration_of(tenant: Tenant) -> Integration:
    with working_for(tenant.organization):
        return Integration.objects.create(platform="freshdesk", name="Desk")


def test_every_link_is_held_by_the_database() -> None:
    declared = {(model._meta.db_table, field.column) for model, field in links()}
    assert ("integrations_endpoint", "integration_id") in declared and len(declared) > 15
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conname LIKE '%%_within' AND convalidated"
            )
            held = {row[0] for row in cursor.fetchall()}
            expected = {f"{table}_{column}_within"[:60] for table, column in declared}
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            held = {row[0] for row in cursor.fetchall()}
            names = [f"{table}_{column}_within"[:60] for table, column in declared]
            expected = {f"{name}_{verb}" for name in names for verb in ("insert", "update")}
    assert expected <= held


def test_a_link_to_a_row_of_others_is_refused(world: World) -> None:
    foreign = integration_of(world.bo)
    own = integration_of(world.ada)
    with working_for(world.ada.organization):
        with pytest.raises(IntegrityError), transaction.atomic():
            Endpoint.objects.create(integration=foreign, scheme="hmac", state="ready")
        with pytest.raises(IntegrityError), transaction.atomic():
            Endpoint.objects.bulk_create([Endpoint(organization=world.ada.organization, integration=foreign)])
        endpoint = Endpoint.objects.create(integration=own, scheme="hmac", state="ready")
        with pytest.raises(IntegrityError), transaction.atomic():
            Endpoint.objects.filter(pk=endpoint.pk).update(integration=foreign)
        with pytest.raises(IntegrityError), transaction.atomic():
            Endpoint.objects.filter(pk=endpoint.pk).update(organization=world.bo.organization)
        prod = Environment.across_organizations.get(organization=world.bo.organization, name="prod")
        with pytest.raises(IntegrityError), transaction.atomic():
            Integration.objects.filter(pk=own.pk).update(environment=prod)


def test_links_within_are_taken(world: World) -> None:
    own = integration_of(world.ada)
    with working_for(world.ada.organization):
        prod = Environment.objects.get(name="prod")
        Integration.objects.filter(pk=own.pk).update(environment=prod)
        Integration.objects.filter(pk=own.pk).update(environment=None)
        Endpoint.objects.create(integration=own, scheme="hmac", state="ready")
