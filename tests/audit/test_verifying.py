"""Whatever the owner of the database does to the log behind our back shows in the chain."""

import uuid

import pytest
from django.db import connection

from audit import sealing, verifying
from audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditPerson, AuditSeal, AuditUnsealed
from audit.verifying import verify
from supportops.tenancy.scope import working_for
from tests.audit.chains import chain_of, entries_of, write
from tests.audit_guards import lowered
from tests.builders import make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make_organization("ada")


@pytest.fixture(params=[1000, 2], ids=["one batch", "batches of two"])
def seals(ada, request, monkeypatch):
    monkeypatch.setattr(verifying, "BATCH", request.param)
    return chain_of(ada, 6)


def forge(organization, rows, **values):
    with lowered(), working_for(organization):
        assert rows.objects.filter(**values.pop("where")).update(**values)


def remove(organization, rows, **where):
    with lowered(), working_for(organization):
        assert rows.objects.filter(**where).delete()[0]


def test_an_untouched_log_is_valid(ada, seals):
    found = verify(ada)
    assert found.valid
    assert (found.entries, found.first_broken, found.reason, found.unsealed) == (6, None, "", 0)
    assert found.head == sealing.Head(6, seals[-1].hash)


def test_an_empty_log_is_valid(ada):
    found = verify(ada)
    assert (found.valid, found.entries, found.head) == (True, 0, sealing.Head())


def test_what_waits_is_shown(ada, seals):
    write(ada, 2)
    found = verify(ada)
    assert (found.valid, found.entries, found.unsealed) == (True, 6, 2)
    assert found.oldest_unsealed_at == entries_of(ada)[6].at


@pytest.mark.parametrize(
    "change",
    [
        {"action": "rule.created"},
        {"changes": {"name": ["a", "c"]}},
        {"actor_id": "bo"},
        {"resource_id": "8"},
        {"at": "2020-01-01T00:00:00Z"},
        {"person_id": None},
        {"request_id": ""},
        {"trace_id": "x"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_entry_is_found(ada, seals, change):
    forge(ada, AuditEntry, where={"id": seals[3].entry_id}, **change)
    found = verify(ada)
    assert (found.valid, found.first_broken, found.entry_id) == (False, 4, seals[3].entry_id)
    assert "changed" in found.reason


def test_a_deleted_entry_is_found(ada, seals):
    remove(ada, AuditEntry, id=seals[2].entry_id)
    found = verify(ada)
    assert (found.first_broken, found.reason) == (3, "the entry was deleted")


def test_an_entry_deleted_with_its_seal_is_found(ada, seals):
    remove(ada, AuditEntry, id=seals[2].entry_id)
    remove(ada, AuditSeal, position=3)
    assert verify(ada).first_broken == 3


def test_a_gap_closed_by_renumbering_is_found(ada, seals):
    remove(ada, AuditEntry, id=seals[2].entry_id)
    remove(ada, AuditSeal, position=3)
    for position in (4, 5, 6):
        forge(ada, AuditSeal, where={"position": position}, position=position - 1)
    assert verify(ada).first_broken == 3


def test_reordered_entries_are_found(ada, seals):
    forge(ada, AuditSeal, where={"position": 2}, entry_id=uuid.UUID(int=0))
    forge(ada, AuditSeal, where={"position": 5}, entry_id=seals[1].entry_id)
    forge(ada, AuditSeal, where={"position": 2}, entry_id=seals[4].entry_id)
    assert verify(ada).first_broken == 2


def test_an_end_that_was_cut_off_is_found(ada, seals):
    for seal in seals[4:]:
        remove(ada, AuditEntry, id=seal.entry_id)
        remove(ada, AuditSeal, id=seal.id)
    found = verify(ada)
    assert found.first_broken == 5
    assert "cut off" in found.reason


def test_a_beginning_that_was_cut_off_is_found(ada, seals):
    for seal in seals[:2]:
        remove(ada, AuditEntry, id=seal.entry_id)
        remove(ada, AuditSeal, id=seal.id)
    assert verify(ada).first_broken == 1


def test_a_head_set_back_is_found(ada, seals):
    forge(ada, AuditHead, where={"position": 6}, position=4, hash=seals[3].hash)
    found = verify(ada)
    assert (found.first_broken, found.entry_id) == (5, seals[4].entry_id)


def test_a_removed_head_is_found(ada, seals):
    remove(ada, AuditHead, position=6)
    assert verify(ada).first_broken == 1


def test_a_last_hash_that_differs_is_found(ada, seals):
    forge(ada, AuditHead, where={"position": 6}, hash="f" * 64)
    assert verify(ada).first_broken == 6


def test_an_inserted_entry_is_found(ada, seals):
    write(ada, 1)
    remove(ada, AuditUnsealed, organization_id=ada.id)
    found = verify(ada)
    assert (found.first_broken, found.entry_id) == (7, entries_of(ada)[-1].id)
    assert "inserted" in found.reason


def test_a_removed_seal_is_found(ada, seals):
    remove(ada, AuditSeal, position=6)
    forge(ada, AuditHead, where={"position": 6}, position=5, hash=seals[4].hash)
    assert verify(ada).entry_id == seals[5].entry_id


def test_a_forged_checkpoint_is_found(ada, seals):
    with working_for(ada):
        AuditCheckpoint.objects.create(first_position=1, last_position=3, entries=2, last_hash=seals[2].hash)
    assert verify(ada).first_broken == 1


def test_a_name_is_no_part_of_the_chain(ada, seals):
    with working_for(ada):
        AuditPerson.objects.update(name="somebody else", ip="")
    assert verify(ada).valid


def test_anothers_log_does_not_matter(ada, seals):
    bo = make_organization("bo")
    bos = chain_of(bo, 2)
    forge(bo, AuditEntry, where={"id": bos[0].entry_id}, action="x")
    assert verify(ada).valid
    assert not verify(bo).valid


def test_an_entry_moved_to_another_organization_is_found(ada, seals):
    bo = make_organization("bo")
    forge(ada, AuditEntry, where={"id": seals[5].entry_id}, organization_id=bo.id, person_id=None)
    assert verify(ada).first_broken == 6
    assert not verify(bo).valid


def test_entries_written_and_trimmed_during_the_walk_do_no_harm(ada, monkeypatch):
    from audit import retention
    from supportops import clock

    monkeypatch.setattr(verifying, "BATCH", 2)
    monkeypatch.setattr(retention, "SEGMENT", 3)
    chain_of(ada, 6)
    walk, calls = verifying.check_segment, []

    def meanwhile(before, seals):
        calls.append(before)
        if len(calls) == 2:
            write(ada, 1)
            monkeypatch.setattr(verifying, "check_segment", walk)
            retention._trim_segment(clock.now())
            sealing.seal_all()
        return walk(before, seals)

    monkeypatch.setattr(verifying, "check_segment", meanwhile)
    found = verify(ada)
    assert found.valid, found
    assert (found.head.position, found.trimmed_to) == (6, 3)
    assert verify(ada).head.position == 7


def test_memory_does_not_grow_with_the_log(ada, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(verifying, "BATCH", 10)
    chain_of(ada, 100)
    # Two for each batch of ten, and a handful around them.
    with django_assert_max_num_queries(2 * 10 + 9):
        assert verify(ada).entries == 100
    assert connection.vendor in ("sqlite", "postgresql")
