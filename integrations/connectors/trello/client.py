"""Calls to Trello's REST API, look-ups of names, and what its answers mean.

https://developer.atlassian.com/cloud/trello/rest, read 2026-11.
"""

import random
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations.connectors.trello.schemas import is_id
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
)
from integrations.http import path
from integrations.vendor_message import shortened

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
CARD_FIELDS = "name,idBoard,idList,idLabels,idMembers,shortLink,shortUrl,url,closed,due,desc"
# A window is 10 s long, and Trello does not say when it began.
WINDOW = 10.0
_PER_PAGE, _MAX_PAGES = 1000, 20
# Markdown's way of a line that is not shown: a link definition that nothing refers to.
_MARK = re.compile(r"^\[//\]: # \(so:([A-Za-z0-9-]{1,36})\)\s*$", re.MULTILINE)
_DEAD_CREDENTIALS = re.compile(r"invalid (app )?(key|token)|expired token|token not found|app not found", re.IGNORECASE)


class TrelloApi:
    """Trello as one integration sees it. Keeps what it looked up for as long as it lives: one call of a handler."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http
        self._found: dict[tuple[str, ...], list[Json]] = {}
        self._cards: dict[str, Json] = {}

    def get(self, *parts: str, **params: Any) -> Any:
        return self.http.get(path(*parts), params=params).json()

    def post(self, *parts: str, **body: Any) -> Json:
        return self.http.post(path(*parts), json=body).made()

    def put(self, *parts: str, **body: Any) -> Json:
        return self.http.put(path(*parts), json=body).made()

    def give_label(self, card: str, label_id: str) -> None:
        """https://developer.atlassian.com/cloud/trello/rest/api-group-cards/#api-cards-id-idlabels-post"""
        self.http.post(path("cards", card, "idLabels"), json={"value": label_id})

    # --- webhooks --------------------------------------------------------------------------------------------
    def webhooks_to(self, token: str, address: str) -> list[Json]:
        """The token's webhooks that send to an address.

        https://developer.atlassian.com/cloud/trello/rest/api-group-tokens/#api-tokens-token-webhooks-get
        """
        return [item for item in self.get("tokens", token, "webhooks") if item.get("callbackURL") == address]

    def make_webhook(self, model_id: str, address: str) -> str:
        """Trello asks the address by HEAD before it answers. Other models need a webhook each."""
        made = self.post("webhooks", idModel=model_id, callbackURL=address, description="SupportOps", active=True)
        return str(made["id"])

    def wake_webhook(self, webhook_id: str) -> None:
        self.put("webhooks", webhook_id, active=True)

    def remove_webhook(self, webhook_id: str) -> None:
        self.http.delete(path("webhooks", webhook_id), expected={404})

    def actions(self, board_id: str, since: datetime, until: datetime) -> list[Json]:
        """What was done on a board in between, newest first.

        https://developer.atlassian.com/cloud/trello/rest/api-group-boards/#api-boards-boardid-actions-get
        """
        found: list[Json] = []
        before = _instant(until)
        for _ in range(_MAX_PAGES):
            page = self.get("boards", board_id, "actions", since=_instant(since), before=before, limit=_PER_PAGE)
            found += page
            if len(page) < _PER_PAGE:
                return found
            before = str(page[-1]["id"])
        raise InvalidInput(f"More than {_MAX_PAGES * _PER_PAGE} things were done on a board: look at a shorter time.")

    # --- names into ids --------------------------------------------------------------------------------------
    def board_id(self, board: str) -> str:
        """Return the id of a board named by name, short link or id. Raises NotFound."""
        if is_id(board):
            return board
        return _one("board", board, self.boards(), ("name", "shortLink"))

    def list_id(self, name: str, board_id: str) -> str:
        """Return the id of an open list of a board. Raises NotFound."""
        if is_id(name):
            return name
        return _one("list", name, self._all("boards", board_id, "lists", fields="name", filter="open"), ("name",))

    def label_ids(self, labels: Sequence[str], board_id: str) -> list[str]:
        """Return the ids of labels named by name, colour or id. Raises NotFound."""
        return [self.label_id(label, board_id) for label in labels]

    def label_id(self, label: str, board_id: str) -> str:
        if is_id(label):
            return label
        labels = self.labels(board_id)
        try:
            return _one("label", label, labels, ("name",))
        except NotFound:
            # Labels without a name are known by their colour.
            return _one("label", label, [item for item in labels if not item.get("name")], ("color",), shown=labels)

    def member_ids(self, members: Sequence[str], board_id: str) -> list[str]:
        """Return the ids of a board's members named by user name, full name or id. Raises NotFound."""
        ids = []
        for member in members:
            if is_id(member):
                ids.append(member)
                continue
            ids.append(_one("member", member.lstrip("@"), self.members(board_id), ("username", "fullName")))
        return ids

    def boards(self) -> list[Json]:
        """The open boards that the token's person is a member of."""
        return self._all("members", "me", "boards", fields="name,shortLink", filter="open")

    def labels(self, board_id: str) -> list[Json]:
        return self._all("boards", board_id, "labels", fields="name,color", limit=1000)

    def members(self, board_id: str) -> list[Json]:
        return self._all("boards", board_id, "members", fields="username,fullName")

    def board_of_list(self, list_id: str) -> str:
        return str(self.get("lists", list_id, fields="idBoard")["idBoard"])

    def card(self, card: str) -> Json:
        """Return a card by id or short link."""
        if card not in self._cards:
            self._cards[card] = self.get("cards", card, fields=CARD_FIELDS)
        return self._cards[card]

    def _all(self, *parts: str, **params: Any) -> list[Json]:
        if parts not in self._found:
            self._found[parts] = self.get(*parts, **params)
        return self._found[parts]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def mark(key: str) -> str:
    """Return the line by which we recognise what a call with this idempotency key wrote. Not shown by Trello."""
    return f"[//]: # (so:{key})"


