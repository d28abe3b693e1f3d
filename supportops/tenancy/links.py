"""Writes each `LinkWithin` into the database as (organization, id) after every migrate.

Derived from the models instead of written into migrations one by one: no link can be forgotten, and SQLite,
which loses triggers when Django rebuilds a table, gets them back at once.
PostgreSQL: a composite foreign key. SQLite, which cannot add one to an existing table: triggers that refuse the link
when it is written.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.db import connections, models

from supportops.tenancy.owned import LinkWithin, OrganizationOwned


def links() -> Iterator[tuple[type[models.Model], LinkWithin]]:
    """Yield every link between rows of organizations, with the model that holds it."""
    for model in apps.get_models():
        if issubclass(model, OrganizationOwned):
            for field in model._meta.local_fields:
                if isinstance(field, LinkWithin):
                    yield model, field


def keep_links_within_organizations(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Write the constraints of `sender`'s models. Safe to repeat."""
    connection = connections[using]
    existing = set(connection.introspection.table_names())
    for model, field in links():
        if model._meta.app_label != sender.label or model._meta.db_table not in existing:
            continue
        if field.related_model._meta.db_table not in existing:
            continue
        with connection.cursor() as cursor:
            statements = _postgresql if connection.vendor == "postgresql" else _sqlite
            for statement in statements(cursor, model, field):
                cursor.execute(statement)


def make_way(sender: AppConfig, using: str = "default", plan: object = (), **kwargs: Any) -> None:
    """On SQLite, take every trigger away before migrations run; all of them are written again after each migrate.

    Django changes a table by building it anew, and SQLite refuses to give the new one its name while a trigger of any
    other table speaks of it (https://www.sqlite.org/lang_altertable.html, section 2). Without migrations to run
    nothing is touched.
    """
    connection = connections[using]
    if sender.label != "tenancy" or connection.vendor != "sqlite" or not plan:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


def _names(model: type[models.Model], field: LinkWithin) -> tuple[str, str, str, str]:
    table, target = model._meta.db_table, field.related_model._meta.db_table
    return table, target, field.column, f"{table}_{field.column}_within"[:60]


def _postgresql(cursor: Any, model: type[models.Model], field: LinkWithin) -> Iterator[str]:
    table, target, column, name = _names(model, field)
    unique = f"{target}_within"[:60]
    cursor.execute("SELECT 1 FROM pg_constraint WHERE conname = %s", [unique])
    if cursor.fetchone() is None:
        yield f'ALTER TABLE "{target}" ADD CONSTRAINT "{unique}" UNIQUE (organization_id, id)'
    cursor.execute("SELECT 1 FROM pg_constraint WHERE conname = %s", [name])
    if cursor.fetchone() is None:
        yield (
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (organization_id, "{column}") '
            f'REFERENCES "{target}" (organization_id, id) DEFERRABLE INITIALLY DEFERRED NOT VALID'
        )
        yield f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"'


def _sqlite(cursor: Any, model: type[models.Model], field: LinkWithin) -> Iterator[str]:
    table, target, column, name = _names(model, field)
    # Names come from the models; a statement that makes a trigger takes no parameters.
    strays = f'NOT EXISTS (SELECT 1 FROM "{target}" t WHERE t.id = NEW."{column}" AND t.organization_id = NEW.organization_id)'  # noqa: S608, E501
    for verb, event in (("insert", "INSERT"), ("update", f'UPDATE OF organization_id, "{column}"')):
        yield f'DROP TRIGGER IF EXISTS "{name}_{verb}"'
        yield (
            f'CREATE TRIGGER "{name}_{verb}" BEFORE {event} ON "{table}" '
            f'WHEN NEW."{column}" IS NOT NULL AND {strays} '
            f"BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: {table}.{column}'); END"
        )
