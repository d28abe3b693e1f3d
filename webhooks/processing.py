"""Second stop: a stored Delivery becomes Events. Comes from receiving, goes to rules.planning.

Parsing and matching of a delivery that breaks fail that delivery alone. Where a webhook is only a hint, the object is
fetched first (`enrich`), in a slot, outside any transaction; a failure there is retried like a step.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from audit.redaction import Redactor
from integrations import circuit, health, limits, registry
from integrations.base import BaseIntegration
from integrations.connecting import connect
from integrations.credentials import open_credentials, secret_values
from integrations.endpoints import signing_secrets
from integrations.errors import (
    CODE_OF_OTHERS_RAISES,
    CredentialsRejected,
    IntegrationError,
    Permanent,
    Transient,
    Uncertain,
    masked,
    told,
)
from integrations.specs import Call, Event
from rules import chat_answers, claims, workers
from rules.execution import StepSource
from rules.material import Takings
from rules.planning import Incoming, Planned, plan
from rules.provenance import provenance_of
from rules.pump import Job, Pump
from rules.retry import RetryPolicy, backoff
from supportops import clock, odd_json
from supportops.bulk import write_rows
from supportops.tenancy.scope import working_for
from webhooks.giving_way import RECEIPTS
from webhooks.models import Delivery, DeliveryStatus
from webhooks.reading import claimed_deliveries, events_of

log = structlog.get_logger()

RETRY = RetryPolicy()
CREDENTIALS_WAIT = timedelta(hours=72)
_FIELDS = ("status", "reason", "event_type", "processed_at", "due_at", "worker_id", "attempts_made")


@dataclass
class _Parsed:
    """A delivery on its way: the row, its connector, and the events found in it."""

    delivery: Delivery
    connector: type[BaseIntegration]
    events: list[Event] = field(default_factory=list)
    error: IntegrationError | None = None
    is_hint: bool = False


class DeliverySource:
    """Deliveries for a pump. What needs no call is planned at once, and what follows from it may be done at once by
    `performer`, which has the due steps."""

    def __init__(self, performer: StepSource | None = None) -> None:
        self._table = claims.Claimable(Delivery)
        self._performer = performer

    def claim(self, room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        RECEIPTS.give_way()
        claimed = claims.claim(self._table, workers.this_worker_id(), room, clock.now(), _turns, without=without)
        if not claimed:
            return None
        # What was planned earlier and waits goes first.
        queued = self._performer.waiting() if self._performer is not None else ()
        jobs: list[Job] = []
        for organization_id, ids in _by_organization(claimed):
            performer = self._performer if organization_id not in queued else None
            with working_for(organization_id):
                jobs += self._process(organization_id, ids, performer)
        return jobs

    def _process(
        self, organization_id: uuid.UUID, ids: dict[uuid.UUID, int], performer: StepSource | None
    ) -> list[Job]:
        parsed = [_parsed(delivery) for delivery in claimed_deliveries(ids)]
        hints = [item for item in parsed if item.is_hint and item.events and item.error is None]
        taken = settle([item for item in parsed if item not in hints], len(ids) if performer is not None else 0)
        jobs = [job for takings in taken for job in performer.planned(takings)] if performer is not None else []
        return jobs + [job for item in hints if (job := self._enriching(organization_id, item)) is not None]

    def _enriching(self, organization_id: uuid.UUID, item: _Parsed) -> Job | None:
        """Return the job that fetches the object a hint speaks of, None when that has to wait."""
        delivery, integration = item.delivery, item.delivery.integration
        if integration is None:
            item.error = Permanent("The integration of this delivery is gone.")
            settle([item])
            return None
        now = clock.now()
        gate = circuit.gate([integration.pk], now).get(integration.pk)
        if gate is not None and gate.credentials_rejected:
            # Not tried again and again with what the platform has refused.
            item.error = CredentialsRejected("The platform refused the credentials; this waits for new ones.")
            settle([item])
            return None
        if gate is not None and gate.until is not None:
            _put_back(delivery, gate.until)
            return None
        wanted = limits.limits_for(item.connector, integration, "enrich", None)
        grant = limits.reserve(wanted, now, holder=str(delivery.pk))
        if grant.at is not None and grant.at > now:
            _put_back(delivery, grant.at)
            return None
        ask_again_at = circuit.begin_probe(integration.pk, now) if gate is not None and gate.needs_probe else None
        if ask_again_at is not None:
            _put_back(delivery, ask_again_at)
            return None
        call = Call(
            organization_id=str(organization_id),
            integration_id=str(integration.pk),
            action="enrich",
            idempotency_key=str(delivery.pk),
            trace_id=delivery.trace_id,
        )
        try:
            instance = connect(integration, connector=item.connector, call=call)
            secrets = secret_values(item.connector, open_credentials(integration))
            mask = Redactor([*secrets, *signing_secrets(integration.pk)]).text
        except Exception as error:  # stored values that no longer fit, or that no key opens
            if not isinstance(error, IntegrationError):
                log.exception("delivery.not_enriched", delivery=str(delivery.pk))
            item.error = error if isinstance(error, IntegrationError) else Permanent(told(error))
            settle([item])
            return None
        return Job(organization_id, integration.pk, lambda: _enriched(instance, item, mask), item, self)

    def begin(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return jobs

    def finish(self, done: Sequence[tuple[Job, _Parsed]]) -> Sequence[tuple[Job, _Parsed]]:
        unwritten: list[tuple[Job, _Parsed]] = []
        groups: dict[uuid.UUID, list[tuple[Job, _Parsed]]] = defaultdict(list)
        for pair in done:
            groups[pair[0].organization_id].append(pair)
        for organization_id, pairs in groups.items():
            with working_for(organization_id):
                try:
                    _note_health([item for _, item in pairs])
                    _take_answers([item for _, item in pairs])
                    settle([item for _, item in pairs])
                except (OperationalError, InterfaceError):
                    connection.close()
                    unwritten += pairs
        return unwritten

    def put_back(self, jobs: Sequence[Job], seconds: float) -> None:
        until = clock.now() + timedelta(seconds=seconds)
        for job in jobs:
            with working_for(job.organization_id):
                _put_back(job.work.delivery, until)

    def let_go(self) -> None:
        Delivery.across_organizations.filter(worker_id=workers.this_worker_id()).update(
            worker_id=None, due_at=clock.now(), fence=F("fence") + 1
        )


_turns = claims.Turns()


def process_due(performers: Sequence[StepSource] = (), seconds: float = 60.0) -> int:
    """Plan due deliveries, let the first of `performers` do at once what follows, and all what else is due, until
    nothing is."""
    return Pump([DeliverySource(next(iter(performers), None)), *performers]).run(seconds)


def settle(items: Sequence[_Parsed], room: int = 0) -> list[Takings]:
    """Plan the events of deliveries of the organization in scope and write what became of each delivery.

    All in one transaction; should that not go through, one by one, so that each fails alone. Up to `room` of the steps
    that follow are claimed with it, and returned.
    """
    if not items:
        return []
    takings = Takings(workers.this_worker_id(), room) if room else None
    try:
        with transaction.atomic():
            _settle(items, takings)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(items) > 1:
            return [taken for item in items for taken in settle([item], min(room, 1))]
        if isinstance(error, IntegrityError) and items[0].delivery.attempts_made < RETRY.attempts:
            # Another worker planned the same event a moment ago: the next try finds it.
            items[0].error = Transient(f"Planned elsewhere at the same time: {error}"[:300])
        else:
            log.exception("delivery.not_planned", delivery=str(items[0].delivery.pk))
            items[0].error = Permanent(f"Planning failed: {told(error)}")
        with transaction.atomic():
            _settle(items)
        return []
    return [takings] if takings is not None else []


def _settle(items: Sequence[_Parsed], takings: Takings | None = None) -> None:
    now = clock.now()
    locked = Delivery.objects.select_for_update().filter(pk__in=[item.delivery.pk for item in items])
    fences = dict(locked.values_list("pk", "fence"))
    mine = [item for item in items if fences.get(item.delivery.pk) == item.delivery.fence]
    incoming: list[Incoming] = []
    places: list[tuple[_Parsed, int, int]] = []
    for item in mine:
        found = [] if item.error else _incoming(item)
        places.append((item, len(incoming), len(found)))
        incoming += found
    planned = plan(incoming, takings) if incoming else []
    for item, start, count in places:
        _conclude(item, planned[start : start + count], now)
    write_rows([item.delivery for item in mine], _FIELDS)


def _conclude(item: _Parsed, planned: Sequence[Planned], now: Any) -> None:
    delivery = item.delivery
    delivery.worker_id, delivery.due_at = None, None
    if item.events:
        delivery.event_type = item.events[0].type[:120]
    if item.error is not None:
        _conclude_failed(delivery, item.error, now)
        return
    delivery.processed_at = now
    if not planned:
        delivery.status = DeliveryStatus.IGNORED
        delivery.reason = delivery.reason or "It carries no event that this platform's connector knows."
        return
    delivery.status = DeliveryStatus.PROCESSED
    repeats, matched = sum(one.is_repeat for one in planned), sum(one.matched for one in planned)
    considered = sum(one.considered for one in planned)
    if repeats == len(planned):
        delivery.reason = "A repeat of an event that was planned before."
    elif matched:
        delivery.reason = f"{matched} of {considered} rules matched."
    else:
        delivery.reason = (
            f"No rule matched ({considered} listened)." if considered else "No rule listens to this event."
        )
    if any(one.has_grown for one in planned):
        delivery.reason = f"It tells more of an event that was planned before. {delivery.reason}"


def _conclude_failed(delivery: Delivery, error: IntegrationError, now: Any) -> None:
    delivery.reason = f"{type(error).__name__}: {error.message}"[:1000]
    # A try at planning that did not go through may have left its own words here.
    delivery.status, delivery.processed_at = DeliveryStatus.ACCEPTED, None
    if isinstance(error, CredentialsRejected) and now - delivery.received_at < CREDENTIALS_WAIT:
        # Costs no attempt: those are for what comes once there are new credentials.
        delivery.due_at = now + timedelta(minutes=1)
        return
    delivery.attempts_made += 1
    if isinstance(error, (Transient, Uncertain)) and delivery.attempts_made < RETRY.attempts:
        asked = getattr(error, "retry_after", None)
        delivery.due_at = now + (timedelta(seconds=asked) if asked else backoff(RETRY, delivery.attempts_made))
    else:
        delivery.status, delivery.processed_at = DeliveryStatus.FAILED, now


def _parsed(delivery: Delivery) -> _Parsed:
    """Return the events of a delivery; whatever breaks in a connector's parsing is this delivery's error alone."""
    item = _Parsed(delivery, BaseIntegration)
    try:
        item.connector = registry.get(delivery.platform)
        item.events = events_of(delivery, item.connector)
        scheme = delivery.endpoint.scheme if delivery.endpoint is not None else ""
        needs_more = any(item.connector.needs_enriching(event) for event in item.events)
        item.is_hint = scheme in item.connector.hint_schemes or needs_more
    except IntegrationError as error:
        item.error = error
    except CODE_OF_OTHERS_RAISES as error:
        log.exception("delivery.not_parsed", delivery=str(delivery.pk))
        item.error = Permanent(told(error))
    return item


def _enriched(instance: BaseIntegration, item: _Parsed, mask: Callable[[str], str]) -> _Parsed:
    """Fetch the objects that a hint speaks of. Runs in a slot: touches no database and never raises."""
    try:
        item.events = [instance.enrich(event) for event in item.events]
        for event in item.events:
            event.payload = odd_json.loads(odd_json.dumps(event.payload))
    except IntegrationError as error:
        item.error = masked(error, mask)
    except CODE_OF_OTHERS_RAISES as error:
        log.exception("delivery.not_enriched", delivery=str(item.delivery.pk))
        item.error = Permanent(mask(told(error)))
    return item


def _take_answers(items: Sequence[_Parsed]) -> None:
    """Let people of a chat decide what they were asked there, each in a transaction of its own.

    Before the delivery is settled: should this process die in between, the answer is taken again, and changes nothing.
    """
    for item in items:
        integration = item.delivery.integration
        if item.error is not None or integration is None:
            continue
        try:
            for event in item.events:
                if (given := item.connector.chat_answer(event)) is not None:
                    chat_answers.take(integration, item.connector, given)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("delivery.not_answered", delivery=str(item.delivery.pk))
            item.error = Permanent(f"The answer could not be taken: {told(error)}")


def _note_health(items: Sequence[_Parsed]) -> None:
    health.note_outcomes(
        [
            health.CallOutcome(item.delivery.integration_id, item.error, None)
            for item in items
            if item.delivery.integration_id is not None
        ]
    )


def _incoming(item: _Parsed) -> list[Incoming]:
    delivery, integration = item.delivery, item.delivery.integration
    place = integration.environment.name if integration and integration.environment else ""
    found = []
    for position, event in enumerate(item.events):
        provenance = provenance_of(event, integration, delivery.received_at)
        found.append(
            Incoming(
                event=event,
                platform=delivery.platform,
                key=_event_key(item, event, position),
                received_at=delivery.received_at,
                integration_id=delivery.integration_id,
                environment=place or event.environment,
                delivery_id=delivery.pk,
                trace_id=delivery.trace_id,
                depth=provenance.depth,
                provenance=provenance.known,
            )
        )
    return found


def _event_key(item: _Parsed, event: Event, position: int) -> str:
    """Return what makes a repeat of this event recognisable: the platform's id of it; for a hint the state of the
    object that it speaks of; else the delivery and the event's place in it."""
    parts: tuple[str, ...]
    if event.key is not None:
        parts = ("event", str(item.delivery.integration_id), event.type, event.key)
    elif item.is_hint and event.updated_at is not None:
        state = event.updated_at.isoformat()
        parts = ("state", str(item.delivery.integration_id), event.type, event.external_id, state)
    else:
        parts = ("place", str(item.delivery.pk), str(position), event.type)
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()


def _put_back(delivery: Delivery, until: Any) -> None:
    """Nothing was done: the delivery is claimed again at `until`."""
    Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence).update(due_at=until, worker_id=None)


def _by_organization(claimed: Iterable[claims.Claimed]) -> Iterable[tuple[uuid.UUID, dict[uuid.UUID, int]]]:
    groups: dict[uuid.UUID, dict[uuid.UUID, int]] = defaultdict(dict)
    for one in claimed:
        groups[one.organization_id][one.id] = one.fence
    return groups.items()


def recover_deliveries() -> int:
    """Give back the deliveries of dead workers, and return how many. Works across organizations by ids alone."""
    dead = workers.dead_ids()
    if not dead:
        return 0
    now = clock.now()
    return Delivery.across_organizations.filter(worker_id__in=dead).update(
        worker_id=None, due_at=now, fence=F("fence") + 1
    )
