"""JSON in and out of the API: strict on the way in, one form of times on the way out."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from supportops import odd_json
from supportops.api.errors import ApiProblem


class JsonParser(BaseParser):
    """Reads a body of JSON. Refuses what would not survive being stored: with line and column, or the place."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # Django's own limit holds for request.body only, not for what is read as a stream.
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise ApiProblem(None, "too_large", f"The body is larger than {limit // 1024} KiB.", status=413)
        try:
            value = odd_json.loads(raw, strict=True)
        except odd_json.MalformedJson as error:
            where = f" (line {error.line}, column {error.column})" if error.line else ""
            attr = ".".join(error.path) or None
            raise ApiProblem(attr, exceptions.ParseError.default_code, f"The body is {error}{where}.") from None
        for path in _null_characters(value, ()):
            raise ApiProblem(
                ".".join(path) or None, "null_character", "The text holds a null character (\\u0000): leave it out."
            )
        return value


class JsonRenderer(BaseRenderer):
    """Writes JSON: UTF-8, times as RFC 3339 in UTC."""

    media_type = "application/json"
    format = "json"
    # JSON is UTF-8 by definition (RFC 8259); the media type has no charset parameter.
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else dumps(data)


def dumps(data: Any) -> bytes:
    """Return `data` as the API writes it."""
    return orjson.dumps(data, default=_default, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)


def rfc3339(at: datetime) -> str:
    """Return a time as the API writes it: UTC with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _null_characters(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _null_characters(item, (*path, str(position)))
    elif isinstance(value, dict):
        for key, item in value.items():
            if "\0" in key:
                yield (*path, key.replace("\0", "\\u0000"))
            yield from _null_characters(item, (*path, key))
