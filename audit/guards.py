"""Makes the audit log append-only in the database itself, after every migrate.

No code path can change or remove an entry, not even one that bypasses the models:

* an entry, a seal and a checkpoint are never updated;
* an entry and its seal are deleted only from a segment that a checkpoint stands for (audit/sealing.py);
* a checkpoint and the head of a chain are never deleted, and the head only moves forward;
* a new entry is noted as waiting for its seal in the same statement, and the note goes only once the seal is there.

The owner of a database can take triggers away; what he then does to the entries shows in the chain.
PostgreSQL sources: https://www.postgresql.org/docs/current/plpgsql-trigger.html; SQLite:
https://www.sqlite.org/lang_createtrigger.html.
"""

# ruff: noqa: S608 - made of the names of our own tables alone: a statement that makes a trigger takes no parameters

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections

ENTRIES, SEALS, CHECKPOINTS, HEADS, WAITING = (
    "audit_auditentry",
    "audit_auditseal",
    "audit_auditcheckpoint",
    "audit_audithead",
    "audit_auditunsealed",
)
TABLES = (ENTRIES, SEALS, CHECKPOINTS, HEADS, WAITING)

_COVERED = (
    f"EXISTS (SELECT 1 FROM {SEALS} seal JOIN {CHECKPOINTS} checkpoint "
    "ON checkpoint.organization_id = seal.organization_id "
    "AND seal.position BETWEEN checkpoint.first_position AND checkpoint.last_position "
    "WHERE seal.organization_id = OLD.organization_id AND seal.entry_id = OLD.id)"
)
_SEAL_COVERED = (
    f"EXISTS (SELECT 1 FROM {CHECKPOINTS} checkpoint WHERE checkpoint.organization_id = OLD.organization_id "
    "AND OLD.position BETWEEN checkpoint.first_position AND checkpoint.last_position)"
)
_SEALED = (
    f"EXISTS (SELECT 1 FROM {SEALS} seal WHERE seal.organization_id = OLD.organization_id AND seal.entry_id = OLD.id)"
)
_FORWARD = "NEW.id = OLD.id AND NEW.organization_id = OLD.organization_id AND NEW.position > OLD.position"


@dataclass(frozen=True)
class Guard:
    """Refuses `event` on `table` except where `allowed` (SQL over OLD and NEW) holds."""

    name: str
    table: str
    event: str
    message: str
    allowed: str = ""


GUARDS = (
    Guard("audit_entry_no_update", ENTRIES, "UPDATE", "audit entries are append-only: UPDATE is refused"),
    Guard(
        "audit_entry_no_delete",
        ENTRIES,
        "DELETE",
        "audit entries are append-only: DELETE is refused outside of a segment that a checkpoint covers",
        _COVERED,
    ),
    Guard("audit_seal_no_update", SEALS, "UPDATE", "seals of audit entries never change: UPDATE is refused"),
    Guard(
        "audit_seal_no_delete",
        SEALS,
        "DELETE",
        "seals of audit entries stay: DELETE is refused outside of a segment that a checkpoint covers",
        _SEAL_COVERED,
    ),
    Guard("audit_checkpoint_no_update", CHECKPOINTS, "UPDATE", "audit checkpoints never change: UPDATE is refused"),
    Guard("audit_checkpoint_no_delete", CHECKPOINTS, "DELETE", "audit checkpoints stay: DELETE is refused"),
    Guard("audit_head_forward", HEADS, "UPDATE", "the head of an audit chain only moves forward", _FORWARD),
    Guard("audit_head_no_delete", HEADS, "DELETE", "the head of an audit chain stays: DELETE is refused"),
    Guard("audit_waiting_no_update", WAITING, "UPDATE", "what waits for its seal never changes: UPDATE is refused"),
    Guard(
        "audit_waiting_no_delete",
        WAITING,
        "DELETE",
        "an audit entry waits until it is sealed: DELETE is refused",
        _SEALED,
    ),
)
NOTE = "audit_entry_waits"

_STANDING = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
_STANDING_ON_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def guard_tables(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """Write the triggers after `sender` was migrated, if it is this app. Safe to repeat."""
    if sender.label == "audit":
        write(using)


def write(using: str = "default") -> None:
    """Write every trigger whose tables exist. Triggers that stand already are not touched."""
    connection = connections[using]
    if not set(TABLES) <= set(connection.introspection.table_names()):
        return  # in the middle of the migrations, or on the way back
    with connection.cursor() as cursor:
        for statement in _postgresql(cursor) if connection.vendor == "postgresql" else _sqlite():
            cursor.execute(statement)


def missing(using: str = "default") -> list[str]:
    """Return the names of triggers that are absent or disabled; `manage.py migrate` writes them again."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(_STANDING if connection.vendor == "postgresql" else _STANDING_ON_SQLITE)
        standing = {row[0] for row in cursor.fetchall()}
    of_tables = "no_truncate" if connection.vendor == "postgresql" else "no_replace"
    wanted = [*(guard.name for guard in GUARDS), *(f"{table}_{of_tables}" for table in TABLES), NOTE]
    return [name for name in wanted if name not in standing]


# --- PostgreSQL -----------------------------------------------------------------------------------------------


def _postgresql(cursor: Any) -> Iterator[str]:
    # Functions are replaced freely; a trigger is made only where it is missing, since that locks out writers.
    cursor.execute(_STANDING)
    standing = {row[0] for row in cursor.fetchall()}
    for guard in GUARDS:
        refuse = f"RAISE EXCEPTION '{guard.message}' USING ERRCODE = 'restrict_violation';"
        if guard.allowed:
            row = "NEW" if guard.event == "UPDATE" else "OLD"
            body = f"IF {guard.allowed} THEN RETURN {row}; END IF; {refuse}"
        else:
            body = refuse
        yield _function(guard.name, body)
        if guard.name not in standing:
            yield _trigger(guard.name, f"BEFORE {guard.event} ON {guard.table} FOR EACH ROW")
    yield _function(
        "audit_no_truncate",
        "RAISE EXCEPTION 'the audit log is append-only: TRUNCATE of % is refused', TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation';",
    )
    for table in TABLES:
        if f"{table}_no_truncate" not in standing:
            yield _trigger(
                f"{table}_no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", function="audit_no_truncate"
            )
    yield _function(
        NOTE,
        f"INSERT INTO {WAITING} (id, organization_id) SELECT id, organization_id FROM fresh "
        "ON CONFLICT DO NOTHING; RETURN NULL;",
    )
    if NOTE not in standing:
        yield _trigger(NOTE, f"AFTER INSERT ON {ENTRIES} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT")


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN {body} END $body$"


def _trigger(name: str, when: str, function: str = "") -> str:
    # OR REPLACE also wakes a trigger that was disabled.
    return f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {function or name}()"


# --- SQLite ---------------------------------------------------------------------------------------------------


def _sqlite() -> Iterator[str]:
    for guard in GUARDS:
        when = f"WHEN NOT ({guard.allowed}) " if guard.allowed else ""
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {guard.name} BEFORE {guard.event} ON {guard.table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{guard.message}'); END"
        )
    for table in TABLES:
        # INSERT OR REPLACE removes the row in its way without asking the DELETE triggers.
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
            f"BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}.id'); END"
        )
    yield (
        f"CREATE TRIGGER IF NOT EXISTS {NOTE} AFTER INSERT ON {ENTRIES} "
        f"BEGIN INSERT INTO {WAITING} (id, organization_id) SELECT NEW.id, NEW.organization_id "
        f"WHERE NOT EXISTS (SELECT 1 FROM {WAITING} WHERE id = NEW.id); END"
    )
