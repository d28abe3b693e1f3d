"""How much of an answer is kept with its step. Pure."""

from typing import Any

from supportops import odd_json

MOST_BYTES = 256 * 1024


def bounded(value: Any) -> Any:
    """Return what is kept of a JSON value: all of it, or how large it is and how it begins."""
    size = len(odd_json.dumps(value))
    if size <= MOST_BYTES:
        return value
    return {"truncated": True, "bytes": size, "beginning": odd_json.dumps(value)[:4000].decode("utf-8", "ignore")}
