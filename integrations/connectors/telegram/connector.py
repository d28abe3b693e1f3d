"""Telegram: messages and files of a bot out; what people write to it in."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.telegram import events
from integrations.connectors.telegram.client import TelegramApi, error_for, moved_to
from integrations.connectors.telegram.schemas import (
    SendDocument,
    SendMessage,
    Target,
    TelegramConfig,
    TelegramCredentials,
)
from integrations.errors import IntegrationError, InvalidInput
from integrations.payloads import mapping
from integrations.signatures import SharedSecretHeader
from integrations.specs import Account, ActionSpec, Event, Limit, Registration, Result, WebhookTarget

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


def _chat_bucket(action: str, data: Any) -> str | None:
    return (data.chat_id or "default") if isinstance(data, Target) else None


def _group_bucket(action: str, data: Any) -> str | None:
    """Groups and channels: their ids are negative, or names."""
    chat = _chat_bucket(action, data)
    return chat if chat and chat[0] in "-@" else None


class Telegram(BaseIntegration):
    key, name = "telegram", "Telegram"
    description = "Write to people, groups and channels as a bot; hear what they write."
    Credentials = TelegramCredentials
    Config = TelegramConfig
    base_url = "https://api.telegram.org"
    # https://core.telegram.org/bots/faq#broadcasting-to-users, read 2026-11
    limits = [
        Limit("bot", calls=30, seconds=1, burst=10),
        Limit("messages in a group", calls=20, seconds=60, burst=5, key=_group_bucket),
        Limit("messages in a chat", calls=1, seconds=1.1, key=_chat_bucket),
    ]
    # https://core.telegram.org/bots/api#setwebhook: no signature, a secret of ours in a header. The body is protected
    # by TLS alone, and there is nothing to fetch that would prove it.
    signature = SharedSecretHeader(
        scheme="telegram",
        header="X-Telegram-Bot-Api-Secret-Token",
        basic="",
        description="Telegram repeats the secret that it was given with the webhook's address.",
    )
    events = events.EVENTS
    actions = [
        ActionSpec(
            "send_message",
            "Write to a person, a group or a channel.",
            model=SendMessage,
            handler="send_message",
            label="Send a message",
        ),
        ActionSpec(
            "send_document",
            "Send a file to a person, a group or a channel.",
            model=SendDocument,
            handler="send_document",
            label="Send a file",
        ),
    ]

    credentials: TelegramCredentials
    config: TelegramConfig
    api: TelegramApi

    def authorize(self, http: "PlatformClient") -> None:
        # The token stands in the address and nowhere else.
        self.api = TelegramApi(http, self.credentials.bot_token)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask which bot the token belongs to; changes nothing."""
        bot = mapping(self.api.call("getMe"))
        bot_id = str(bot.get("id"))
        data = {"account": Account(id=bot_id, actor_id=bot_id), "username": bot.get("username")}
        message = f"Telegram knows us as @{bot.get('username')}."
        if not bot.get("can_read_all_group_messages"):
            message += " In groups it hears commands and answers only, unless it is an administrator."
        return Result(True, message, data)

    def send_message(self, data: SendMessage) -> Result:
        body: dict[str, Any] = {"text": data.html, "parse_mode": "HTML"} if data.html else {"text": data.text}
        if not data.show_preview:
            body["link_preview_options"] = {"is_disabled": True}
        return self._sent(data, lambda target: self.api.send("sendMessage", **target, **body))

    def send_document(self, data: SendDocument) -> Result:
        file = self.open_file(data)
        if not file.content:
            raise InvalidInput("The file is empty; Telegram takes none without content.")
        body = {"caption": data.caption} if data.caption else {}
        return self._sent(data, lambda target: self.api.upload("sendDocument", "document", file, **target, **body))

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Have the bot's messages sent to the address. A bot has one webhook: this replaces any other."""
        self.api.call("setWebhook", url=target.url, secret_token=target.secret, allowed_updates=["message"])
        return Registration((target.url,))

    def unregister_webhook(self, known: Registration) -> None:
        """Remove the webhook, unless it has become somebody else's."""
        if mapping(self.api.call("getWebhookInfo")).get("url") in known.ids:
            self.api.call("deleteWebhook")

    def _sent(self, data: Target, send: Callable[[dict[str, Any]], dict[str, Any]]) -> Result:
        target = self._target(data)
        try:
            sent = send(target)
        except InvalidInput as error:
            new_id = moved_to(error)
            if new_id is None:
                raise
            # Refused before anything was sent: the group goes on under another id.
            sent = send({**target, "chat_id": new_id})
        chat_id = mapping(sent.get("chat")).get("id")
        kept: dict[str, Any] = {"message_id": sent["message_id"], "chat_id": chat_id}
        if file_id := mapping(sent.get("document")).get("file_id"):
            kept["file_id"] = file_id
        named = str(target["chat_id"])
        moved = not named.startswith("@") and str(chat_id) != named
        message = f"Sent to {named}." + (f" The group has a new id, {chat_id}: use that from now on." if moved else "")
        return Result(True, message, kept)

    def _target(self, data: Target) -> dict[str, Any]:
        chat = data.chat_id or self.config.default_chat
        if not chat:
            raise InvalidInput("Name a chat, or set a default chat in the integration.")
        target: dict[str, Any] = {"chat_id": chat if chat.startswith("@") else int(chat)}
        if data.thread_id is not None:
            target["message_thread_id"] = data.thread_id
        if data.reply_to is not None:
            target["reply_parameters"] = {"message_id": data.reply_to}
        if self.config.is_silent if data.is_silent is None else data.is_silent:
            target["disable_notification"] = True
        if data.protect_content:
            target["protect_content"] = True
        return target

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.update_id(payload)
