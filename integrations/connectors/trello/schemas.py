"""What Trello's actions take, and what signs them in. Field limits: https://developer.atlassian.com/cloud/trello/rest."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.attachments import Attachments, FileSource
from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields

# A line for our own mark is added, within Trello's 16,384.
MAX_TEXT = 16_300
Color = Literal["yellow", "purple", "blue", "red", "green", "orange", "black", "sky", "pink", "lime"]
_ID = re.compile(r"[0-9a-fA-F]{24}")
_SHORT_LINK = re.compile(r"[A-Za-z0-9]{8}")
_CARD_URL = re.compile(r"https://trello\.com/c/([A-Za-z0-9]{8})(?:[/?#].*)?")


class TrelloCredentials(CredentialFields):
    api_key: Annotated[str, Credential(where="https://trello.com/power-ups/admin, your Power-Up, 'API key'")] = Field(
        title="API key",
        description="The key of your Power-Up.",
        pattern=r"^[\x21-\x7e]+$",
    )
    token: Annotated[str, Credential(where="the link 'Token' beside the API key")] = Field(
        title="Token",
        description="Made for the person in whose name cards are written.",
        pattern=r"^[\x21-\x7e]+$",
    )
    api_secret: Annotated[str | None, Credential(where="below the API key, 'Secret'")] = Field(
        None,
        title="API secret",
        description="Signs webhooks; only needed to receive events.",
    )

    @model_validator(mode="after")
    def _fits_the_header(self) -> Self:
        if '"' in self.api_key + self.token:
            raise ValueError("keys and tokens hold no quotation marks")
        return self


class TrelloConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_board: Annotated[str, Choice("boards")] = Field(
        "", title="Default board", description="For actions that name no board."
    )
    default_list: Annotated[str, Choice("lists")] = Field(
        "", title="Default list", description="Where cards go that name no list."
    )


def is_id(text: str) -> bool:
    """Whether a text is one of Trello's ids, rather than a name."""
    return bool(_ID.fullmatch(text))


def _card(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if found := _CARD_URL.fullmatch(text):
        return found[1]
    if not (_ID.fullmatch(text) or _SHORT_LINK.fullmatch(text)):
        raise ValueError("a card is named by its id (24 characters), its short link (8) or its address")
    return text


def _position(value: Any) -> Any:
    if isinstance(value, str) and value not in ("top", "bottom"):
        try:
            return float(value)
        except ValueError:
            raise ValueError("a position is top, bottom or a positive number") from None
    return value


Card = Annotated[str, BeforeValidator(_card)]
Position = Annotated[Literal["top", "bottom"] | Annotated[float, Field(gt=0)], BeforeValidator(_position)]


class WithBoard(Parameters):
    board: Annotated[str | None, Choice("boards")] = Field(
        None,
        title="Board",
        description="Name, short link or id; the integration's default board otherwise.",
        min_length=1,
        validation_alias=AliasChoices("board", "board_id", "idBoard"),
    )


class WithCard(Parameters):
    card: Card = Field(
        title="Card",
        description="Id, short link or address.",
        validation_alias=AliasChoices("card", "card_id", "idCard"),
    )


class CreateCard(WithBoard):
    name: str = Field(title="Title", min_length=1, max_length=16_384, validation_alias=AliasChoices("name", "title"))
    list: Annotated[str | None, Choice("lists")] = Field(
        None,
        title="List",
        description="Name or id; the integration's default list otherwise.",
        min_length=1,
        validation_alias=AliasChoices("list", "list_id", "idList", "list_name"),
    )
    desc: str = Field(
        "",
        title="Description",
        description="Markdown.",
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("desc", "description"),
    )
    pos: Position | None = Field(
        None, title="Position", description="top, bottom or a number.", validation_alias=AliasChoices("pos", "position")
    )
    due: datetime | None = Field(None, title="Due", validation_alias=AliasChoices("due", "due_date"))
    start: datetime | None = Field(None, title="Start")
    due_complete: bool | None = Field(None, title="Done", validation_alias=AliasChoices("due_complete", "dueComplete"))
    members: Annotated[Names, Choice("users")] = Field(
        [],
        title="Members",
        description="User names, full names or ids.",
        max_length=50,
        validation_alias=AliasChoices("members", "idMembers"),
    )
    labels: Annotated[Names, Choice("labels")] = Field(
        [],
        title="Labels",
        description="Names, colours or ids of the board's labels.",
        max_length=50,
        validation_alias=AliasChoices("labels", "idLabels"),
    )
    url_source: str | None = Field(
        None,
        title="Attached address",
        pattern=r"^https?://",
        validation_alias=AliasChoices("url_source", "urlSource", "url"),
    )
    attachments: Attachments = Field(
        [], title="Attachments", description="Files of the organization by name, or addresses."
    )


class UpdateCard(WithCard):
    """What is left out stays; `null` clears a date."""

    name: str | None = Field(
        None, title="Title", min_length=1, max_length=16_384, validation_alias=AliasChoices("name", "title")
    )
    desc: str | None = Field(
        None, title="Description", max_length=16_384, validation_alias=AliasChoices("desc", "description")
    )
    closed: bool | None = Field(None, title="Archived", validation_alias=AliasChoices("closed", "archived"))
    due: datetime | None = Field(None, title="Due", validation_alias=AliasChoices("due", "due_date"))
    start: datetime | None = Field(None, title="Start")
    due_complete: bool | None = Field(None, title="Done", validation_alias=AliasChoices("due_complete", "dueComplete"))
    members: Annotated[Names | None, Choice("users")] = Field(
        None,
        title="Members",
        description="Replace those it has.",
        max_length=50,
        validation_alias=AliasChoices("members", "idMembers"),
    )
    labels: Annotated[Names | None, Choice("labels")] = Field(
        None,
        title="Labels",
        description="Replace those it has.",
        max_length=50,
        validation_alias=AliasChoices("labels", "idLabels"),
    )
    pos: Position | None = Field(None, title="Position", validation_alias=AliasChoices("pos", "position"))

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"card"}:
            raise ValueError("name at least one field to change")
        return self


