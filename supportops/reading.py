"""Reads many rows by their ids with one statement that is put together once, for paths that are gone many times a
second: Django's queries are made anew each time, which takes longer than they run."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.scope import current_organization_id

_Row = TypeVar("_Row", bound=models.Model)


def rows_by_id(
    model: type[_Row],
    name: str,
    ids: Iterable[uuid.UUID],
    *,
    order_by: Sequence[str] = (),
    lock: bool = False,
    without: str = "",
) -> list[_Row]:
    """Return the rows whose `name` (such as `id` or `run_id`) is among `ids`, of the organization in scope where rows
    belong to one. `lock`: for update, in the order given; only within a transaction. `without`: only those in which
    this one is null."""
    wanted = list(ids)
    if not wanted:
        return []
    is_owned = issubclass(model, OrganizationOwned)
    own = [current_organization_id()] if is_owned else []
    if connection.vendor == "postgresql":
        statement, convert = _selection("postgresql", model, name, 0, tuple(order_by), lock, without)
        values: list[Any] = [*own, "{" + ",".join(map(str, wanted)) + "}"]
        open_cursor = connection.server_cursor  # type: ignore[attr-defined]
    else:
        statement, convert = _selection(connection.vendor, model, name, len(wanted), tuple(order_by), lock, without)
        values = [one.hex for one in (*own, *wanted)]
        open_cursor = connection.cursor
    with open_cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    names = [one.attname for one in model._meta.concrete_fields]
    alias = connection.alias
    if convert:
        found = [_converted(list(row), convert) for row in found]
    return [model.from_db(alias, names, row) for row in found]


_Converters = Sequence[tuple[int, Sequence[Callable[[Any], Any]]]]


def _converted(row: list[Any], convert: _Converters) -> list[Any]:
    for place, functions in convert:
        value = row[place]
        for function in functions:
            value = function(value)
        row[place] = value
    return row


@cache
def _selection(
    vendor: str,
    model: type[models.Model],
    name: str,
    count: int,
    order_by: tuple[str, ...],
    lock: bool,
    without: str,
) -> tuple[str, _Converters]:
    quote = connection.ops.quote_name
    fields = list(model._meta.concrete_fields)
    column = {one.attname: quote(str(one.column)) for one in fields}
    among = "= ANY(%s::uuid[])" if vendor == "postgresql" else f"IN ({', '.join(['%s'] * count)})"
    own = "organization_id = %s AND " if issubclass(model, OrganizationOwned) else ""
    statement = (
        f"SELECT {', '.join(column.values())} FROM {quote(model._meta.db_table)} WHERE {own}{column[name]} {among}"  # noqa: S608 - our own names
    )
    if without:
        statement += f" AND {column[without]} IS NULL"
    if order_by:
        statement += f" ORDER BY {', '.join(column[one] for one in order_by)}"
    if lock and vendor == "postgresql":
        statement += " FOR UPDATE"
    return statement, _converters(fields)


def _converters(fields: Sequence[Any]) -> _Converters:
    found = []
    for place, one in enumerate(fields):
        target = one.target_field if isinstance(one, models.ForeignKey) else one
        if quick := _QUICK.get(type(target)) if connection.vendor == "sqlite" else None:
            found.append((place, [quick]))
            continue
        # As Django's compiler has them: the database's first.
        expression = one.get_col(one.model._meta.db_table)
        functions = [
            *connection.ops.get_db_converters(expression),
            *expression.get_db_converters(connection),
        ]
        if functions:
            found.append((place, [_bound(function, expression) for function in functions]))
    return found


def _time(at: datetime | None) -> datetime | None:
    # The driver has read it already, by the column's type.
    return None if at is None else at.replace(tzinfo=UTC)


def _id(text: str | None) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(int=int(text, 16))


# For SQLite. Django's own say the same, in several times the time.
_QUICK: dict[type[Any], Callable[[Any], Any]] = {models.DateTimeField: _time, models.UUIDField: _id}


def _bound(function: Callable[..., Any], expression: Any) -> Callable[[Any], Any]:
    return lambda value: function(value, expression, connection)
