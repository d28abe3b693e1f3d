"""Entries get their places shortly after; each once, in the order of sealing, whoever comes late or at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from audit import chain, sealing
from audit.models import AuditEntry, AuditHead, AuditSeal, AuditUnsealed
from audit.verifying import verify
from supportops import ids
from supportops.tenancy.scope import working_for
from tests.audit.chains import chain_of, entries_of, write
from tests.builders import make_organization


@pytest.fixture
def ada(db):
    return make_organization("ada")


@pytest.fixture
def bo(db):
    return make_organization("bo")


def test_each_entry_gets_the_next_place_and_a_hash_over_the_one_before(ada):
    seals = chain_of(ada, 3)
    entries = entries_of(ada)
    assert [seal.position for seal in seals] == [1, 2, 3]
    assert [seal.entry_id for seal in seals] == [entry.id for entry in entries]
    previous = chain.GENESIS
    for seal, entry in zip(seals, entries, strict=True):
        assert seal.hash == chain.hash_of(chain.entry_fields(entry), seal.position, previous)
        previous = seal.hash
    with working_for(ada):
        assert sealing.head() == sealing.Head(3, previous)
        assert not AuditUnsealed.objects.exists()


def test_the_hash_is_what_it_was_in_earlier_versions():
    # A change of this value makes every chain out there look broken.
    fields = {
        "id": "0197a1b2-0000-7000-8000-000000000001",
        "organization": "0197a1b2-0000-7000-8000-000000000002",
        "at": "2026-05-04T03:02:01.000006Z",
        "actor_type": "user",
        "actor_id": "ada",
        "person": None,
        "action": "rule.changed",
        "resource_type": "rule",
        "resource_id": "7",
        "changes": {"b": [1.5, 1e16, "ä"], "a": None},
        "request_id": "r",
        "trace_id": "t",
    }
    assert chain.hash_of(fields, 1, chain.GENESIS) == "a087c14f12f37ad58338b6da78cc8c8fc808a275d511a91b3d34e47c24f0ea78"


def test_a_later_round_goes_on_where_the_last_one_ended(ada):
    chain_of(ada, 2)
    seals = chain_of(ada, 2)
    assert [seal.position for seal in seals] == [1, 2, 3, 4]
    assert verify(ada).valid


def test_an_entry_that_becomes_visible_late_is_simply_next(ada):
    late_id = ids.new_id()
    chain_of(ada, 2)
    with working_for(ada):
        AuditEntry.objects.create(id=late_id, actor_type="system", action="run.finished", resource_type="run")
        sealing.seal_all()
        assert AuditSeal.objects.get(entry_id=late_id).position == 3
        assert min(AuditEntry.objects.values_list("id", flat=True)) == late_id
    assert verify(ada).valid


def test_organizations_have_chains_of_their_own(ada, bo):
    write(ada, 2)
    write(bo, 3)
    assert sealing.seal_due() == 5
    for organization, count in ((ada, 2), (bo, 3)):
        with working_for(organization):
            assert sealing.head().position == count
    assert sealing.seal_due() == 0


def test_no_organization_waits_for_anothers_backlog(ada, bo, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 5)
    write(ada, 50)
    write(bo, 1)
    assert sealing.seal_due(limit=10) in (6, 10)
    with working_for(bo):
        assert sealing.head().position == 1
    while sealing.seal_due(limit=10):
        pass
    assert verify(ada).entries == 50


def test_everything_is_sealed_in_batches(ada, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 4)
    assert [seal.position for seal in chain_of(ada, 10)] == list(range(1, 11))
    assert verify(ada).valid


def test_an_entry_that_waits_again_keeps_its_place(ada):
    seal = chain_of(ada, 1)[0]
    with working_for(ada):
        AuditUnsealed.objects.create(id=seal.entry_id)
        sealing.seal_all()
        assert AuditSeal.objects.get().position == 1
        assert not AuditUnsealed.objects.exists()


def test_what_sealing_costs(ada, bo, django_assert_num_queries):
    with django_assert_num_queries(1):
        sealing.seal_due()
    write(ada, 100)
    write(bo, 100)
    # Beside savepoints: one look at who waits; then for each what waits, what was sealed before, the entries, the
    # head, the seals, the head again (made at first: one more) and the end of waiting; on PostgreSQL the lock.
    locks = 2 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(1 + 2 * (2 + 8) + locks):
        sealing.seal_due()
    write(ada, 100)
    with django_assert_num_queries(1 + 2 + 7 + locks // 2):
        sealing.seal_due()


@pytest.mark.django_db(transaction=True)
def test_sealers_at_once_give_each_entry_one_place():
    ada = make_organization("ada")
    write(ada, 40)
    start = threading.Barrier(4)

    def work():
        try:
            start.wait(timeout=20)
            for _ in range(10):
                with working_for(ada):
                    sealing.seal(7)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result(timeout=60)
    with working_for(ada):
        sealing.seal_all()
        assert list(AuditSeal.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 41))
        assert AuditSeal.objects.values("entry_id").distinct().count() == 40
        assert AuditHead.objects.get().position == 40
    assert verify(ada).valid


@pytest.mark.django_db(transaction=True)
def test_while_another_one_seals_nothing_is_done():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    ada = make_organization("ada")
    write(ada, 1)

    def other():
        try:
            with working_for(ada):
                return sealing.seal()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, working_for(ada), transaction.atomic():
        assert sealing.seal() == 1
        assert pool.submit(other).result(timeout=20) == 0
    assert verify(ada).valid


@pytest.mark.django_db(transaction=True)
def test_entries_of_an_open_transaction_are_sealed_after_it():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    ada = make_organization("ada")
    written, go_on = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                write(ada, 1)
                written.set()
                assert go_on.wait(20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow)
        assert written.wait(20)
        write(ada, 2)
        assert sealing.seal_due() == 2
        go_on.set()
        late.result(timeout=20)
    assert sealing.seal_due() == 1
    with working_for(ada):
        third = AuditSeal.objects.get(position=3)
        assert third.entry_id == AuditEntry.objects.order_by("id").first().id
    assert verify(ada).valid
