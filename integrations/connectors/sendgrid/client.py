"""Calls to SendGrid's API, version 3, and what its answers mean.

https://www.twilio.com/docs/sendgrid/api-reference, read 2026-11.
"""

from typing import TYPE_CHECKING, Any

from integrations.errors import Forbidden, IntegrationError
from integrations.http import path
from integrations.mail import address_of

if TYPE_CHECKING:
    from integrations.answers import Response
    from integrations.http import PlatformClient

Json = dict[str, Any]
# With everything that is attached, as it travels: in base64.
MOST_BYTES = 30 * 1024 * 1024
_WEBHOOKS = ("v3", "user", "webhooks", "event", "settings")


class SendGridApi:
    """SendGrid as one API key sees it."""

    def __init__(self, http: "PlatformClient", region: str) -> None:
        self.http = http
        # None is the API's own base.
        self._host: str | None = "eu" if region == "eu" else None

    def send(self, mail: Json) -> str | None:
        """Hand a mail over and return its id. 202 means that it is queued."""
        answer = self.http.post("/v3/mail/send", host=self._host, json=mail)
        message_id: str | None = answer.headers.get("x-message-id")
        return message_id

    def scopes(self) -> list[str]:
        return [str(scope) for scope in self._get("v3", "scopes").get("scopes") or []]

    def user(self) -> Json:
        return dict(self._get("v3", "user", "username"))

    # --- event webhooks --------------------------------------------------------------------------------------
    def webhooks(self) -> list[Json]:
        return list(self._get(*_WEBHOOKS, "all").get("webhooks") or [])

    def make_webhook(self, settings: Json) -> Json:
        return dict(self.http.post(path(*_WEBHOOKS), host=self._host, json=settings).json())

    def change_webhook(self, webhook_id: str, settings: Json) -> None:
        self.http.patch(path(*_WEBHOOKS, webhook_id), host=self._host, json=settings)

    def sign_webhook(self, webhook_id: str) -> str:
        """Have a webhook's requests signed, and return the public key."""
        place = path(*_WEBHOOKS, "signed", webhook_id)
        return str(self.http.patch(place, host=self._host, json={"enabled": True}).json()["public_key"])

    def remove_webhook(self, webhook_id: str) -> None:
        self.http.delete(path(*_WEBHOOKS, webhook_id), host=self._host)

    def _get(self, *parts: str) -> Any:
        return self.http.get(path(*parts), host=self._host).json()


def person_of(text: str) -> Json:
    """Return an address in SendGrid's form."""
    name, address = address_of(text)
    return {"email": address, "name": name} if name else {"email": address}


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means where the status alone does not say what to do."""
    if response.status_code == 403 and "sender identity" in response.message.lower():
        hint = "Verify the sender under Settings, Sender Authentication."
        return Forbidden(f"SendGrid answered 403: {response.message} {hint}", status_code=403)
    return None
