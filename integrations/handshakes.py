"""Signing secrets that come in a platform's own request (Notion): taken once, shown, confirmed by a person.

Who sends the first such request is not proven: until a person has compared the secret with what the platform shows, or
pasted it there, nothing signed with it is taken.
"""

import uuid

from django.db import transaction

from audit.recording import record
from integrations import endpoints
from integrations.base import BaseIntegration
from integrations.errors import InvalidInput
from integrations.models import Endpoint, EndpointState, Integration


def take(endpoint_id: uuid.UUID, connector: type[BaseIntegration], secret: str) -> bool:
    """Keep the secret that a handshake carried, and return whether it was taken: only where none was before."""
    with transaction.atomic():
        waiting = Endpoint.objects.select_for_update().filter(pk=endpoint_id, state=EndpointState.AWAITING_HANDSHAKE)
        endpoint = waiting.select_related("integration").first()
        if endpoint is None or endpoint.secrets.is_set:
            return False
        try:
            endpoints.put_secret(endpoint, connector, secret)
        except InvalidInput:
            return False
        endpoint.state = EndpointState.AWAITING_HANDSHAKE
        endpoint.save()
        record("integration.handshake_taken", endpoint.integration)
    return True


def show(row: Integration) -> str | None:
    """Return the secret that waits to be confirmed, for a person to give to the platform; None where there is none."""
    endpoint = endpoints.endpoint_of(row.pk)
    if endpoint is None or endpoint.state != EndpointState.AWAITING_HANDSHAKE or not endpoint.secrets.is_set:
        return None
    with transaction.atomic():
        record("integration.handshake_shown", row)
    return str(endpoint.secrets.open()[0]["secret"])


def confirm(row: Integration) -> None:
    """From now on what is signed with the secret is taken. Raises InvalidInput where none waits."""
    with transaction.atomic():
        endpoint = _waiting(row)
        endpoint.state = EndpointState.READY
        endpoint.save()
        record("integration.handshake_confirmed", row)


def discard(row: Integration) -> None:
    """Forget the secret, which was a stranger's, and wait for another. Raises InvalidInput where none waits."""
    with transaction.atomic():
        endpoint = _waiting(row)
        Endpoint.objects.filter(pk=endpoint.pk).update(secrets=b"")
        record("integration.handshake_discarded", row)


def _waiting(row: Integration) -> Endpoint:
    endpoint: Endpoint | None = (
        Endpoint.objects.select_for_update()
        .filter(integration_id=row.pk, state=EndpointState.AWAITING_HANDSHAKE)
        .first()
    )
    if endpoint is None or not endpoint.secrets.is_set:
        raise InvalidInput("No handshake waits to be confirmed at this integration's address.")
    return endpoint
