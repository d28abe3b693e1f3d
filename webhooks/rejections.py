"""Counts refused requests: one audit entry per endpoint, reason and minute, so that strangers cannot fill the log.

Which one is a minute's first decides the database, however many processes refuse at once. Those that are refused at
once are counted in one transaction.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audit.recording import Act, record_many
from integrations import usage
from integrations.endpoint_cache import KnownEndpoint
from supportops import clock
from supportops.bulk import stored
from supportops.ids import new_id
from webhooks.group_commit import GroupCommit, outermost
from webhooks.models import RejectionMinute


@dataclass(frozen=True, slots=True)
class _Place:
    """What is counted together, and audited once."""

    organization_id: uuid.UUID
    endpoint_id: uuid.UUID
    reason: str
    minute: datetime


@dataclass(frozen=True, slots=True)
class _Rejection:
    place: _Place
    integration_id: uuid.UUID
    act: Act


def note(endpoint: KnownEndpoint, reason: str, ip: str) -> None:
    """Count a refused request; the first of its kind in a minute is audited. Returns when that is committed."""
    minute = clock.now().replace(second=0, microsecond=0)
    act = Act(
        "delivery.rejected",
        ("integration", endpoint.integration_id),
        changes={"reason": reason, "ip": ip},
        organization_id=endpoint.organization_id,
    )
    _group.submit(
        _Rejection(_Place(endpoint.organization_id, endpoint.id, reason, minute), endpoint.integration_id, act)
    )


def _write(rejections: Sequence[_Rejection]) -> list[None]:
    """Count rejections of any organizations, and audit those that are the first of their minute."""
    by_place: dict[_Place, list[_Rejection]] = defaultdict(list)
    counts: dict[tuple[uuid.UUID, str, uuid.UUID], Counter[str]] = defaultdict(Counter)
    for rejection in rejections:
        place = rejection.place
        by_place[place].append(rejection)
        counts[place.organization_id, "integration", rejection.integration_id]["rejected"] += 1
    # In one order, so that two processes wait for each other in one direction.
    places = sorted(by_place, key=str)
    record_many(by_place[place][0].act for place in places if _is_first(place, len(by_place[place])))
    usage.write_counts(counts)
    return [None] * len(rejections)


def _is_first(place: _Place, number: int) -> bool:
    """Add to what was refused there, and return whether nothing had been before."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                stored(new_id()), stored(place.organization_id), stored(place.endpoint_id), place.reason,
                stored(place.minute), number,
            ],
        )  # fmt: skip
        return bool(cursor.fetchone()[0] == number)


_TABLE = RejectionMinute._meta.db_table
_ADD = (
    f"INSERT INTO {_TABLE} (id, organization_id, endpoint_id, reason, minute, refused) "  # noqa: S608
    "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (organization_id, endpoint_id, reason, minute) "
    f"DO UPDATE SET refused = {_TABLE}.refused + excluded.refused RETURNING refused"
)

_group: GroupCommit[_Rejection, None] = GroupCommit(_write, begin=outermost)
