"""Microsoft Teams: messages into a channel, by a workflow's address."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.teams import events
from integrations.connectors.teams.client import (
    MOST_BYTES,
    TeamsApi,
    card_of,
    error_for,
    filled,
    message_of,
    size_of,
)
from integrations.connectors.teams.schemas import SendMessage, TeamsConfig, TeamsCredentials
from integrations.errors import IntegrationError, InvalidInput
from integrations.signatures import HmacSignature, as_base64
from integrations.specs import ActionSpec, Event, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# The words for colours that Adaptive Cards have.
_COLORS = {"good": "Good", "warning": "Warning", "danger": "Attention"}


class Teams(BaseIntegration):
    key, name = "teams", "Microsoft Teams"
    description = "Tell the people of a channel, in texts and Adaptive Cards."
    Credentials = TeamsCredentials
    Config = TeamsConfig
    base_url = "{webhook_url:origin}"
    # Of one webhook: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors, read 2026-11
    limits = [
        Limit("webhook", calls=4, seconds=1, burst=4),
        Limit("webhook, half a minute", calls=60, seconds=30, burst=20),
    ]
    signature = HmacSignature(
        scheme="teams",
        header="Authorization",
        prefix="HMAC ",
        encoding="base64",
        key=as_base64,
        description="Teams signs an outgoing webhook's requests with its security token.",
    )
    platform_makes_secret = True
    events = events.EVENTS
    actions = [
        ActionSpec(
            "send_message",
            "Write into the channel: a text with title, facts and buttons, or an Adaptive Card.",
            model=SendMessage,
            handler="send_message",
            label="Send a message",
        )
    ]

    credentials: TeamsCredentials
    config: TeamsConfig
    api: TeamsApi

    def authorize(self, http: "PlatformClient") -> None:
        # The signature is part of the address.
        self.api = TeamsApi(http, self.credentials.webhook_url)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask whether there is a workflow at the address; starts nothing, so it cannot tell whether it would post."""
        known = "A workflow is there." if self.api.is_there() else "Something answers at the workflow's address."
        return Result(True, f"{known} Whether it posts only a message shows: send one.")

    def send_message(self, data: SendMessage) -> Result:
        body = self._body(data, data.text)
        was_cut = size_of(body) > MOST_BYTES
        if was_cut:
            body = self._cut(data)
        self.api.post(body)
        # There is no id, and no proof that anything was posted.
        message = "Teams' workflow has taken the message." + (
            " Its text was cut to what Teams takes." if was_cut else ""
        )
        return Result(True, message, {"is_accepted": True, "is_cut": was_cut})

    def _cut(self, data: SendMessage) -> dict[str, Any]:
        """Return the body with as much of the text as fits. Raises InvalidInput where the rest alone is too large."""
        fits, too_long = 0, len(data.text)
        if size_of(self._body(data, "…")) > MOST_BYTES:
            raise InvalidInput(
                f"The message has more than {MOST_BYTES // 1024} KB without its text; Teams takes no more."
            )
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if size_of(self._body(data, data.text[:middle] + "…")) <= MOST_BYTES:
                fits = middle
            else:
                too_long = middle
        return self._body(data, data.text[:fits] + "…")

    def _body(self, data: SendMessage, text: str) -> dict[str, Any]:
        card = data.card or self._card(data, text)
        if not self.config.template:
            return message_of(card)
        values = {"$card": card, "$title": data.title, "$text": text}
        body: dict[str, Any] = filled(json.loads(self.config.template), values)
        return body

    def _card(self, data: SendMessage, text: str) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if data.title:
            title = {"type": "TextBlock", "text": data.title, "size": "Large", "weight": "Bolder", "wrap": True}
            if color := _COLORS.get(data.color):
                title["color"] = color
            parts.append(title)
        if text:
            parts.append({"type": "TextBlock", "text": text, "wrap": True})
        if data.facts:
            facts = [{"title": name, "value": str(value)} for name, value in data.facts.items()]
            parts.append({"type": "FactSet", "facts": facts})
        actions = [{"type": "Action.OpenUrl", "title": button.title, "url": button.url} for button in data.buttons]
        return card_of(parts, actions, is_wide=self.config.is_wide)

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.activity_id(payload)
