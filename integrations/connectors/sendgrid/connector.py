"""SendGrid: mail out; what became of it in."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.sendgrid import events
from integrations.connectors.sendgrid.client import MOST_BYTES, SendGridApi, error_for, person_of
from integrations.connectors.sendgrid.schemas import SendGridConfig, SendGridCredentials
from integrations.connectors.sendgrid.signature import EcdsaSignature
from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound
from integrations.mail import SendEmail, distinct
from integrations.specs import Account, ActionSpec, Event, Registration, Result, WebhookTarget

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# SendGrid's name of a setting, where it is not that of the event.
_SETTINGS = {"spamreport": "spam_report"}


class SendGrid(BaseIntegration):
    key, name = "sendgrid", "SendGrid"
    description = "Send mail, and hear whether it was delivered, bounced, opened or clicked."
    Credentials = SendGridCredentials
    Config = SendGridConfig
    base_url = "https://api.sendgrid.com"
    other_urls = {"eu": "https://api.eu.sendgrid.com"}
    # SendGrid publishes no numbers; its answers' X-RateLimit headers are heeded.
    signature = EcdsaSignature()
    platform_makes_secret = True
    events = events.EVENTS
    actions = [
        ActionSpec(
            "send_email",
            "Send a mail.",
            model=SendEmail,
            handler="send_email",
            label="Send a mail",
        )
    ]

    credentials: SendGridCredentials
    config: SendGridConfig
    api: SendGridApi

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.api_key}"
        self.api = SendGridApi(http, self.config.region)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask what the key may do; sends nothing."""
        scopes = self.api.scopes()
        if "mail.send" not in scopes:
            raise Forbidden("The API key may not send mail: give it the permission 'Mail Send'.")
        user = self.api.user() if "user.username.read" in scopes else {}
        account = Account(id=str(user.get("user_id") or ""))
        named = f" as {user['username']}" if user.get("username") else ""
        return Result(
            True,
            f"SendGrid knows us{named}; the key may send mail.",
            {"account": account, "username": user.get("username"), "scopes": len(scopes)},
        )

    def send_email(self, data: SendEmail) -> Result:
        sender = data.from_address or self.config.default_from
        if not sender:
            raise InvalidInput("Name the sender, or set one in the integration's configuration (From).")
        # An address that stands there twice is refused.
        to, cc, bcc = distinct(data.to, data.cc, data.bcc)
        recipients = {"to": to, "cc": cc, "bcc": bcc}
        mail: dict[str, Any] = {
            "personalizations": [
                {name: [person_of(item) for item in people] for name, people in recipients.items() if people}
            ],
            "from": person_of(sender),
            "subject": data.subject,
            "content": [
                {"type": kind, "value": value}
                # In this order: the plainest first.
                for kind, value in (("text/plain", data.body), ("text/html", data.html))
                if value.strip()
            ],
        }
        if data.reply_to:
            mail["reply_to"] = person_of(data.reply_to)
        if data.attachments:
            mail["attachments"] = self._attachments(data)
        if self.config.categories:
            mail["categories"] = self.config.categories
        if self.call.idempotency_key:
            mail["custom_args"] = {events.EXECUTION: self.call.idempotency_key}
        if self.config.is_sandbox:
            mail["mail_settings"] = {"sandbox_mode": {"enable": True}}
        message_id = self.api.send(mail)
        count = sum(len(people) for people in recipients.values())
        done = "has checked" if self.config.is_sandbox else "has taken"
        return Result(
            True, f"SendGrid {done} the mail to {', '.join(to[:3])}.", {"message_id": message_id, "recipients": count}
        )

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have SendGrid send to the address, signed; one that is there for it is changed."""
        wanted = target.events or tuple(events.NAMES)
        settings = {"enabled": True, "url": target.url, "friendly_name": "SupportOps"}
        settings |= {_SETTINGS.get(name, name): name in wanted for name in sorted(events.NAMES)}
        existing = self.api.webhooks()
        found = next((item for item in existing if item.get("url") == target.url), None) or next(
            (item for item in existing if known is not None and item.get("id") in known.ids), None
        )
        if found is None:
            webhook_id = str(self.api.make_webhook(settings)["id"])
        else:
            webhook_id = str(found["id"])
            self.api.change_webhook(webhook_id, settings)
        return Registration((webhook_id,), self.api.sign_webhook(webhook_id))

    def unregister_webhook(self, known: Registration) -> None:
        for webhook_id in known.ids:
            try:
                self.api.remove_webhook(webhook_id)
            except NotFound:
                continue

    def _attachments(self, data: SendEmail) -> list[dict[str, str]]:
        files = [self.open_file(source) for source in data.attachments]
        if sum(len(file.content) for file in files) * 4 / 3 > MOST_BYTES:
            raise InvalidInput("The attachments are too large: SendGrid takes 30 MB in all, as they travel.")
        return [
            {
                "content": base64.b64encode(file.content).decode(),
                "filename": file.name,
                "type": file.content_type,
                "disposition": "attachment",
            }
            for file in files
        ]

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        # A batch has no id; what was seen already is recognised by each event's own.
        return None
