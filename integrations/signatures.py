"""How requests to us are signed. Pure: verify(request, secrets, now) and nothing else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.specs import WebhookRequest


class Signature:
    """A way of proving who sent a request. `scheme` is its name in the API.

    `options` are an endpoint's own settings (header, encoding, prefix) for schemes that have any.
    """

    scheme: str = ""
    description: str = ""

    def verify(
        self,
        request: WebhookRequest,
        secrets: Sequence[str],
        now: datetime,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Return whether one of `secrets` signed `request`. No secret means no. Never raises for odd requests."""
        raise NotImplementedError

    def sign(
        self,
        body: bytes,
        secret: str,
        now: datetime,
        *,
        url: str = "",
        delivery_id: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Return the headers that a sender would add: for samples, the demo and tests."""
        raise NotImplementedError

    def new_secret(self) -> str:
        """Return a fresh secret of the form that this scheme wants."""
        raise NotImplementedError

    def check_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return an endpoint's options, completed. Raises ValueError that says what is wrong."""
        if options:
            raise ValueError(f"the scheme '{self.scheme}' has no options")
        return {}


class StandardWebhooks(Signature):
    scheme = "standard_webhooks"
