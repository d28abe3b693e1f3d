"""Where a secret may be sent: hosts and origins, as people write them.

`host[:port]` means https there; an origin (``http://10.0.0.5:8080``) means just that. Plain http only where the
operator allows the host (``SUPPORTOPS_OUTBOUND_ALLOW``).
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from integrations.addresses import allowed_by_operator, default_port, is_allowed

Origin = tuple[str, str, int]

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


def origin_of(text: str) -> Origin:
    """Return scheme, host and port of a binding. Raises ValueError that says what is wrong with it."""
    given = text.strip().lower()
    scheme, _, rest = given.rpartition("://")
    scheme = scheme or "https"
    if scheme not in ("http", "https"):
        raise ValueError(f"'{text[:80]}' is no host: write host, host:port or https://host")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port or default_port(scheme)
    except ValueError:
        raise ValueError(f"'{text[:80]}' has a port that is none") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise ValueError(f"'{text[:80]}' is no host: write host, host:port or https://host, without path or sign-in")
    if scheme == "http" and not is_allowed(host.strip("[]"), port, allowed_by_operator()):
        raise ValueError(f"'{text[:80]}' is plain http: an operator must allow the host (SUPPORTOPS_OUTBOUND_ALLOW)")
    return scheme, host, port


def may_go_to(url: str, bindings: Iterable[str]) -> bool:
    """Return whether a secret bound to `bindings` may stand in a request to `url`."""
    try:
        parts = urlsplit(url)
        asked = origin_of(f"{parts.scheme}://{parts.netloc}")
        return asked in {origin_of(binding) for binding in bindings}
    except ValueError:
        return False
