"""Events of the organization's own: taken in like a delivery, by its own people and scripts. Needs it in scope.

What is taken in is committed before anybody hears so, and recognised when it is sent again with the same id.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import IntegrityError, transaction

from rules import wake
from rules.models import Event, Run
from rules.models.history import RUN_ENDED, RunStatus
from rules.outcomes import gates_of
from rules.problems import Problem, Refused
from supportops import clock, odd_json
from supportops.api.waiting import wait_until
from supportops.context import current
from supportops.ids import new_id
from supportops.tenancy.models import Environment
from supportops.tenancy.scope import current_organization_id
from webhooks.models import Delivery, DeliveryBody, DeliveryKey, DeliveryStatus

PLATFORM = "custom"
MOST_ID = 200
_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,119}")

Outcome = Literal["succeeded", "failed", "running"]


class Conflict(Exception):
    """The id belongs to another event already; `delivery_id` is that one's."""

    def __init__(self, event_id: str, delivery_id: uuid.UUID) -> None:
        super().__init__(f"The id '{event_id}' belongs to another event: this one was not taken.")
        self.delivery_id = delivery_id


@dataclass(frozen=True)
class Emitted:
    """An event that is kept: the delivery that holds it, and whether it had been sent before."""

    delivery_id: uuid.UUID
    is_duplicate: bool = False


def emit(kind: str, payload: Mapping[str, Any], *, environment: str = "", event_id: str = "") -> Emitted:
    """Keep an event, to be planned as soon as a worker comes to it.

    `event_id` makes a repeat recognisable. Raises Refused, and Conflict for a known id with something else.
    """
    problems = list(_problems(kind, payload, environment, event_id))
    raw = b"" if problems else _as_bytes(kind, payload, environment)
    if len(raw) > settings.MAX_WEBHOOK_BYTES:
        problems.append(
            Problem("payload", "too_large", f"The event is larger than {settings.MAX_WEBHOOK_BYTES} bytes.")
        )
    if problems:
        raise Refused(problems)
    acting, now, delivery_id = current(), clock.now(), new_id()
    digest = hashlib.sha256(raw).digest()
    try:
        with transaction.atomic():
            if event_id:
                DeliveryKey.objects.create(
                    source=PLATFORM,
                    digest=hashlib.sha256(event_id.encode()).digest(),
                    body_digest=digest,
                    delivery_id=delivery_id,
                )
            Delivery.objects.create(
                id=delivery_id,
                platform=PLATFORM,
                external_id=event_id,
                event_type=kind,
                received_at=now,
                due_at=now,
                ip=acting.ip or "",
                trace_id=acting.trace_id or delivery_id.hex,
            )
            DeliveryBody.objects.create(
                delivery_id=delivery_id, raw=raw, content_type="application/json", created_at=now
            )
            wake.plan()
    except IntegrityError:
        return _known(event_id, digest)
    return Emitted(delivery_id)


def wait_for(delivery_id: uuid.UUID, seconds: float) -> None:
    """Wait until the outcome of an event is known, at most so long."""
    wait_until(lambda: outcome_of(delivery_id)[0] != "running", current_organization_id(), seconds)


def outcome_of(delivery_id: uuid.UUID) -> tuple[Outcome, list[Run]]:
    """Return how an event has gone so far, and its runs.

    Where a rule with `gate: true` listens to it, the gates that fired decide alone; else every run does.
    """
    delivery = Delivery.objects.only("status", "event_type").get(pk=delivery_id)
    if delivery.status == DeliveryStatus.ACCEPTED:
        return "running", []
    if delivery.status not in (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED):
        return "failed", []
    events = Event.objects.filter(delivery_id=delivery_id)
    runs = list(Run.objects.select_related("rule").filter(event__in=events).order_by("sequence"))
    gates = gates_of(PLATFORM, delivery.event_type)
    return _outcome([run for run in runs if run.rule_id in gates] if gates else runs), runs


def _outcome(deciding: Sequence[Run]) -> Outcome:
    ended = [run.status for run in deciding if run.status in RUN_ENDED]
    if any(status in (RunStatus.FAILED, RunStatus.CANCELLED) for status in ended):
        return "failed"
    return "succeeded" if len(ended) == len(deciding) else "running"


def _known(event_id: str, digest: bytes) -> Emitted:
    key = DeliveryKey.objects.get(source=PLATFORM, digest=hashlib.sha256(event_id.encode()).digest())
    if bytes(key.body_digest) != digest:
        raise Conflict(event_id, key.delivery_id)
    return Emitted(key.delivery_id, is_duplicate=True)


def _as_bytes(kind: str, payload: Mapping[str, Any], environment: str) -> bytes:
    return odd_json.dumps({"type": kind, "environment": environment, "payload": payload})


def _problems(kind: str, payload: Any, environment: str, event_id: str) -> Any:
    if not _TYPE.fullmatch(kind):
        detail = "A type is a name such as deployment.post_setup: letters, digits and . _ - : /, at most 120."
        yield Problem("type", "invalid", detail)
    if not isinstance(payload, Mapping):
        yield Problem("payload", "invalid", "The payload is an object.")
    else:
        try:
            odd_json.dumps(payload)
        except (TypeError, ValueError, RecursionError) as error:
            yield Problem("payload", "invalid", f"The payload cannot be stored as JSON: {error}"[:300])
    if environment and not Environment.objects.filter(name=environment).exists():
        known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none"
        detail = f"There is no environment '{environment[:63]}'. Environments: {known}."
        yield Problem("environment", "unknown_environment", detail)
    if len(event_id) > MOST_ID or "\0" in event_id:
        yield Problem("id", "invalid", f"An id has at most {MOST_ID} characters.")
