"""Numbers that grow in the order in which runs are planned."""

from django.db import connection

# A sequence on PostgreSQL; on SQLite, which has none, a table of one row.
NAME = "rules_run_sequence"


def take(count: int) -> list[int]:
    """Return `count` growing numbers, each greater than all that were taken before. Within a transaction."""
    if not count:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [NAME, count])
            return [row[0] for row in cursor.fetchall()]
        cursor.execute(f"UPDATE {NAME} SET last = last + %s RETURNING last", [count])  # noqa: S608 - our own table
        [last] = cursor.fetchone()
        return list(range(last - count + 1, last + 1))
