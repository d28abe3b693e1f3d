"""Answers like Trello's REST API."""

import time
from typing import Any

from integrations.sandbox_platform.exchange import Asked, Json, Platform, Refusal, Reply, is_bad, now_text, route

ME = {"id": "5" * 24, "username": "supportops", "fullName": "SupportOps"}
ADA = {"id": "a" * 24, "username": "ada", "fullName": "Ada Byron"}
_CARD_FIELDS = frozenset(
    "name desc closed due start dueComplete pos idList idBoard idMembers idLabels".split()  # noqa: SIM905 - as a table
)


class TrelloSandbox(Platform):
    key = "trello"
    name = "Trello"

    def seed(self) -> None:
        board = self._new_board("Support")
        for name in ("To do", "Doing", "Done"):
            self.put("lists", {"id": self._id(), "name": name, "idBoard": board["id"], "closed": False})
        for name, color in (("urgent", "red"), ("refund", "green")):
            self.put("labels", {"id": self._id(), "name": name, "color": color, "idBoard": board["id"]})

    def check_sign_in(self, asked: Asked) -> None:
        header = asked.headers.get("authorization", "")
        given = header if "oauth_token=" in header else asked.query.get("token", "")
        if is_bad(given):
            raise Refusal(Reply("invalid token" if given else "unauthorized permission requested", 401))

    def unknown(self, asked: Asked) -> Reply:
        return Reply("The requested resource was not found.", 404)

    def fault(self, status: int, code: str) -> Reply:
        if status == 429:
            return Reply({"error": code or "API_TOKEN_LIMIT_EXCEEDED", "message": "Rate limit exceeded"}, 429)
        return Reply(code or "error", status)

    # --- who and where ---------------------------------------------------------------------------------------
    @route("GET", "/members/me")
    def me(self, asked: Asked) -> Reply:
        return Reply(ME)

    @route("GET", "/members/me/boards")
    def boards(self, asked: Asked) -> Reply:
        return Reply(self.all("boards"))

    @route("GET", "/boards/{board}")
    def board(self, asked: Asked, board: str) -> Reply:
        return Reply(self._known("boards", board))

    @route("GET", "/boards/{board}/lists")
    def lists(self, asked: Asked, board: str) -> Reply:
        board_id = self._known("boards", board)["id"]
        return Reply([item for item in self.all("lists") if item["idBoard"] == board_id])

    @route("GET", "/boards/{board}/labels")
    def labels(self, asked: Asked, board: str) -> Reply:
        board_id = self._known("boards", board)["id"]
        return Reply([item for item in self.all("labels") if item["idBoard"] == board_id])

    @route("GET", "/boards/{board}/members")
    def members(self, asked: Asked, board: str) -> Reply:
        return Reply([ME, ADA])

    @route("GET", "/lists/{list_id}")
    def list_(self, asked: Asked, list_id: str) -> Reply:
        return Reply(self._known("lists", list_id))

    @route("GET", "/lists/{list_id}/actions")
    def list_actions(self, asked: Asked, list_id: str) -> Reply:
        made = [item for item in self.all("actions") if item["type"] == "createCard"]
        return Reply([item for item in reversed(made) if item["data"]["list"]["id"] == list_id])

    @route("POST", "/boards")
    def create_board(self, asked: Asked) -> Reply:
        name = self._text(asked, "name")
        return Reply(self._new_board(name, str(asked.fields.get("desc", ""))), has_effect=True)

    @route("POST", "/lists")
    def create_list(self, asked: Asked) -> Reply:
        board = self._known("boards", asked.fields.get("idBoard"), 400)
        made = {"id": self._id(), "name": self._text(asked, "name"), "idBoard": board["id"], "closed": False}
        return Reply(self.put("lists", made), has_effect=True)

    @route("POST", "/labels")
    def create_label(self, asked: Asked) -> Reply:
        board = self._known("boards", asked.fields.get("idBoard"), 400)
        made = {"id": self._id(), "name": asked.fields.get("name", ""), "color": asked.fields.get("color")}
        return Reply(self.put("labels", made | {"idBoard": board["id"]}), has_effect=True)

    # --- cards -----------------------------------------------------------------------------------------------
    @route("POST", "/cards")
    def create_card(self, asked: Asked) -> Reply:
        place = self._known("lists", asked.fields.get("idList"), 400)
        short = f"{self.number():08d}"
        card: Json = {
            "id": self._id(),
            "shortLink": short,
            "shortUrl": f"https://trello.com/c/{short}",
            "url": f"https://trello.com/c/{short}/card",
            "name": "",
            "desc": "",
            "closed": False,
            "due": None,
            "idMembers": [],
            "idLabels": [],
            "idBoard": place["idBoard"],
        }
        card.update({name: value for name, value in asked.fields.items() if name in _CARD_FIELDS})
        self.put("cards", card)
        known = {key: card[key] for key in ("id", "name", "shortLink")}
        self._act("createCard", {"card": known, "list": {"id": place["id"], "name": place["name"]}})
        return Reply(card, has_effect=True)

    @route("GET", "/cards/{card}")
    def get_card(self, asked: Asked, card: str) -> Reply:
        return Reply(self._card(card))

    @route("PUT", "/cards/{card}")
    def update_card(self, asked: Asked, card: str) -> Reply:
        known = self._card(card)
        if "idList" in asked.fields:
            self._known("lists", asked.fields["idList"], 400)
        known.update({name: value for name, value in asked.fields.items() if name in _CARD_FIELDS})
        return Reply(known, has_effect=True)

    @route("POST", "/cards/{card}/actions/comments")
    def comment(self, asked: Asked, card: str) -> Reply:
        known = self._card(card)
        data = {"text": self._text(asked, "text"), "card": {"id": known["id"], "name": known["name"]}}
        return Reply(self._act("commentCard", data), has_effect=True)

    @route("GET", "/cards/{card}/actions")
    def card_actions(self, asked: Asked, card: str) -> Reply:
        known, wanted = self._card(card), asked.query.get("filter", "commentCard").split(",")
        of_card = [item for item in self.all("actions") if item["data"]["card"]["id"] == known["id"]]
        return Reply([item for item in reversed(of_card) if item["type"] in wanted])

    @route("POST", "/cards/{card}/idLabels")
    def add_label(self, asked: Asked, card: str) -> Reply:
        known, label = self._card(card), self._known("labels", asked.fields.get("value"), 400)
        if label["id"] in known["idLabels"]:
            return Reply("that label is already on the card", 400)
        known["idLabels"] = [*known["idLabels"], label["id"]]
        return Reply(known["idLabels"], has_effect=True)

    @route("GET", "/cards/{card}/attachments")
    def attachments(self, asked: Asked, card: str) -> Reply:
        known = self._card(card)
        return Reply([item for item in self.all("attachments") if item["idCard"] == known["id"]])

    @route("POST", "/cards/{card}/attachments")
    def attach(self, asked: Asked, card: str) -> Reply:
        known = self._card(card)
        made = {"id": self._id(), "idCard": known["id"], **{key: asked.fields.get(key) for key in ("name", "url")}}
        return Reply(self.put("attachments", made), has_effect=True)

    @route("GET", "/cards/{card}/checklists")
    def checklists(self, asked: Asked, card: str) -> Reply:
        known = self._card(card)
        return Reply([item for item in self.all("checklists") if item["idCard"] == known["id"]])

    @route("POST", "/checklists")
    def create_checklist(self, asked: Asked) -> Reply:
        known = self._known("cards", asked.fields.get("idCard"), 400)
        made = {"id": self._id(), "idCard": known["id"], "name": asked.fields.get("name", ""), "checkItems": []}
        return Reply(self.put("checklists", made), has_effect=True)

    @route("POST", "/checklists/{checklist}/checkItems")
    def create_item(self, asked: Asked, checklist: str) -> Reply:
        known = self._known("checklists", checklist)
        state = "complete" if asked.fields.get("checked") in (True, "true") else "incomplete"
        item = {"id": self._id(), "name": self._text(asked, "name"), "state": state}
        known["checkItems"].append(item)
        return Reply(item, has_effect=True)

    # --- helpers ---------------------------------------------------------------------------------------------
    def _known(self, kind: str, item_id: object, status: int = 404) -> Json:
        item = self.find(kind, item_id)
        if item is None and kind == "boards":
            item = next((board for board in self.all(kind) if board["shortLink"] == item_id), None)
        if item is None:
            said = f"invalid value for {kind}" if status == 400 else "The requested resource was not found."
            raise Refusal(Reply(said, status))
        return item

    def _card(self, reference: str) -> Json:
        short = next((card for card in self.all("cards") if card["shortLink"] == reference), None)
        return short or self._known("cards", reference)

    def _text(self, asked: Asked, name: str) -> str:
        value = asked.fields.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal(Reply(f"invalid value for {name}", 400))
        return value

    def _new_board(self, name: str, desc: str = "") -> Json:
        short = f"{self.number():08d}"
        board = {"id": self._id(), "name": name, "desc": desc, "shortLink": short, "closed": False}
        return self.put("boards", board | {"url": f"https://trello.com/b/{short}"})

    def _act(self, type_: str, data: dict[str, Any]) -> Json:
        action = {"id": self._id(), "type": type_, "idMemberCreator": ME["id"], "date": now_text(), "data": data}
        return self.put("actions", action)

    def _id(self) -> str:
        # As Trello's: eight digits of time, then something unique.
        return f"{int(time.time()):08x}{self.number():016x}"