def marked(text: str, key: str) -> str:
    """Return `text` with the mark at its end; as it is for calls without a key."""
    if not key:
        return text
    return f"{text}\n\n{mark(key)}" if text else mark(key)


def key_in(text: Any) -> str | None:
    """Return the key of the mark in a text, None where there is none."""
    found = _MARK.search(text) if isinstance(text, str) else None
    return found[1] if found else None


def without_mark(text: str) -> str:
    """Return the text as its author wrote it."""
    return _MARK.sub("", text).rstrip() if key_in(text) else text


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means: texts instead of JSON, and 401 for two different things."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    said = shortened(response.message)
    words = f"Trello answered {status}" + (f": {said}" if said else ".")
    if status == 429:
        # No Retry-After is documented: https://developer.atlassian.com/cloud/trello/guides/rest-api/rate-limits
        wait = WINDOW * random.uniform(1.0, 1.5)  # noqa: S311 - spreads calls, keeps no secret
        return None if response.headers.get("retry-after") else RateLimited(words, retry_after=wait, status_code=status)
    if status == 401:
        if _DEAD_CREDENTIALS.search(said) or not said:
            return CredentialsRejected(words, status_code=status)
        # "unauthorized card permission requested": the token is good, but its person may not do this.
        return Forbidden(words, status_code=status) if "permission" in said else CredentialsRejected(words)
    return None


def _one(
    what: str, wanted: str, items: Iterable[Json], keys: Sequence[str], shown: Iterable[Json] | None = None
) -> str:
    """Return the id of the one item of that name. Raises NotFound, naming some that exist, or InvalidInput for two."""
    items = list(items)
    text = wanted.strip()
    for matches in (
        [item for item in items if any(item.get(key) == text for key in keys)],
        [item for item in items if any(str(item.get(key) or "").casefold() == text.casefold() for key in keys)],
    ):
        if len(matches) == 1:
            return str(matches[0]["id"])
        if matches:
            raise InvalidInput(f"Trello has {len(matches)} {what}s named '{wanted}': name the one you mean by its id.")
    names = [str(item.get("name") or item.get("username") or item.get("color")) for item in (shown or items)]
    some = ", ".join(sorted(names)[:10])
    raise NotFound(f"Trello has no {what} '{wanted}' here." + (f" There are: {some}." if some else ""))
