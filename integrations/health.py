"""How each integration does, told by the outcomes of its calls. Comes from rules.execution, goes to /health."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction

from audit.recording import record
from integrations import limits, notices
from integrations.circuit import FAILURES, pause_after
from integrations.errors import CredentialsRejected, IntegrationError, Permanent, RateLimited
from integrations.models import Circuit, HealthStatus, Integration, IntegrationHealth
from supportops import clock
from supportops.reading import rows_by_id
from supportops.tenancy.scope import current_organization_id

# Success upon success is written down no more often than this.
_FRESH = timedelta(seconds=5)
_FIELDS = (
    "checked_at",
    "last_success_at",
    "last_failure_at",
    "consecutive_failures",
    "circuit",
    "circuit_until",
    "credentials_rejected_at",
    "last_failure_was_transient",
    "message",
    "rate_limit",
    "failed_checks",
    "broken_since",
)


@dataclass(frozen=True)
class CallOutcome:
    """What came of one call: no error means success; `rate_limit` is what the platform's headers said."""

    integration_id: uuid.UUID
    error: IntegrationError | None = None
    rate_limit: dict[str, Any] | None = None


class Turn(StrEnum):
    """What is worth telling somebody."""

    CREDENTIALS_REJECTED = "credentials_rejected"
    CIRCUIT_OPENED = "circuit_opened"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Change:
    """An integration whose state turned."""

    integration_id: uuid.UUID
    turn: Turn
    message: str = ""


def note_outcomes(outcomes: Iterable[CallOutcome]) -> list[Change]:
    """Write down what came of calls of the organization in scope, and return what turned.

    Cheap while all goes well: one read for the batch, a write per integration every few seconds. With failures the
    rows are locked until the caller's transaction ends.
    """
    batch: dict[uuid.UUID, list[CallOutcome]] = defaultdict(list)
    now = clock.now()
    for outcome in outcomes:
        batch[outcome.integration_id].append(outcome)
        if outcome.rate_limit:
            limits.learn(current_organization_id(), outcome.integration_id, outcome.rate_limit, now)
    if not batch:
        return []
    rows = _rows(batch)
    quiet = [key for key, items in batch.items() if key in rows and _says_nothing_new(rows[key], items, now)]
    noisy = sorted(set(batch) - set(quiet))
    return _write(noisy, batch, now) if noisy else []


def note_test(integration_id: uuid.UUID, error: IntegrationError | None) -> list[Change]:
    """Write down what came of a connection test, which somebody has asked for: at once."""
    return _write([integration_id], {integration_id: [CallOutcome(integration_id, error)]}, clock.now())


def note_check(integration_id: uuid.UUID, error: IntegrationError | None, *, again_at: datetime) -> None:
    """Write down what came of a look that nobody had asked for; the first one that fails is repeated at `again_at`."""
    with transaction.atomic():
        _write([integration_id], {integration_id: [CallOutcome(integration_id, error)]}, clock.now())
        row = _rows([integration_id], lock=True).get(integration_id)
        if row is None or error is None:
            return
        row.failed_checks = min(row.failed_checks + 1, 1000)
        if row.failed_checks == 1:
            row.next_check_at = again_at
        else:
            _tell_of_break(row, clock.now())
        row.save(update_fields=("failed_checks", "next_check_at", "broken_since"))


def new_credentials(integration_id: uuid.UUID) -> None:
    """Forget what was held against the old credentials: calls may go again."""
    IntegrationHealth.objects.filter(integration_id=integration_id).update(
        credentials_rejected_at=None,
        consecutive_failures=0,
        circuit=Circuit.CLOSED,
        circuit_until=None,
        checked_at=None,
        last_success_at=None,
        last_failure_at=None,
        message="",
    )


def describe(integration: Integration) -> dict[str, Any]:
    """Return what /health says of an integration."""
    row = IntegrationHealth.objects.filter(integration_id=integration.pk).first() or IntegrationHealth()
    return {
        "status": status_of(row).value,
        "checked_at": row.checked_at,
        "last_success_at": row.last_success_at,
        "last_failure_at": row.last_failure_at,
        "consecutive_failures": row.consecutive_failures,
        "circuit": str(Circuit(row.circuit).value),
        "rate_limit": row.rate_limit,
        "message": row.message,
    }


def status_of(row: IntegrationHealth) -> HealthStatus:
    """Return the status that a row stands for.

    An answer that refuses one call (a wrong id) says nothing against the integration, unless it never did better.
    """
    if row.checked_at is None:
        return HealthStatus.UNKNOWN
    if row.credentials_rejected_at is not None or row.circuit == Circuit.OPEN:
        return HealthStatus.UNHEALTHY
    if row.circuit == Circuit.HALF_OPEN or row.last_success_at is None:
        return HealthStatus.DEGRADED
    failed_since = row.last_failure_at is not None and row.last_failure_at >= row.last_success_at
    return HealthStatus.DEGRADED if failed_since and row.last_failure_was_transient else HealthStatus.HEALTHY


def _rows(integration_ids: Iterable[uuid.UUID], *, lock: bool = False) -> dict[uuid.UUID, IntegrationHealth]:
    # In one order, so that two batches cannot lock each other out.
    rows = rows_by_id(IntegrationHealth, "integration_id", integration_ids, order_by=["integration_id"], lock=lock)
    return {row.integration_id: row for row in rows}


