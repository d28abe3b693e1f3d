"""First stop, last step: verified requests become rows, those of concurrent requests in one transaction.

The transaction decides three things at once: whether an endpoint is still what its request was verified with, which
deliveries are new, and that they are kept. Comes from receiving; what is kept is due for processing.
"""

import hashlib
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from integrations import usage
from integrations.endpoint_cache import KnownEndpoint
from integrations.specs import WebhookRequest
from rules import wake
from supportops import clock
from supportops.ids import new_id
from webhooks.group_commit import GroupCommit, outermost
from webhooks.keeping import Arrival, Fate, Holder, Key, Place, holders, keep

# Headers that say something about a delivery are kept; those that carry secrets never are.
_DROPPED_HEADERS = frozenset({"authorization", "cookie", "x-supportops-token", "proxy-authorization"})
# Of one group, so that large bodies at once do not take the memory of many.
_MOST_BYTES = 4 * 1024 * 1024


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
    """Write arrivals of any organizations."""
    fates = keep(arrivals)
    earlier = [
        (arrival, arrival.key)
        for arrival, fate in zip(arrivals, fates, strict=True)
        if arrival.key is not None and fate.is_current and not fate.is_kept
    ]
    held: dict[Place, Holder] = {}
    if earlier:
        held = holders([key for _, key in earlier])
        repeated = ((key.organization_id, arrival.endpoint.integration_id) for arrival, key in earlier)
        usage.write_counts(usage.counted("duplicate", repeated))
    if any(fate.is_kept and not arrival.malformed for arrival, fate in zip(arrivals, fates, strict=True)):
        wake.plan()
    return [_outcome(arrival, fate, held) for arrival, fate in zip(arrivals, fates, strict=True)]


def _outcome(arrival: Arrival, fate: Fate, held: dict[Place, Holder]) -> Stored:
    if not fate.is_current:
        return Stored(arrival.delivery_id, Outcome.STALE)
    if fate.is_kept or arrival.key is None:
        return Stored(arrival.delivery_id, Outcome.REJECTED if arrival.malformed else Outcome.ACCEPTED)
    holder = held[arrival.key.place]
    is_same = holder.body_digest == arrival.key.body_digest
    return Stored(holder.delivery_id, Outcome.DUPLICATE if is_same else Outcome.CONFLICT)


def _begin() -> AbstractContextManager[object]:
    # What PostgreSQL gets is one statement, and that its own transaction.
    return nullcontext() if connection.vendor == "postgresql" else outermost()


_group: GroupCommit[Arrival, Stored] = GroupCommit(
    _write, begin=_begin, weigh=lambda arrival: len(arrival.raw), heaviest=_MOST_BYTES
)
