"""Calls to Notion's API, look-ups of names, what its answers mean. https://developers.notion.com/reference, 2026-11."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from integrations.answers import SAFE_METHODS
from integrations.connectors.notion.blocks import MOST_BLOCKS, plain
from integrations.connectors.notion.schemas import id_in
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.http import path
from integrations.payloads import items, mapping, text
from integrations.retry_after import wait_of
from integrations.specs import File
from integrations.vendor_message import shortened
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

Json = dict[str, Any]
PER_PAGE = 100
MAX_PAGES = 20
# Its window is a minute; without a word this is waited.
UNNAMED_WAIT = 30.0
_CLASSES: dict[int, type[IntegrationError]] = {
    400: InvalidInput,
    401: CredentialsRejected,
    403: Forbidden,
    404: NotFound,
    413: InvalidInput,
}


class NotionClient:
    """Notion as one integration sees it. Keeps what it looked up for as long as it lives: one call of a handler."""

    def __init__(self, http: "PlatformClient") -> None:
        self.http = http

    # --- calls -----------------------------------------------------------------------------------------------
    def get(self, *parts: str, **params: Any) -> Json:
        return dict(mapping(self.http.get(path(*parts), params=params).json()))

    def read(self, *parts: str, body: Mapping[str, Any]) -> Json:
        """Ask by a POST that changes nothing."""
        had_written = self.http.has_written
        answer = dict(mapping(self.http.post(path(*parts), json=dict(body)).json()))
        self.http.has_written = had_written
        return answer

    def write(self, method: str, *parts: str, body: Mapping[str, Any]) -> Json:
        """Make a call that changes something. A 503 may have been saved: what it names is then the answer.

        https://developers.notion.com/reference/request-limits, read 2026-11
        """
        response = self.http.request(method, path(*parts), json=dict(body), expected={503})
        if response.is_success:
            # Blocks are answered as a list, all else as the object.
            return response.made(by="object" if parts[0] == "blocks" else "id")
        more = mapping(mapping(response.json_or_none()).get("additional_data"))
        made = text(more.get("committed_resource_id"))
        children = [child for child in items(more.get("committed_child_ids")) if isinstance(child, str)]
        if made is None and not children:
            raise error_for(response) or Unavailable("Notion answered 503.", may_have_reached=True)
        self.http.has_written = True
        if made is None:
            return {"object": "list", "results": [{"object": "block", "id": child} for child in children]}
        try:
            return self.get("comments" if parts[0] == "comments" else "pages", made)
        except IntegrationError:
            # It is there, as Notion says; only its looks are not known.
            return {"id": made}

    def pages(self, *parts: str, body: Mapping[str, Any] | None = None) -> Iterator[Json]:
        """The items of a list; asked for by POST where there is a body."""
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            more = {"page_size": PER_PAGE, **({"start_cursor": cursor} if cursor else {})}
            answer = self.get(*parts, **more) if body is None else self.read(*parts, body={**body, **more})
            yield from (item for item in items(answer.get("results")) if isinstance(item, dict))
            cursor = text(answer.get("next_cursor")) if answer.get("has_more") else None
            if cursor is None:
                return

    # --- pages -----------------------------------------------------------------------------------------------
    def me(self) -> Json:
        return self.get("users", "me")

    def page(self, page_id: str) -> Json:
        return self.get("pages", page_id)

    def comment(self, comment_id: str) -> Json:
        return self.get("comments", comment_id)

    def create_page(self, body: Mapping[str, Any], blocks: Sequence[Json]) -> Json:
        """Make a page with its content, which goes in several calls where it is long."""
        first = list(blocks[:MOST_BLOCKS])
        page = self.write("POST", "pages", body={**body, **({"children": first} if first else {})})
        self.append(str(page["id"]), blocks[MOST_BLOCKS:])
        return page

    def append(self, page_id: str, blocks: Sequence[Json]) -> list[str]:
        """Add blocks at the end of a page, in as many calls as it takes, and return their ids."""
        ids: list[str] = []
        for at in range(0, len(blocks), MOST_BLOCKS):
            part = list(blocks[at : at + MOST_BLOCKS])
            answer = self.write("PATCH", "blocks", page_id, "children", body={"children": part})
            ids += [str(item.get("id")) for item in items(answer.get("results"))]
        return ids

    def upload(self, file: File) -> str:
        """Give a file to Notion and return its id; nobody sees it before it is attached.

        https://developers.notion.com/docs/uploading-small-files. A call that was cut off here may be made again.
        """
        had_written = self.http.has_written
        try:
            made = self.http.post("/file_uploads", json={"filename": file.name, "content_type": file.content_type})
            upload_id = str(mapping(made.json())["id"])
            parts = {"file": (file.name, file.content, file.content_type)}
            self.http.post(path("file_uploads", upload_id, "send"), files=parts)
        except Uncertain as error:
            raise Unreachable(f"The upload to Notion was cut off. {error.message}", detail=error.detail) from error
        finally:
            self.http.has_written = had_written
        return upload_id

    # --- names into ids --------------------------------------------------------------------------------------
    def data_source(self, database: str) -> Json:
        """Return the data source of a database given by name, id or address, with its columns.

        A database's id is not that of its data source. Raises NotFound, and InvalidInput where it has several.
        """
        database_id = id_in(database)
        if database_id is None:
            return self.get("data_sources", self._id_of_name(database))
        try:
            there = items(self.get("databases", database_id).get("data_sources"))
        except NotFound:
            # It may be a data source's own id.
            return self.get("data_sources", database_id)
        if len(there) > 1:
            some = ", ".join(f"'{mapping(item).get('name')}' ({mapping(item).get('id')})" for item in there[:10])
            raise InvalidInput(f"This database has {len(there)} data sources: name one by its id. There are: {some}.")
        if not there:
            raise NotFound("This database has no data source that the connection may see.")
        return self.get("data_sources", str(mapping(there[0])["id"]))

    def found(self, kind: str, query: str = "") -> list[Json]:
        """What the connection may see: pages or data sources, those changed last first."""
        body = {"filter": {"property": "object", "value": kind}, **({"query": query} if query else {})}
        return list(self.pages("search", body=body))

    def person_id(self, who: str) -> str:
        """Return the id of a person given by id, e-mail address or name. Raises NotFound, and InvalidInput for two."""
        wanted = who.strip().lstrip("@").casefold()
        if id_in(who):
            return str(id_in(who))
        fitting = [
            user for user in self.people
            if wanted in (str(user.get("name") or "").casefold(), _address(user).casefold())
        ]  # fmt: skip
        if not fitting:
            raise NotFound(f"Notion has nobody called '{who}' that the connection may see.")
        if len(fitting) > 1:
            raise InvalidInput(f"Notion has {len(fitting)} people called '{who}': give the e-mail address.")
        return str(fitting[0]["id"])

    @cached_property
    def people(self) -> list[Json]:
        """The workspace's people; bots are left out."""
        return [user for user in self.pages("users") if user.get("type") == "person"]

    def _id_of_name(self, name: str) -> str:
        wanted = name.strip().casefold()
        there = self.found("data_source", name.strip())
        fitting = [item for item in there if plain(item.get("title")).casefold() == wanted]
        if len(fitting) > 1:
            raise InvalidInput(f"Notion has {len(fitting)} databases called '{name}': give the id or address.")
        if not fitting:
            some = ", ".join(f"'{plain(item.get('title'))}'" for item in there[:10])
            words = f"Notion has no database '{name}' that is shared with the connection."
            raise NotFound(words + (f" There are: {some}." if some else ""))
        return str(fitting[0]["id"])


