"""Addresses given to platforms: made with their secrets, changed, rotated. Requests find them in endpoint_cache."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.conf import settings

from integrations.base import BaseIntegration
from integrations.errors import InvalidInput
from integrations.models import Endpoint, EndpointState, Integration
from supportops import clock

GRACE = timedelta(hours=24)
# Zendesk signs test deliveries with a secret that it prints in its documentation: anybody could sign with it.
_PUBLIC_SECRETS = frozenset({"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="})


@dataclass(frozen=True)
class NewSecret:
    """A signing secret in the open, to be shown once; None when the platform makes it."""

    text: str | None


def make_endpoint(
    integration: Integration,
    connector: type[BaseIntegration],
    *,
    scheme: str | None = None,
    secret: str | None = None,
    options: dict[str, Any] | None = None,
    allowed_ips: Sequence[str] = (),
) -> tuple[Endpoint, NewSecret]:
    """Make the address of `integration` and its secret. Raises InvalidInput for an unknown scheme or bad options."""
    endpoint = Endpoint(organization_id=integration.organization_id, integration=integration)
    demand(endpoint, connector, scheme=scheme, options=options, allowed_ips=allowed_ips)
    shown = NewSecret(None)
    if secret is not None:
        put_secret(endpoint, connector, secret)
    elif connector.secret_comes_by_handshake:
        endpoint.state = EndpointState.AWAITING_HANDSHAKE
    elif connector.platform_makes_secret:
        endpoint.state = EndpointState.AWAITING_SECRET
    else:
        made = _scheme(connector, endpoint.scheme).new_secret()
        put_secret(endpoint, connector, made)
        shown = NewSecret(made)
    endpoint.save(force_insert=True)
    return endpoint, shown


def demand(
    endpoint: Endpoint,
    connector: type[BaseIntegration],
    *,
    scheme: str | None = None,
    options: dict[str, Any] | None = None,
    allowed_ips: Sequence[str] | None = None,
) -> None:
    """Set what the endpoint demands of senders; the caller saves. Raises InvalidInput that says what is wrong."""
    names = connector.scheme_names()
    wanted = scheme or endpoint.scheme or names[0]
    if wanted not in names:
        raise InvalidInput(f"{connector.name} cannot send by '{wanted}'. Its schemes: {', '.join(names)}.")
    endpoint.scheme = wanted
    try:
        endpoint.options = _scheme(connector, wanted).check_options(options or {})
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    if allowed_ips is not None:
        for text in allowed_ips:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise InvalidInput(f"'{text}' is neither an address nor a network such as 203.0.113.0/24.") from None
        endpoint.allowed_ips = list(allowed_ips)


def put_secret(
    endpoint: Endpoint, connector: type[BaseIntegration], secret: str, *, grace: timedelta = timedelta(0)
) -> None:
    """Make `secret` the current one; the one before stays valid for `grace`. The caller saves."""
    if not secret.strip() or len(secret) > 1000:
        raise InvalidInput("The signing secret is empty or longer than 1,000 characters.")
    if secret in _PUBLIC_SECRETS:
        raise InvalidInput("This is the platform's published test secret: anybody can sign with it. Give the real one.")
    try:
        _scheme(connector, endpoint.scheme).check_secret(secret)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    now = clock.now()
    kept = [
        {"secret": item["secret"], "until": (now + grace).isoformat()}
        for item in (endpoint.secrets.open() or [])
        if item["until"] is None and grace and item["secret"] != secret
    ]
    endpoint.secrets.put([{"secret": secret, "until": None}, *kept[:1]])
    endpoint.state = EndpointState.READY


def rotate_secret(
    endpoint: Endpoint, connector: type[BaseIntegration], *, secret: str | None, grace: timedelta = GRACE
) -> NewSecret:
    """Give the endpoint a new secret, saved; the old one stays valid for `grace`.

    Where the platform makes the secret it must be given: raises InvalidInput otherwise.
    """
    if secret is None and connector.platform_makes_secret:
        raise InvalidInput(f"{connector.name} makes the signing secret: send the new one as `secret`.")
    made = secret if secret is not None else _scheme(connector, endpoint.scheme).new_secret()
    put_secret(endpoint, connector, made, grace=grace)
    endpoint.save()
    return NewSecret(made if secret is None else None)


def valid_secrets(endpoint: Endpoint, now: datetime) -> list[str]:
    """Return the secrets that may sign at `now`, the current one first; none until there is one."""
    if endpoint.state != EndpointState.READY:
        return []
    return [
        item["secret"]
        for item in (endpoint.secrets.open() or [])
        if item["until"] is None or datetime.fromisoformat(item["until"]) > now
    ]


def address_of(endpoint: Endpoint, platform: str) -> str:
    """Return the public address, as it is registered at the platform. Signatures may cover it."""
    return public_address(platform, endpoint.key)


def signing_secrets(integration_id: uuid.UUID) -> list[str]:
    """Return every signing secret kept for an integration of the organization in scope, for masking: also those that
    are valid no longer. Raises vault.keyring.CannotOpen."""
    endpoints = Endpoint.objects.filter(integration_id=integration_id)
    return [item["secret"] for endpoint in endpoints for item in endpoint.secrets.open() or []]


def public_address(platform: str, key: str) -> str:
    """Return the public address with this key."""
    return f"{settings.PUBLIC_URL}/api/webhooks/{platform}/{key}"


def endpoint_of(integration_id: uuid.UUID) -> Endpoint | None:
    """Return the address of an integration of the organization in scope."""
    return Endpoint.objects.filter(integration_id=integration_id).first()


def _scheme(connector: type[BaseIntegration], name: str) -> Any:
    scheme = connector.scheme(name)
    if scheme is None:
        raise InvalidInput(f"{connector.name} cannot send by '{name}'.")
    return scheme
