"""Senders of webhooks: an address of an organization, and requests signed as its platform signs them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from integrations import endpoints, registry, usage
from integrations.credentials import put_credentials
from integrations.models import Endpoint, Integration
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import Tenant
from webhooks.models import Delivery, DeliveryBody

SECRETS = {
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "trello": "b1946ac92492d2347c6235b4d2611184",
    "zendesk": "n3Zq8cB2vYt0Jk4wLr6XeQ==",
    "freshdesk": "fd_9c1e7a52b0d84f6f8d7b3a1c",
    "pagerduty": "Zk9Wq1eUSe2t8uUZxA3sJH0pQxJxjQ==",
    "telegram": "acme_4f1c-Zk9Wq1eUSe2t8uUZ",
    "teams": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "sendgrid": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe6"
    "2gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    "twilio": "0123456789abcdef0123456789abcdef",
    "grafana": "grafana-hmac-secret",
    # Of the form that Basic wants; a bearer token may look so too.
    "prometheus": "alertmanager:4f1cZk9Wq1eUSe2t8uUZ",
    "webhook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
_numbers = itertools.count(1)


@dataclass
class Sender:
    """A platform that sends to the endpoint of one organization."""

    tenant: Tenant
    endpoint: Endpoint
    secret: str
    client: Client = field(default_factory=Client)

    @property
    def integration(self) -> Integration:
        return self.endpoint.integration

    @property
    def path(self) -> str:
        return urlsplit(endpoints.address_of(self.endpoint, self.integration.platform)).path

    def signature(
        self, body: bytes, *, delivery_id: str = "", at: datetime | None = None, secret: str = ""
    ) -> dict[str, str]:
        """The headers with which the platform proves a body."""
        scheme = registry.get(self.integration.platform).scheme(self.endpoint.scheme)
        assert scheme is not None
        url = endpoints.address_of(self.endpoint, self.integration.platform)
        return scheme.sign(
            body,
            secret or self.secret,
            at or clock.now(),
            url=url,
            delivery_id=delivery_id or f"msg_{next(_numbers)}",
            options=self.endpoint.options,
        )

    def send(
        self,
        body: Any,
        *,
        delivery_id: str = "",
        at: datetime | None = None,
        secret: str = "",
        path: str = "",
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
        **extra: Any,
    ) -> Any:
        """Send a body (bytes as they are, anything else as JSON), signed; `headers` go on top."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {**self.signature(raw, delivery_id=delivery_id, at=at, secret=secret), **(headers or {})}
        return self.send_raw(raw, signed, path=path, content_type=content_type, **extra)

    def send_raw(
        self,
        body: bytes,
        headers: dict[str, str],
        *,
        path: str = "",
        method: str = "POST",
        content_type: str = "application/json",
        **extra: Any,
    ) -> Any:
        """Send exactly these bytes and headers."""
        return self.client.generic(method, path or self.path, body, content_type=content_type, headers=headers, **extra)


def secret_of(platform: str) -> str:
    """The secret that a platform signs with, in the form of its first scheme."""
    connector = registry.get(platform)
    scheme = connector.scheme(connector.scheme_names()[0])
    assert scheme is not None
    return SECRETS.get(platform) or scheme.new_secret()


def make_sender(tenant: Tenant, platform: str = "webhook", *, secret: str | None = "", **fields: Any) -> Sender:
    """Return a sender of `platform`; `secret=None` leaves the endpoint to wait for one."""
    wanted = secret_of(platform) if secret == "" else secret
    credentials = fields.pop("credentials", None)
    demanded = {name: fields.pop(name) for name in ("scheme", "options", "allowed_ips") if name in fields}
    with working_for(tenant.organization):
        integration = Integration(
            organization=tenant.organization, platform=platform, name=f"{platform} {next(_numbers)}", **fields
        )
        if credentials:
            put_credentials(integration, credentials)
        integration.save()
        endpoint, shown = endpoints.make_endpoint(integration, registry.get(platform), secret=wanted, **demanded)
    return Sender(tenant, endpoint, wanted or shown.text or secret_of(platform))


def deliveries(tenant: Tenant) -> list[Delivery]:
    with working_for(tenant.organization):
        return list(Delivery.objects.order_by("pk"))


def only_delivery(tenant: Tenant) -> Delivery:
    (delivery,) = deliveries(tenant)
    return delivery


def raw_of(delivery: Delivery) -> bytes:
    return bytes(DeliveryBody.objects.get(pk=delivery.pk).raw)


def counted(sender: Sender, counter: str) -> int:
    with working_for(sender.tenant.organization):
        return usage.totals(timedelta(hours=1), "integration", sender.integration.pk)[counter]


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]
