"""Files in parameters: of the organization's store, from an address, or written out. Never a path of the server."""

import base64
import binascii
import mimetypes
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, model_validator

from integrations.errors import InvalidInput
from integrations.parameters import Parameters
from integrations.specs import Call, File

if TYPE_CHECKING:
    from integrations.http import PlatformClient

MOST_BYTES = 25 * 1024 * 1024


class FileSource(Parameters):
    """Where a file comes from: exactly one of `file`, `url`, `content` and `content_base64`."""

    file: str | None = Field(
        None,
        title="File",
        description="Name or id of a file of the organization.",
        min_length=1,
        validation_alias=AliasChoices("file", "file_path"),
    )
    url: str | None = Field(
        None, title="Address", description="Where the file is fetched from, without credentials.", pattern=r"^https?://"
    )
    content: str | None = Field(None, title="Content", description="The text of the file.")
    content_base64: str | None = Field(None, title="Content in base64", description="For files that are no text.")
    filename: str = Field("", title="File name", description="Made from the source when left out.", max_length=255)
    content_type: str = Field("", title="Type", description="Such as text/csv; by the name when left out.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [value for value in (self.file, self.url, self.content, self.content_base64) if value is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of file, url, content and content_base64")
        return self


def _as_sources(value: Any) -> Any:
    """Take names of stored files for sources: ``"report.pdf"`` or ``["a.txt", {"url": ...}]``."""
    items = value if isinstance(value, list) else [value]
    return [{"file": item} if isinstance(item, str) else item for item in items]


Attachments = Annotated[list[FileSource], BeforeValidator(_as_sources)]


def references(parameters: BaseModel) -> set[str]:
    """Return the names and ids of stored files that validated parameters ask for, at any depth."""
    return {source.file for source in _sources(parameters) if source.file is not None}


def open_source(source: FileSource, call: Call, http: "PlatformClient") -> File:
    """Return the file that `source` names. Raises InvalidInput, and what fetching an address raises."""
    if source.file is not None:
        found = call.files.get(source.file)
        if found is None:
            raise InvalidInput(f"The organization has no file '{source.file}'.")
        content, name, kind = found.content, found.name, found.content_type
    elif source.url is not None:
        response = http.fetch(source.url, max_bytes=MOST_BYTES)
        name = PurePosixPath(unquote(urlsplit(source.url).path)).name
        content, kind = response.body, response.headers.get("content-type", "").partition(";")[0].strip()
    else:
        content, name, kind = _written_out(source), "", ""
    name = source.filename or name or "file.txt"
    return File(name, content, source.content_type or kind or _type_of(name))


def _written_out(source: FileSource) -> bytes:
    if source.content is not None:
        return source.content.encode()
    try:
        return base64.b64decode(source.content_base64 or "", validate=True)
    except binascii.Error:
        raise InvalidInput("content_base64 is not valid base64.") from None


def _type_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _sources(value: Any) -> Iterator[FileSource]:
    if isinstance(value, FileSource):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _sources(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _sources(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _sources(item)
