"""Notion: pages, entries of databases and comments out; what happens to them in."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.notion import blocks, events, values
from integrations.connectors.notion.client import NotionClient, error_for
from integrations.connectors.notion.schemas import (
    AddNotionComment,
    AppendContent,
    CreateDatabaseEntry,
    CreatePage,
    NotionConfig,
    NotionCredentials,
    QueryDatabase,
    UpdateDatabaseEntry,
    UpdatePage,
    WithContent,
    WithDatabase,
    WithLook,
    id_in,
)
from integrations.errors import Forbidden, IntegrationError, InvalidInput, NotFound
from integrations.payloads import identifier, items, mapping, text
from integrations.signatures import HmacSignature
from integrations.specs import (
    READS,
    SETS,
    Account,
    ActionSpec,
    Event,
    HandshakeAnswer,
    Limit,
    OAuth,
    Result,
    WebhookRequest,
)

if TYPE_CHECKING:
    from integrations.attachments import FileSource
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
# Kinds of blocks by the kind of file; the rest is a file.
_MEDIA = {"image": "image", "video": "video", "audio": "audio"}


class Notion(BaseIntegration):
    key, name = "notion", "Notion"
    description = "Pages, entries of databases and comments; hear when they are made and changed."
    Credentials = NotionCredentials
    Config = NotionConfig
    base_url = "https://api.notion.com/v1"
    # https://developers.notion.com/docs/authorization, read 2026-11. Which pages we see the person chooses there; what
    # is granted does not run out.
    oauth = OAuth(
        authorize_path="/oauth/authorize",
        token_path="/oauth/token",  # noqa: S106 - an address
        pkce=False,
        parameters={"owner": "user"},
        grants=("token",),
        takes_json=True,
        client_in_header=True,
    )
    choice_kinds = ("databases", "pages", "users")
    # https://developers.notion.com/reference/request-limits, read 2026-11: 180 requests a minute and connection (600
    # on the larger plans, which answers then say).
    limits = [Limit("connection", calls=180, seconds=60, burst=30)]
    # https://developers.notion.com/reference/webhooks, read 2026-11: keyed by the verification token, no time signed.
    signature = HmacSignature(
        scheme="notion",
        header="X-Notion-Signature",
        prefix="sha256=",
        description="Notion signs with the verification token of the subscription.",
    )
    platform_makes_secret = True
    secret_comes_by_handshake = True
    # Signed, but with ids alone: the page or comment is fetched before rules look at it.
    hint_schemes = frozenset({"notion"})
    events = events.EVENTS
    actions = [
        ActionSpec("create_page", "Make a page under another one.", CreatePage, "create_page", label="Create a page"),
        ActionSpec("update_page", "Change a page's title or look, or put it into the trash.", UpdatePage,
                   "update_page", SETS, label="Update a page"),
        ActionSpec("append_content", "Add text, blocks or files at the end of a page.", AppendContent,
                   "append_content", label="Append content"),
        ActionSpec("create_database_entry", "Add an entry to a database.", CreateDatabaseEntry,
                   "create_database_entry", label="Create an entry"),
        ActionSpec("update_database_entry", "Change columns of an entry.", UpdateDatabaseEntry,
                   "update_database_entry", SETS, label="Update an entry"),
        ActionSpec("add_comment", "Comment on a page or block, or answer in a discussion.", AddNotionComment,
                   "add_comment", label="Add a comment"),
        ActionSpec("query_database", "Find entries of a database.", QueryDatabase, "query_database", READS,
                   label="Query a database"),
    ]  # fmt: skip

    credentials: NotionCredentials
    config: NotionConfig

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.token}"
        http.headers["Notion-Version"] = self.config.api_version

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    @classmethod
    def granted_credentials(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the token that a person granted. https://developers.notion.com/reference/create-a-token"""
        return super().granted_credentials({"token": answer.get("access_token")})

    @cached_property
    def client(self) -> NotionClient:
        return NotionClient(self.http)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask Notion whose the token is; changes nothing."""
        me = self.client.me()
        bot = mapping(me.get("bot"))
        workspace = text(bot.get("workspace_name")) or "its workspace"
        account = Account(id=identifier(bot.get("workspace_id")) or "", actor_id=str(me["id"]))
        known = {"name": me.get("name"), "workspace": bot.get("workspace_name")}
        return Result(True, f"Notion knows us as {me.get('name')} in {workspace}.", {"account": account, **known})

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "databases":
            return [_choice(item, blocks.plain(item.get("title"))) for item in self.client.found("data_source")]
        if kind == "pages":
            return [_choice(item, values.title_of(item.get("properties"))) for item in self.client.found("page")]
        if kind == "users":
            return [{"id": user["id"], "name": user.get("name")} for user in self.client.people]
        return super().choices(kind)

    def create_page(self, data: CreatePage) -> Result:
        parent = data.parent or id_in(self.config.default_page)
        if not parent:
            raise InvalidInput("Name the page under which it goes, or set a default page in the integration.")
        body: Json = {
            "parent": {"page_id": parent},
            # Under a page the title is the only column.
            "properties": {"title": {"title": blocks.rich_text(data.title)}},
            **_look(data),
        }
        page = self.client.create_page(body, self._content(data))
        return Result(True, f"The page '{data.title}' is there.", _page(page))

    def update_page(self, data: UpdatePage) -> Result:
        body = self._changes(data)
        if data.is_locked is not None:
            body["is_locked"] = data.is_locked
        if data.title is not None:
            # `title` is the id of that column everywhere, whatever its name.
            body["properties"] = {"title": {"title": blocks.rich_text(data.title)}}
        return self._changed(data.page, body)

    def append_content(self, data: AppendContent) -> Result:
        ids = self.client.append(data.page, self._content(data))
        return Result(True, f"{len(ids)} blocks were added.", {"page_id": data.page, "block_ids": ids})

    def create_database_entry(self, data: CreateDatabaseEntry) -> Result:
        source = self._source(data)
        columns = mapping(source.get("properties"))
        body: Json = {
            "parent": {"type": "data_source_id", "data_source_id": str(source["id"])},
            "properties": self._columns(_with_title(data.properties, data.title, columns), columns),
            **_look(data),
        }
        page = self.client.create_page(body, self._content(data))
        return Result(True, "The entry is there.", _page(page))

    def update_database_entry(self, data: UpdateDatabaseEntry) -> Result:
        body = self._changes(data)
        if data.properties or data.title is not None:
            columns = mapping(self.client.page(data.page).get("properties"))
            given = _with_title(data.properties, data.title or "", columns)
            body["properties"] = self._columns(given, columns)
        return self._changed(data.page, body)

    def add_comment(self, data: AddNotionComment) -> Result:
        body: Json = {"rich_text": blocks.with_mentions(self._mentions(data.mentions), data.text)}
        if data.discussion:
            body["discussion_id"] = data.discussion
        else:
            body["parent"] = {"page_id": data.page} if data.page else {"block_id": data.block}
        if data.attachments:
            body["attachments"] = [
                {"type": "file_upload", "file_upload_id": self.client.upload(self.open_file(source))}
                for source in data.attachments
            ]
        made = self.client.write("POST", "comments", body=body)
        return Result(
            True, "The comment is there.", {"comment_id": made["id"], "discussion_id": made.get("discussion_id")}
        )

    def query_database(self, data: QueryDatabase) -> Result:
        source = self._source(data)
        columns = mapping(source.get("properties"))
        body: Json = {"page_size": data.page_size}
        asked = [
            values.filter_for(_name_of(name, columns), _kind_of(name, columns), value)
            for name, value in data.where.items()
        ]
        asked += [data.filter] if data.filter else []
        if asked:
            body["filter"] = asked[0] if len(asked) == 1 else {"and": asked}
        if data.sorts:
            body["sorts"] = data.sorts
        if data.start_cursor:
            body["start_cursor"] = data.start_cursor
        answer = self.client.read("data_sources", str(source["id"]), "query", body=body)
        rows = [_row(mapping(item)) for item in items(answer.get("results"))]
        following = answer.get("next_cursor") if answer.get("has_more") else None
        known = {"results": rows, "count": len(rows), "next_cursor": following}
        return Result(True, f"{len(rows)} entries found.", known)

    # --- parts -----------------------------------------------------------------------------------------------
    def _source(self, data: WithDatabase) -> Json:
        name = data.database or self.config.default_database
        if not name:
            raise InvalidInput("Name a database, or set a default database in the integration.")
        return self.client.data_source(name)

    def _columns(self, given: Mapping[str, Any], columns: Mapping[str, Any]) -> Json:
        return {
            _name_of(name, columns): values.value_for(
                name, _kind_of(name, columns), value, self.client.person_id, _page_id
            )
            for name, value in given.items()
        }

    def _content(self, data: WithContent) -> list[Json]:
        """Everything that a page is to hold, in order: mentions and text, blocks, files."""
        # Files first: nothing is made where one cannot be had.
        files = [self._file_block(source) for source in data.attachments]
        mentions = self._mentions(data.mentions)
        found = blocks.blocks_of(data.content)
        if mentions and found and found[0]["type"] == "paragraph":
            found[0]["paragraph"]["rich_text"] = [
                *blocks.with_mentions(mentions, ""),
                *found[0]["paragraph"]["rich_text"],
            ]
        elif mentions:
            found.insert(0, {"type": "paragraph", "paragraph": {"rich_text": blocks.with_mentions(mentions, "")}})
        return [*found, *data.children, *files]

    def _file_block(self, source: "FileSource") -> Json:
        file = self.open_file(source)
        kind = _MEDIA.get(
            file.content_type.partition("/")[0], "pdf" if file.content_type == "application/pdf" else "file"
        )
        return {"type": kind, kind: {"type": "file_upload", "file_upload": {"id": self.client.upload(file)}}}

    def _mentions(self, who: Sequence[str]) -> list[Json]:
        return [
            # A page is named by its address; a bare id is a person's.
            blocks.mention_of_page(str(id_in(one)))
            if "://" in one and id_in(one)
            else blocks.mention_of_person(self.client.person_id(one))
            for one in who
        ]

    def _changes(self, data: UpdatePage | UpdateDatabaseEntry) -> Json:
        body = _look(data)
        if data.in_trash is not None:
            body["in_trash"] = data.in_trash
        return body

    def _changed(self, page_id: str, body: Json) -> Result:
        if not body:
            raise InvalidInput("Nothing to change: a title cannot be cleared.")
        page = self.client.write("PATCH", "pages", page_id, body=body)
        return Result(True, "The page is changed.", _page(page))

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    def enrich(self, event: Event) -> Event:
        """Return the event with its page and comment. What is gone or not shared with us stays as it was told."""
        try:
            if event.type == "comment.created":
                event = events.with_comment(event, self.client.comment(event.external_id))
            page_id = identifier(mapping(event.payload.get("page")).get("id"))
            return events.with_page(event, self.client.page(page_id)) if page_id else event
        except (NotFound, Forbidden):
            return event

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return identifier(mapping(payload).get("id"))

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return identifier(mapping(payload).get("workspace_id"))

    @classmethod
    def handshake_secret(cls, request: WebhookRequest, payload: Any) -> str | None:
        return events.handshake_secret(payload)

    @classmethod
    def handshake(cls, request: WebhookRequest, payload: Any) -> HandshakeAnswer | None:
        # Sent again on demand; signed with the token that it carries, it tells nothing new.
        return HandshakeAnswer() if events.handshake_secret(payload) else None


def _look(data: WithLook) -> Json:
    look: Json = {}
    if data.icon:
        is_address = data.icon.startswith("https://")
        look["icon"] = (
            {"type": "external", "external": {"url": data.icon}}
            if is_address
            else {"type": "emoji", "emoji": data.icon}
        )
    if data.cover:
        look["cover"] = {"type": "external", "external": {"url": data.cover}}
    return look


def _with_title(given: Mapping[str, Any], title: str, columns: Mapping[str, Any]) -> Json:
    if not title:
        return dict(given)
    name = next((name for name, column in columns.items() if mapping(column).get("type") == "title"), "title")
    return {name: title, **given}


def _name_of(name: str, columns: Mapping[str, Any]) -> str:
    """The name of a column as Notion has it, whatever the case in which it was written. Raises InvalidInput."""
    if name in columns:
        return name
    found = [known for known in columns if known.casefold() == name.strip().casefold()]
    if len(found) != 1:
        raise InvalidInput(f"The database has no column '{name}'. There are: {', '.join(sorted(columns)[:30])}.")
    return found[0]


def _kind_of(name: str, columns: Mapping[str, Any]) -> str:
    return str(mapping(columns[_name_of(name, columns)]).get("type") or "")


def _page_id(one: str) -> str:
    found = id_in(one)
    if found is None:
        raise InvalidInput(f"'{one[:60]}' is neither the id nor the address of a page.")
    return found


def _page(page: Mapping[str, Any]) -> Json:
    return {
        "id": page["id"],
        "url": page.get("url"),
        "title": values.title_of(page.get("properties")),
        "in_trash": page.get("in_trash"),
    }


def _row(page: Mapping[str, Any]) -> Json:
    known = {name: page.get(name) for name in ("id", "url", "created_time", "last_edited_time")}
    columns = page.get("properties")
    return {**known, "title": values.title_of(columns), "values": values.plain_values(columns)}


def _choice(item: Mapping[str, Any], name: str) -> Json:
    return {"id": item["id"], "name": name or "Untitled"}
