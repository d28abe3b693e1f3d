"""Does a stored event anew: new runs beside the old ones, linked. History is never rewritten."""

import uuid
from collections.abc import Collection, Sequence

from integrations import specs
from rules.models import Event, EventContent, Run
from rules.planning import Incoming, Planned, Replay, plan
from supportops.ids import new_id


class ContentForgotten(Exception):
    """The event's payload was removed after its time; it cannot be done anew."""


def replay_events(
    events: Sequence[Event], trace_id: str = "", rules: Collection[uuid.UUID] | None = None
) -> list[Planned]:
    """Plan stored events of the organization in scope anew with the rules of today: all, or those with these ids. In
    the caller's transaction.

    Raises ContentForgotten when the payload of one of them is gone.
    """
    contents = {row.pk: row for row in EventContent.objects.filter(pk__in=[event.pk for event in events])}
    replay_id = new_id()
    incoming = []
    for event in events:
        if event.pk not in contents:
            raise ContentForgotten(
                f"The content of event {event.pk} was removed after its time; it cannot be replayed."
            )
        incoming.append(
            Incoming(
                event=stored_event(event, contents[event.pk]),
                platform=event.platform,
                key=event.key,
                received_at=event.received_at,
                integration_id=event.integration_id,
                environment=event.environment,
                delivery_id=event.delivery_id,
                trace_id=trace_id or event.trace_id,
                source=event.source,
                depth=event.depth,
                is_late=event.is_late,
                replay=Replay(replay_id, event.pk, _earlier(event), None if rules is None else frozenset(rules)),
            )
        )
    return plan(incoming)


def stored_event(event: Event, content: EventContent) -> specs.Event:
    """Return a stored event in the form in which it was planned."""
    return specs.Event(
        type=event.type,
        external_id=event.external_id,
        payload=content.payload,
        occurred_at=event.occurred_at,
        changed={name: tuple(pair) for name, pair in content.changed.items()} if content.changed is not None else None,
        compared=content.compared,
    )


def _earlier(event: Event) -> dict[uuid.UUID, uuid.UUID]:
    rows = Run.objects.filter(event=event).order_by("pk").values_list("rule_id", "pk")
    return dict(rows)
