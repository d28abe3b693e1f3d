"""Makes rows as the engine leaves them behind, at any time and in any state, without having it work for them."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.models import Integration
from rules.models import (
    Attempt,
    AttemptStatus,
    Event,
    EventContent,
    Rule,
    RuleVersion,
    Run,
    RunContent,
    RunStatus,
    Step,
    StepContent,
    StepStatus,
    Verdict,
)
from rules.models.history import RUN_ENDED
from supportops.ids import first_id_at
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryKey, DeliveryStatus

_numbers = itertools.count(1)


def id_at(at: datetime) -> uuid.UUID:
    """Return a new id that was made at a time."""
    return uuid.UUID(int=first_id_at(at).int | next(_numbers))


def make_integration(name: str = "Sandbox", platform: str = "slack", **fields: Any) -> Integration:
    """Return an integration of the organization in scope, without credentials."""
    return Integration.objects.create(platform=platform, name=name, **fields)


def make_rule(name: str = "") -> RuleVersion:
    """Return the only version of a new rule of the organization in scope."""
    rule = Rule.objects.create(name=name or f"rule {next(_numbers)}", version=1)
    version = RuleVersion.objects.create(
        rule=rule,
        number=1,
        document={
            "trigger": {"platform": "slack", "event": "message", "conditions": {}},
            "actions": [{"id": "notify", "platform": "slack", "action": "send_message", "parameters": {}}],
        },
    )
    version.rule = rule
    return version


@dataclass
class History:
    """A delivery with all that came of it."""

    delivery: Delivery
    event: Event
    run: Run
    steps: list[Step]


def make_delivery(at: datetime, status: str = DeliveryStatus.PROCESSED, **fields: Any) -> Delivery:
    """Return a delivery that came at a time, with its body, key and a conflict."""
    delivery = Delivery.objects.create(id=id_at(at), platform="slack", received_at=at, status=status, **fields)
    DeliveryBody.objects.create(delivery=delivery, raw=b"{}", created_at=at)
    DeliveryKey.objects.create(
        id=id_at(at),
        source="s",
        digest=delivery.pk.bytes * 2,
        body_digest=b"b" * 32,
        delivery_id=delivery.pk,
        created_at=at,
    )
    DeliveryConflict.objects.create(id=id_at(at), delivery=delivery, raw=b"[]", received_at=at)
    return delivery


def make_history(
    version: RuleVersion,
    at: datetime,
    status: str = RunStatus.SUCCEEDED,
    *,
    ended_at: datetime | None = None,
    step_statuses: tuple[str, ...] = (StepStatus.SUCCEEDED,),
    **step_fields: Any,
) -> History:
    """Return a delivery of that time and the run it led to, of the organization in scope."""
    delivery = make_delivery(at)
    event = Event.objects.create(
        id=id_at(at),
        delivery_id=delivery.pk,
        platform="slack",
        type="message",
        key=delivery.pk.hex,
        occurred_at=at,
        received_at=at,
    )
    EventContent.objects.create(event=event, payload={"text": "hello"}, created_at=at)
    Verdict.objects.create(id=id_at(at), event=event, rule=version.rule, version=version, outcome="matched")
    run = Run.objects.create(
        id=id_at(at),
        rule=version.rule,
        version=version,
        event=event,
        delivery_id=delivery.pk,
        key=delivery.pk.hex,
        status=status,
        created_at=at,
        finished_at=(ended_at or at) if status in RUN_ENDED else None,
    )
    RunContent.objects.create(run=run, inputs={}, created_at=at)
    steps = []
    for position, step_status in enumerate(step_statuses):
        step = Step.objects.create(
            id=id_at(at),
            run=run,
            position=position,
            name="notify" if not position else f"notify{position}",
            platform="slack",
            action="send_message",
            status=step_status,
            **step_fields,
        )
        StepContent.objects.create(step=step, parameters={"channel": "#a"}, output={"ts": "1"}, created_at=at)
        Attempt.objects.create(
            id=id_at(at), step=step, number=1, fence=1, status=AttemptStatus.SUCCEEDED, started_at=at
        )
        steps.append(step)
    return History(delivery, event, run, steps)