def _says_nothing_new(row: IntegrationHealth, items: Sequence[CallOutcome], now: datetime) -> bool:
    return (
        all(item.error is None for item in items)
        and row.last_success_at is not None
        and now - _FRESH < row.last_success_at
        and (row.last_failure_at is None or row.last_failure_at < row.last_success_at)
        and row.circuit == Circuit.CLOSED
        and row.credentials_rejected_at is None
        and row.consecutive_failures == 0
        and row.failed_checks == 0
        and row.broken_since is None
    )


def _write(ids: Sequence[uuid.UUID], batch: dict[uuid.UUID, list[CallOutcome]], now: datetime) -> list[Change]:
    with transaction.atomic():
        # An integration may have been deleted while its calls were under way.
        known = set(Integration.objects.filter(pk__in=ids).values_list("pk", flat=True))
        rows = _rows(known, lock=True)
        if missing := sorted(known - set(rows)):
            IntegrationHealth.objects.bulk_create(
                [IntegrationHealth(integration_id=key, organization_id=current_organization_id()) for key in missing],
                ignore_conflicts=True,
            )
            rows = _rows(known, lock=True)
        changes = []
        for key, row in rows.items():
            before = (row.circuit, row.credentials_rejected_at is not None)
            for outcome in batch[key]:
                _fold(row, outcome, now)
            turn = _turn(before, row)
            if turn in (Turn.CREDENTIALS_REJECTED, Turn.CIRCUIT_OPENED):
                _tell_of_break(row, now)
            elif row.last_success_at == now:
                _tell_of_recovery(row)
            row.save(update_fields=_FIELDS)
            if turn is not None:
                changes.append(Change(key, turn, row.message))
        return changes


def _tell_of_break(row: IntegrationHealth, now: datetime) -> None:
    """Tell people once that an integration does not work, and once more where its credentials turn out to be why."""
    is_rejected = row.credentials_rejected_at == now
    if row.broken_since is not None and not is_rejected:
        return
    row.broken_since = row.broken_since or now
    integration = Integration.objects.get(pk=row.integration_id)
    if is_rejected:
        record("integration.needs_attention", integration, changes={"message": row.message})
        text = f"The platform refused the credentials of '{integration}'. Its steps wait until new ones are given."
        _tell("integration.needs_attention", f"{integration} needs new credentials", text, integration, row)
    else:
        text = f"Calls of '{integration}' fail."
        _tell("integration.broken", f"{integration} does not work", text, integration, row)


def _tell_of_recovery(row: IntegrationHealth) -> None:
    row.failed_checks = 0
    if row.broken_since is None:
        return
    integration = Integration.objects.get(pk=row.integration_id)
    text = f"'{integration}' had not worked since {row.broken_since:%Y-%m-%d %H:%M} UTC."
    row.broken_since = None
    _tell("integration.recovered", f"{integration} works again", text, integration, row)


def _tell(event: str, subject: str, text: str, integration: Integration, row: IntegrationHealth) -> None:
    place = {"id": str(integration.pk), "name": integration.name, "platform": integration.platform}
    said = f"{text} It says: {row.message}" if row.message else text
    notices.tell(event, subject, said, {"integration": place, "message": row.message})


def _fold(row: IntegrationHealth, outcome: CallOutcome, now: datetime) -> None:
    """Let one outcome tell on the row."""
    row.checked_at = now
    row.rate_limit = outcome.rate_limit or row.rate_limit
    error = outcome.error
    if error is None:
        row.last_success_at, row.message = now, ""
        row.credentials_rejected_at = None
        _close(row)
        return
    row.last_failure_at, row.message = now, error.message[:500]
    row.last_failure_was_transient = not isinstance(error, Permanent | CredentialsRejected)
    if isinstance(error, CredentialsRejected):
        row.credentials_rejected_at = row.credentials_rejected_at or now
        _close(row)
    elif isinstance(error, Permanent | RateLimited):
        if error.status_code is not None:
            # It answered: whatever was wrong with this call, the platform is there.
            _close(row)
        elif row.circuit == Circuit.HALF_OPEN:
            row.circuit_until = now  # the probe was never made: the next one may
    else:
        _count_failure(row, now)


def _close(row: IntegrationHealth) -> None:
    row.circuit, row.circuit_until, row.consecutive_failures = Circuit.CLOSED, None, 0


def _count_failure(row: IntegrationHealth, now: datetime) -> None:
    if row.circuit == Circuit.OPEN and row.circuit_until is not None and row.circuit_until > now:
        # Late outcomes of calls made before it opened: they say nothing of how long it should stay so.
        return
    row.consecutive_failures += 1
    if row.consecutive_failures >= FAILURES:
        row.circuit, row.circuit_until = Circuit.OPEN, now + pause_after(row.consecutive_failures)


def _turn(before: tuple[str, bool], row: IntegrationHealth) -> Turn | None:
    circuit, was_rejected = before
    if row.credentials_rejected_at is not None and not was_rejected:
        return Turn.CREDENTIALS_REJECTED
    if row.circuit == Circuit.OPEN and circuit == Circuit.CLOSED:
        return Turn.CIRCUIT_OPENED
    if (
        row.circuit == Circuit.CLOSED
        and row.credentials_rejected_at is None
        and (circuit != row.circuit or was_rejected)
    ):
        return Turn.RECOVERED
    return None
