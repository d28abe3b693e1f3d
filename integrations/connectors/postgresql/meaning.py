"""What went wrong at a PostgreSQL server, in our classes. Pure.

https://www.postgresql.org/docs/current/errcodes-appendix.html, read 2026-11.
"""

import re

import psycopg

from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    IntegrationError,
    InvalidInput,
    NotFound,
    Permanent,
    Unavailable,
    Uncertain,
    Unreachable,
)
from integrations.vendor_message import shortened

# The first of these that a code begins with decides.
_CLASSES: tuple[tuple[str, type[IntegrationError]], ...] = (
    ("08", Unavailable),
    ("53", Unavailable),
    ("57P", Unavailable),
    ("57014", Permanent),
    ("55P03", Unavailable),  # a lock was not to be had in time
    ("40", Unavailable),  # deadlock, serialization: rolled back whole
    ("58", Unavailable),
    ("XX", Permanent),
    ("28", CredentialsRejected),
    ("3D", NotFound),
    ("42501", Forbidden),
    ("25006", Forbidden),
    ("42P01", NotFound),
)
_HINTS = {
    "25006": "The query changes data, and runs read-only: see the step's access and the integration's configuration.",
    "57014": "It took longer than the integration's time for a query.",
    "0A000": "A query that reads is one SELECT, VALUES, TABLE or WITH that changes nothing.",
}
# Codes are not told of refused connections, so what the server says must do. A server that speaks another language
# than English is taken for one that is not to be had now.
_REFUSALS: tuple[tuple[re.Pattern[str], type[IntegrationError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (
            r"(password|\w+) authentication failed|role .* does not exist|is not permitted to log in",
            CredentialsRejected,
        ),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects|permission denied", Forbidden),
        (r"database .* does not exist|not currently accepting connections", NotFound),
        (r"server does not support SSL|certificate verify failed|server certificate|SSL error", Permanent),
        (r"too many (clients|connections)|connection slots|starting up|shutting down|recovery mode", Unavailable),
        (r"FATAL:", Unavailable),
    )
)


def connection_error(error: psycopg.Error, where: str) -> IntegrationError:
    """Return what a refused or failed connection means. Nothing was sent."""
    said = shortened(str(error).partition("failed: ")[2] or str(error))
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return Unreachable(f"PostgreSQL at {where} did not answer in time. Nothing was sent.", detail=said)
    for pattern, kind in _REFUSALS:
        if pattern.search(said):
            return kind(f"PostgreSQL at {where} refused the connection: {said}")
    return Unreachable(f"PostgreSQL at {where} could not be reached: {said.rstrip('.')}. Nothing was sent.")


def query_error(error: psycopg.Error, *, may_have_written: bool) -> IntegrationError:
    """Return what an error of a statement means. `may_have_written`: it could have changed something by now."""
    code = error.sqlstate or ""
    if not code and isinstance(error, psycopg.OperationalError):
        return broken_off("the connection broke", may_have_written=may_have_written)
    said = shortened(error.diag.message_primary or str(error))
    words = f"PostgreSQL refused the query: {said}" + (f" ({code})." if code else "")
    words += f" {_HINTS[code]}" if code in _HINTS else ""
    kind = next((kind for start, kind in _CLASSES if code.startswith(start)), InvalidInput) if code else InvalidInput
    if kind is Unavailable and code.startswith(("08", "57P")) and may_have_written:
        # The server went away, perhaps after it had committed.
        return broken_off(said, may_have_written=True)
    return kind(words, detail=shortened(error.diag.message_detail or ""))


def broken_off(what: str, *, may_have_written: bool) -> IntegrationError:
    """Return what it means that no answer came: a statement that reads may simply be sent again."""
    if may_have_written:
        words = f"PostgreSQL had the statement, but {what}. It may have had its effect."
        return Uncertain(words, may_have_reached=True)
    return Unavailable(f"PostgreSQL had the query, but {what}.")
