"""How long a platform asks us to wait, in all the forms in which that is written. Pure."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST, LONGEST = 1.0, 3600.0


def clamped(seconds: float) -> float:
    """Return `seconds` within what we are ready to wait: at least a second, at most an hour."""
    return min(max(seconds, SHORTEST), LONGEST)


def wait_of(value: str | None, now: datetime, *, date: str | None = None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, within [1 s, 1 h]; None when it says nothing readable.

    Takes seconds (also ``100.0``, negative, huge) and HTTP dates (RFC 9110, section 10.2.3). `date` is the answer's
    own `Date`: measured from that, a platform whose clock is wrong still says what it means.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until_date(text, now, date)
    return None if math.isnan(seconds) else clamped(seconds)


def _until_date(text: str, now: datetime, date: str | None) -> float | None:
    at = _http_date(text)
    if at is None:
        return None
    return clamped((at - (_http_date(date or "") or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
