"""Has platforms send to us: registers an integration's address there, and removes it with the integration.

The network stands outside of transactions: ask, then write what came of it.
"""

from collections.abc import Callable

from django.db import transaction

from audit.recording import record
from integrations import endpoints, health, registry
from integrations.base import BaseIntegration
from integrations.connecting import connected
from integrations.errors import IntegrationError, Permanent, masked
from integrations.models import Endpoint, EndpointState, Integration
from integrations.refusals import Problem, Refused
from integrations.specs import Registration, WebhookTarget
from integrations.types import connector_of
from supportops import clock


def register(row: Integration) -> Endpoint:
    """Have the platform send every event that we know to the integration's address; fine to repeat.

    A signing secret that the platform makes is taken at once. Raises Refused where it has to be done by hand, with the
    steps, and IntegrationError.
    """
    connector = connector_of(row.platform)
    endpoint = endpoints.endpoint_of(row.pk)
    if endpoint is None:
        raise Refused([Problem("", "no_webhook", f"{connector.name} sends no webhooks.")])
    if not connector.can("register_webhook"):
        detail = (
            f"{connector.name} has no way to register webhooks for us: it is done there by hand. The steps stand on "
            f"the integration's page, and as webhook.setup in /api/platforms/{connector.key}."
        )
        raise Refused([Problem("", "not_supported", detail)])
    if connector.webhook_secret_field and endpoint.state != EndpointState.READY:
        name = connector.webhook_secret_field
        detail = f"Without {name} nothing that {connector.name} sends could be checked: give it first."
        raise Refused([Problem(f"credentials.{name}", "required", detail)])
    registration = _asked(row, connector, endpoint)
    with transaction.atomic():
        if registration.secret is not None:
            endpoints.put_secret(endpoint, connector, registration.secret)
        endpoint.registered_ids, endpoint.registered_at = list(registration.ids), clock.now()
        endpoint.save()
        record("integration.webhook_registered", row, changes={"webhooks": list(registration.ids)})
    return endpoint


def unregister(row: Integration) -> str:
    """Remove from the platform what `register` made there, and return what is to be said of it; "" for nothing.

    Never raises for what the platform says: the integration goes in any case.
    """
    endpoint = endpoints.endpoint_of(row.pk)
    if endpoint is None or not endpoint.registered_ids:
        return ""
    mask: Callable[[str], str] = str
    try:
        instance, redactor = connected(row, "unregister_webhook")
        mask = redactor.text
        instance.call_method("unregister_webhook", Registration(tuple(endpoint.registered_ids)))
    except (IntegrationError, registry.UnknownPlatform) as error:
        return f"Its webhook still stands at the platform and has to be removed there: {mask(str(error))}"[:500]
    return "Its webhook was removed from the platform."


def _asked(row: Integration, connector: type[BaseIntegration], endpoint: Endpoint) -> Registration:
    known = Registration(tuple(endpoint.registered_ids)) if endpoint.registered_ids else None
    secrets = [] if connector.platform_makes_secret else endpoints.valid_secrets(endpoint, clock.now())
    target = WebhookTarget(
        url=endpoints.address_of(endpoint, row.platform),
        secret=secrets[0] if secrets else "",
        events=tuple(spec.name for spec in connector.events),
    )
    error: IntegrationError | None = None
    instance, redactor = connected(row, "register_webhook")
    try:
        made = instance.call_method("register_webhook", target, known)
    except IntegrationError as failure:
        error = masked(failure, redactor.text)
        raise error from None
    finally:
        health.note_outcomes([health.CallOutcome(row.pk, error, None)])
    if not isinstance(made, Registration):
        raise Permanent(f"{connector.name} did not say what it registered.")
    return made
