"""Calls to Telegram's Bot API, and what its answers mean. https://core.telegram.org/bots/api, read 2026-11.

The token is part of each address; the address never stands in an error or a log.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
)
from integrations.payloads import mapping
from integrations.retry_after import clamped
from integrations.vendor_message import shortened
from supportops import odd_json

if TYPE_CHECKING:
    from integrations.answers import Response
    from integrations.http import PlatformClient
    from integrations.specs import File

Json = dict[str, Any]


class TelegramApi:
    """Telegram as one bot sees it."""

    def __init__(self, http: "PlatformClient", bot_token: str) -> None:
        self.http = http
        # The token has no character that would mean something in a path: its form is checked.
        self._bot = f"/bot{bot_token}"

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method and return its result."""
        return _result(self.http.post(f"{self._bot}/{method}", json=parameters))

    def send(self, method: str, **parameters: Any) -> Json:
        """Call a method that sends a message, and return the message."""
        return self.http.post(f"{self._bot}/{method}", json=parameters).made(by="message_id", inside="result")

    def upload(self, method: str, field: str, file: "File", **parameters: Any) -> Json:
        """Send a message with a file, and return the message.

        Objects among the parameters travel as JSON in fields of a form.
        """
        fields = {
            name: value if isinstance(value, str) else odd_json.dumps(value) for name, value in parameters.items()
        }
        files = {field: (file.name, file.content, file.content_type)}
        sent = self.http.post(f"{self._bot}/{method}", data=fields, files=files)
        return sent.made(by="message_id", inside="result")


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error in an answer: its code, and for a few of them what is said."""
    answer = mapping(response.json_or_none())
    if answer.get("ok") is not False:
        return None
    named = answer.get("error_code")
    code: int = named if isinstance(named, int) else response.status_code
    said = shortened(str(answer.get("description") or ""))
    more, words = mapping(answer.get("parameters")), f"Telegram answered {code}: {said}"
    if code == 429:
        wait = more.get("retry_after")
        wait = clamped(float(wait)) if isinstance(wait, int | float) else None
        return RateLimited(words, retry_after=wait, status_code=code)
    if code == 401 or (code == 404 and said.lower() == "not found"):
        # A token that is not of their form makes an address that does not exist.
        return CredentialsRejected(f"{words}. The bot token is not valid (any more).", status_code=code)
    if code == 403:
        return Forbidden(words, status_code=code)
    if code == 409:
        hint = "Another program reads this bot's messages; a bot can serve one only."
        return Permanent(f"{words}. {hint}", status_code=code)
    if code == 404 or "not found" in said.lower():
        hint = " A person must write to the bot first; a group or channel must have it as a member."
        return NotFound(words + "." * (not said.endswith(".")) + hint, status_code=code)
    return InvalidInput(words, status_code=code, data=dict(more) or None) if 400 <= code < 500 else None


def moved_to(error: InvalidInput) -> int | None:
    """Return the id under which a group goes on that has become a supergroup, None for other errors."""
    new_id = mapping(error.data).get("migrate_to_chat_id")
    return new_id if type(new_id) is int else None


def _result(response: "Response") -> Any:
    answer = response.json()
    if not isinstance(answer, Mapping) or "result" not in answer:
        raise Permanent("Telegram's answer is not of the known form.", status_code=response.status_code)
    return answer["result"]
