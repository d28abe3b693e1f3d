"""Has a delivery done anew: its events planned again or, where none came of it, the delivery processed again."""

import uuid
from collections.abc import Collection

from django.db import transaction

from audit.recording import record
from rules import wake
from rules.models import Event
from rules.planning import Planned
from rules.replay import replay_events
from supportops import clock
from webhooks.models import Delivery, DeliveryBody, DeliveryStatus


class CannotReplay(Exception):
    """There is nothing to do anew, and why."""


def replay(delivery: Delivery, rules: Collection[uuid.UUID] | None = None) -> list[Planned]:
    """Replay a delivery of the organization in scope and return what was planned; empty when it is queued again.

    With `rules` only those with these ids are asked; that needs events to ask about.

    Raises CannotReplay and rules.replay.ContentForgotten.
    """
    with transaction.atomic():
        events = list(Event.objects.filter(delivery_id=delivery.pk).order_by("pk"))
        record("delivery.replayed", delivery)
        if events:
            return replay_events(events, rules=rules)
        if rules is not None:
            raise CannotReplay("No event was read from this delivery yet: replay it for all rules.")
        return _queue_again(delivery)


def _queue_again(delivery: Delivery) -> list[Planned]:
    if delivery.status == DeliveryStatus.REJECTED:
        raise CannotReplay("This delivery was rejected as malformed: there is nothing to plan.")
    if delivery.status == DeliveryStatus.PROCESSED:
        # Planned, and yet no event hangs on it: all of them had come with other deliveries.
        raise CannotReplay(
            "This delivery only repeated events that had come before with another one. Replay that one: "
            f"it is in the list of deliveries before {delivery.received_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if not DeliveryBody.objects.filter(pk=delivery.pk).exists():
        raise CannotReplay("The body of this delivery was removed after its time; it cannot be replayed.")
    Delivery.objects.filter(pk=delivery.pk, worker_id__isnull=True).update(
        status=DeliveryStatus.ACCEPTED, due_at=clock.now(), attempts_made=0, reason="", processed_at=None
    )
    wake.plan()
    return []
