"""SMTP: mail out by the organization's own mail server."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from integrations.base import BaseIntegration
from integrations.connectors.smtp.client import SmtpApi, as_data
from integrations.connectors.smtp.message import envelope_address, message_of
from integrations.connectors.smtp.schemas import SmtpConfig, SmtpCredentials
from integrations.mail import SendEmail, distinct
from integrations.specs import ActionSpec, Result
from supportops import clock
from supportops.ids import new_id

if TYPE_CHECKING:
    from integrations.http import PlatformClient


class Smtp(BaseIntegration):
    key, name = "smtp", "Mail server (SMTP)"
    speaks_http = False
    description = "Send mail by your own mail server, or by any service that speaks SMTP."
    Credentials = SmtpCredentials
    Config = SmtpConfig
    # Mail servers send no webhooks.
    signature = None
    actions = [
        ActionSpec(
            "send_email",
            "Send a mail.",
            model=SendEmail,
            handler="send_email",
            label="Send a mail",
        )
    ]

    credentials: SmtpCredentials
    config: SmtpConfig

    def authorize(self, http: "PlatformClient") -> None:
        # Each mail has a connection of its own, which signs in by itself.
        return None

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Connect, encrypt, sign in, and say good-bye; sends nothing."""
        greeting = self._api().check()
        who = f" as {self.credentials.username}" if self.credentials.username else " without signing in"
        return Result(True, f"The mail server lets us in{who}.", {"greeting": greeting})

    def send_email(self, data: SendEmail) -> Result:
        sender = data.from_address or self.credentials.from_address
        message_id = self._message_id()
        to, cc, bcc = distinct(data.to, data.cc, data.bcc)
        content = message_of(
            data,
            sender=sender,
            to=to,
            cc=cc,
            reply_to=data.reply_to or self.config.default_reply_to,
            files=[self.open_file(source) for source in data.attachments],
            message_id=message_id,
            sent_at=clock.now(),
        )
        recipients = [envelope_address(item) for item in (*to, *cc, *bcc)]
        refused = self._api().send(envelope_address(sender), recipients, content)
        taken = len(recipients) - len(refused)
        message = f"The mail server has taken the mail to {taken} of {len(recipients)}."
        if refused:
            message += " Refused: " + ", ".join(f"{item.address} ({item.code} {item.message})" for item in refused[:5])
        return Result(True, message, {"message_id": message_id, "recipients": taken, "refused": as_data(refused)})

    def _message_id(self) -> str:
        """Return the same id for every attempt at one step: a mail that came twice can be told."""
        domain = envelope_address(self.credentials.from_address).rpartition("@")[2]
        return f"<{self.call.idempotency_key or new_id()}@{domain}>"

    def _api(self) -> SmtpApi:
        name = self.config.client_name or urlsplit(settings.PUBLIC_URL).hostname or "localhost"
        # An address stands in brackets (RFC 5321, section 4.1.3).
        name = name if any(letter.isalpha() for letter in name) and ":" not in name else f"[{name}]"
        return SmtpApi(self.credentials, name, self.call.deadline, self.http.mask)
