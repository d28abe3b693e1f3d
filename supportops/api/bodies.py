"""Bodies that are files: texts in, files out."""

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

from supportops.api.errors import ApiProblem

MOST_BYTES = 4 * 1024 * 1024


class FileNegotiation(BaseContentNegotiation):
    """`?format=` means the file here, not the form of the answer."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        given = request.content_type or "text/plain"
        return next((parser for parser in parsers if media_type_matches(parser.media_type, given)), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class TextParser(BaseParser):
    """The body as text, whatever type it claims: YAML and CSV have several names."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the text. Raises ApiProblem for a body that is too large or no UTF-8."""
        return text_of(stream.read(MOST_BYTES + 1))


def text_of(raw: bytes, attr: str | None = None) -> str:
    """Return the text of a file. Raises ApiProblem for one that is too large or no UTF-8."""
    if len(raw) > MOST_BYTES:
        raise ApiProblem(attr, "too_large", f"The text is larger than {MOST_BYTES // 1024 // 1024} MiB.", status=413)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ApiProblem(attr, "malformed", f"The text is not UTF-8 (byte {error.start}, line {line}).") from None


def text_in(request: Request) -> str:
    """Return the text that a request brings: its body, or the `file` of a form. "" where there is none."""
    # A text where TextParser read it; an empty body never reaches a parser.
    data: Any = request.data
    if isinstance(data, str):
        return data
    upload = data.get("file")
    return text_of(upload.read(MOST_BYTES + 1), "file") if hasattr(upload, "read") else str(upload or "")
