"""Numbers that grow in the order in which runs are planned."""

from django.db import connection

from supportops.ids import new_id

NAME = "rules_run_sequence"


def take(count: int) -> list[int]:
    """Return `count` growing numbers: from a sequence of the database on PostgreSQL; on SQLite, where one process
    does the planning, from the clock-ordered ids of that process."""
    if not count:
        return []
    if connection.vendor != "postgresql":
        return [new_id().int >> 80 << 12 | new_id().int >> 64 & 0xFFF for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [NAME, count])
        return [row[0] for row in cursor.fetchall()]
