"""What a stored delivery says: its body, read by its platform's connector, as events."""

import asyncio
import inspect
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from audit.redaction import Redactor
from integrations.base import BaseIntegration
from integrations.connecting import bare, connect
from integrations.credentials import open_credentials, secret_values
from integrations.endpoints import address_of
from integrations.errors import CODE_OF_OTHERS_RAISES, IntegrationError, Permanent, told
from integrations.models import Endpoint, Integration
from integrations.specs import Event, WebhookRequest
from supportops import odd_json
from supportops.reading import rows_by_id
from webhooks.models import Delivery, DeliveryBody
from webhooks.receiving import parse

_TEXTS = ("external_id", "key", "actor_id", "marker")


def claimed_deliveries(fences: Mapping[uuid.UUID, int]) -> list[Delivery]:
    """Return the deliveries that still have these fences, with body, integration and endpoint, in the order of receipt,
    which becomes the order of runs with one key."""
    rows = [row for row in rows_by_id(Delivery, "id", fences, order_by=["id"]) if row.fence == fences[row.pk]]
    bodies = {body.delivery_id: body for body in rows_by_id(DeliveryBody, "delivery_id", [row.pk for row in rows])}
    # Many deliveries share a few of these.
    named = {row.integration_id for row in rows if row.integration_id}
    integrations = Integration.objects.select_related("environment").in_bulk(named)
    endpoints = {row.pk: row for row in Endpoint.objects.filter(pk__in={r.endpoint_id for r in rows if r.endpoint_id})}
    for row in rows:
        row.integration, row.endpoint = integrations.get(row.integration_id), endpoints.get(row.endpoint_id)
        if row.pk in bodies:
            row.body = bodies[row.pk]
    return rows


def events_of(delivery: Delivery, connector: type[BaseIntegration]) -> list[Event]:
    """Return the known events in a delivery's body, in order; unknown ones are left out and named in its reason.

    Raises Permanent, and whatever the connector's parsing does.
    """
    try:
        instance = bare(connector)
    except CODE_OF_OTHERS_RAISES:
        return _read_with_secrets(delivery, connector)
    return _read(delivery, connector, instance)


def _read_with_secrets(delivery: Delivery, connector: type[BaseIntegration]) -> list[Event]:
    """Read with the integration's credentials, which the connector's `__init__` insists on; none of them gets out."""
    integration = delivery.integration
    if integration is None:
        raise Permanent("The integration of this delivery was deleted.")
    try:
        return _read(delivery, connector, connect(integration, connector=connector))
    except CODE_OF_OTHERS_RAISES as error:
        words = error.message if isinstance(error, IntegrationError) else told(error)
        mask = Redactor(secret_values(connector, open_credentials(integration))).text
        raise Permanent(mask(words)) from None


def _read(delivery: Delivery, connector: type[BaseIntegration], instance: BaseIntegration) -> list[Event]:
    body = delivery.body
    raw = bytes(body.raw)
    payload = parse(connector, body.content_type, raw)
    instance.request = WebhookRequest(
        method="POST",
        url=address_of(delivery.endpoint, delivery.platform) if delivery.endpoint is not None else "",
        headers=body.headers,
        body=raw,
        ip=delivery.ip,
        account_id=delivery.integration.account_id if delivery.integration is not None else "",
    )
    found = instance.handle_webhook(payload)
    if inspect.isawaitable(found):
        found = asyncio.run(_await(found))
    events = _as_events(found, connector)
    known = [event for event in events if connector.event_spec(event.type) is not None]
    unknown = sorted({event.type for event in events if event not in known})
    if unknown:
        delivery.reason = f"{connector.name} has no event {', '.join(unknown)}."[:1000]
    for event in known:
        event.payload = odd_json.loads(odd_json.dumps(event.payload))
    return known


def _as_events(found: Any, connector: type[BaseIntegration]) -> list[Event]:
    """Return what `handle_webhook` gave as events whose texts are texts. Raises Permanent for anything else."""
    is_several = isinstance(found, Iterable) and not isinstance(found, (str, bytes, Mapping))
    events: list[Any] = list(found) if is_several else [] if found is None else [found]
    for event in events:
        if not isinstance(event, Event):
            what = f"{type(event).__name__} where an Event (or a list of them) was expected"
        elif not _is_whole(event):
            what = "an Event whose type is no text or whose payload is no object"
        else:
            for name in _TEXTS:
                if (value := getattr(event, name)) is not None:
                    setattr(event, name, str(value))
            event.external_id = event.external_id or ""
            continue
        raise Permanent(f"The connector {connector.name} gave {what}.")
    return events


def _is_whole(event: Any) -> bool:
    return isinstance(event.type, str) and isinstance(event.payload, Mapping)


async def _await(awaitable: Any) -> Any:
    return await awaitable
