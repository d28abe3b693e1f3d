"""Writes many rows with one statement, at a fraction of what model instances and Django's `bulk_*` cost.

PostgreSQL gets all rows as one JSON document and takes it apart itself (`json_to_recordset`,
https://www.postgresql.org/docs/current/functions-json.html); SQLite gets them one after the other through one prepared
statement. A row maps attributes of columns (`integration_id`) to what the fields hold; `vars()` of an instance is one.
Nothing is read back, and no signals are sent.
"""

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

from supportops import odd_json
from supportops.fields import JsonBytesField

Row = Mapping[str, Any]


def insert_rows(model: type[models.Model], rows: Collection[Row], **common: Any) -> None:
    """Insert `rows`, all of which name the same fields; `common` holds what they have in common.

    Fields that neither names get their default.
    """
    if rows:
        _write(_insertion(connection.vendor, model, _names(model, rows), tuple(common)), rows, common)


def insert_new_rows(model: type[models.Model], rows: Collection[Row], unique: Sequence[str], **common: Any) -> None:
    """Insert those of `rows` for whose `unique` fields there is no row yet."""
    if rows:
        names = _names(model, rows)
        _write(_insertion(connection.vendor, model, names, tuple(common), tuple(unique), None), rows, common)


def upsert_rows(
    model: type[models.Model], rows: Collection[Row], unique: Sequence[str], changes: str = "", **common: Any
) -> None:
    """Insert `rows`; where there is one with the same `unique` fields, change that one.

    `changes` says how, as SQL over the table's name and `excluded`; by default it takes the values of the new row.
    """
    if rows:
        names = _names(model, rows)
        _write(_insertion(connection.vendor, model, names, tuple(common), tuple(unique), changes), rows, common)


def update_rows(model: type[models.Model], rows: Collection[Row], key: str = "id", **common: Any) -> None:
    """Set the fields of each row, found by `key`, to what `rows` say; `common` holds what is set in all of them."""
    if rows:
        _write(_update(connection.vendor, model, _names(model, rows), key, tuple(common)), rows, common)


@contextmanager
def together() -> Iterator[None]:
    """Send the writes within the block to PostgreSQL one behind the other, and wait for the last: what went wrong with
    one of them is raised at its end. Within a transaction."""
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def write_rows(rows: Collection[models.Model], fields: Sequence[str]) -> None:
    """Update `fields` of each instance by its primary key. All are of one model."""
    if not rows:
        return
    model = type(next(iter(rows)))
    own: Any = model._meta
    names = (own.pk.attname, *(own.get_field(name).attname for name in fields))
    update_rows(model, [{name: vars(row)[name] for name in names} for row in rows], own.pk.attname)


def _names(model: type[models.Model], rows: Collection[Row]) -> tuple[str, ...]:
    first = next(iter(rows))
    if _STATE not in first:
        return (*first,)
    # An instance also holds what is no column, and what only the database will know.
    columns = (one.attname for one in model._meta.concrete_fields)
    return tuple(name for name in columns if name in first and not isinstance(first[name], DatabaseDefault))


_STATE = "_state"


def raw_id(identifier: uuid.UUID) -> Any:
    """Return an id in the form in which statements written by hand find it in the present database."""
    return identifier.hex if connection.vendor == "sqlite" else identifier


# --- statements -------------------------------------------------------------------------------------------------


@dataclass
class _Statement:
    """A statement for rows of one form. Its parameters: what the rows hold, `common`, `defaults`, and `tail`."""

    sql: str
    # How each value of a row is handed over, None for as it is.
    adapters: "_Adapters"
    common: Sequence[tuple[str, Any]]
    defaults: Sequence[Any] = ()
    tail: "_Adapters" = ()
    adapts: bool = field(init=False)

    def __post_init__(self) -> None:
        self.adapts = any(adapt is not None for _, adapt in self.adapters)


