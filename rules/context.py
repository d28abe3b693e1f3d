"""What the expressions of a step can see: the roots of the rule document, filled from stored rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from rules.models import Event, Run, Step, StepStatus
from supportops import clock

_FAILED = (StepStatus.FAILED,)


def roots_for(
    run: Run,
    *,
    rule_name: str,
    organization: Mapping[str, Any],
    event: Event | None,
    payload: Mapping[str, Any] | None,
    subjects: Iterable[str],
    inputs: Mapping[str, Any],
    steps: Mapping[str, Mapping[str, Any]],
    env: Mapping[str, Any] | None = None,
    recipients: Mapping[str, Any] | None = None,
    tables: Mapping[str, Any] | None = None,
    integration: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the values of every root for one step of `run`."""
    payload = payload or {}
    roots: dict[str, Any] = {
        "event": payload,
        "meta": meta_of(event),
        "inputs": dict(inputs),
        "steps": dict(steps),
        "env": dict(env or {}),
        "vars": dict(tables or {}),
        "recipients": dict(recipients or {}),
        "run": {
            "id": str(run.pk),
            "created_at": run.created_at.isoformat(),
            "cause": run.cause,
            "environment": run.environment,
        },
        "rule": {"id": str(run.rule_id), "name": rule_name},
        "organization": dict(organization),
        "integration": dict(integration or {}),
        "now": clock.now().isoformat(),
    }
    for subject in subjects:
        roots[subject] = payload.get(subject)
    return roots


def meta_of(event: Event | None) -> dict[str, Any]:
    """Return what `meta` says of an event; empty for runs without one."""
    if event is None:
        return {}
    return {
        "id": str(event.pk),
        "type": event.type,
        "external_id": event.external_id,
        "occurred_at": event.occurred_at.isoformat(),
        "platform": event.platform,
        "late": event.is_late,
    }


def outcome_of(step: Step, output: Any) -> dict[str, Any]:
    """Return what later steps see of one: always all five names, null where there is nothing."""
    has_ended = step.finished_at is not None
    return {
        "output": output if step.status == StepStatus.SUCCEEDED else None,
        "error": step.error if step.status in _FAILED else None,
        "status": step.status if has_ended else None,
        "failed": step.status in _FAILED,
        "succeeded": step.status == StepStatus.SUCCEEDED,
    }
