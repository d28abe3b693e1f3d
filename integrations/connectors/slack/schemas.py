"""What Slack's actions take, and what signs them in."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.attachments import FileSource
from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields, Encode, Mrkdwn

WEBHOOK_HOST = "https://hooks.slack.com"
_WEBHOOK = re.compile(re.escape(WEBHOOK_HOST) + r"/(services|workflows)/[A-Za-z0-9/_-]+")
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,}")

# Slack's limits: https://docs.slack.dev/reference/methods/chat.postMessage and .../block-kit
MAX_TEXT, MAX_BLOCKS, MAX_ATTACHMENTS = 40_000, 50, 100


class SlackCredentials(CredentialFields):
    """A bot token, an incoming webhook, a user token: at least one of them."""

    bot_token: Annotated[str | None, Credential(where="OAuth & Permissions, 'Bot User OAuth Token'")] = Field(
        None,
        title="Bot token",
        description="Begins with xoxb-. Does everything except setting a person's status.",
    )
    webhook_url: Annotated[str | None, Credential(where="Incoming Webhooks, 'Webhook URL'")] = Field(
        None,
        title="Incoming webhook",
        description=f"{WEBHOOK_HOST}/services/…: posts messages into the one channel that it was made for.",
    )
    user_token: Annotated[str | None, Credential(where="OAuth & Permissions, 'User OAuth Token'")] = Field(
        None,
        title="User token",
        description="Begins with xoxp-. Sets the status and presence of the person who installed the app.",
    )

    client_id: Annotated[str | None, Credential(is_secret=False, where="Basic Information, 'Client ID'")] = Field(
        None, title="OAuth client: id", description="Of an app of your own that shall be authorized in the browser."
    )
    client_secret: Annotated[str | None, Credential(where="Basic Information, 'Client Secret'")] = Field(
        None, title="OAuth client: secret"
    )

    @field_validator("bot_token", "webhook_url", "user_token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("bot_token", "user_token")
    @classmethod
    def _fits_a_header(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value):
            raise ValueError("a token has no spaces and only plain characters")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_slacks(cls, value: str | None) -> str | None:
        # The address is the whole secret: it must never be sent to a host that is not Slack's.
        if value is not None and not _WEBHOOK.fullmatch(value):
            raise ValueError(f"an incoming webhook begins with {WEBHOOK_HOST}/services/")
        return value

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if not (self.bot_token or self.webhook_url or self.user_token):
            raise ValueError("give a bot token, an incoming webhook or a user token")
        return self


class SlackConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_channel: Annotated[str, Choice("channels")] = Field(
        "", title="Default channel", description="Where messages go that name neither a channel nor a person."
    )


def _user(value: Any) -> Any:
    if isinstance(value, str) and not _USER_ID.fullmatch(value.strip()) and "@" not in value.strip()[1:]:
        raise ValueError("a person is named by the id (U…) or the e-mail address")
    return value.strip() if isinstance(value, str) else value


User = Annotated[str, BeforeValidator(_user)]


class Target(Parameters):
    """Where a message goes."""

    channel: Annotated[str | None, Choice("channels")] = Field(
        None, title="Channel", description="Name (#support) or id; the bot must be a member.", min_length=1
    )
    user: Annotated[User | None, Choice("users")] = Field(
        None, title="Person", description="Id (U…) or e-mail address: a direct message instead of a channel."
    )
    thread_ts: str | None = Field(
        None,
        title="Thread",
        description="The `ts` of the message to answer in its thread.",
        validation_alias=AliasChoices("thread_ts", "thread"),
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.channel and self.user:
            raise ValueError("give a channel or a person, not both")
        return self


class SendMessage(Target):
    message: Mrkdwn = Field(
        "",
        title="Message",
        description="The text, in Slack's mrkdwn (*bold*, <https://…|link>).",
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("message", "text"),
    )
    blocks: Annotated[list[dict[str, Any]], Encode("mrkdwn")] = Field(
        [],
        title="Blocks",
        description="Block Kit blocks; the message is then shown in notifications.",
        max_length=MAX_BLOCKS,
    )
    attachments: Annotated[list[dict[str, Any]], Encode("mrkdwn")] = Field(
        [], title="Attachments", description="Slack's secondary attachments.", max_length=MAX_ATTACHMENTS
    )
    reply_broadcast: bool = Field(False, title="Also show in the channel", description="For answers in a thread.")
    unfurl_links: bool | None = Field(None, title="Preview links")
    unfurl_media: bool | None = Field(None, title="Preview media")
    username: str | None = Field(None, title="Shown name", description="Needs the scope chat:write.customize.")
    icon_emoji: str | None = Field(None, title="Shown icon", description="Like :robot_face:; needs the same scope.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.message.strip() or self.blocks or self.attachments):
            raise ValueError("give a message, blocks or attachments")
        return self


class SendNotification(Target):
    title: Mrkdwn = Field(title="Title", max_length=3000, min_length=1)
    message: Mrkdwn = Field("", title="Message", max_length=MAX_TEXT, validation_alias=AliasChoices("message", "text"))
    color: str = Field(
        "good",
        title="Colour",
        description="good (green), warning (yellow), danger (red) or #rrggbb.",
        pattern=r"^(good|warning|danger|#[0-9A-Fa-f]{6})$",
        json_schema_extra={"examples": ["good", "warning", "danger", "#439fe0"]},
    )
    fields: Annotated[dict[str, Any], Encode("mrkdwn")] = Field(
        {}, title="Fields", description="Names and values shown in a table.", max_length=50
    )
    footer: Mrkdwn = Field("", title="Footer", max_length=300)

    @field_validator("fields", mode="before")
    @classmethod
    def _from_slacks_form(cls, value: Any) -> Any:
        """Take Slack's own list of ``{"title", "value"}`` too."""
        if isinstance(value, list) and all(isinstance(item, dict) and "title" in item for item in value):
            return {str(item["title"]): item.get("value", "") for item in value}
        return value


