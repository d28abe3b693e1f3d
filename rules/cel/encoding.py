"""How a value is written into a text so that it is only ever a value there, and who may choose where a request goes."""

import html
import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

# Gets a value as text, and what was rendered before it; returns what to write. Raises ValueError with the reason.
Encoder = Callable[[str, str], str]

_LINE_BREAK = re.compile(r"[\r\n\x00]")
_MARKDOWN = re.compile(r"([\\`*_~\[\]<>])")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_UP_TO_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[/\\]{0,2}|//[^/?#\\]*)")
_HOST = re.compile(r"[A-Za-z0-9.\-]*(?::[0-9]{1,5})?")
# What has a meaning in a URL and therefore stays where a value is a URL as a whole.
_URL_MARKS = ":/?#[]@!$&'()*+,;=%~-._"


def mrkdwn(text: str, before: str) -> str:
    """Escape for Slack, see https://docs.slack.dev/messaging/formatting-message-text (read 2026-11).

    `<!channel>`, `<@U1>` and `<https://...|text>` of a ticket stay text and ping nobody.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str, before: str) -> str:
    """Escape for Markdown (CommonMark, section 2.4): a ticket's brackets and stars make neither links nor lists."""
    return _MARKDOWN.sub(r"\\\1", text)


def as_html(text: str, before: str) -> str:
    """Escape for HTML, inside of attributes too."""
    return html.escape(text, quote=True)


def header(text: str, before: str) -> str:
    """Return the text unless it would start another header."""
    if _LINE_BREAK.search(text):
        raise ValueError("The value has a line break, which a header cannot hold.")
    return text


def url(text: str, before: str) -> str:
    """Write a value into a URL: at its very beginning it is the URL itself, later only ever a part.

    It never leaves its segment of the path, its parameter of the query or its part of the host name.
    """
    if not before:
        if _CONTROL.search(text.strip()):
            text = quote(text.strip(), safe=_URL_MARKS)
        return text.strip()
    if is_before_path(before):
        if not _HOST.fullmatch(text):
            raise ValueError("The value cannot be part of a host name: letters, digits, dots and hyphens can.")
        return text
    return quote(text, safe="")


def cell(text: str, before: str) -> str:
    """Write a value into a spreadsheet's cell so that it is never a formula, wherever formulas are allowed.

    At the beginning of a cell it is marked as text by an apostrophe, as people do who type. Inside the author's own
    formula it stays within the quotation marks around it; outside of them only a number may stand.
    """
    if not before.strip():
        is_harmless = text.lstrip()[:1] not in tuple("=+-@'") or _PLAIN_NUMBER.fullmatch(text.strip())
        return text if is_harmless else "'" + text
    if not before.lstrip().startswith("="):
        return text
    if before.count('"') % 2:
        return _LINE_BREAK.sub(" ", text).replace('"', '""')
    if not _PLAIN_NUMBER.fullmatch(text.strip()):
        raise ValueError("In a formula a value stands within quotation marks, or is a number.")
    return text.strip()


def is_before_path(url_so_far: str) -> bool:
    """Return whether what follows would still belong to the scheme or the host."""
    return _UP_TO_HOST.fullmatch(url_so_far) is not None or not re.search(r"[/?#]", url_so_far)


def refuse_dot_segments(rendered: str) -> None:
    """Raise ValueError where a value became `.` or `..` as a whole segment: it would lead to another place."""
    path = re.split(r"[?#]", rendered, maxsplit=1)[0]
    if any(unquote(segment) in (".", "..") for segment in re.split(r"[/\\]", path)):
        raise ValueError("The address has '.' or '..' as a part of its path, which would lead to another place.")


def has_host(rendered: str) -> bool:
    """Return whether a text is an http(s) address with a host."""
    try:
        parts = urlsplit(rendered)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)


ENCODERS: dict[str, Encoder] = {
    "html": as_html,
    "mrkdwn": mrkdwn,
    "markdown": markdown,
    "url": url,
    "header": header,
    "cell": cell,
}
