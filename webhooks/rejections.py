"""Counts refused requests: one audit entry per endpoint, reason and minute, so that strangers cannot fill the log.

Which one is a minute's first decides the database, however many processes refuse at once. Those that are refused at
once are counted in one transaction.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from audit.recording import Act, record_many
from integrations import usage
from integrations.endpoint_cache import KnownEndpoint
from supportops import clock
from supportops.bulk import upsert_rows
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
    for rejection in rejections:
        by_place[rejection.place].append(rejection)
    numbers = {place: len(found) for place, found in by_place.items()}
    record_many(by_place[place][0].act for place in _firsts(numbers))
    refused = ((one.place.organization_id, one.integration_id) for one in rejections)
    usage.write_counts(usage.counted("rejected", refused))
    return [None] * len(rejections)


def _firsts(numbers: Mapping[_Place, int]) -> list[_Place]:
    """Add so many to what was refused at each place, and return those where nothing had been before."""
    table = RejectionMinute._meta.db_table
    upsert_rows(
        RejectionMinute,
        # In one order, so that two processes wait for each other in one direction.
        [{"id": new_id(), **asdict(place), "refused": numbers[place]} for place in sorted(numbers, key=str)],
        [one.name for one in fields(_Place)],
        f"refused = {table}.refused + excluded.refused",
    )
    # Ours alone until the transaction ends.
    rows = RejectionMinute.across_organizations.filter(
        endpoint_id__in={place.endpoint_id for place in numbers}, minute__in={place.minute for place in numbers}
    )
    totals = {
        _Place(organization_id, endpoint_id, reason, minute): refused
        for organization_id, endpoint_id, reason, minute, refused in rows.values_list(
            "organization_id", "endpoint_id", "reason", "minute", "refused"
        )
    }
    return [place for place, number in numbers.items() if totals[place] == number]


_group: GroupCommit[_Rejection, None] = GroupCommit(_write, begin=outermost)
