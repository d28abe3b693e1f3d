"""Lookup tables: kept by people, read by rules as ``vars.NAME["key"]``. Needs the organization in scope.

Only the tables that a rule names are read for it, as they are when it is matched and when a step runs: a table is data
like a variable, no part of the rule's version.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from audit.recording import record
from integrations.lifecycle import touch_rules
from rules.compiled import compiled_version
from rules.models import LookupTable, RuleVersion
from rules.problems import Problem, Refused
from rules.table_text import Rows, checked_rows, size_of
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import current_organization_id

MOST_TABLES = 100

log = structlog.get_logger()


# --- what people do with them -------------------------------------------------------------------------------------


def create_table(*, name: str, rows: Any, description: str = "") -> LookupTable:
    """Make a table. Raises Refused."""
    if LookupTable.objects.count() >= MOST_TABLES:
        raise Refused([Problem("name", "too_many", f"An organization has at most {MOST_TABLES} lookup tables.")])
    row = LookupTable(organization_id=current_organization_id())
    _fill(row, {"name": name, "rows": rows, "description": description})
    with transaction.atomic():
        _save(row)
        record("lookup_table.created", row, changes=_shown(row))
    return row


def change_table(row: LookupTable, **changes: Any) -> LookupTable:
    """Change name, description or rows (all of them). Raises Refused. Rules see it from then on."""
    before, rows_before = _shown(row), row.rows
    _fill(row, changes)
    row.updated_at = clock.now()
    with transaction.atomic():
        _save(row)
        after = _shown(row)
        told: dict[str, Any] = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if "rows" in changes:
            told |= _rows_changed(rows_before, row.rows)
        record("lookup_table.changed", row, changes=told)
    return row


def delete_table(row: LookupTable) -> list[str]:
    """Delete a table and return the rules that name it: they fail from then on where they ask for it."""
    names = rules_naming(row.name)
    with transaction.atomic():
        record("lookup_table.deleted", row, changes={**_shown(row), "named_by": names})
        row.delete()
        touch_rules()
    return names


def rules_naming(name: str) -> list[str]:
    """Return the names of the rules whose live version names a table."""
    live = RuleVersion.objects.filter(number=F("rule__version"), rule__deleted_at__isnull=True)
    versions = live.select_related("rule").iterator(chunk_size=200)
    return sorted(version.rule.name for version in versions if name in _named_by(version))


def _named_by(version: RuleVersion) -> frozenset[str]:
    try:
        return compiled_version(version.pk).tables
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # a document that can no longer be read names nothing that it could use
        log.exception("version.not_compiled", version=str(version.pk))
        return frozenset()


def told_of(names: Collection[str]) -> str:
    """Return the sentence that says which rules name a table; "" where none does."""
    if not names:
        return ""
    shown = ", ".join(f"'{name}'" for name in list(names)[:10]) + (", …" if len(names) > 10 else "")
    return f"Rules that name this table fail without it: {shown}."


def _fill(row: LookupTable, wish: Mapping[str, Any]) -> None:
    if "name" in wish:
        row.name = str(wish["name"])
    if "description" in wish:
        row.description = str(wish["description"] or "")
    if "rows" in wish:
        row.rows = checked_rows(wish["rows"])
        row.row_count, row.size = len(row.rows), size_of(row.rows)


def _save(row: LookupTable) -> None:
    try:
        row.clean_fields(exclude=["organization", "rows"])
    except ValidationError as error:
        details = error.message_dict
        raise Refused([Problem(name, "invalid", " ".join(texts)) for name, texts in details.items()]) from None
    taken = Problem("name", "not_unique", f"There is a lookup table '{row.name}' already.")
    with unless_taken(Refused([taken])):
        row.save()
    touch_rules()


def _shown(row: LookupTable) -> dict[str, Any]:
    return {"name": row.name, "description": row.description, "row_count": row.row_count}


def _rows_changed(before: Rows, after: Rows) -> dict[str, Any]:
    """Return how many rows were added, changed and removed, and the keys of some."""
    told = {
        "added": [key for key in after if key not in before],
        "changed": [key for key in after if key in before and before[key] != after[key]],
        "removed": [key for key in before if key not in after],
    }
    return {name: {"count": len(keys), "keys": keys[:20]} for name, keys in told.items() if keys}


# --- what rules see of them ---------------------------------------------------------------------------------------

# Read tables are kept by the organization's version number, which each change raises.
_MOST_BYTES_KEPT = 32 * 1024 * 1024
_kept: "OrderedDict[tuple[uuid.UUID, str], tuple[int, int, Rows | None]]" = OrderedDict()
_lock = threading.Lock()


def tables_at(names: Collection[str], version: int | None = None) -> dict[str, Rows]:
    """Return the tables of these names at the organization's version (None: ask for it); those that are not there are
    left out. Nobody may change what is returned."""
    if not names:
        return {}
    organization_id = current_organization_id()
    if version is None:
        version = Organization.objects.values_list("rules_version", flat=True).get(pk=organization_id)
    found: dict[str, Rows | None] = {}
    with _lock:
        for name in names:
            known = _kept.get((organization_id, name))
            if known is not None and known[0] == version:
                _kept.move_to_end((organization_id, name))
                found[name] = known[2]
    if missing := [name for name in names if name not in found]:
        for name, size, rows in _read(missing):
            found[name] = rows
            _keep((organization_id, name), version, size, rows)
    return {name: rows for name in names if (rows := found[name]) is not None}


def forget() -> None:
    """Empty the cache, for tests."""
    with _lock:
        _kept.clear()


def _read(names: Collection[str]) -> Iterator[tuple[str, int, Rows | None]]:
    """Yield each name with its rows, None where there is no such table: that is remembered too."""
    there = {row.name: row for row in LookupTable.objects.filter(name__in=names)}
    for name in names:
        row = there.get(name)
        yield (name, row.size, row.rows) if row is not None else (name, 0, None)


def _keep(key: tuple[uuid.UUID, str], version: int, size: int, rows: Rows | None) -> None:
    with _lock:
        _kept[key] = (version, size + 500, rows)
        _kept.move_to_end(key)
        total = sum(kept[1] for kept in _kept.values())
        while total > _MOST_BYTES_KEPT and len(_kept) > 1:
            total -= _kept.popitem(last=False)[1][1]
