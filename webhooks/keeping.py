"""Keeps verified requests, each unless its endpoint has changed or it came before: the writing half of storing.

PostgreSQL gets all of it as one statement, which is its own transaction: one round trip and one fsync for a group.
On SQLite, where a statement costs no round trip, the same is done step by step within the caller's transaction.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any

from django.db import connection

from integrations import endpoint_cache, usage
from integrations.endpoint_cache import KnownEndpoint
from integrations.models import UsageHour
from supportops import clock, odd_json
from supportops.bulk import insert_new_rows, insert_rows, raw_id
from supportops.ids import new_id
from webhooks.models import Delivery, DeliveryBody, DeliveryKey, DeliveryStatus

Place = tuple[uuid.UUID, str, bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a repeat recognisable: whose id it is, its digest, and the digest of the body that came with it."""

    organization_id: uuid.UUID
    source: str
    digest: bytes
    body_digest: bytes

    @property
    def place(self) -> Place:
        """What is unique of it."""
        return self.organization_id, self.source, self.digest


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified request on its way into the database."""

    endpoint: KnownEndpoint
    delivery_id: uuid.UUID
    external_id: str
    malformed: str
    received_at: datetime
    ip: str
    trace_id: str
    headers: Mapping[str, str]
    raw: bytes
    content_type: str
    # None where the sender has no ids.
    key: Key | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key: the delivery that came first, and the digest of its body."""

    delivery_id: uuid.UUID
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an arrival: kept; or its endpoint is not current; or, neither, it came before."""

    is_current: bool
    is_kept: bool


def keep(arrivals: Sequence[Arrival]) -> list[Fate]:
    """Write arrivals of any organizations and count those that are kept as received; return each one's fate."""
    return _keep_at_once(arrivals) if connection.vendor == "postgresql" else _keep_step_by_step(arrivals)


def holders(keys: Sequence[Key]) -> dict[Place, Holder]:
    """Return for each place who holds it."""
    if not keys:
        return {}
    organizations, sources = {key.organization_id for key in keys}, {key.source for key in keys}
    digests = [key.digest for key in keys]
    statement = (
        "SELECT organization_id, source, digest, delivery_id, body_digest "  # noqa: S608 - names of our own table
        f"FROM {DeliveryKey._meta.db_table} WHERE organization_id IN ({_marks(organizations)}) "
        f"AND source IN ({_marks(sources)}) AND digest IN ({_marks(digests)})"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(raw_id(each) for each in organizations), *sources, *digests])
        return {
            (_uuid(organization_id), source, bytes(digest)): Holder(_uuid(delivery_id), bytes(body_digest))
            for organization_id, source, digest, delivery_id, body_digest in cursor.fetchall()
        }


# --- SQLite -------------------------------------------------------------------------------------------------------


def _keep_step_by_step(arrivals: Sequence[Arrival]) -> list[Fate]:
    current = endpoint_cache.current([arrival.endpoint for arrival in arrivals])
    valid = list(compress(arrivals, current))
    keyed = [(arrival, arrival.key) for arrival in valid if arrival.key is not None]
    insert_new_rows(DeliveryKey, [_key(*pair) for pair in keyed], ["organization_id", "source", "digest"])
    held = holders([key for _, key in keyed])
    firsts = {holder.delivery_id for holder in held.values()}
    kept = [arrival for arrival in valid if arrival.key is None or arrival.delivery_id in firsts]
    insert_rows(Delivery, [_delivery(arrival) for arrival in kept])
    insert_rows(DeliveryBody, [_body(arrival) for arrival in kept])
    usage.write_counts(usage.counted("received", (_integration(arrival) for arrival in kept)))
    ids = {arrival.delivery_id for arrival in kept}
    return [Fate(is_current, arrival.delivery_id in ids) for arrival, is_current in zip(arrivals, current, strict=True)]


def _integration(arrival: Arrival) -> tuple[uuid.UUID, uuid.UUID]:
    return arrival.endpoint.organization_id, arrival.endpoint.integration_id


def _delivery(arrival: Arrival) -> dict[str, Any]:
    endpoint, malformed = arrival.endpoint, arrival.malformed
    return {
        "id": arrival.delivery_id,
        "organization_id": endpoint.organization_id,
        "integration_id": endpoint.integration_id,
        "endpoint_id": endpoint.id,
        "platform": endpoint.platform,
        "external_id": arrival.external_id,
        "status": DeliveryStatus.REJECTED.value if malformed else DeliveryStatus.ACCEPTED.value,
        "reason": malformed,
        "received_at": arrival.received_at,
        "due_at": None if malformed else arrival.received_at,
        "ip": arrival.ip,
        "trace_id": arrival.trace_id,
    }


def _body(arrival: Arrival) -> dict[str, Any]:
    return {
        "delivery_id": arrival.delivery_id,
        "headers": arrival.headers,
        "raw": arrival.raw,
        "content_type": arrival.content_type,
        "created_at": arrival.received_at,
    }