def _write(statement: _Statement, rows: Collection[Row], common: Row) -> None:
    shared = [one.get_db_prep_save(common[name], connection) for name, one in statement.common]
    shared += [one.get_db_prep_save(one.get_default(), connection) for one in statement.defaults]
    if connection.vendor == "postgresql":
        with connection.server_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(statement.sql, [_document(statement, rows), *shared])
        return
    head, tail = statement.adapters, statement.tail
    values = [[*_adapted(row, head), *shared, *_adapted(row, tail)] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(statement.sql, values)


def _adapted(row: Row, adapters: "_Adapters") -> Iterator[Any]:
    for name, adapt in adapters:
        yield row[name] if adapt is None else adapt(row[name])


@cache
def _insertion(
    vendor: str,
    model: type[models.Model],
    names: tuple[str, ...],
    common: tuple[str, ...],
    unique: tuple[str, ...] = (),
    changes: str | None = "",
) -> _Statement:
    """Return the statement for rows of a form; `changes` is "" for all that a row names, None for nothing."""
    fields = _fields(model)
    # What the database itself knows a default for is left to it.
    left = [one for name, one in fields.items() if name not in names and name not in common]
    defaults = [one for one in left if one.has_default() or not one.has_db_default()]
    shared = [*(fields[name] for name in common), *defaults]
    columns = [*(fields[name] for name in names), *shared]
    sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({', '.join(map(_column, columns))}) "
    if vendor == "postgresql":
        chosen = [*(f"given.{_quoted(name)}" for name in names), *(f"%s::{_type(one)}" for one in shared)]
        sql = f"{_given(fields, names)} {sql}SELECT {', '.join(chosen)} FROM given"  # noqa: S608 - our own names
    else:
        sql += f"VALUES ({', '.join(['%s'] * len(columns))})"
    if unique:
        sql += f" ON CONFLICT ({', '.join(_column(fields[name]) for name in unique)}) DO "
        changed = (_column(fields[name]) for name in names if name not in unique)
        taken = ", ".join(f"{column} = excluded.{column}" for column in changed)
        sql += "NOTHING" if changes is None else f"UPDATE SET {changes or taken}"
    return _Statement(sql, _adapters(vendor, fields, names), [(name, fields[name]) for name in common], defaults)


@cache
def _update(
    vendor: str, model: type[models.Model], names: tuple[str, ...], key: str, common: tuple[str, ...]
) -> _Statement:
    fields = _fields(model)
    changed = [name for name in names if name != key]
    table, key_column = _quoted(model._meta.db_table), _column(fields[key])
    shared = [(name, fields[name]) for name in common]
    if vendor == "postgresql":
        sets = [f"{_column(fields[name])} = given.{_quoted(name)}" for name in changed]
        sets += [f"{_column(fields[name])} = %s::{_type(fields[name])}" for name in common]
        where = f"FROM given WHERE held.{key_column} = given.{_quoted(key)}"
        sql = f"{_given(fields, names)} UPDATE {table} AS held SET {', '.join(sets)} {where}"  # noqa: S608
        return _Statement(sql, _adapters(vendor, fields, names), shared)
    sets = [f"{_column(fields[name])} = %s" for name in (*changed, *common)]
    sql = f"UPDATE {table} SET {', '.join(sets)} WHERE {key_column} = %s"  # noqa: S608
    return _Statement(sql, _adapters(vendor, fields, changed), shared, tail=_adapters(vendor, fields, [key]))


def _fields(model: type[models.Model]) -> dict[str, Any]:
    return {one.attname: one for one in model._meta.concrete_fields}


def _column(one: Any) -> str:
    return _quoted(one.column)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _given(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    columns = ", ".join(f"{_quoted(name)} {_type(fields[name])}" for name in names)
    return f"WITH given AS (SELECT * FROM json_to_recordset(%s::json) AS row ({columns}))"  # noqa: S608 - our own names


def _type(one: Any) -> str:
    name: str = one.db_type(connection)
    # What is too long for its column is to be refused there, not cut off here.
    return "text" if name.startswith("varchar") else name


# --- values -----------------------------------------------------------------------------------------------------


_Adapters = Sequence[tuple[str, Callable[[Any], Any] | None]]


def _adapters(vendor: str, fields: Mapping[str, Any], names: Iterable[str]) -> _Adapters:
    adapter = _adapter_for_json if vendor == "postgresql" else _adapter_for_sqlite
    return [(name, adapter(fields[name])) for name in names]


def _document(statement: _Statement, rows: Collection[Row]) -> str:
    if statement.adapts or _STATE in next(iter(rows)):
        rows = [
            {name: row[name] if adapt is None else adapt(row[name]) for name, adapt in statement.adapters}
            for row in rows
        ]
    try:
        raw = orjson.dumps(rows)
    except TypeError:  # a lone surrogate, which is no UTF-8
        raw = b"\\u0000"
    if b"\\u0000" in raw:
        # As supportops.postgres has it with every other text.
        raw = orjson.dumps([{name: _storable(value) for name, value in row.items()} for row in rows])
    return raw.decode()


_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def _storable(value: Any) -> Any:
    return _NOT_STORABLE.sub("\ufffd", value) if isinstance(value, str) else value


def _adapter_for_json(one: Any) -> Callable[[Any], Any] | None:
    if isinstance(one, JsonBytesField):
        return lambda value: None if value is None else "\\x" + odd_json.dumps(value).hex()
    if isinstance(one, models.BinaryField):
        return lambda value: None if value is None else "\\x" + bytes(value).hex()
    return None


def _adapter_for_sqlite(one: Any) -> Callable[[Any], Any] | None:
    target = one.target_field if isinstance(one, models.ForeignKey) else one
    if isinstance(target, models.UUIDField):
        return lambda value: None if value is None else value.hex
    if isinstance(target, models.DateTimeField):
        return _time_for_sqlite
    if isinstance(target, JsonBytesField):
        return lambda value: None if value is None else odd_json.dumps(value)
    if isinstance(target, (models.CharField, models.IntegerField, models.BooleanField)):
        return None
    return lambda value: one.get_db_prep_save(value, connection)


def _time_for_sqlite(value: datetime | None) -> str | None:
    """As Django's own, which asks the connection for its time zone each time."""
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))
