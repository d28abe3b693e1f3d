"""The database itself refuses to change or remove what was recorded."""

import uuid

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit import guards
from audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditPerson, AuditSeal, AuditUnsealed
from audit.recording import record
from supportops.tenancy.links import make_way
from supportops.tenancy.scope import working_for
from tests import audit_guards
from tests.builders import make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization():
    organization = make_organization("ada")
    with working_for(organization):
        yield organization


def recorded(organization) -> AuditEntry:
    with transaction.atomic():
        record("organization.changed", organization)
    return AuditEntry.objects.order_by("-id").first()


def seal(entry: AuditEntry, position: int = 1) -> AuditSeal:
    seal = AuditSeal.objects.create(position=position, entry_id=entry.id, hash="a" * 64)
    AuditUnsealed.objects.filter(id=entry.id).delete()
    return seal


def checkpoint(last_position: int = 1) -> AuditCheckpoint:
    return AuditCheckpoint.objects.create(
        first_position=1, last_position=last_position, entries=last_position, last_hash="a" * 64
    )


def refused(statement: str, *parameters, match: str) -> None:
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def test_an_entry_cannot_be_changed(organization):
    entry = recorded(organization)
    entry.action = "rule.deleted"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entry.save()
    refused("UPDATE audit_auditentry SET action = 'x'", match="UPDATE is refused")
    assert AuditEntry.objects.get().action == "organization.changed"


def test_an_entry_cannot_be_deleted(organization):
    entry = recorded(organization)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        entry.delete()
    seal(entry)
    refused("DELETE FROM audit_auditentry", match="DELETE is refused")
    assert AuditEntry.objects.count() == 1


def test_an_entry_cannot_be_put_in_anothers_place(organization):
    entry = recorded(organization)
    copy = {field.attname: getattr(entry, field.attname) for field in AuditEntry._meta.concrete_fields}
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry(**copy | {"action": "rule.deleted"}).save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.bulk_create(
            [AuditEntry(**copy)], update_conflicts=True, unique_fields=["id"], update_fields=["action"]
        )
    if connection.vendor == "sqlite":
        refused("INSERT OR REPLACE INTO audit_auditentry SELECT * FROM audit_auditentry", match="UNIQUE")


def test_the_organization_of_entries_cannot_be_deleted_with_them(organization):
    recorded(organization)
    with pytest.raises(IntegrityError), transaction.atomic():
        organization.delete()


def test_retention_may_delete_what_a_checkpoint_covers(organization):
    first, second = recorded(organization), recorded(organization)
    first_seal = seal(first, 1)
    seal(second, 2)
    checkpoint(1)
    first.delete()
    first_seal.delete()
    refused("DELETE FROM audit_auditentry", match="DELETE is refused")
    refused("DELETE FROM audit_auditseal", match="DELETE is refused")
    assert AuditEntry.objects.get().id == second.id


def test_another_organizations_checkpoint_covers_nothing(organization):
    entry = recorded(organization)
    seal(entry)
    with working_for(make_organization("bo")):
        checkpoint(5)
    refused("DELETE FROM audit_auditentry", match="DELETE is refused")
    refused("DELETE FROM audit_auditseal", match="DELETE is refused")


def test_seals_and_checkpoints_never_change(organization):
    seal(recorded(organization))
    checkpoint()
    refused("UPDATE audit_auditseal SET hash = 'x'", match="UPDATE is refused")
    refused("UPDATE audit_auditcheckpoint SET entries = 9", match="UPDATE is refused")
    refused("DELETE FROM audit_auditcheckpoint", match="DELETE is refused")


def test_a_head_only_moves_forward(organization):
    AuditHead.objects.create(position=5, hash="a" * 64)
    AuditHead.objects.update(position=6, hash="b" * 64)
    refused("UPDATE audit_audithead SET position = 4", match="forward")
    refused("UPDATE audit_audithead SET hash = 'c'", match="forward")
    refused("DELETE FROM audit_audithead", match="DELETE is refused")


def test_each_entry_waits_until_it_is_sealed(organization):
    entry = recorded(organization)
    assert AuditUnsealed.objects.get().id == entry.id
    refused("DELETE FROM audit_auditunsealed", match="DELETE is refused")
    refused("UPDATE audit_auditunsealed SET id = %s", uuid.uuid4().hex, match="UPDATE is refused")
    seal(entry)
    assert not AuditUnsealed.objects.exists()


def test_many_entries_in_one_statement_all_wait(organization):
    AuditEntry.objects.bulk_create(
        [AuditEntry(organization_id=organization.id, actor_type="system", action="a") for _ in range(3)]
    )
    assert AuditUnsealed.objects.count() == 3


def test_truncate_is_refused(organization):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    recorded(organization)
    for table in guards.TABLES:
        with pytest.raises(DatabaseError, match="TRUNCATE"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")


def test_writing_the_guards_again_changes_nothing(organization):
    recorded(organization)
    guards.write()
    guards.write()
    refused("DELETE FROM audit_auditentry", match="DELETE is refused")
    assert AuditUnsealed.objects.count() == 1


def test_guards_that_were_taken_away_come_back_with_the_next_migrate(organization):
    recorded(organization)
    assert guards.missing() == []
    with audit_guards.lowered():
        assert set(guards.missing()) >= {"audit_entry_no_update", "audit_entry_no_delete", "audit_seal_no_update"}
        with pytest.raises(CommandError, match="does not refuse"):
            call_command("verify_audit")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE audit_auditentry SET action = 'signed_in'")
        call_command("migrate", verbosity=0)
        refused("UPDATE audit_auditentry SET action = 'x'", match="UPDATE is refused")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [AuditEntry, AuditPerson, AuditSeal, AuditCheckpoint, AuditUnsealed])
def test_a_later_migration_can_rebuild_every_table(model):
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite rebuilds tables")
    config = apps.get_app_config("tenancy")
    try:
        make_way(config, plan=[])
        with pytest.raises(IntegrityError), transaction.atomic(), working_for(organization := make_organization("ada")):
            recorded(organization).delete()
        make_way(config, plan=["a migration"])
        with connection.schema_editor() as editor:
            editor._remake_table(model)
    finally:
        call_command("migrate", verbosity=0)
    with working_for(organization := make_organization("bo")):
        recorded(organization)
        refused("DELETE FROM audit_auditentry", match="DELETE is refused")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_tests_with_real_transactions_start_from_an_empty_log(turn):
    assert not AuditEntry.across_organizations.exists()
    with working_for(organization := make_organization("ada")):
        seal(recorded(organization))
        checkpoint()
