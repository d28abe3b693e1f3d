"""The call to a workflow's address, and what its answers mean.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using, read 2026-11.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
)
from integrations.payloads import mapping, text
from integrations.vendor_message import shortened
from supportops import odd_json

if TYPE_CHECKING:
    from integrations.answers import Response
    from integrations.http import PlatformClient

Json = dict[str, Any]
CARD_TYPE = "application/vnd.microsoft.card.adaptive"
SCHEMA, VERSION = "http://adaptivecards.io/schemas/adaptive-card.json", "1.4"
# Teams refuses messages of more than 28 KB, in practice somewhat smaller ones, and a workflow does so unseen by us.
MOST_BYTES = 24 * 1024
# Asked by GET a living trigger says that it wants a POST.
_WANTS_POST = "TriggerRequestMethodNotValid"
_GONE = frozenset({"WorkflowNotFound"})
_NOT_ENABLED = frozenset({"WorkflowTriggerIsNotEnabled", "WorkflowNotEnabled"})
_NEEDS_SIGN_IN = frozenset({"DirectApiAuthorizationRequired", "DirectApiRequestHasMoreThanOneAuthorization"})
_INNER_ERROR = re.compile(r"returned HTTP error (\d{3})")


class TeamsApi:
    """One workflow, which posts into one channel."""

    def __init__(self, http: "PlatformClient", webhook_url: str) -> None:
        self.http = http
        parts = urlsplit(webhook_url)
        # Below the address's own host, which is all that this client may call.
        self._target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        for signature in parse_qs(parts.query).get("sig", []):
            http.add_secret(signature)

    def post(self, body: Json) -> "Response":
        """Start the workflow with a message. It says that it has started, not that it has posted."""
        return self.http.post(self._target, content=odd_json.dumps(body), headers={"Content-Type": "application/json"})

    def is_there(self) -> bool:
        """Ask without starting anything whether there is a workflow; False when its answer says neither yes nor no.

        Raises what the answer means where it says that there is none.
        """
        answered = self.http.get(self._target, expected=(400, 404, 405))
        if _code(answered) in _GONE and (error := error_for(answered)) is not None:
            raise error
        return answered.status_code == 405 or _code(answered) == _WANTS_POST


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means: a workflow's codes, and 200 with an error in its text."""
    status, code = response.status_code, _code(response)
    said = shortened(response.message)
    words = f"Teams answered {status}" + (f": {said}" if said else ".")
    if inner := _INNER_ERROR.search(response.text if response.is_success else ""):
        kind = RateLimited if inner[1] == "429" else Unavailable
        return kind(f"Teams answered {status} but said: {said or inner[0]}", status_code=status)
    if code in _NOT_ENABLED:
        return Forbidden(f"{words} The workflow is switched off: its owner switches it on again.", status_code=status)
    if status == 401 or code in _NEEDS_SIGN_IN:
        hint = "Copy the address again, and let the trigger be used by 'Anyone'."
        return CredentialsRejected(f"{words} {hint}", status_code=status)
    if status in (404, 410):
        return NotFound(f"{words} The workflow was deleted, or its owner has left.", status_code=status)
    if status == 413:
        return InvalidInput(f"{words} The message is too large.", status_code=status)
    return None


def card_of(body: list[Json], actions: list[Json], *, is_wide: bool) -> Json:
    """Return an Adaptive Card of these parts."""
    card: Json = {"$schema": SCHEMA, "type": "AdaptiveCard", "version": VERSION, "body": body}
    if actions:
        card["actions"] = actions
    if is_wide:
        card["msteams"] = {"width": "Full"}
    return card


def message_of(card: Json) -> Json:
    """Return the message in which a workflow expects a card."""
    return {"type": "message", "attachments": [{"contentType": CARD_TYPE, "contentUrl": None, "content": card}]}


def filled(template: Any, values: Json) -> Any:
    """Return `template` with its placeholders replaced: a text that is one becomes its value."""
    if isinstance(template, dict):
        return {name: filled(item, values) for name, item in template.items()}
    if isinstance(template, list):
        return [filled(item, values) for item in template]
    if not isinstance(template, str):
        return template
    return values.get(template, template)


def size_of(body: Json) -> int:
    return len(odd_json.dumps(body))


def _code(response: "Response") -> str:
    return text(mapping(mapping(response.json_or_none()).get("error")).get("code")) or ""
