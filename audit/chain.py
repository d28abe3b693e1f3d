"""The arithmetic of the chain: pure, and said a second time by audit/verify_export.py, which stands alone.

A seal's hash is SHA-256 over the canonical JSON of ``{"entry", "position", "previous"}``: keys sorted, no spaces,
everything beyond ASCII escaped. `entry` is what `entry_fields` gives; `previous` the hash of the position before,
or GENESIS. Names and addresses of people are not in it, so that erasing them leaves the chain whole.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from audit.models import AuditEntry

GENESIS = "0" * 64


def entry_fields(entry: AuditEntry) -> dict[str, Any]:
    """Return the part of `entry` that its hash covers."""
    return {
        "id": str(entry.id),
        "organization": str(entry.organization_id),
        "at": time_text(entry.at),
        "actor_type": entry.actor_type,
        "actor_id": entry.actor_id,
        "person": str(entry.person_id) if entry.person_id else None,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "changes": entry.changes,
        "request_id": entry.request_id,
        "trace_id": entry.trace_id,
    }


def hash_of(fields: dict[str, Any], position: int, previous: str) -> str:
    """Return the hash of the entry with these fields at `position`, after the hash `previous`."""
    sealed = {"entry": fields, "position": position, "previous": previous}
    # The standard library's writer, whose numbers a verifier elsewhere can repeat; orjson writes 1e16 otherwise.
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def time_text(at: datetime) -> str:
    """Return a time in the one form that is hashed and exported: UTC, microseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
