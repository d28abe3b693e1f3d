"""Trello: cards, comments, checklists, labels, lists and boards out; what happens to cards in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.trello import events
from integrations.connectors.trello.client import CARD_FIELDS, TrelloApi, error_for, key_in, marked
from integrations.connectors.trello.schemas import (
    AddAttachment,
    AddChecklist,
    AddComment,
    AddLabel,
    CreateBoard,
    CreateCard,
    CreateList,
    MoveCard,
    TrelloConfig,
    TrelloCredentials,
    UpdateCard,
    is_id,
)
from integrations.errors import IntegrationError, InvalidInput, NotFound
from integrations.http import path
from integrations.signatures import HmacSignature
from integrations.specs import (
    CREATES,
    SETS,
    Account,
    ActionSpec,
    Effect,
    Event,
    File,
    HandshakeAnswer,
    Limit,
    Registration,
    Result,
    WebhookRequest,
    WebhookTarget,
)

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]


def _effect_of_attaching(data: AddAttachment) -> Effect:
    """An address that is attached already is not attached again; a file would be."""
    return SETS if data.url else CREATES


class Trello(BaseIntegration):
    key, name = "trello", "Trello"
    description = "Cards for what has to be done; hear when they are made, moved, changed and commented."
    Credentials = TrelloCredentials
    Config = TrelloConfig
    base_url = "https://api.trello.com/1"
    # https://developer.atlassian.com/cloud/trello/guides/rest-api/rate-limits, read 2026-11
    choice_kinds = ("boards", "labels", "lists", "users")
    limits = [Limit("token", calls=100, seconds=10, burst=30), Limit("key", calls=300, seconds=10, burst=90)]
    # https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks: no time is signed, so there is no replay
    # window, and the address counts exactly as it was registered.
    signature = HmacSignature(
        scheme="trello",
        header="X-Trello-Webhook",
        covers=lambda covered: covered.body + covered.url,
        digest="sha1",
        encoding="base64",
        description="Trello signs body and address with the API secret of your Power-Up.",
    )
    platform_makes_secret = True
    webhook_secret_field = "api_secret"  # noqa: S105 - the name of a field
    events = events.EVENTS
    actions = [
        ActionSpec(
            "create_card",
            "Create a card on a list.",
            model=CreateCard,
            handler="create_card",
            idempotent_by="marker",
            find_earlier="find_created_card",
            label="Create a card",
        ),
        ActionSpec(
            "update_card",
            "Change a card's title, description, dates, members or labels, or archive it.",
            model=UpdateCard,
            handler="update_card",
            effect=SETS,
            label="Update a card",
        ),
        ActionSpec(
            "move_card",
            "Move a card to another list.",
            model=MoveCard,
            handler="move_card",
            effect=SETS,
            label="Move a card",
        ),
        ActionSpec(
            "add_comment",
            "Comment on a card.",
            model=AddComment,
            handler="add_comment",
            idempotent_by="marker",
            find_earlier="find_comment",
            label="Comment on a card",
        ),
        ActionSpec(
            "add_checklist",
            "Put a checklist on a card. One of that name that is there is completed, not doubled.",
            model=AddChecklist,
            handler="add_checklist",
            effect=SETS,
            label="Add a checklist",
        ),
        ActionSpec(
            "add_label",
            "Put a label on a card.",
            model=AddLabel,
            handler="add_label",
            effect=SETS,
            label="Add a label",
        ),
        ActionSpec(
            "add_attachment",
            "Attach an address or a file to a card.",
            model=AddAttachment,
            handler="add_attachment",
            effect_of=_effect_of_attaching,
            label="Add an attachment",
        ),
        ActionSpec(
            "create_list", "Create a list on a board.", model=CreateList, handler="create_list", label="Create a list"
        ),
        ActionSpec(
            "create_board",
            "Create a board.",
            model=CreateBoard,
            handler="create_board",
            idempotent_by="marker",
            find_earlier="find_created_board",
            label="Create a board",
        ),
    ]

    credentials: TrelloCredentials
    config: TrelloConfig
    api: TrelloApi

    def authorize(self, http: "PlatformClient") -> None:
        # In the header, since what stands in a query ends up in logs of proxies.
        key, token = self.credentials.api_key, self.credentials.token
        http.headers["Authorization"] = f'OAuth oauth_consumer_key="{key}", oauth_token="{token}"'
        self.api = TrelloApi(http)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask Trello whose the token is; changes nothing."""
        member = self.api.get("members", "me", fields="username,fullName")
        return Result(
            True,
            f"Trello knows us as {member.get('fullName')} (@{member.get('username')}).",
            {"account": Account(actor_id=str(member["id"])), "username": member.get("username")},
        )

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "boards":
            return [{"id": item["id"], "name": item["name"]} for item in self.api.boards()]
        if kind == "lists":
            # Of all boards, since the form does not say which.
            boards = self.api.get("members", "me", "boards", fields="name", filter="open", lists="open")
            return [
                {"id": item["id"], "name": f"{board['name']}: {item['name']}"}
                for board in boards
                for item in board.get("lists") or []
            ]
        if kind == "labels":
            labels = self.api.labels(self._board(None))
            return [{"id": item["id"], "name": item.get("name") or item.get("color")} for item in labels]
        if kind == "users":
            return [{"id": item["id"], "name": item["fullName"]} for item in self.api.members(self._board(None))]
        return super().choices(kind)

    def create_card(self, data: CreateCard) -> Result:
        list_id, board_id = self._place(data)
        body: Json = {
            "idList": list_id,
            "name": data.name,
            "desc": marked(data.desc, self.call.idempotency_key),
            "pos": data.pos,
            "due": _iso(data.due),
            "start": _iso(data.start),
            "dueComplete": data.due_complete,
            "urlSource": data.url_source,
        }
        if data.members or data.labels:
            board_id = board_id or self.api.board_of_list(list_id)
            body["idMembers"] = self.api.member_ids(data.members, board_id) or None
            body["idLabels"] = self.api.label_ids(data.labels, board_id) or None
        # Opened before anything is made: a file that is not there shall leave no card behind.
        files = [self.open_file(source) for source in data.attachments]
        card = self.api.post("cards", **{name: value for name, value in body.items() if value is not None})
        return self._attach_files(card, files)

    def find_created_card(self, data: CreateCard) -> Result | None:
        """Return the card that an earlier call made: one that bears our mark, wherever it was moved since."""
        list_id, _ = self._place(data)
        made = self.api.get("lists", list_id, "actions", filter="createCard", limit=1000, fields="data")
        for action in made:
            known = action.get("data", {}).get("card", {})
            if known.get("name") != data.name.strip():
                continue
            try:
                card = self.api.get("cards", str(known["id"]), fields=CARD_FIELDS)
            except NotFound:
                continue  # deleted since
            if self._is_ours(card.get("desc")):
                return self._complete(card, data)
        return None

    def update_card(self, data: UpdateCard) -> Result:
        given = data.model_fields_set
        body: Json = {}
        for name in ("name", "desc", "closed", "pos"):
            value = getattr(data, name)
            if value is not None:
                body[name] = value
        if data.due_complete is not None:
            body["dueComplete"] = data.due_complete
        for name in ("due", "start"):
            if name in given:
                body[name] = _iso(getattr(data, name))
        if data.members is not None or data.labels is not None:
            by_name = [name for name in [*(data.members or []), *(data.labels or [])] if not is_id(name)]
            board_id = str(self.api.card(data.card)["idBoard"]) if by_name else ""
            if data.members is not None:
                body["idMembers"] = self.api.member_ids(data.members, board_id)
            if data.labels is not None:
                body["idLabels"] = self.api.label_ids(data.labels, board_id)
        if not body:
            raise InvalidInput("Nothing to change: only dates can be cleared with null.")
        card = self.api.put("cards", data.card, **body)
        return Result(True, f"The card '{card.get('name')}' is changed.", _card(card))

    def move_card(self, data: MoveCard) -> Result:
        body: Json = {}
        board_id = self.api.board_id(data.board) if data.board else ""
        if not is_id(data.list):
            board_id = board_id or str(self.api.card(data.card)["idBoard"])
        if data.board:
            body["idBoard"] = board_id
        body["idList"] = self.api.list_id(data.list, board_id)
        if data.pos is not None:
            body["pos"] = data.pos
        card = self.api.put("cards", data.card, **body)
        return Result(True, f"The card '{card.get('name')}' is on '{data.list}'.", _card(card))

    def add_comment(self, data: AddComment) -> Result:
        text = marked(data.text, self.call.idempotency_key)
        action = self.api.post("cards", data.card, "actions", "comments", text=text)
        return Result(True, "The comment is there.", {"comment_id": action["id"], "card_id": _commented(action)})

    def find_comment(self, data: AddComment) -> Result | None:
        """Return the comment that an earlier call wrote: the one with our mark."""
        for action in self.api.get("cards", data.card, "actions", filter="commentCard", limit=1000, fields="data"):
            if self._is_ours(action.get("data", {}).get("text")):
                known = {"comment_id": action["id"], "card_id": _commented(action)}
                return Result(True, "The comment is there.", known)
        return None

    def add_checklist(self, data: AddChecklist) -> Result:
        there = self.api.get("cards", data.card, "checklists", fields="name", checkItem_fields="name")
        checklist = next((item for item in there if item.get("name") == data.name), None)
        missing = list(data.items)
        if checklist is None:
            card_id = data.card if is_id(data.card) else str(self.api.card(data.card)["id"])
            checklist = self.api.post("checklists", idCard=card_id, name=data.name)
        else:
            known = [item.get("name") for item in checklist.get("checkItems") or []]
            for item in data.items:
                if item.name in known:
                    known.remove(item.name)
                    missing.remove(item)
        for item in missing:
            self.api.post("checklists", checklist["id"], "checkItems", name=item.name, checked=item.checked)
        return Result(
            True,
            f"The checklist '{data.name}' has its {len(data.items)} items.",
            {"checklist_id": checklist["id"], "added": len(missing)},
        )

    def add_label(self, data: AddLabel) -> Result:
        card = self.api.card(data.card)
        board_id = str(card["idBoard"])
        try:
            label_id = self.api.label_id(data.label, board_id)
        except NotFound:
            if data.color is None:
                raise
            label_id = str(self.api.post("labels", name=data.label, color=data.color, idBoard=board_id)["id"])
        # A label that is there already would be answered with an error.
        if label_id not in card.get("idLabels", []):
            self.api.give_label(data.card, label_id)
        return Result(True, f"The card has the label '{data.label}'.", {"card_id": card["id"], "label_id": label_id})

    def add_attachment(self, data: AddAttachment) -> Result:
        if data.url:
            for item in self.api.get("cards", data.card, "attachments", fields="url,name"):
                if item.get("url") == data.url:
                    return Result(True, "The address is attached already.", _attachment(item))
            body = {"url": data.url, **({"name": data.name} if data.name else {})}
            return Result(True, "The address is attached.", _attachment(self._attach(data.card, json=body)))
        file = self.open_file(data)
        return Result(True, f"{file.name} is attached.", _attachment(self._attach_file(data.card, file, data.name)))

    def create_list(self, data: CreateList) -> Result:
        body: Json = {"name": data.name, "idBoard": self._board(data.board)}
        if data.pos is not None:
            body["pos"] = data.pos
        made = self.api.post("lists", **body)
        return Result(True, f"The list '{data.name}' is there.", {"id": made["id"], "board_id": made.get("idBoard")})

    def create_board(self, data: CreateBoard) -> Result:
        body: Json = {
            "name": data.name,
            "desc": marked(data.desc, self.call.idempotency_key),
            "defaultLists": data.default_lists,
            "prefs_permissionLevel": data.visibility,
        }
        if data.workspace:
            body["idOrganization"] = data.workspace
        return Result(True, f"The board '{data.name}' is there.", _board(self.api.post("boards", **body)))

    def find_created_board(self, data: CreateBoard) -> Result | None:
        """Return the board that an earlier call made: the one with our mark."""
        for board in self.api.get("members", "me", "boards", fields="name,desc,url,shortLink", filter="all"):
            if self._is_ours(board.get("desc")):
                return Result(True, f"The board '{data.name}' is there.", _board(board))
        return None

    def _place(self, data: CreateCard) -> tuple[str, str]:
        """The ids of the list and its board; the board's is "" where it need not be known."""
        name = data.list or self.config.default_list
        if not name:
            raise InvalidInput("Name a list, or set a default list in the integration.")
        if is_id(name):
            return name, self.api.board_id(data.board) if data.board else ""
        board_id = self._board(data.board)
        return self.api.list_id(name, board_id), board_id

    def _board(self, board: str | None) -> str:
        name = board or self.config.default_board
        if not name:
            raise InvalidInput("Name a board, or set a default board in the integration.")
        return self.api.board_id(name)

    def _is_ours(self, text: Any) -> bool:
        return bool(self.call.idempotency_key) and key_in(text) == self.call.idempotency_key

    def _complete(self, card: Json, data: CreateCard) -> Result:
        """Attach to a card that an earlier call made what it lacks of its files."""
        files = [self.open_file(source) for source in data.attachments]
        there = self.api.get("cards", str(card["id"]), "attachments", fields="url,name") if files else []
        return self._attach_files(card, files, [str(item.get("name")) for item in there])

    def _attach_files(self, card: Json, files: Sequence[File], known: Collection[str] = ()) -> Result:
        """Attach files to a card that exists, but for those of known names, and return what came of the card."""
        result = Result(True, f"The card '{card.get('name')}' is there.", _card(card))
        attached = []
        for file in files:
            if file.name in known:
                continue
            # The card is there now: an error here must not look as if it were not.
            try:
                attached.append(_attachment(self._attach_file(str(card["id"]), file)))
            except IntegrationError as error:
                result.message += f" {file.name} could not be attached: {error.message}"
        if files:
            result.data["attachments"] = attached
        return result

    def _attach_file(self, card: str, file: File, name: str = "") -> Json:
        part = (file.name, file.content, file.content_type)
        return self._attach(card, files={"file": part}, data={"name": name or file.name})

    def _attach(self, card: str, **request: Any) -> Json:
        return self.http.post(path("cards", card, "attachments"), **request).made()

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """One webhook for the default board; without one, for each open board of the person whose token it is."""
        board = self.config.default_board
        wanted = [self.api.board_id(board)] if board else [str(item["id"]) for item in self.api.boards()]
        if not wanted:
            raise InvalidInput("The token's person is a member of no open board.")
        there: dict[str, Json] = {}
        for webhook in self.api.webhooks_to(self.credentials.token, target.url):
            if webhook.get("idModel") in wanted and webhook["idModel"] not in there:
                there[webhook["idModel"]] = webhook
            else:
                self.api.remove_webhook(str(webhook["id"]))
        ids = []
        for board_id in wanted:
            if board_id not in there:
                ids.append(self.api.make_webhook(board_id, target.url))
                continue
            ids.append(str(there[board_id]["id"]))
            if not there[board_id].get("active"):
                # Trello switches off what failed for long.
                self.api.wake_webhook(ids[-1])
        return Registration(tuple(ids))

    def list_changes(self, since: datetime, until: datetime) -> list[Event]:
        """The actions of the boards, which are what webhooks tell, under the same ids."""
        board = self.config.default_board
        boards = [self.api.board_id(board)] if board else [str(item["id"]) for item in self.api.boards()]
        found = [action for board_id in boards for action in self.api.actions(board_id, since, until)]
        found.sort(key=lambda action: str(action.get("date")))
        return [event for action in found for event in events.events_of({"action": action})]

    def unregister_webhook(self, known: Registration) -> None:
        for webhook_id in known.ids:
            self.api.remove_webhook(webhook_id)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.delivery_id(payload)

    @classmethod
    def unsigned_handshake(cls, request: WebhookRequest) -> HandshakeAnswer | None:
        # Trello asks by HEAD, without a signature, whether the address is there before it keeps a webhook.
        return HandshakeAnswer() if request.method == "HEAD" else None


def _iso(at: datetime | None) -> str | None:
    if at is None:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _card(card: Json) -> Json:
    url = card.get("shortUrl") or card.get("url")
    return {"id": card["id"], "url": url, **{key: card.get(key) for key in ("name", "shortLink", "idList", "idBoard")}}


def _board(board: Json) -> Json:
    return {"id": board["id"], **{key: board.get(key) for key in ("name", "url", "shortLink")}}


def _attachment(item: Json) -> Json:
    return {"id": item["id"], **{key: item.get(key) for key in ("name", "url")}}


def _commented(action: Json) -> str | None:
    card_id = action.get("data", {}).get("card", {}).get("id")
    return str(card_id) if card_id else None
