"""Claims what is due, fairly, for any table with `organization`, `due_at`, `fence` and `worker_id`.

Whose turn it is comes from a loose index scan over the partial index on what is due: one probe per organization
with anything waiting, however much each has waiting. A claim then takes a few rows of each organization in turn
with one statement: UPDATE ... WHERE id IN (SELECT ... LIMIT few) RETURNING, with SKIP LOCKED on PostgreSQL.
"""

import itertools
import random
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, models, transaction


@dataclass(frozen=True)
class Claimed:
    """A row that this worker now owns, as long as the row's fence stays the same."""

    id: uuid.UUID
    organization_id: uuid.UUID
    fence: int


@dataclass(frozen=True)
class Claimable:
    """A table to claim from. `queue` narrows steps to one queue; `status` is what a claimed row becomes."""

    model: type[models.Model]
    running: str | None = None
    queue: str | None = None


class Turns:
    """Hands organizations their turns, round-robin. One per process and table; starts anywhere."""

    def __init__(self) -> None:
        self._last: uuid.UUID | None = None

    def order(self, organizations: list[uuid.UUID]) -> list[uuid.UUID]:
        """Return `organizations` (sorted) so that the one after the last served comes first."""
        if not organizations:
            return []
        if self._last is None:
            start = random.randrange(len(organizations))  # noqa: S311 - spreads workers, no secret
        else:
            start = next((i for i, item in enumerate(organizations) if item > self._last), 0)
        return organizations[start:] + organizations[:start]

    def served(self, organization_id: uuid.UUID) -> None:
        """Note who had the last turn."""
        self._last = organization_id


def claim(
    table: Claimable,
    worker_id: uuid.UUID,
    limit: int,
    now: datetime,
    turns: Turns,
    *,
    without: Collection[uuid.UUID] = (),
) -> list[Claimed]:
    """Claim up to `limit` due rows, a few of each organization in turn, and return them.

    Works across organizations and returns ids and organizations, no contents. `without`: organizations that
    have enough in hand for now.
    """
    due = [item for item in organizations_due(table, now) if item not in without]
    if not due or limit <= 0:
        return []
    turn = turns.order(due)[:limit]
    share, rest = divmod(limit, len(turn))
    quotas = [(organization, share + (1 if place < rest else 0)) for place, organization in enumerate(turn)]
    claimed = _claim(table, worker_id, quotas, now)
    turns.served(turn[-1])
    return claimed


def organizations_due(table: Claimable, now: datetime) -> list[uuid.UUID]:
    """Return the organizations that have something due, sorted. Works across organizations; returns ids alone."""
    name = connection.ops.quote_name(table.model._meta.db_table)
    waiting = "due_at IS NOT NULL" + (" AND queue = %s" if table.queue else "")
    queue = [table.queue] if table.queue else []
    statement = f"""
        WITH RECURSIVE turn(organization_id) AS (
            SELECT * FROM (
                SELECT organization_id FROM {name} WHERE {waiting} ORDER BY organization_id LIMIT 1
            ) AS first_turn
            UNION ALL
            SELECT (
                SELECT row.organization_id FROM {name} AS row
                WHERE {waiting} AND row.organization_id > turn.organization_id
                ORDER BY row.organization_id LIMIT 1
            ) FROM turn WHERE turn.organization_id IS NOT NULL
        )
        SELECT organization_id FROM turn
        WHERE organization_id IS NOT NULL AND EXISTS (
            SELECT 1 FROM {name} AS row
            WHERE {waiting} AND row.organization_id = turn.organization_id AND row.due_at <= %s
        )
    """  # noqa: S608 - the names of our own tables, no input
    with connection.cursor() as cursor:
        cursor.execute(statement, [*queue, *queue, *queue, _time(now)])
        return [_uuid(row[0]) for row in cursor.fetchall()]


def _claim(table: Claimable, worker_id: uuid.UUID, quotas: list[tuple[uuid.UUID, int]], now: datetime) -> list[Claimed]:
    name = connection.ops.quote_name(table.model._meta.db_table)
    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    queue_test = " AND queue = %s" if table.queue else ""
    arms, values = [], []
    for organization, quota in quotas:
        arms.append(
            f"SELECT id FROM (SELECT id FROM {name} WHERE due_at IS NOT NULL{queue_test} "  # noqa: S608
            f"AND organization_id = %s AND due_at <= %s ORDER BY due_at LIMIT {int(quota)} {lock}) AS arm"
        )
        values += [*([table.queue] if table.queue else []), _id(organization), _time(now)]
    # ARRAY(...) is computed once; a plain IN (SELECT ... LIMIT) may be run once per row by PostgreSQL's planner.
    chosen = f"= ANY(ARRAY({' UNION ALL '.join(arms)}))" if lock else f"IN ({' UNION ALL '.join(arms)})"
    running = ", status = %s" if table.running else ""
    # A claimed row is no longer due, so nobody else sees it.
    statement = (
        f"UPDATE {name} SET worker_id = %s, fence = fence + 1, due_at = NULL{running} "  # noqa: S608
        f"WHERE id {chosen} RETURNING id, organization_id, fence"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [_id(worker_id), *([table.running] if table.running else []), *values])
        rows = cursor.fetchall()
    return [Claimed(_uuid(row[0]), _uuid(row[1]), row[2]) for row in rows]


def in_turn(claimed: list[Claimed]) -> list[Claimed]:
    """Return claimed rows alternating between organizations, so that no batch starts with one tenant's whole share."""
    by_organization: dict[uuid.UUID, list[Claimed]] = {}
    for item in claimed:
        by_organization.setdefault(item.organization_id, []).append(item)
    rounds = itertools.zip_longest(*by_organization.values())
    return [item for round_ in rounds for item in round_ if item is not None]


def _id(value: uuid.UUID) -> str | uuid.UUID:
    return value if connection.vendor == "postgresql" else value.hex


def _uuid(value: str | uuid.UUID) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _time(value: datetime) -> str | datetime | None:
    return value if connection.vendor == "postgresql" else connection.ops.adapt_datetimefield_value(value)
