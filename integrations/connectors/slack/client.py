"""Calls to Slack's Web API, incoming webhooks and upload addresses, and what their answers mean.

https://docs.slack.dev/reference/methods, read 2026-11.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from integrations.answers import SAFE_METHODS
from integrations.connectors.slack.schemas import SlackCredentials
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.retry_after import wait_of
from supportops import clock, odd_json

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

FILES_HOST = "https://files.slack.com"
# More channels than this are not searched for a name; an id always works.
MAX_PAGES = 20

DEAD_CREDENTIALS = frozenset(
    [
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "org_login_required",
        "invalid_token",
        "no_service",
        "no_service_id",
        "no_active_hooks",
        "no_team",
        "team_disabled",
        "user_removed_from_team",
    ]
)
BUSY = frozenset(["internal_error", "service_unavailable", "request_timeout", "team_added_to_org"])
NOT_THERE = frozenset(["channel_not_found", "user_not_found", "users_not_found", "thread_not_found"])
NOT_ALLOWED = frozenset(
    [
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "restricted_action",
        "ekm_access_denied",
        "access_denied",
        "not_in_channel",
        "user_is_restricted",
        "action_prohibited",
        "cant_invite",
        "cant_invite_self",
        "not_authorized",
    ]
)
HINTS = {
    "channel_not_found": "There is no such channel, or it is private and the bot is not in it.",
    "not_in_channel": "Invite the bot to the channel: /invite @<bot>.",
    "is_archived": "The channel is archived.",
    "channel_is_archived": "The channel is archived.",
    "users_not_found": "Nobody in the workspace has this e-mail address.",
    "user_not_found": "There is no such person in the workspace.",
    "not_allowed_token_type": "This action needs another kind of token: see the integration's credentials.",
    "name_taken": "There is a channel of that name already.",
    "msg_too_long": "The message is too long.",
    "no_text": "The message is empty.",
    "no_service": "The incoming webhook was removed or disabled.",
    "cant_archive_general": "The general channel cannot be archived.",
}


class SlackApi:
    """Slack as one integration sees it. Keeps what it looked up for as long as it lives: one call of a handler."""

    def __init__(self, http: "PlatformClient", credentials: SlackCredentials) -> None:
        self.http, self.credentials = http, credentials
        self._tolerated: Collection[str] = ()
        self._channels: dict[str, str] = {}
        self._users: dict[str, str] = {}

    # --- the three ways to call ------------------------------------------------------------------------------
    def post(self, method: str, body: Mapping[str, Any], *, token: str = "", tolerate: Collection[str] = ()) -> Any:
        """Call a writing method with a JSON body. An error in `tolerate` comes back as the answer."""
        headers = {**self._headers(token), "Content-Type": "application/json; charset=utf-8"}
        return self._answer(method, tolerate, "POST", content=odd_json.dumps(body), headers=headers)

    def who(self, token: str) -> tuple[dict[str, Any], frozenset[str] | None]:
        """Ask whose `token` is, and what it may do: None when Slack does not say."""
        response = self.http.post("/auth.test", headers=self._headers(token))
        scopes = response.headers.get("x-oauth-scopes")
        known = None if scopes is None else frozenset(scope.strip() for scope in scopes.split(",") if scope.strip())
        return _checked("auth.test", response), known

    def form(self, method: str, body: Mapping[str, Any], *, token: str = "") -> Any:
        """Call a method that takes no JSON."""
        return self._answer(method, (), "POST", data=dict(body), headers=self._headers(token))

    def get(self, method: str, params: Mapping[str, Any], *, token: str = "") -> Any:
        """Call a reading method; those take their parameters in the query only."""
        return self._answer(method, (), "GET", params=dict(params), headers=self._headers(token))

    def post_to_webhook(self, body: Mapping[str, Any]) -> "Response":
        """Post to the incoming webhook. It answers in plain text and names no message."""
        return self.http.post(urlsplit(self.credentials.webhook_url or "").path, host="hooks", json=body)

    def webhook_is_alive(self) -> bool:
        """Ask the incoming webhook without posting anything: an empty message is refused by a live one only."""
        try:
            self.post_to_webhook({})
        except InvalidInput:
            return True
        except CredentialsRejected:
            return False
        return True

    def upload(self, filename: str, content: bytes) -> str:
        """Give a file to Slack and return its id; nobody sees it before `files.completeUploadExternal`.

        https://docs.slack.dev/reference/methods/files.getUploadURLExternal. Nothing is shared yet, so a call
        that was cut off here may simply be made again.
        """
        try:
            place = self.form("files.getUploadURLExternal", {"filename": filename, "length": len(content)})
            url, file_id = str(place["upload_url"]), str(place["file_id"])
            headers = {"Content-Type": "application/octet-stream"}
            parts = urlsplit(url)
            if f"{parts.scheme}://{parts.netloc}" == FILES_HOST:
                target = parts.path + (f"?{parts.query}" if parts.query else "")
                self.http.post(target, host="files", content=content, headers=headers)
            else:
                self.http.post(url, content=content, headers=headers)
        except Uncertain as error:
            raise Unreachable(f"The upload to Slack was cut off. {error.message}", detail=error.detail) from error
        finally:
            # What follows may fail and be made again: a file that was not completed is nowhere to be seen.
            self.http.has_written = False
        return file_id

    # --- look-ups --------------------------------------------------------------------------------------------
    def channel_id(self, channel: str) -> str:
        """Return the id of a channel named by id or name. Raises NotFound."""
        name = channel.strip()
        if name[:1] in "CGDUW" and name.isalnum() and name.isupper() and len(name) >= 9:
            return name
        name = name.lstrip("#").lower()
        if name not in self._channels:
            found = self.find_channel(name)
            if found is None:
                raise NotFound(f"Slack has no channel '{channel}' that the bot can see. {HINTS['not_in_channel']}")
            self._channels[name] = str(found["id"])
        return self._channels[name]

    def find_channel(self, name: str) -> dict[str, Any] | None:
        """Return the channel of that name, None when the bot sees none."""
        for channel in self.channels():
            if name in (channel.get("name"), channel.get("name_normalized")):
                return channel
        return None

    def channels(self) -> Iterator[dict[str, Any]]:
        """The channels that the bot sees and that are not archived."""
        params = {"types": "public_channel,private_channel", "limit": 1000, "exclude_archived": "true"}
        return self._paged("conversations.list", "channels", params)

    def users(self) -> Iterator[dict[str, Any]]:
        """The people of the workspace, without bots and those who left."""
        for user in self._paged("users.list", "members", {"limit": 1000}):
            if not (user.get("deleted") or user.get("is_bot") or user.get("id") == "USLACKBOT"):
                yield user

    def _paged(self, method: str, field: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        cursor = ""
        for _ in range(MAX_PAGES):
            answer = self.get(method, {**params, **({"cursor": cursor} if cursor else {})})
            yield from answer.get(field) or []
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
        raise NotFound(f"Slack has more than {MAX_PAGES * 1000} {field}: name what you mean by its id.")

    def user_id(self, user: str) -> str:
        """Return the id of a person named by id or e-mail address. Raises NotFound."""
        if "@" not in user:
            return user
        if user not in self._users:
            self._users[user] = str(self.get("users.lookupByEmail", {"email": user})["user"]["id"])
        return self._users[user]

    # --- answers ---------------------------------------------------------------------------------------------
    def classify(self, response: "Response") -> IntegrationError | None:
        """Return the error in an answer: Slack says 200 and means no, and webhooks answer in plain text."""
        answer = response.json_or_none()
        if answer is None:
            code = response.text.strip()[:80] if response.status_code >= 400 else ""
            return error_for(code, response) if code in DEAD_CREDENTIALS | set(HINTS) else None
        if answer.get("ok") is not False or answer.get("error") in self._tolerated or response.status_code == 429:
            return None
        return error_for(str(answer.get("error", "")), response, answer)

    def _headers(self, token: str) -> dict[str, str]:
        token = token or self.credentials.bot_token or ""
        if not token:
            raise InvalidInput("This action needs a bot token; the integration has none.")
        return {"Authorization": f"Bearer {token}"}

    def _answer(self, slack_method: str, tolerate: Collection[str], verb: str, **request: Any) -> Any:
        self._tolerated = tolerate
        return _checked(slack_method, self.http.request(verb, f"/{slack_method}", **request))


def error_for(code: str, response: "Response", answer: Mapping[str, Any] | None = None) -> IntegrationError:
    """Return the error that one of Slack's codes means, by the lists at the top."""
    answer = answer or {}
    hint = HINTS.get(code, "")
    if code == "missing_scope":
        hint = f"Add the scope {answer.get('needed', '?')} to the app and install it again."
    details = (answer.get("response_metadata") or {}).get("messages") or []
    message = " ".join(part for part in [f"Slack refused: {code}.", hint, *map(str, details[:3])] if part)[:500]
    status = response.status_code
    if code in DEAD_CREDENTIALS:
        return CredentialsRejected(message, status_code=status)
    if code in ("ratelimited", "rate_limited"):
        wait = wait_of(response.headers.get("retry-after"), clock.now())
        return RateLimited(message, retry_after=wait, status_code=status)
    if code in BUSY:
        return Unavailable(message, status_code=status)
    if code == "fatal_error":
        # "Some aspect of the operation may have succeeded before the error was raised": a message may stand there.
        is_write = response.method not in SAFE_METHODS
        return (Uncertain if is_write else Unavailable)(message, status_code=status, may_have_reached=is_write)
    if code in NOT_THERE:
        return NotFound(message, status_code=status)
    if code in NOT_ALLOWED or code.startswith("restricted_action"):
        return Forbidden(message, status_code=status)
    return InvalidInput(message, status_code=status)


def _checked(slack_method: str, response: "Response") -> dict[str, Any]:
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise Permanent(f"Slack's answer to {slack_method} is not of the known form.")
    return answer
