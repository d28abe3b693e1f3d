"""Finds what changed at a platform without a webhook of it reaching us: after an outage, or because none tells of it.

The platform is asked for a stretch of time (`list_changes`), outside of any transaction; what a webhook had told is
recognised, the rest is planned like what comes by webhook, marked late. Events that are polled, since no webhook tells
of them, are as good as new and not late.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from audit.recording import record
from integrations import health, registry
from integrations.base import BaseIntegration
from integrations.connecting import connected
from integrations.errors import IntegrationError, masked
from integrations.models import Integration, IntegrationHealth
from integrations.specs import Event
from rules.models import Event as StoredEvent
from rules.planning import Incoming, plan
from rules.provenance import provenance_of
from supportops import clock, odd_json
from supportops.tenancy.scope import working_for
from webhooks.models import Delivery

RECONCILE_EVERY = timedelta(minutes=15)
POLL_EVERY = timedelta(minutes=5)
# The youngest changes may not be listed yet, and their webhooks are still on their way.
_SETTLES = timedelta(minutes=2)
# Clocks of platforms and the seconds in which they write differ a little.
_OVERLAP = timedelta(minutes=2)
_SLACK = timedelta(seconds=2)
LONGEST = timedelta(days=7)
_AT_ONCE = 4
_BATCH = 50


@dataclass
class Found:
    """What came of asking: events that the platform listed, and those that nobody had told us."""

    listed: int = 0
    planned: int = 0


def reconcile_due() -> int:
    """Ask for the integrations whose turn it is; return how many. Works across organizations by ids alone."""
    now = clock.now()
    due = IntegrationHealth.across_organizations.filter(
        next_changes_at__lte=now, integration__is_enabled=True, organization__is_active=True
    ).order_by("next_changes_at")
    made = 0
    rows = due.values_list("organization_id", "integration_id", "next_changes_at")
    for organization_id, integration_id, due_at in rows[:_AT_ONCE]:
        with working_for(organization_id):
            made += _take_turn(integration_id, due_at, now)
    return made


def _take_turn(integration_id: uuid.UUID, due_at: datetime, now: datetime) -> bool:
    row = Integration.objects.select_related("health", "environment").get(pk=integration_id)
    every = _interval(row)
    mine = IntegrationHealth.objects.filter(integration=row, next_changes_at=due_at)
    if not mine.update(next_changes_at=now + every if every is not None else None) or every is None:
        return False
    until = now - _SETTLES
    since = row.health.changes_until
    if since is None:
        # From now on: what was before nobody has missed.
        IntegrationHealth.objects.filter(integration=row).update(changes_until=until)
        return False
    if row.health.credentials_rejected_at is not None:
        return False
    try:
        look_between(row, max(since, now - LONGEST), until)
    except IntegrationError:
        # Its health shows it, and the stretch is asked for again next time.
        return True
    IntegrationHealth.objects.filter(integration=row).update(changes_until=until)
    return True


def since_last_sign(row: Integration) -> datetime:
    """Return from when on something may have been missed: the last look, else the last delivery, else a day ago."""
    known: datetime | None = (
        IntegrationHealth.objects.filter(integration=row).values_list("changes_until", flat=True).first()
    )
    if known is not None:
        return known
    last: datetime | None = (
        Delivery.objects.filter(integration=row).order_by("-pk").values_list("received_at", flat=True).first()
    )
    return last or clock.now() - timedelta(days=1)


def look_between(row: Integration, since: datetime, until: datetime) -> Found:
    """Ask the platform what changed in between and plan what is new of it. Raises IntegrationError."""
    connector = registry.get(row.platform)
    only_polled = not row.is_reconciled and bool(connector.polled_events)
    events = _listed(row, since - _OVERLAP, until, "poll_events" if only_polled else "list_changes")
    known = [event for event in events if connector.event_spec(event.type) is not None]
    if only_polled:
        known = [event for event in known if event.type in connector.polled_events]
    found = Found(listed=len(known))
    for start in range(0, len(known), _BATCH):
        with transaction.atomic():
            new = _unknown(row, known[start : start + _BATCH])
            incoming = [_incoming(row, connector, event) for event in new]
            found.planned += sum(not one.is_repeat for one in plan(incoming)) if incoming else 0
    if found.planned and not only_polled:
        with transaction.atomic():
            changes = {"since": since.isoformat(), "until": until.isoformat(), "events": found.planned}
            record("integration.reconciled", row, changes=changes)
    return found


def _interval(row: Integration) -> timedelta | None:
    try:
        connector = registry.get(row.platform)
    except registry.UnknownPlatform:
        return None
    if not connector.can("list_changes"):
        return None
    if connector.polled_events:
        return POLL_EVERY
    return RECONCILE_EVERY if row.is_reconciled else None


def _listed(row: Integration, since: datetime, until: datetime, action: str) -> list[Event]:
    error: IntegrationError | None = None
    instance, redactor = connected(row, action)
    try:
        events = list(instance.call_method("list_changes", since, until))
    except IntegrationError as failure:
        error = masked(failure, redactor.text)
        raise error from None
    finally:
        health.note_outcomes([health.CallOutcome(row.pk, error, None)])
    for event in events:
        event.payload = odd_json.loads(odd_json.dumps(event.payload))
    return events


def _unknown(row: Integration, events: Sequence[Event]) -> list[Event]:
    """Return those of which nothing was heard: neither of this making of the object, nor of a state as new as this."""
    objects = {event.external_id for event in events if event.external_id}
    heard = StoredEvent.objects.filter(integration=row, external_id__in=objects)
    kinds: dict[str, set[str]] = {}
    latest: dict[str, datetime] = {}
    for external_id, kind, occurred_at in heard.values_list("external_id", "type", "occurred_at"):
        kinds.setdefault(external_id, set()).add(kind)
        latest[external_id] = max(occurred_at, latest.get(external_id, occurred_at))
    found = []
    for event in events:
        if event.key is None and event.updated_at is not None:
            is_made = event.type.endswith("created")
            last = latest.get(event.external_id)
            if is_made and event.type in kinds.get(event.external_id, ()):
                continue
            if not is_made and last is not None and last >= event.updated_at - _SLACK:
                continue
        found.append(event)
    return found


def _incoming(row: Integration, connector: type[BaseIntegration], event: Event) -> Incoming:
    now = clock.now()
    is_polled = event.type in connector.polled_events
    provenance = provenance_of(event, row, now)
    return Incoming(
        event=event,
        platform=row.platform,
        key=_key(row, event),
        received_at=now,
        integration_id=row.pk,
        environment=row.environment.name if row.environment is not None else event.environment,
        source="poll" if is_polled else "reconcile",
        depth=provenance.depth,
        provenance=provenance.known,
        is_late=not is_polled,
    )


def _key(row: Integration, event: Event) -> str:
    """Return what makes a repeat of this event recognisable: as for one that a webhook told (webhooks.processing)."""
    parts: tuple[str, ...]
    if event.key is not None:
        parts = ("event", str(row.pk), event.type, event.key)
    else:
        state = event.updated_at.isoformat() if event.updated_at is not None else odd_json.dumps(event.payload).decode()
        parts = ("state", str(row.pk), event.type, event.external_id, state)
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
