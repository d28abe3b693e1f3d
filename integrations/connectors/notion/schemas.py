"""What Notion's actions take, and what signs them in. Sizes: https://developers.notion.com/reference/request-limits."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.attachments import Attachments
from integrations.parameters import Names, Parameters
from integrations.specs import Choice, Credential, CredentialFields

# With a hundred pieces of 2,000 characters in each of a thousand blocks it is the size of the request that counts.
MAX_TEXT = 200_000
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_LAST_ID = re.compile(r"(?:^|[-/])([0-9a-f]{32})$")


def id_in(text: str) -> str | None:
    """Return the id in what people paste of a page or database (its id or address), None where there is none."""
    plain = text.strip()
    if "://" in plain:
        parts = urlsplit(plain)
        # A page that is shown over its database stands in the query.
        shown = parse_qs(parts.query).get("p", [""])[0]
        found = _LAST_ID.search(shown or parts.path.rstrip("/").lower())
        plain = found[1] if found else ""
    plain = plain.lower()
    if not _ID.fullmatch(plain):
        return None
    bare = plain.replace("-", "")
    return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"


def _page(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = id_in(value)
    if found is None:
        raise ValueError("a page is named by its id or its address")
    return found


Page = Annotated[str, BeforeValidator(_page)]
People = Annotated[Names, Choice("users"), Field(max_length=20)]


class NotionCredentials(CredentialFields):
    token: Annotated[
        str, Credential(where="https://www.notion.so/profile/integrations, your connection, 'Configuration'")
    ] = Field(
        title="Token",
        description="The secret of an internal connection (ntn_…), or an access token by OAuth.",
        pattern=r"^[\x21-\x7e]+$",
    )
    client_id: Annotated[str | None, Credential(is_secret=False)] = Field(
        None, title="OAuth client: id", description="Of a public connection of your own that shall be authorized."
    )
    client_secret: Annotated[str | None, Credential()] = Field(None, title="OAuth client: secret")


class NotionConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_page: str = Field(
        "", title="Default page", description="Address or id of the page under which new pages go that name none."
    )
    default_database: Annotated[str, Choice("databases")] = Field(
        "", title="Default database", description="For entries and queries that name none."
    )
    api_version: Literal["2025-09-03", "2026-03-11"] = Field(
        "2025-09-03", title="API version", description="Which version of Notion's API is asked for."
    )

    @model_validator(mode="after")
    def _names_a_page(self) -> Self:
        if self.default_page and id_in(self.default_page) is None:
            raise ValueError("default_page is the id or address of a page")
        return self


class WithContent(Parameters):
    content: str = Field(
        "",
        title="Content",
        description="Plain text. Lines may begin with #, -, 1., - [ ] or >; ``` fences code.",
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("content", "text", "body"),
    )
    children: list[dict[str, Any]] = Field(
        [], title="Blocks", description="In Notion's own form, after the content.", max_length=1000
    )
    mentions: People = Field(
        [], title="Mentions", description="People by e-mail address, name or id, and pages by address."
    )
    attachments: Attachments = Field([], title="Attachments", description="Files of the organization.", max_length=20)


class WithLook(Parameters):
    icon: str = Field("", title="Icon", description="An emoji, or the address of a picture.", max_length=2000)
    cover: str = Field("", title="Cover", description="The address of a picture.", max_length=2000)


class CreatePage(WithContent, WithLook):
    title: str = Field(title="Title", min_length=1, max_length=2000)
    parent: Page | None = Field(
        None,
        title="Under page",
        description="Id or address; the integration's default page otherwise.",
        validation_alias=AliasChoices("parent", "parent_id", "page_id"),
    )


class WithPage(Parameters):
    page: Page = Field(
        title="Page", description="Id or address.", validation_alias=AliasChoices("page", "page_id", "id")
    )


class UpdatePage(WithPage, WithLook):
    title: str | None = Field(None, title="Title", min_length=1, max_length=2000)
    in_trash: bool | None = Field(
        None, title="In the trash", validation_alias=AliasChoices("in_trash", "archived", "archive")
    )
    is_locked: bool | None = Field(None, title="Locked")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"page"}:
            raise ValueError("name at least one thing to change")
        return self


class AppendContent(WithPage, WithContent):
    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.content.strip() or self.children or self.attachments or self.mentions):
            raise ValueError("there is nothing to append")
        return self


class WithDatabase(Parameters):
    database: Annotated[str, Choice("databases")] | None = Field(
        None,
        title="Database",
        description="Name, id or address; the integration's default database otherwise.",
        min_length=1,
        validation_alias=AliasChoices("database", "database_id", "data_source_id"),
    )


class CreateDatabaseEntry(WithDatabase, WithContent, WithLook):
    properties: dict[str, Any] = Field(
        {}, title="Columns", description="By name: texts, numbers, dates, lists, or values in Notion's own form."
    )
    title: str = Field("", title="Title", description="Of the column that holds the title.", max_length=2000)

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if not (self.properties or self.title):
            raise ValueError("give a title or properties")
        return self


class UpdateDatabaseEntry(WithPage, WithLook):
    properties: dict[str, Any] = Field(
        {}, title="Columns", description="By name: texts, numbers, dates, lists, or values in Notion's own form."
    )
    title: str | None = Field(None, title="Title", min_length=1, max_length=2000)
    in_trash: bool | None = Field(
        None, title="In the trash", validation_alias=AliasChoices("in_trash", "archived", "archive")
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"page"}:
            raise ValueError("name at least one thing to change")
        return self


class AddNotionComment(Parameters):
    page: Page | None = Field(
        None, title="Page", description="Id or address.", validation_alias=AliasChoices("page", "page_id")
    )
    block: Page | None = Field(None, title="Block", validation_alias=AliasChoices("block", "block_id"))
    discussion: Page | None = Field(
        None, title="Discussion", description="Id of one to answer in.",
        validation_alias=AliasChoices("discussion", "discussion_id"),
    )  # fmt: skip
    text: str = Field(
        title="Comment",
        min_length=1,
        max_length=MAX_TEXT,
        validation_alias=AliasChoices("text", "comment", "body", "message"),
    )
    mentions: People = Field(
        [], title="Mentions", description="People by e-mail address, name or id, and pages by address."
    )
    attachments: Attachments = Field([], title="Attachments", description="Files of the organization.", max_length=3)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len([place for place in (self.page, self.block, self.discussion) if place]) != 1:
            raise ValueError("give exactly one of page, block and discussion")
        return self


class QueryDatabase(WithDatabase):
    where: dict[str, Any] = Field({}, title="Where", description="Columns by name and the value that they equal.")
    filter: dict[str, Any] = Field({}, title="Filter", description="In Notion's own form.")
    sorts: list[dict[str, Any]] = Field([], title="Sorted by", description="In Notion's own form.", max_length=100)
    page_size: int = Field(100, title="At most", ge=1, le=100, validation_alias=AliasChoices("page_size", "limit"))
    start_cursor: str | None = Field(None, title="Next page", description="What an earlier query gave as next_cursor.")
