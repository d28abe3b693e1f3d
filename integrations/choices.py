"""What a platform offers for a parameter: channels, agents, boards. Asked once in ten minutes, for all processes."""

from datetime import timedelta
from typing import Any

from integrations import circuit, health
from integrations.connecting import connected
from integrations.errors import CredentialsRejected, IntegrationError, Transient, masked
from integrations.models import ChoiceList, Integration
from integrations.refusals import Problem, Refused
from integrations.types import connector_of
from supportops import clock

FRESH = timedelta(minutes=10)
# A form that offers more than this helps nobody.
MOST = 5000


def choices_of(row: Integration, kind: str) -> list[dict[str, Any]]:
    """Return what the platform offers of a kind, as ``[{"id", "name"}]`` sorted by name, at most ten minutes old.

    While the platform cannot be asked, what it said before is good enough. Raises Refused for a kind that its connector
    does not know, and IntegrationError.
    """
    known = connector_of(row.platform).choice_kinds
    if kind not in known:
        detail = f"There are no choices of '{kind[:40]}' here. There are: {', '.join(known) or 'none'}."
        raise Refused([Problem("kind", "unknown_kind", detail)])
    now = clock.now()
    kept = ChoiceList.objects.filter(integration=row, kind=kind).first()
    # The credentials may be others since, and with them the account.
    if kept is not None and kept.fetched_at > max(now - FRESH, row.updated_at):
        return list(kept.items)
    try:
        items = _asked(row, kind)
    except Transient:
        if kept is None:
            raise
        return list(kept.items)
    ChoiceList.objects.update_or_create(integration=row, kind=kind, defaults={"items": items, "fetched_at": now})
    return items


def _asked(row: Integration, kind: str) -> list[dict[str, Any]]:
    gate = circuit.gate([row.pk], clock.now()).get(row.pk)
    if gate is not None and gate.credentials_rejected:
        # Opening a form shall not knock with what was refused already.
        raise CredentialsRejected("The platform refused the stored credentials: give new ones.")
    error: IntegrationError | None = None
    instance, redactor = connected(row, "choices")
    try:
        items = instance.call_handler("choices", kind).data or []
    except IntegrationError as failure:
        error = masked(failure, redactor.text)
        raise error from None
    finally:
        health.note_outcomes([health.CallOutcome(row.pk, error, None)])
    named = [
        {"id": item["id"], "name": redactor.text(str(item.get("name") or item["id"]))} for item in list(items)[:MOST]
    ]
    return sorted(named, key=lambda item: item["name"].casefold())