class UpdateMessage(Parameters):
    channel: Annotated[str, Choice("channels")] = Field(
        title="Channel", description="Name (#support) or id of the channel that the message is in.", min_length=1
    )
    ts: str = Field(title="Message", description="The `ts` that `send_message` gave.", pattern=r"^\d+\.\d+$")
    message: Mrkdwn = Field(
        title="New text", min_length=1, max_length=MAX_TEXT, validation_alias=AliasChoices("message", "text")
    )
    blocks: Annotated[list[dict[str, Any]], Encode("mrkdwn")] = Field(
        [], title="New blocks", description="Without any the message has its text alone.", max_length=MAX_BLOCKS
    )


class SendEphemeral(Parameters):
    channel: Annotated[str, Choice("channels")] = Field(
        title="Channel", description="Name (#support) or id; the person must be in it.", min_length=1
    )
    user: Annotated[User, Choice("users")] = Field(title="Person", description="Id (U…) or e-mail address.")
    message: Mrkdwn = Field(
        title="Message", min_length=1, max_length=MAX_TEXT, validation_alias=AliasChoices("message", "text")
    )


class CreateChannel(Parameters):
    name: str = Field(
        title="Name",
        description="Small letters, digits, hyphens and underscores; other characters become hyphens.",
        min_length=1,
        validation_alias=AliasChoices("name", "channel"),
    )
    is_private: bool = Field(False, title="Private", validation_alias=AliasChoices("is_private", "private"))
    topic: str = Field("", title="Topic", max_length=250)
    if_exists: Literal["fail", "use"] = Field(
        "fail", title="If there is one of that name", description="fail, or use the one that exists."
    )

    @field_validator("name")
    @classmethod
    def _as_slack_wants_it(cls, value: str) -> str:
        # Slack refuses capitals, spaces and most punctuation with `invalid_name_specials`.
        name = re.sub(r"[^\w-]+", "-", value.strip().lstrip("#").lower(), flags=re.UNICODE).strip("-")[:80]
        if not name:
            raise ValueError("the name has no letter or digit")
        return name


class ArchiveChannel(Parameters):
    channel: Annotated[str, Choice("channels")] = Field(title="Channel", description="Name (#old) or id.", min_length=1)


class SetTopic(Parameters):
    channel: Annotated[str, Choice("channels")] = Field(
        title="Channel", description="Name (#support) or id.", min_length=1
    )
    topic: str = Field(title="Topic", max_length=250)


class InviteUser(Parameters):
    channel: Annotated[str, Choice("channels")] = Field(
        title="Channel", description="Name (#support) or id.", min_length=1
    )
    users: Annotated[Names, Choice("users")] = Field(
        title="People",
        description="Ids (U…) or e-mail addresses, a list or separated by commas.",
        min_length=1,
        max_length=100,
        validation_alias=AliasChoices("users", "user"),
    )

    @field_validator("users")
    @classmethod
    def _known_forms(cls, value: list[str]) -> list[str]:
        return [_user(user) for user in value]


class UploadFile(FileSource):
    title: str = Field("", title="Title", max_length=255)
    channels: Annotated[Names, Choice("channels")] = Field(
        [],
        title="Channels",
        description="Names or ids; without one the file stays private to the bot.",
        validation_alias=AliasChoices("channels", "channel"),
        max_length=20,
    )
    initial_comment: Mrkdwn = Field(
        "",
        title="Comment",
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("initial_comment", "comment", "message"),
    )
    thread_ts: str | None = Field(
        None, title="Thread", description="With one channel only.", validation_alias=AliasChoices("thread_ts", "thread")
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.thread_ts and len(self.channels) != 1:
            raise ValueError("an answer in a thread goes to exactly one channel")
        return self


class SetStatus(Parameters):
    text: str = Field(
        "",
        title="Status",
        description="Empty clears it.",
        max_length=100,
        validation_alias=AliasChoices("text", "status_text", "status"),
    )
    emoji: str = Field(
        "", title="Emoji", description="Like :palm_tree:.", validation_alias=AliasChoices("emoji", "status_emoji")
    )
    expires_at: datetime | None = Field(None, title="Until", description="When Slack clears the status by itself.")
    user: Annotated[str | None, Choice("users")] = Field(
        None, title="Person", description="Another person's id; only administrators of paid workspaces may do this."
    )

    @field_validator("emoji")
    @classmethod
    def _in_colons(cls, value: str) -> str:
        name = value.strip().strip(":")
        return f":{name}:" if name else ""


class SetPresence(Parameters):
    presence: Literal["auto", "away"] = Field(title="Presence", description="auto: as Slack sees it; away.")