class MoveCard(WithCard, WithBoard):
    list: Annotated[str, Choice("lists")] = Field(
        title="List",
        description="Name or id. On another board: give the board too.",
        min_length=1,
        validation_alias=AliasChoices("list", "list_id", "idList", "list_name"),
    )
    pos: Position | None = Field(None, title="Position", validation_alias=AliasChoices("pos", "position"))


class AddComment(WithCard):
    text: str = Field(
        title="Comment",
        description="Markdown.",
        min_length=1,
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("text", "comment", "message"),
    )


class ChecklistItem(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=16_384)
    checked: bool = False


def _item(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _items(value: Any) -> Any:
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


class AddChecklist(WithCard):
    name: str = Field(title="Name", min_length=1, max_length=16_384, validation_alias=AliasChoices("name", "title"))
    items: Annotated[list[Annotated[ChecklistItem, BeforeValidator(_item)]], BeforeValidator(_items)] = Field(
        [],
        title="Items",
        description="Texts (one a line), or objects with name and checked.",
        max_length=50,
    )


class AddLabel(WithCard):
    label: Annotated[str, Choice("labels")] = Field(
        title="Label",
        description="Name, colour or id of one of the board's labels.",
        min_length=1,
        validation_alias=AliasChoices("label", "label_id", "name"),
    )
    color: Color | None = Field(
        None, title="Colour", description="Makes the label with this colour where the board has none of that name."
    )


class AddAttachment(WithCard, FileSource):
    url: str | None = Field(None, title="Address", description="Attached as a link.", pattern=r"^https?://")
    name: str = Field("", title="Shown name", max_length=256)


class CreateList(WithBoard):
    name: str = Field(title="Name", min_length=1, max_length=16_384)
    pos: Position | None = Field(None, title="Position", validation_alias=AliasChoices("pos", "position"))


class CreateBoard(Parameters):
    name: str = Field(title="Name", min_length=1, max_length=16_384)
    desc: str = Field(
        "", title="Description", max_length=MAX_TEXT, validation_alias=AliasChoices("desc", "description")
    )
    workspace: str | None = Field(
        None,
        title="Workspace",
        description="Its id or short name; the person's first one otherwise.",
        validation_alias=AliasChoices("workspace", "idOrganization"),
    )
    visibility: Literal["private", "org", "public"] = Field("private", title="Visible to")
    default_lists: bool = Field(
        True, title="With Trello's three lists", validation_alias=AliasChoices("default_lists", "defaultLists")
    )
