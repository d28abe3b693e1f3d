"""Locks by name that last as long as the transaction: for what has no row that could be locked."""

import hashlib
from collections.abc import Iterable

from django.db import connection


def hold(names: Iterable[bytes]) -> None:
    """Let nobody else hold one of these names until this transaction is over.

    SQLite needs no locks: it has one writer.
    """
    numbers = sorted({_number(name) for name in names})
    if not numbers or connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        # In ascending order, one after the other: whoever locks several does so in the same order.
        cursor.execute("SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number", [numbers])


def _number(name: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)
