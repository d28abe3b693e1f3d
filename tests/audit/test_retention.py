"""What is beyond its time goes in whole segments, and the chain still holds."""

import logging
from datetime import timedelta

import pytest

from audit import retention, sealing
from audit.models import AuditCheckpoint, AuditEntry, AuditPerson, AuditSeal
from audit.recording import Person, forget_people, record
from audit.verifying import verify
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.audit.chains import ADA, chain_of, entries_of, write
from tests.audit_guards import lowered
from tests.builders import make_organization

pytestmark = pytest.mark.django_db
YEARS = timedelta(days=500)


@pytest.fixture
def ada():
    return make_organization("ada")


def test_young_entries_stay(ada):
    chain_of(ada, 3)
    assert retention.trim_due() == 0
    assert len(entries_of(ada)) == 3


def test_old_segments_go_and_leave_checkpoints(ada, monkeypatch):
    monkeypatch.setattr(retention, "SEGMENT", 4)
    old = chain_of(ada, 6)
    with clock.moved(YEARS):
        chain_of(ada, 2)
        assert retention.trim_due() == 6
        sealing.seal_due()
        with working_for(ada):
            rows = AuditCheckpoint.objects.order_by("last_position")
            assert list(rows.values_list("first_position", "last_position", "entries", "last_hash")) == [
                (1, 4, 4, old[3].hash),
                (5, 6, 2, old[5].hash),
            ]
            assert AuditSeal.objects.order_by("position").first().position == 7
        trimmed = entries_of(ada)[-1]
        assert (trimmed.action, trimmed.changes["entries"]) == ("audit.trimmed", 6)
        found = verify(ada)
    assert (found.valid, found.entries, found.trimmed_to, found.head.position) == (True, 3, 6, 9)


def test_the_chain_goes_on_after_everything_was_removed(ada):
    old = chain_of(ada, 2)
    with clock.moved(YEARS), working_for(ada):
        assert retention.trim(ada.id, clock.now()) == 2
        assert sealing.head() == sealing.Head(2, old[-1].hash)
        sealing.seal_all()
        assert AuditSeal.objects.get().position == 3
        assert verify(ada).valid


def test_what_is_not_sealed_stays(ada):
    write(ada, 2)
    with clock.moved(YEARS):
        assert retention.trim_due() == 0
    assert len(entries_of(ada)) == 2


def test_a_broken_segment_is_kept_as_evidence(ada, monkeypatch, caplog):
    monkeypatch.setattr(retention, "SEGMENT", 2)
    seals = chain_of(ada, 6)
    with lowered(), working_for(ada):
        AuditEntry.objects.filter(id=seals[3].entry_id).update(action="x")
    with clock.moved(YEARS), caplog.at_level(logging.ERROR):
        assert retention.trim_due() == 2
    assert "is broken and therefore not trimmed" in caplog.text
    assert [entry.resource_id for entry in entries_of(ada)][:4] == ["3", "4", "5", "6"]
    assert verify(ada).first_broken == 4


def test_people_go_with_their_last_entry(ada):
    write(ada, 1)
    with working_for(ada):
        from django.db import transaction

        with transaction.atomic():
            record("member.added", ("member", 1), changes={"member": Person("user", "bo", "bo@example.com")})
        sealing.seal_all()
    forget_people()
    with clock.moved(YEARS):
        write(ada, 1, actor=ADA, ip="198.51.100.1")
        retention.trim_due()
    with working_for(ada):
        assert list(AuditPerson.objects.values_list("name", "ip")) == [("ada@example.com", "198.51.100.1")]
