"""Lets tests that empty tables empty the audit log too. Nothing of the product can do this."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.backends.base.operations import BaseDatabaseOperations

from audit import guards


@contextmanager
def lowered(using: str = "default") -> Iterator[None]:
    """Take the guards of the audit log away within the block, as the owner of the database can."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in _take_away(connection.vendor):
            cursor.execute(statement)
    try:
        yield
    finally:
        guards.write(using)


def _take_away(vendor: str) -> Iterator[str]:
    for guard in guards.GUARDS:
        yield f"DROP TRIGGER IF EXISTS {guard.name}" + (f" ON {guard.table}" if vendor == "postgresql" else "")
    for table in guards.TABLES:
        if vendor == "postgresql":
            yield f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}"
        else:
            yield f"DROP TRIGGER IF EXISTS {table}_no_replace"


def install(patch: pytest.MonkeyPatch) -> None:
    """Make the flush between transactional tests lower the guards for its own duration."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_with_lowered_guards(self, sql_list):
        with lowered(self.connection.alias):
            return flush(self, sql_list)

    patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush_with_lowered_guards)
