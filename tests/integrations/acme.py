"""A platform for tests of what is common to all, and a client whose network is a function."""

from collections.abc import Callable
from typing import Any

import httpx

from integrations.base import BaseIntegration
from integrations.http import PlatformClient, client_for
from integrations.specs import SecretSpec

TOKEN = "xoxb-very-secret-12345"


class Acme(BaseIntegration):
    key, name = "acme", "Acme"
    secrets = [SecretSpec("token"), SecretSpec("domain", type="text", is_place=True, required=False)]
    base_url = "https://api.acme.example/v2"
    other_urls = {"files": "https://files.acme.example"}


Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler | None = None, connector: type[BaseIntegration] = Acme, **options: Any) -> PlatformClient:
    """A client whose network is `handler`."""
    fake = httpx.MockTransport(handler) if handler else None
    made = client_for(connector, options.pop("credentials", {"token": TOKEN}), transport=fake, **options)
    made.headers["Authorization"] = f"Bearer {TOKEN}"
    return made


def answering(*args: Any, **kwargs: Any) -> Handler:
    return lambda _: httpx.Response(*args, **kwargs)


def raising(error: Exception) -> Handler:
    def handle(_: httpx.Request) -> httpx.Response:
        raise error

    return handle
