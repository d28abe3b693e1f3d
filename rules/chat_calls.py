"""Makes the calls to chats that approvals want: each a row, leased while it is made, tried again as steps are.

A chore calls `send_due`; any number may at once. Works across organizations by ids alone.
"""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from pydantic import ValidationError

from audit.redaction import Redactor
from integrations import circuit, health, limits
from integrations.base import BaseIntegration
from integrations.connecting import call_of, connect
from integrations.credentials import open_credentials, secret_values
from integrations.endpoints import signing_secrets
from integrations.errors import IntegrationError, InvalidInput, Permanent, masked, told
from integrations.models import Integration
from integrations.outbox import send_each_due
from integrations.specs import ActionSpec
from integrations.types import connector_of
from rules.models import ChatCall, ChatPurpose, Step, StepContent, StepStatus
from rules.retry import AwaitCredentials, RetryAt, RetryPolicy, next_move
from supportops import clock
from supportops.texts import storable

log = structlog.get_logger()

_AWAIT_CREDENTIALS = timedelta(minutes=10)
_MAY_HAVE_ARRIVED = "The connection ended during the call; whether the message was posted is not known."


def send_due() -> int:
    """Make the calls that are due, and return how many went through."""
    return send_each_due(ChatCall, _send)


def _send(call_id: uuid.UUID) -> bool:
    row: ChatCall = ChatCall.objects.select_related("integration", "step").get(pk=call_id)
    try:
        connector = connector_of(row.integration.platform)
        spec = connector.action_spec(row.action)
        if spec is None:
            raise InvalidInput(f"{connector.name} has no action '{row.action}'.")
        if row.purpose == ChatPurpose.ASK and not _is_asked(row.step, row.fence):
            # It was decided before it could be posted.
            ChatCall.objects.filter(pk=call_id).update(due_at=None, parameters={}, is_open=False)
            return False
        if row.sending_since is not None and not spec.may_repeat:
            raise Permanent(_MAY_HAVE_ARRIVED)
        return _made(row, row.integration, connector, spec)
    except IntegrationError as error:
        _give_up(row, error.message)
    except Exception as error:  # such as credentials that no key opens: it fails alone, and says so
        log.exception("chat_call.failed", call=str(call_id))
        _give_up(row, told(error))
    return False


def _is_asked(step: Step, fence: int) -> bool:
    return step.status == StepStatus.WAITING and step.waits_for == "approval" and step.fence == fence


def _made(row: ChatCall, integration: Integration, connector: type[BaseIntegration], spec: ActionSpec) -> bool:
    if not integration.is_enabled:
        raise InvalidInput(f"The integration '{integration.name}' is switched off.")
    now = clock.now()
    gate = circuit.gate([integration.pk], now).get(integration.pk)
    if gate is not None and (gate.credentials_rejected or gate.until is not None):
        _put_off(row, gate.until or now + _AWAIT_CREDENTIALS)
        return False
    try:
        data = spec.model.model_validate(row.parameters)
    except ValidationError as error:
        raise InvalidInput(error.errors(include_input=False, include_url=False)[0]["msg"]) from None
    buckets = limits.limits_for(connector, integration, spec.name, data)
    grant = limits.reserve(buckets, now, holder=str(row.pk))
    if grant.at is not None and grant.at > now:
        _put_off(row, grant.at)
        return False
    if gate is not None and gate.needs_probe and (ask_at := circuit.begin_probe(integration.pk, now)) is not None:
        _put_off(row, ask_at)
        return False
    row.attempts_made += 1
    ChatCall.objects.filter(pk=row.pk).update(sending_since=now, attempts_made=row.attempts_made)
    mask = Redactor([*secret_values(connector, open_credentials(integration)), *signing_secrets(integration.pk)])
    failure: IntegrationError | None = None
    answer: Any = None
    try:
        answer = connect(integration, connector=connector, call=call_of(integration, spec.name)).call_handler(
            spec.handler, data
        )
    except IntegrationError as error:
        failure = masked(error, mask.text)
    health.note_outcomes([health.CallOutcome(integration.pk, failure, None)])
    if failure is None:
        done = {"answer": mask.value(answer.data), "due_at": None, "sending_since": None, "parameters": {}, "error": ""}
        ChatCall.objects.filter(pk=row.pk).update(**done)
        return True
    move = next_move(
        failure,
        attempts_made=row.attempts_made,
        now=clock.now(),
        policy=RetryPolicy(),
        may_repeat=spec.may_repeat_with(data),
    )
    if isinstance(move, RetryAt):
        _put_off(row, move.at, failure.message)
    elif isinstance(move, AwaitCredentials):
        _put_off(row, clock.now() + _AWAIT_CREDENTIALS, failure.message)
    else:
        _give_up(row, failure.message)
    return False


def _put_off(row: ChatCall, until: Any, error: str = "") -> None:
    ChatCall.objects.filter(pk=row.pk).update(due_at=until, sending_since=None, error=storable(error)[:500])


def _give_up(row: ChatCall, error: str) -> None:
    """Try no more, and let the step's page say that the question does not stand in the chat."""
    error = storable(error)[:400]
    with transaction.atomic():
        ChatCall.objects.filter(pk=row.pk).update(
            due_at=None, sending_since=None, parameters={}, is_open=False, error=error
        )
        if row.purpose != ChatPurpose.ASK:
            return
        content = StepContent.objects.select_for_update().filter(pk=row.step_id).first()
        if content is not None:
            content.warnings = [*content.warnings, f"The question was not posted: {error}"]
            content.save(update_fields=["warnings"])
    log.warning("approval.not_posted", step=str(row.step_id), error=error)