def error_for(response: "Response") -> IntegrationError | None:
    """Return the error that an answer means. https://developers.notion.com/reference/status-codes, read 2026-11"""
    status = response.status_code
    if 200 <= status < 300:
        return None
    answer = mapping(response.json_or_none())
    more, code = mapping(answer.get("additional_data")), str(answer.get("code") or "")
    said = shortened(str(answer.get("message") or response.message))
    words = f"Notion answered {status}" + (f" ({code})" if code else "") + (f": {said}" if said else ".")
    detail = f"request {answer.get('request_id')}" if answer.get("request_id") else ""
    if status in (429, 529):
        if more.get("rate_limit_reason") == "public_api_request_blocked":
            return Forbidden(f"{words} Notion has blocked the connection.", detail=detail, status_code=status)
        header, now = response.headers.get("retry-after"), clock.now()
        wait = wait_of(header or text(more.get("retry_after")), now, date=response.headers.get("date"))
        return RateLimited(words, retry_after=wait or UNNAMED_WAIT, detail=detail, status_code=status)
    if status == 409:
        return Unavailable(words, detail=detail, status_code=status)
    if status >= 500:
        wait = wait_of(response.headers.get("retry-after"), clock.now(), date=response.headers.get("date"))
        # 503 too: what was asked may have been saved, unlike elsewhere.
        reached = response.method not in SAFE_METHODS
        return Unavailable(words, retry_after=wait, detail=detail, status_code=status, may_have_reached=reached)
    if status == 404:
        words += " It does not exist, or is not shared with the connection."
    kind = _CLASSES.get(status)
    return kind(words, detail=detail, status_code=status) if kind else None


def _address(user: Mapping[str, Any]) -> str:
    return str(mapping(user.get("person")).get("email") or "")
