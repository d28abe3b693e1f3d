"""Slack: messages, channels, files and status out; messages, mentions, reactions and commands in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations.base import BaseIntegration
from integrations.connectors.slack import approvals, events
from integrations.connectors.slack.client import FILES_HOST, HINTS, SlackApi
from integrations.connectors.slack.schemas import (
    WEBHOOK_HOST,
    ArchiveChannel,
    CreateChannel,
    InviteUser,
    SendEphemeral,
    SendMessage,
    SendNotification,
    SetPresence,
    SetStatus,
    SetTopic,
    SlackConfig,
    SlackCredentials,
    Target,
    UpdateMessage,
    UploadFile,
)
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
)
from integrations.signatures import HmacSignature
from integrations.specs import (
    SETS,
    Account,
    Action,
    ActionSpec,
    ChatAnswer,
    ChatQuestion,
    Event,
    HandshakeAnswer,
    Limit,
    OAuth,
    Result,
    WebhookRequest,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# What the bot token must be allowed for everything here; shown by the connection test when something is missing.
BOT_SCOPES = frozenset(
    [
        "chat:write",
        "channels:read",
        "channels:manage",
        "groups:read",
        "groups:write",
        "users:read",
        "users:read.email",
        "users:write",
        "files:write",
    ]
)
# Calls per minute by method: https://docs.slack.dev/apis/web-api/rate-limits, read 2026-11.
_TIERS = {
    "create_channel": 20,
    "archive_channel": 20,
    "set_topic": 20,
    "set_presence": 20,
    "invite_user": 50,
    "set_status": 50,
    "upload_file": 100,
}


def _message_bucket(action: str, data: Any) -> str | None:
    """One message a second and channel; what names no channel (the webhook's, the default one) shares a bucket."""
    if not isinstance(data, Target):
        return None
    return (data.channel or data.user or "default").lstrip("#").lower()


def _tier(per_minute: int) -> Limit:
    return Limit(
        f"{per_minute} a minute",
        calls=per_minute,
        seconds=60,
        burst=per_minute // 4,
        key=lambda action, data: action if _TIERS.get(action) == per_minute else None,
    )


class Slack(BaseIntegration):
    key, name = "slack", "Slack"
    description = "Tell people in channels and direct messages; hear what they write, ask and react."
    Credentials = SlackCredentials
    Config = SlackConfig
    base_url = "https://slack.com/api"
    other_urls = {"hooks": WEBHOOK_HOST, "files": FILES_HOST, "oauth": "https://slack.com/oauth"}
    # https://docs.slack.dev/authentication/installing-with-oauth (read 2026-11)
    oauth = OAuth(
        authorize_path="/v2/authorize",
        authorize_host="oauth",
        token_path="/oauth.v2.access",  # noqa: S106 - an address
        scopes=tuple(sorted(BOT_SCOPES)),
        separator=",",
        pkce=False,
        grants=("bot_token", "user_token"),
    )
    choice_kinds = ("channels", "users")
    limits = [
        # One a second and channel, with a little room for the time between our clock and Slack's door.
        Limit("messages in a channel", calls=1, seconds=1.1, key=_message_bucket),
        *(_tier(per_minute) for per_minute in sorted(set(_TIERS.values()))),
    ]
    # https://docs.slack.dev/authentication/verifying-requests-from-slack, read 2026-11
    signature = HmacSignature(
        scheme="slack",
        header="X-Slack-Signature",
        prefix="v0=",
        timestamp="X-Slack-Request-Timestamp",
        covers=lambda covered: b"v0:" + covered.timestamp + b":" + covered.body,
        description="Slack signs with the app's signing secret.",
    )
    platform_makes_secret = True
    accepts_forms = True
    events = events.EVENTS
    actions = [
        ActionSpec(
            "send_message",
            "Write into a channel or to a person.",
            model=SendMessage,
            handler="send_message",
            label="Send a message",
        ),
        ActionSpec(
            "send_notification",
            "Write a message with a title, a coloured bar and fields.",
            model=SendNotification,
            handler="send_notification",
            label="Send a notification",
        ),
        ActionSpec(
            "update_message",
            "Put another text in place of a message of the bot's.",
            model=UpdateMessage,
            handler="update_message",
            effect=SETS,
            label="Change a message",
        ),
        ActionSpec(
            "send_ephemeral",
            "Write something into a channel that one person alone sees, until he closes Slack.",
            model=SendEphemeral,
            handler="send_ephemeral",
            label="Tell one person in a channel",
        ),
        ActionSpec(
            "create_channel",
            "Create a channel.",
            model=CreateChannel,
            handler="create_channel",
            idempotent_by="marker",
            find_earlier="find_created_channel",
            label="Create a channel",
        ),
        ActionSpec(
            "archive_channel",
            "Archive a channel.",
            model=ArchiveChannel,
            handler="archive_channel",
            effect=SETS,
            label="Archive a channel",
        ),
        ActionSpec(
            "set_topic",
            "Set a channel's topic.",
            model=SetTopic,
            handler="set_topic",
            effect=SETS,
            label="Set the topic",
        ),
        ActionSpec(
            "invite_user",
            "Bring people into a channel; those who are in it already stay.",
            model=InviteUser,
            handler="invite_user",
            effect=SETS,
            label="Invite people",
        ),
        ActionSpec(
            "upload_file", "Share a file in channels.", model=UploadFile, handler="upload_file", label="Upload a file"
        ),
        ActionSpec(
            "set_status",
            "Set the status of the person whose user token the integration has.",
            model=SetStatus,
            handler="set_status",
            effect=SETS,
            label="Set a status",
        ),
        ActionSpec(
            "set_presence",
            "Set who is shown as away.",
            model=SetPresence,
            handler="set_presence",
            effect=SETS,
            label="Set the presence",
        ),
    ]

    credentials: SlackCredentials
    config: SlackConfig
    api: SlackApi

    def authorize(self, http: "PlatformClient") -> None:
        # Which token signs a call depends on the call, so nothing is set for all of them.
        self.api = SlackApi(http, self.credentials)

    def classify(self, response: "Response") -> IntegrationError | None:
        return self.api.classify(response)

    @classmethod
    def granted_credentials(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """https://docs.slack.dev/reference/methods/oauth.v2.access"""
        person = answer.get("authed_user")
        granted = {
            "bot_token": answer.get("access_token"),
            "user_token": person.get("access_token") if isinstance(person, Mapping) else None,
        }
        return {name: token for name, token in granted.items() if token}

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask Slack who the tokens belong to, and the webhook whether it lives; posts nothing."""
        parts: list[str] = []
        data: dict[str, Any] = {}
        for label, token in (("bot", self.credentials.bot_token), ("user", self.credentials.user_token)):
            if token:
                who, scopes = self.api.who(token)
                parts.append(f"{who.get('user')} in {who.get('team')} ({label} token)")
                data[label] = {name: who.get(name) for name in ("user", "user_id", "bot_id", "team", "team_id", "url")}
                data.setdefault("account", _account_of(who))
                if label == "bot" and scopes is not None:
                    data["missing_scopes"] = sorted(BOT_SCOPES - scopes)
        if self.credentials.webhook_url:
            if not self.api.webhook_is_alive():
                raise CredentialsRejected(HINTS["no_service"])
            parts.append("an incoming webhook that answers")
            # https://hooks.slack.com/services/<workspace>/<app>/<secret>
            workspace = urlsplit(self.credentials.webhook_url).path.split("/")[2]
            data.setdefault("account", Account(id=workspace))
        message = f"Slack knows us as {', '.join(parts)}."
        if data.get("missing_scopes"):
            message += f" For every action the bot would also need: {', '.join(data['missing_scopes'])}."
        return Result(True, message, data)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "channels":
            return [{"id": item["id"], "name": f"#{item.get('name')}"} for item in self.api.channels()]
        if kind == "users":
            return [{"id": item["id"], "name": item.get("real_name") or item.get("name")} for item in self.api.users()]
        return super().choices(kind)

    def send_message(self, data: SendMessage) -> Result:
        body: dict[str, Any] = {"text": data.message} if data.message else {}
        for name in ("blocks", "attachments", "unfurl_links", "unfurl_media", "username", "icon_emoji"):
            value = getattr(data, name)
            if value not in (None, [], ""):
                body[name] = value
        if data.thread_ts and data.reply_broadcast:
            body["reply_broadcast"] = True
        return self._send(data, body)

    def send_notification(self, data: SendNotification) -> Result:
        attachment: dict[str, Any] = {
            "color": data.color,
            "fallback": f"{data.title}: {data.message}" if data.message else data.title,
            "mrkdwn_in": ["text", "fields"],
        }
        if data.message:
            attachment["text"] = data.message
        if data.fields:
            attachment["fields"] = [
                # Short ones stand side by side.
                {"title": title, "value": str(value), "short": len(str(value)) <= 40}
                for title, value in data.fields.items()
            ]
        if data.footer:
            attachment["footer"] = data.footer
        return self._send(data, {"text": f"*{data.title}*", "attachments": [attachment]})

    def update_message(self, data: UpdateMessage) -> Result:
        # Slack keeps the blocks of the message where none are given, and takes an empty list for none.
        body = {"channel": self.api.channel_id(data.channel), "ts": data.ts, "text": data.message}
        answer = self.api.post("chat.update", {**body, "blocks": data.blocks})
        return Result(True, "The message is changed.", {"channel": answer.get("channel"), "ts": answer.get("ts")})

    def send_ephemeral(self, data: SendEphemeral) -> Result:
        user = self.api.user_id(data.user)
        body = {"channel": self.api.channel_id(data.channel), "user": user, "text": data.message}
        answer = self.api.post("chat.postEphemeral", body)
        return Result(True, f"Shown to {data.user}, who has to be there to see it.", {"ts": answer.get("message_ts")})

    def create_channel(self, data: CreateChannel) -> Result:
        answer = self.api.post(
            "conversations.create", {"name": data.name, "is_private": data.is_private}, tolerate={"name_taken"}
        )
        if answer.get("error") == "name_taken":
            existing = self.api.find_channel(data.name) if data.if_exists == "use" else None
            if existing is None:
                raise Permanent(f"Slack refused: name_taken. {HINTS['name_taken']}")
            return Result(True, f"#{data.name} exists already.", _channel(existing, is_new=False))
        channel = answer["channel"]
        message = f"#{channel['name']} is there."
        if data.topic:
            # The channel exists now: an error here must not look as if it did not.
            try:
                self.api.post("conversations.setTopic", {"channel": channel["id"], "topic": data.topic})
            except IntegrationError as error:
                message += f" Its topic could not be set: {error.message}"
        return Result(True, message, _channel(channel, is_new=True))

    def find_created_channel(self, data: CreateChannel) -> Result | None:
        """Return the channel that an earlier call made: names are unique, and only ours counts."""
        channel = self.api.find_channel(data.name)
        if channel is None or channel.get("creator") != self.api.post("auth.test", {}).get("user_id"):
            return None
        return Result(True, f"#{data.name} is there.", _channel(channel, is_new=True))

    def archive_channel(self, data: ArchiveChannel) -> Result:
        channel = self.api.channel_id(data.channel)
        self.api.post("conversations.archive", {"channel": channel}, tolerate={"already_archived"})
        return Result(True, f"{data.channel} is archived.", {"channel": channel})

    def set_topic(self, data: SetTopic) -> Result:
        channel = self.api.channel_id(data.channel)
        self.api.post("conversations.setTopic", {"channel": channel, "topic": data.topic})
        return Result(True, f"The topic of {data.channel} is set.", {"channel": channel, "topic": data.topic})

    def invite_user(self, data: InviteUser) -> Result:
        channel = self.api.channel_id(data.channel)
        users = [self.api.user_id(user) for user in data.users]
        body: dict[str, Any] = {"channel": channel, "users": ",".join(users)}
        if len(users) > 1:
            # Without it one person who cannot be invited keeps all others out.
            body["force"] = True
        answer = self.api.post("conversations.invite", body, tolerate={"already_in_channel"})
        refused = [
            {"user": item.get("user"), "error": item.get("error")}
            for item in answer.get("errors") or []
            if item.get("error") != "already_in_channel"
        ]
        if refused:
            named = ", ".join(f"{item['user']} ({item['error']})" for item in refused)
            raise Permanent(f"Slack did not let everybody into {data.channel}: {named}.", data={"refused": refused})
        return Result(True, f"{len(users)} in {data.channel}.", {"channel": channel, "users": users})

    def upload_file(self, data: UploadFile) -> Result:
        file = self.open_file(data)
        if not file.content:
            raise InvalidInput("The file is empty; Slack takes none without content.")
        channels = [self.api.channel_id(channel) for channel in data.channels]
        filename = data.filename or _titled(data) or file.name
        file_id = self.api.upload(filename, file.content)
        body: dict[str, Any] = {"files": [{"id": file_id, "title": data.title or filename}]}
        if len(channels) == 1:
            body["channel_id"] = channels[0]
        elif channels:
            body["channels"] = ",".join(channels)
        for name in ("initial_comment", "thread_ts"):
            if value := getattr(data, name):
                body[name] = value
        answer = self.api.post("files.completeUploadExternal", body)
        shared = (answer.get("files") or [{}])[0]
        where = ", ".join(data.channels) or "nobody yet"
        return Result(
            True,
            f"{filename} is shared with {where}.",
            {"file_id": file_id, "permalink": shared.get("permalink"), "channels": channels, "size": len(file.content)},
        )

    def set_status(self, data: SetStatus) -> Result:
        if not self.credentials.user_token:
            # https://docs.slack.dev/apis/web-api/user-presence-and-status: bots have no status.
            raise InvalidInput("A status belongs to a person: the integration needs a user token.")
        until = int(data.expires_at.timestamp()) if data.expires_at else 0
        body: dict[str, Any] = {
            "profile": {"status_text": data.text, "status_emoji": data.emoji, "status_expiration": until}
        }
        if data.user:
            body["user"] = data.user
        self.api.post("users.profile.set", body, token=self.credentials.user_token)
        return Result(True, "The status is set.", body["profile"])

    def set_presence(self, data: SetPresence) -> Result:
        self.api.post("users.setPresence", {"presence": data.presence}, token=self.credentials.user_token or "")
        return Result(True, f"The presence is {data.presence}.", {"presence": data.presence})

    def _send(self, target: Target, body: dict[str, Any]) -> Result:
        if target.thread_ts:
            body["thread_ts"] = target.thread_ts
        channel = self.api.user_id(target.user) if target.user else target.channel or self.config.default_channel
        if self.credentials.webhook_url and (not channel or not self.credentials.bot_token):
            if target.user:
                raise InvalidInput("An incoming webhook writes into its channel only; a person needs a bot token.")
            self.api.post_to_webhook(body)
            return Result(True, "Sent by the incoming webhook into its channel.", {"channel": None, "ts": None})
        if not channel:
            raise InvalidInput("Name a channel or a person, or set a default channel in the integration.")
        # `channel` goes as it was written: Slack takes names too, and a look-up would cost a call for each message.
        answer = self.api.post("chat.postMessage", {"channel": channel, **body})
        data = {"channel": answer.get("channel"), "ts": answer.get("ts")}
        return Result(True, f"Sent to {target.user or channel}.", data)

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def needs_enriching(cls, event: Event) -> bool:
        return approvals.answer_of(event) is not None

    def enrich(self, event: Event) -> Event:
        """Add the mail address of the person who pressed one of our buttons, where his own workspace is ours."""
        if not self.needs_enriching(event):
            return event
        try:
            user = self.api.get("users.info", {"user": str(event.payload.get("user") or "")}).get("user")
            own = self.api.post("auth.test", {})
        except (Forbidden, NotFound) as error:
            # He is told that he is not known; what is missing is for whoever runs the integration to read.
            return replace(event, payload={**event.payload, "user_email": None, "user_unknown": error.message})
        email = approvals.email_of(user if isinstance(user, Mapping) else {}, own)
        return replace(event, payload={**event.payload, "user_email": email or None})

    @classmethod
    def question_message(cls, question: ChatQuestion) -> Action:
        return Action("send_message", approvals.message_of(question))

    @classmethod
    def closing_message(cls, question: ChatQuestion, told: str, message: Mapping[str, Any]) -> Action | None:
        channel, ts = message.get("channel"), message.get("ts")
        if not (channel and ts):
            return None  # an incoming webhook says of no message which one it is
        return Action("update_message", approvals.closed_message_of(question, told, str(channel), str(ts)))

    @classmethod
    def private_word(cls, person: Mapping[str, str], text: str) -> Action:
        return Action("send_ephemeral", {**person, "message": approvals.escaped(text)})

    @classmethod
    def chat_answer(cls, event: Event) -> ChatAnswer | None:
        return approvals.answer_of(event)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.request_id(payload)

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.account_of(payload)

    @classmethod
    def handshake(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        if not isinstance(payload, Mapping):
            return None
        if payload.get("type") == "url_verification" and isinstance(payload.get("challenge"), str):
            return HandshakeAnswer(body=payload["challenge"].encode())
        if payload.get("ssl_check") == "1":
            # Slack asks now and then whether the certificate of a slash command's address is good.
            return HandshakeAnswer()
        return None

    @classmethod
    def accepted_answer(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        # Whoever typed a slash command or pressed a button is shown our answer: an empty 200 shows nothing, anything
        # else an error. https://docs.slack.dev/interactivity/implementing-slash-commands and
        # https://docs.slack.dev/interactivity/handling-user-interaction, read 2026-11
        is_command = isinstance(payload, Mapping) and "command" in payload and "event" not in payload
        return HandshakeAnswer() if is_command or events.interaction_of(payload) is not None else None


def _account_of(who: Mapping[str, Any]) -> Account:
    team = who.get("enterprise_id") if who.get("is_enterprise_install") else who.get("team_id")
    return Account(id=str(team or who.get("team_id") or ""), actor_id=str(who.get("user_id") or ""))


def _channel(channel: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    return {"channel": channel["id"], "name": channel.get("name"), "is_new": is_new}


def _titled(data: UploadFile) -> str:
    """What a file without a name of its own is called by its title; "" where it has a name."""
    if data.file is not None or not data.title:
        return ""
    return data.title if "." in data.title else f"{data.title}.txt"
