"""Where a platform is: base URLs made of a connector's declaration, credentials and the operator's replacements."""

import re
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from integrations.errors import InvalidInput

if TYPE_CHECKING:
    from integrations.base import BaseIntegration

_HOST_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")


def base_urls(
    connector: "type[BaseIntegration]", credentials: Mapping[str, Any], replacement: str | None = None
) -> dict[str, str]:
    """Return a connector's base URLs by name, "" being the API's own.

    `replacement` (of SUPPORTOPS_PLATFORM_URLS) takes the place of the whole base URL including its path, and further
    hosts become `<replacement>/_<name>`. Raises InvalidInput when a credential cannot stand in an address.
    """
    if replacement:
        base = filled(replacement, credentials).rstrip("/")
        return {"": base, **{name: f"{base}/_{name}" for name in connector.other_urls}}
    bases = {"": connector.base_url, **connector.other_urls}
    return {name: filled(url, credentials).rstrip("/") for name, url in bases.items() if _is_given(url, credentials)}


def filled(template: str, credentials: Mapping[str, Any]) -> str:
    """Return `template` with credentials in place of its fields in braces.

    In the host only a host name (or a part of one) may stand; in the path values are encoded; a field at the very
    beginning is a URL of its own (`{url}/api`), whose path is kept, or with `{url:origin}` its scheme, host and port
    alone. Raises InvalidInput that names the field.
    """
    result = ""
    for literal, field, part, _ in string.Formatter().parse(template):
        result += literal
        if field is None:
            continue
        value = str(credentials.get(field) or "").strip()
        if not result and part == "origin":
            result = _origin_of(field, value)
        elif not result:
            result = _own_url(field, value)
        elif "/" not in result.partition("://")[2]:
            if not _HOST_PART.fullmatch(value) or len(value) > 253:
                raise InvalidInput(
                    f"{field}: '{value[:60]}' is not the name of a host; give it without https:// and path."
                )
            result += value.lower()
        else:
            # A colon is plain in a path, and tokens of Telegram hold one.
            result += quote(value, safe=":")
    return result


def checked_url(text: str) -> httpx.URL:
    """Return an absolute URL. Raises InvalidInput for other schemes, sign-in data in it, and no host."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise InvalidInput("The address is not a valid URL.") from None
    if url.scheme not in ("http", "https"):
        raise InvalidInput(f"Only http and https addresses can be called, not '{url.scheme[:20]}'.")
    if not url.host:
        raise InvalidInput("The address names no host.")
    if url.userinfo:
        raise InvalidInput("An address may not hold a user name or password; use the sign-in fields.")
    return url


def joined(base: str, path: str) -> httpx.URL:
    """Return `path` under `base`. Raises InvalidInput for a path that would lead out of it."""
    plain, mark, query = path.partition("?")
    _refuse_dots(plain)
    if "#" in plain or "\\" in plain:
        raise InvalidInput(f"The path '{plain[:60]}' holds a character that must be encoded.")
    own, own_mark, own_query = base.partition("?")
    whole = own + ("/" + plain.lstrip("/") if plain.strip("/") else plain and "/")
    queries = "&".join(part for part in (own_query if own_mark else "", query if mark else "") if part)
    return checked_url(f"{whole}?{queries}" if queries else whole)


def is_under(url: httpx.URL, base: str) -> bool:
    """Return whether `url` lies under `base`: same scheme, host and port, and its path or one below."""
    root = httpx.URL(base)
    if (url.scheme, url.host, url.port) != (root.scheme, root.host, root.port):
        return False
    if any(part in ("..", ".") for part in unquote(url.path).split("/")):
        return False
    root_path = root.path.rstrip("/")
    return url.path == root_path or url.path.startswith(root_path + "/")


def _is_given(template: str, credentials: Mapping[str, Any]) -> bool:
    """An optional address (a second host, a URL from credentials) is there when all its fields are."""
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    return bool(template) and all(credentials.get(field) not in (None, "") for field in fields)


def _own_url(field: str, value: str) -> str:
    url = value if "://" in value else f"https://{value}"
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise InvalidInput(f"{field}: the address may not hold a '?' or '#'.")
    _refuse_dots(parts.path)
    try:
        checked_url(url)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error.message}") from None
    return url.rstrip("/")


def _origin_of(field: str, value: str) -> str:
    try:
        url = checked_url(value)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error.message}") from None
    return str(url.copy_with(path="/", query=None, fragment=None)).rstrip("/")


def _refuse_dots(path: str) -> None:
    if any(part in (".", "..") for part in unquote(unquote(path)).split("/")):
        raise InvalidInput("The path holds '..' or '.', which would lead elsewhere.")
