"""Gives entries their place in the organization's chain, shortly after they were written. Comes from recording.

One sealer per organization at a time. The place is the order of sealing, not of the entries' ids: a transaction
that commits late brings an old id into view after newer ones were sealed, and is simply next. What waits is in
AuditUnsealed alone, so that a look costs the same with ten million entries as with ten.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

from audit import chain
from audit.models import AuditEntry, AuditHead, AuditSeal, AuditUnsealed
from supportops import clock
from supportops.tenancy.scope import current_organization_id, working_for

# Sealed in one transaction: some tens of milliseconds.
BATCH = 500
# Advisory locks share one space of numbers in a database; these are ours.
_LOCK_SPACE = 0x5EA1


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: its last position and hash."""

    position: int = 0
    hash: str = chain.GENESIS

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


def seal_due(limit: int = 5000) -> int:
    """Seal up to about `limit` waiting entries, a batch of each organization in turn. Returns how many were sealed.

    Works across organizations: finds out by ids alone who has something waiting. Called by the sweep; several callers
    at once do no harm.
    """
    sealed = 0
    waiting = _organizations_with_unsealed()
    # Whoever has much waiting does not come first each time.
    random.shuffle(waiting)
    while waiting and sealed < limit:
        again = []
        for organization_id in waiting:
            with working_for(organization_id):
                done = seal(min(BATCH, limit - sealed))
            sealed += done
            if done == BATCH:
                again.append(organization_id)
            if sealed >= limit:
                break
        waiting = again
    return sealed


def seal_all() -> None:
    """Seal everything of the organization in scope that waits now. Leaves at once when another sealer is at work."""
    while seal(BATCH) == BATCH:
        pass


def seal(most: int = BATCH) -> int:
    """Seal up to `most` waiting entries of the organization in scope. Returns how many; 0 when another one seals."""
    with transaction.atomic(), only_sealer() as is_mine:
        if not is_mine:
            return 0
        ids = list(AuditUnsealed.objects.order_by("id").values_list("id", flat=True)[:most])
        if not ids:
            return 0
        # Restored from a copy, an entry may wait although it was sealed.
        sealed_before = set(AuditSeal.objects.filter(entry_id__in=ids).values_list("entry_id", flat=True))
        new = [entry_id for entry_id in ids if entry_id not in sealed_before]
        entries = list(AuditEntry.objects.filter(id__in=new).order_by("id"))
        if entries:
            _append(entries)
        AuditUnsealed.objects.filter(id__in=ids).delete()
        return len(ids)


def head() -> Head:
    """Return the end of the chain of the organization in scope."""
    row = AuditHead.objects.first()
    return Head(row.position, row.hash) if row else Head()


def _append(entries: list[AuditEntry]) -> None:
    end, now, seals = head(), clock.now(), []
    for entry in entries:
        position = end.position + 1
        end = Head(position, chain.hash_of(chain.entry_fields(entry), position, end.hash))
        seals.append(
            AuditSeal(
                organization_id=entry.organization_id,
                position=position,
                entry_id=entry.id,
                hash=end.hash,
                sealed_at=now,
            )
        )
    AuditSeal.objects.bulk_create(seals)
    if not AuditHead.objects.update(position=end.position, hash=end.hash, sealed_at=now):
        AuditHead.objects.create(position=end.position, hash=end.hash, sealed_at=now)


def _organizations_with_unsealed() -> list[uuid.UUID]:
    """Return the organizations that have waiting entries: one step in the index for each, however much waits."""
    table = AuditUnsealed._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE waiting(organization_id) AS (
                SELECT * FROM (SELECT organization_id FROM {table} ORDER BY organization_id LIMIT 1) AS first
                UNION ALL
                SELECT (SELECT next.organization_id FROM {table} AS next
                        WHERE next.organization_id > waiting.organization_id ORDER BY next.organization_id LIMIT 1)
                FROM waiting WHERE waiting.organization_id IS NOT NULL
            )
            SELECT organization_id FROM waiting WHERE organization_id IS NOT NULL
            """  # noqa: S608 - the name of our own table
        )
        return [uuid.UUID(str(row[0])) for row in cursor.fetchall()]


@contextmanager
def only_sealer() -> Iterator[bool]:
    """Say whether this transaction is the one that may write the chain of the organization in scope.

    On SQLite there is one writer at a time anyway: transactions begin IMMEDIATE.
    """
    if connection.vendor != "postgresql":
        yield True
        return
    number = int.from_bytes(current_organization_id().bytes[-4:], "big", signed=True)
    with connection.cursor() as cursor:
        # Released with the transaction. Should two organizations share a number, one is sealed a sweep later.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, number])
        yield bool(cursor.fetchone()[0])