def _key(arrival: Arrival, key: Key) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": key.organization_id,
        "source": key.source,
        "digest": key.digest,
        "body_digest": key.body_digest,
        "delivery_id": arrival.delivery_id,
        "created_at": arrival.received_at,
    }


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def _keep_at_once(arrivals: Sequence[Arrival]) -> list[Fate]:
    versions = {id(arrival.endpoint): arrival.endpoint for arrival in arrivals}
    numbers = {each: number for number, each in enumerate(versions)}
    expected = [endpoint_cache.expectation(one) | {"version": numbers[each]} for each, one in versions.items()]
    given = [
        _delivery(arrival) | _contents(arrival) | {"version": numbers[id(arrival.endpoint)]} for arrival in arrivals
    ]
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    with connection.server_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_KEEP, [_json(expected), _json(given), hour, os.getpid() % usage.SHARDS])
        fates = {identifier: Fate(is_current, is_kept) for identifier, is_current, is_kept in cursor.fetchall()}
    return [fates[arrival.delivery_id] for arrival in arrivals]


def _contents(arrival: Arrival) -> dict[str, Any]:
    """What stands beside a delivery: its body and its key. Bytes as PostgreSQL reads them from a text."""
    key = arrival.key
    return {
        "headers": f"\\x{odd_json.dumps(arrival.headers).hex()}",
        "raw": f"\\x{arrival.raw.hex()}",
        "content_type": arrival.content_type,
        "key_id": new_id(),
        "digest": None if key is None else f"\\x{key.digest.hex()}",
        "body_digest": None if key is None else f"\\x{key.body_digest.hex()}",
    }


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    text = odd_json.dumps(rows).decode()
    # PostgreSQL keeps no zero character in a text, as supportops.postgres has it; contents travel as bytes.
    return text.replace("\\u0000", "\ufffd") if "\\u0000" in text else text


_DELIVERY = (
    "id", "organization_id", "integration_id", "endpoint_id", "platform", "external_id", "status", "reason",
    "received_at", "due_at", "ip", "trace_id",
)  # fmt: skip
_COUNTERS = [name for name in (*usage.COUNTERS, *usage.LATENCY_FIELDS) if name != "received"]
_USAGE = UsageHour._meta.db_table
# One snapshot for all of it, so what is current and what is kept cannot fall apart. Keys are claimed in one order: two
# groups with the same keys wait for each other in one direction.
_KEEP = f"""
WITH expected AS (SELECT * FROM json_to_recordset(%s::json) AS row (version int, {endpoint_cache.EXPECTED_COLUMNS})),
given AS (
    SELECT * FROM json_to_recordset(%s::json) AS row (
        id uuid, organization_id uuid, integration_id uuid, endpoint_id uuid, platform text, external_id text,
        status text, reason text, received_at timestamptz, due_at timestamptz, ip text, trace_id text,
        headers bytea, raw bytea, content_type text, key_id uuid, digest bytea, body_digest bytea, version int
    )
),
valid AS (SELECT given.* FROM given JOIN ({endpoint_cache.CURRENT}) AS current USING (version)),
claimed AS (
    INSERT INTO {DeliveryKey._meta.db_table}
        (id, organization_id, source, digest, body_digest, delivery_id, created_at)
    SELECT key_id, organization_id, integration_id::text, digest, body_digest, id, received_at
    FROM valid WHERE digest IS NOT NULL ORDER BY digest
    ON CONFLICT (organization_id, source, digest) DO NOTHING RETURNING delivery_id
),
kept AS (
    INSERT INTO {Delivery._meta.db_table} ({", ".join(_DELIVERY)}, event_type, fence, attempts_made)
    SELECT {", ".join(_DELIVERY)}, '', 0, 0
    FROM valid WHERE digest IS NULL OR id IN (SELECT delivery_id FROM claimed)
    RETURNING id
),
bodies AS (
    INSERT INTO {DeliveryBody._meta.db_table} (delivery_id, headers, raw, content_type, created_at)
    SELECT id, headers, raw, content_type, received_at FROM valid JOIN kept USING (id)
),
counted AS (
    INSERT INTO {_USAGE} (id, organization_id, subject_type, subject_id, hour, shard, received, {", ".join(_COUNTERS)})
    SELECT gen_random_uuid(), organization_id, 'integration', integration_id, %s, %s, count(*),
           {", ".join("0" for _ in _COUNTERS)}
    FROM valid JOIN kept USING (id) GROUP BY organization_id, integration_id ORDER BY integration_id
    ON CONFLICT (organization_id, subject_type, subject_id, hour, shard)
    DO UPDATE SET received = {_USAGE}.received + excluded.received
)
SELECT given.id, valid.id IS NOT NULL, kept.id IS NOT NULL
FROM given LEFT JOIN valid ON valid.id = given.id LEFT JOIN kept ON kept.id = given.id
"""  # noqa: S608 - names of our own tables and columns


def _marks(values: Sequence[Any] | set[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
