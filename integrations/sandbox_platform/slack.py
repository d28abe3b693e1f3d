"""Answers like Slack's Web API, incoming webhooks and upload addresses."""

import time
from typing import Any

from integrations.sandbox_platform.exchange import Asked, Json, Platform, Refusal, Reply, is_bad, route

TEAM, BOT_USER, BOT = "T0SANDBOX", "U0SANDBOX1", "B0SANDBOX1"
OPEN_TO_ANYBODY = ("/_hooks/", "/_files/")


class SlackSandbox(Platform):
    key = "slack"
    name = "Slack"

    def seed(self) -> None:
        for name in ("general", "support", "urgent-tickets"):
            self.put("channels", self._new_channel(name))
        self.put("users", {"id": "U0ADA00001", "name": "ada", "profile": {"email": "ada@example.com"}})

    def check_sign_in(self, asked: Asked) -> None:
        if asked.path.startswith(OPEN_TO_ANYBODY):
            return
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refusal(self.fault(200, "not_authed"))
        if is_bad(token):
            raise Refusal(self.fault(200, "invalid_auth"))

    def unknown(self, asked: Asked) -> Reply:
        return self.fault(200, "unknown_method")

    def fault(self, status: int, code: str) -> Reply:
        return Reply({"ok": False, "error": code or ("ratelimited" if status == 429 else "internal_error")}, status)

    @route("POST", "/auth.test")
    @route("GET", "/auth.test")
    def auth_test(self, asked: Asked) -> Reply:
        who = {"url": "https://sandbox.slack.com/", "team": "Sandbox", "user": "supportops", "team_id": TEAM}
        return _ok(who | {"user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": False})

    @route("POST", "/chat.postMessage")
    def post_message(self, asked: Asked) -> Reply:
        message = asked.fields
        if not message.get("channel"):
            return self.fault(200, "channel_not_found")
        if not (message.get("text") or message.get("blocks") or message.get("attachments")):
            return self.fault(200, "no_text")
        known = self._channel(str(message["channel"]))
        ts = self._ts()
        kept = {**message, "id": ts, "ts": ts, "channel": known["id"] if known else message["channel"]}
        self.put("messages", kept)
        return _ok({"channel": kept["channel"], "ts": ts, "message": {**message, "ts": ts, "bot_id": BOT}}, effect=True)

    @route("GET", "/conversations.list")
    @route("POST", "/conversations.list")
    def conversations_list(self, asked: Asked) -> Reply:
        return _ok({"channels": self.all("channels"), "response_metadata": {"next_cursor": ""}})

    @route("POST", "/conversations.create")
    def conversations_create(self, asked: Asked) -> Reply:
        name = str(asked.fields.get("name", ""))
        if not name or name != name.lower() or " " in name:
            return self.fault(200, "invalid_name_specials")
        if self._channel(name):
            return self.fault(200, "name_taken")
        channel = self._new_channel(name, is_private=bool(asked.fields.get("is_private")))
        return _ok({"channel": self.put("channels", channel)}, effect=True)

    @route("POST", "/conversations.archive")
    def conversations_archive(self, asked: Asked) -> Reply:
        channel = self._known(asked)
        if channel["is_archived"]:
            return self.fault(200, "already_archived")
        channel["is_archived"] = True
        return _ok({}, effect=True)

    @route("POST", "/conversations.setTopic")
    def conversations_set_topic(self, asked: Asked) -> Reply:
        channel = self._known(asked)
        channel["topic"] = {"value": str(asked.fields.get("topic", "")), "creator": BOT_USER}
        return _ok({"channel": channel}, effect=True)

    @route("POST", "/conversations.invite")
    def conversations_invite(self, asked: Asked) -> Reply:
        channel = self._known(asked)
        users = [user for user in str(asked.fields.get("users", "")).split(",") if user]
        if not set(users) - set(channel["members"]):
            return self.fault(200, "already_in_channel")
        channel["members"] = sorted({*channel["members"], *users})
        return _ok({"channel": channel}, effect=True)

    @route("GET", "/users.lookupByEmail")
    def lookup_by_email(self, asked: Asked) -> Reply:
        email = asked.fields.get("email")
        user = next((user for user in self.all("users") if user["profile"]["email"] == email), None)
        return _ok({"user": user}) if user else self.fault(200, "users_not_found")

    @route("POST", "/users.profile.set")
    def profile_set(self, asked: Asked) -> Reply:
        return _ok({"profile": asked.fields.get("profile")}, effect=True)

    @route("POST", "/users.setPresence")
    def set_presence(self, asked: Asked) -> Reply:
        return _ok({}, effect=True)

    # --- files -----------------------------------------------------------------------------------------------
    @route("POST", "/files.getUploadURLExternal")
    @route("GET", "/files.getUploadURLExternal")
    def get_upload_url(self, asked: Asked) -> Reply:
        length = str(asked.fields.get("length", ""))
        if not asked.fields.get("filename") or not length.isdecimal():
            return self.fault(200, "invalid_arguments")
        file: Json = {"id": f"F{self.number():08d}", "name": asked.fields["filename"], "size": int(length)}
        self.put("files", {**file, "is_shared": False})
        return _ok({"upload_url": f"{asked.base_url}/_files/upload/v1/{file['id']}", "file_id": file["id"]})

    @route("POST", "/_files/upload/v1/{file}")
    def upload(self, asked: Asked, file: str) -> Reply:
        kept = self.find("files", file)
        if kept is None:
            return Reply("not found", 404)
        kept["content"] = asked.body
        return Reply(f"OK - {kept['size']}")

    @route("POST", "/files.completeUploadExternal")
    def complete_upload(self, asked: Asked) -> Reply:
        shared = []
        for item in asked.fields.get("files") or []:
            kept = self.find("files", item.get("id"))
            if kept is None or "content" not in kept:
                return self.fault(200, "file_not_found")
            channels = asked.fields.get("channel_id") or asked.fields.get("channels") or ""
            kept.update(is_shared=bool(channels), channels=channels, title=item.get("title"))
            shared.append(
                {"id": kept["id"], "title": kept["title"], "permalink": f"https://sandbox.slack.com/{kept['id']}"}
            )
        return _ok({"files": shared}, effect=True)

    # --- incoming webhooks: plain text ----------------------------------------------------------------------------
    @route("POST", "/_hooks/services/{team}/{app}/{secret}")
    def hook(self, asked: Asked, team: str, app: str, secret: str) -> Reply:
        if is_bad(secret):
            return Reply("no_service", 404)
        message = asked.body if isinstance(asked.body, dict) else {}
        if not (message.get("text") or message.get("blocks") or message.get("attachments")):
            return Reply("no_text", 400)
        ts = self._ts()
        self.put("messages", {**message, "id": ts, "ts": ts, "channel": f"webhook {app}"})
        return Reply("ok", has_effect=True)

    def _new_channel(self, name: str, *, is_private: bool = False) -> Json:
        return {
            "id": f"C{self.number():08d}",
            "name": name,
            "name_normalized": name,
            "is_private": is_private,
            "is_archived": False,
            "created": int(time.time()),
            "creator": BOT_USER,
            "members": [BOT_USER],
            "topic": {"value": "", "creator": ""},
        }

    def _channel(self, reference: str) -> Json | None:
        name = reference.lstrip("#")
        by_name = (item for item in self.all("channels") if item["name"] == name)
        return self.find("channels", name) or next(by_name, None)

    def _known(self, asked: Asked) -> Json:
        # By id alone, as these methods of Slack's want it.
        channel = self.find("channels", asked.fields.get("channel"))
        if channel is None:
            raise Refusal(self.fault(200, "channel_not_found"))
        return channel

    def _ts(self) -> str:
        return f"{int(time.time())}.{self.number():06d}"


def _ok(body: dict[str, Any], *, effect: bool = False) -> Reply:
    return Reply({"ok": True, **body}, has_effect=effect)
