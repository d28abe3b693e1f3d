"""The circuit of each integration: after repeated transient failures calls stop for a while, then one probes.

Its state stands in IntegrationHealth, shared by all workers. integrations.health opens and closes it by outcomes; here
callers ask whether they may call.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from integrations.models import Circuit, IntegrationHealth

# So many transient failures in a row open the circuit.
FAILURES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
# A probe that never reports (its worker died) blocks others no longer than this.
PROBE_TIME = timedelta(seconds=90)
# Those who wait for a probe's outcome look again after this.
_LOOK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Gate:
    """What keeps calls to an integration back.

    `until`: not before then. `credentials_rejected`: not before there are new ones. `needs_probe`: the pause is over,
    one caller may try: whoever `begin_probe` lets through.
    """

    until: datetime | None = None
    credentials_rejected: bool = False
    needs_probe: bool = False


def gate(integration_ids: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, Gate]:
    """Return what keeps calls back, for those of the organization's integrations where something does. One query."""
    rows = IntegrationHealth.objects.filter(
        ~Q(circuit=Circuit.CLOSED) | Q(credentials_rejected_at__isnull=False), integration_id__in=list(integration_ids)
    ).values_list("integration_id", "circuit", "circuit_until", "credentials_rejected_at")
    return {row_id: _gate(circuit, until, rejected_at, now) for row_id, circuit, until, rejected_at in rows}


def begin_probe(integration_id: uuid.UUID, now: datetime) -> datetime | None:
    """Take the one probe of an integration whose pause is over.

    None: the caller may call; else the time at which to ask again. To be asked last, when nothing else stands in the
    way of the call.
    """
    taken = IntegrationHealth.objects.filter(
        ~Q(circuit=Circuit.CLOSED), integration_id=integration_id, circuit_until__lte=now
    ).update(circuit=Circuit.HALF_OPEN, circuit_until=now + PROBE_TIME)
    if taken:
        return None
    # Somebody else probes, or a success has closed it in the meantime.
    return gate([integration_id], now).get(integration_id, Gate()).until


def pause_after(failures: int) -> timedelta:
    """Return how long the circuit stays open after so many failures: 30 s, doubled by each failed probe."""
    doublings = min(max(failures - FAILURES, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _gate(circuit: str, until: datetime | None, rejected_at: datetime | None, now: datetime) -> Gate:
    rejected = rejected_at is not None
    if circuit == Circuit.CLOSED:
        return Gate(credentials_rejected=rejected)
    if until is None or until <= now:
        return Gate(credentials_rejected=rejected, needs_probe=True)
    wait = until if circuit == Circuit.OPEN else min(until, now + _LOOK_AGAIN)
    return Gate(until=wait, credentials_rejected=rejected)
