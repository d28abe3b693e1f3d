"""What an answer's headers say about the platform's rate limit. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# Names in the order in which they are believed. Freshdesk says `-Total`, Zendesk `X-Rate-Limit` without a suffix;
# `RateLimit-*` is the IETF's earlier draft, `RateLimit` with `r=` and `t=` the later one.
_LIMIT = ("x-ratelimit-limit", "x-ratelimit-total", "x-rate-limit-limit", "x-rate-limit", "ratelimit-limit")
_REMAINING = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_RESET = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*(\d+)")


def rate_limit(headers: Mapping[str, str], now: datetime) -> dict[str, Any] | None:
    """Return ``{"limit", "remaining", "reset_at"}`` (numbers, RFC 3339 text; None where unknown), None without any."""
    if not any("rate" in name.lower() for name in headers):
        return None  # most answers: told by one look instead of a dozen
    limit, remaining = _first(headers, _LIMIT), _first(headers, _REMAINING)
    reset_at = next((at for name in _RESET if (at := _moment(headers.get(name), now)) is not None), None)
    draft = dict(_PARAMETER.findall(headers.get("ratelimit", "")))
    policy = dict(_PARAMETER.findall(headers.get("ratelimit-policy", "")))
    if remaining is None and "r" in draft:
        remaining = int(draft["r"])
    if limit is None and "q" in policy:
        limit = int(policy["q"])
    if reset_at is None and "t" in draft:
        reset_at = now + timedelta(seconds=int(draft["t"]))
    if limit is None and remaining is None:
        return None
    return {"limit": limit, "remaining": remaining, "reset_at": reset_at.isoformat() if reset_at else None}


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    for name in names:
        # Values look like `100`, `100.0` or `100, 100;w=60`.
        found = _NUMBER.match((headers.get(name) or "").strip())
        if found:
            return int(min(max(float(found.group()), 0), 2**53))
    return None


def _moment(value: str | None, now: datetime) -> datetime | None:
    """A reset comes as seconds from now, as unix seconds or milliseconds, or as a time in words."""
    text = (value or "").strip()
    found = _NUMBER.fullmatch(text.split(",")[0].split(";")[0].strip())
    try:
        if found is None:
            at = datetime.fromisoformat(text)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        number = float(found.group())
        if number > 1e11:
            return datetime.fromtimestamp(number / 1000, UTC)
        if number > 1e9:
            return datetime.fromtimestamp(number, UTC)
        return now + timedelta(seconds=max(number, 0.0))
    except (ValueError, OverflowError, OSError):
        return None
