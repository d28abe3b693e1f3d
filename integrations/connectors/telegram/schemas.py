"""What Telegram's actions take, and what signs them in. Limits: https://core.telegram.org/bots/api."""

import re
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.attachments import FileSource
from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields, Html

MAX_TEXT, MAX_CAPTION = 4096, 1024
# Tags do not count: Telegram measures what is left of them.
MAX_MARKED_UP = 4 * MAX_TEXT
_CHAT = re.compile(r"-?\d{1,16}|@[A-Za-z][A-Za-z0-9_]{3,}")


class TelegramCredentials(CredentialFields):
    bot_token: Annotated[str, Credential(where="@BotFather, /mybots, the bot, 'API Token'")] = Field(
        title="Bot token",
        description="Like 123456789:AA…, from @BotFather.",
        pattern=r"^\d{3,20}:[A-Za-z0-9_-]{20,100}$",
    )


def _chat(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return value
    text = str(value).strip()
    if text and not _CHAT.fullmatch(text):
        raise ValueError("a chat is named by its id (a number, negative for groups) or a channel's @name")
    return text


Chat = Annotated[str, BeforeValidator(_chat)]


class TelegramConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_chat: Chat = Field(
        "", title="Default chat", description="Where messages go that name no chat: id or @name."
    )
    is_silent: bool = Field(
        False, title="Without sound", description="Messages that do not say otherwise arrive without a sound."
    )


class Target(Parameters):
    """Where a message goes, and how."""

    chat_id: Chat | None = Field(
        None,
        title="Chat",
        description="Id (a number, negative for groups) or a channel's @name; the default chat otherwise.",
        min_length=1,
        validation_alias=AliasChoices("chat_id", "chat", "channel"),
    )
    thread_id: int | None = Field(
        None,
        title="Topic",
        description="Of a group with topics.",
        validation_alias=AliasChoices("thread_id", "message_thread_id"),
    )
    reply_to: int | None = Field(
        None,
        title="In answer to",
        description="The id of a message in the chat.",
        validation_alias=AliasChoices("reply_to", "reply_to_message_id"),
    )
    is_silent: bool | None = Field(
        None,
        title="Without sound",
        description="As the integration is configured when left out.",
        validation_alias=AliasChoices("is_silent", "disable_notification"),
    )
    protect_content: bool = Field(False, title="Protected", description="It can be neither forwarded nor saved.")


class SendMessage(Target):
    text: str = Field(
        "",
        title="Text",
        description="Shown as it is written.",
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("text", "message"),
    )
    html: Html = Field(
        "",
        title="Formatted text",
        description="Instead of the text, with Telegram's tags: <b>, <i>, <code>, <pre>, <a href>.",
        max_length=MAX_MARKED_UP,
    )
    show_preview: bool = Field(True, title="Preview links")

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if bool(self.text.strip()) == bool(self.html.strip()):
            raise ValueError("give either text or html")
        return self


class SendDocument(FileSource, Target):
    caption: str = Field("", title="Caption", description="Shown below the file.", max_length=MAX_CAPTION)
