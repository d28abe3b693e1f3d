"""Writes many changed rows in one round trip: Django's `bulk_update` builds a CASE per field and row."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection, models


def write_rows(rows: Collection[models.Model], fields: Sequence[str]) -> None:
    """Update `fields` of each row by its primary key. All rows are of one model; psycopg sends them as a pipeline."""
    if not rows:
        return
    model = type(next(iter(rows)))
    columns: list[Any] = [model._meta.get_field(name) for name in fields]
    key: Any = model._meta.pk
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(column.column)} = %s" for column in columns)
    table, key_column = quote(model._meta.db_table), quote(key.column)
    statement = f"UPDATE {table} SET {assignments} WHERE {key_column} = %s"  # noqa: S608 - names of our own tables
    values = [
        [
            *(column.get_db_prep_save(column.value_from_object(row), connection) for column in columns),
            key.get_db_prep_value(row.pk, connection),
        ]
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
