"""First stop, last step: verified requests become rows, those of concurrent requests in one transaction.

The transaction decides three things at once: whether an endpoint is still what its request was verified with, which
deliveries are new, and that they are kept. Comes from receiving; what is kept is due for processing.
"""

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import compress
from typing import Any

from django.db import connection

from integrations import endpoint_cache, usage
from integrations.endpoint_cache import KnownEndpoint
from integrations.specs import WebhookRequest
from rules import wake
from supportops import clock
from supportops.bulk import insert_new_rows, insert_rows, raw_id
from supportops.ids import new_id
from webhooks.group_commit import GroupCommit, outermost
from webhooks.models import Delivery, DeliveryBody, DeliveryKey, DeliveryStatus

# Headers that say something about a delivery are kept; those that carry secrets never are.
_DROPPED_HEADERS = frozenset({"authorization", "cookie", "x-supportops-token", "proxy-authorization"})


class Outcome(StrEnum):
    """What became of a request that was to be stored."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"  # malformed, kept to be seen
    STALE = "stale"  # not stored: the endpoint is no longer what the request was verified with


@dataclass(frozen=True, slots=True)
class Stored:
    """The delivery that there is now, or was before; for STALE one that there is not."""

    delivery_id: uuid.UUID
    outcome: Outcome


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
    headers: dict[str, str]
    raw: bytes
    content_type: str
    # None where the sender has no ids.
    key: "Key | None"


_Place = tuple[uuid.UUID, str, bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a repeat recognisable: whose id it is, its digest, and the digest of the body that came with it."""

    organization_id: uuid.UUID
    source: str
    digest: bytes
    body_digest: bytes

    @property
    def place(self) -> _Place:
        """What is unique of it."""
        return self.organization_id, self.source, self.digest


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who holds a key: the delivery that came first, and the digest of its body."""

    delivery_id: uuid.UUID
    body_digest: bytes


def arrival_of(
    request: WebhookRequest, endpoint: KnownEndpoint, sender_id: str | None, trace_id: str, malformed: str = ""
) -> Arrival:
    """Prepare a request, so that the transaction has nothing left to compute."""
    delivery_id = new_id()
    return Arrival(
        endpoint=endpoint,
        delivery_id=delivery_id,
        # PostgreSQL holds no zero byte in a text.
        external_id=(sender_id or "").replace("\0", "\ufffd")[:200],
        malformed=malformed[:1000],
        received_at=clock.now(),
        ip=request.ip,
        trace_id=trace_id or delivery_id.hex,
        headers={name: one for name, one in request.headers.items() if name not in _DROPPED_HEADERS},
        raw=request.body,
        content_type=request.headers.get("content-type", "")[:200],
        key=_key_of(endpoint, sender_id, request.body) if sender_id else None,
    )


def _key_of(endpoint: KnownEndpoint, sender_id: str, body: bytes) -> Key:
    return Key(
        organization_id=endpoint.organization_id,
        source=str(endpoint.integration_id),
        digest=hashlib.sha256(sender_id.encode("utf-8", "replace")).digest(),
        body_digest=hashlib.sha256(body).digest(),
    )


def store(arrival: Arrival) -> Stored:
    """Return what became of `arrival` once that is committed. Raises DatabaseError when it could not be kept."""
    return _group.submit(arrival)


def _write(arrivals: Sequence[Arrival]) -> list[Stored]:
    """Write arrivals of any organizations. Within a transaction."""
    current = endpoint_cache.current([arrival.endpoint for arrival in arrivals])
    valid = list(compress(arrivals, current))
    holders = _claim_keys([(arrival, arrival.key) for arrival in valid if arrival.key is not None])
    outcomes = [
        _outcome(arrival, holders) if is_current else Stored(arrival.delivery_id, Outcome.STALE)
        for arrival, is_current in zip(arrivals, current, strict=True)
    ]
    kept = [one for one, at in zip(arrivals, outcomes, strict=True) if at.outcome in _KEPT]
    insert_rows(Delivery, [_delivery(one) for one in kept])
    insert_rows(DeliveryBody, [_body(one) for one in kept])
    _count(zip(arrivals, outcomes, strict=True))
    if any(at.outcome == Outcome.ACCEPTED for at in outcomes):
        wake.plan()
    return outcomes


_KEPT = (Outcome.ACCEPTED, Outcome.REJECTED)


def _outcome(arrival: Arrival, holders: Mapping[_Place, _Holder]) -> Stored:
    if arrival.key is not None:
        holder = holders[arrival.key.place]
        if holder.delivery_id != arrival.delivery_id:
            is_same = holder.body_digest == arrival.key.body_digest
            return Stored(holder.delivery_id, Outcome.DUPLICATE if is_same else Outcome.CONFLICT)
    return Stored(arrival.delivery_id, Outcome.REJECTED if arrival.malformed else Outcome.ACCEPTED)


def _claim_keys(arrivals: Sequence[tuple[Arrival, Key]]) -> dict[_Place, _Holder]:
    """Insert the keys that are new and return for each place who holds it."""
    if not arrivals:
        return {}
    # In the order of their digests, so that two groups with the same keys wait for each other in one direction.
    ordered = sorted(arrivals, key=lambda pair: pair[1].digest)
    insert_new_rows(DeliveryKey, [_key(*pair) for pair in ordered], ["organization_id", "source", "digest"])
    organizations = {key.organization_id for _, key in ordered}
    sources, digests = {key.source for _, key in ordered}, [key.digest for _, key in ordered]
    statement = (
        "SELECT organization_id, source, digest, delivery_id, body_digest "  # noqa: S608 - names of our own table
        f"FROM {DeliveryKey._meta.db_table} WHERE organization_id IN ({_marks(organizations)}) "
        f"AND source IN ({_marks(sources)}) AND digest IN ({_marks(digests)})"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(raw_id(each) for each in organizations), *sources, *digests])
        return {
            (_uuid(organization_id), source, bytes(digest)): _Holder(_uuid(delivery_id), bytes(body_digest))
            for organization_id, source, digest, delivery_id, body_digest in cursor.fetchall()
        }


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values)


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


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


def _count(stored_ones: Iterable[tuple[Arrival, Stored]]) -> None:
    """Count deliveries as they are received: a replay is none, one that will be ignored or is malformed is."""
    counts: dict[tuple[uuid.UUID, str, uuid.UUID], Counter[str]] = defaultdict(Counter)
    for arrival, at in stored_ones:
        name = _COUNTER.get(at.outcome)
        if name is not None:
            endpoint = arrival.endpoint
            counts[endpoint.organization_id, "integration", endpoint.integration_id][name] += 1
    usage.write_counts(counts)


_COUNTER = {
    Outcome.ACCEPTED: "received",
    Outcome.REJECTED: "received",
    Outcome.DUPLICATE: "duplicate",
    Outcome.CONFLICT: "duplicate",
}

_group: GroupCommit[Arrival, Stored] = GroupCommit(_write, begin=outermost)
