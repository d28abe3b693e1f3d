"""Counts refused requests: one audit entry per endpoint, reason and minute, so that strangers cannot fill the log."""

import threading
import uuid
from collections import Counter

from django.db import transaction

from audit.recording import record
from integrations import usage
from integrations.models import Endpoint
from supportops import clock

_lock = threading.Lock()
# (endpoint, reason) → [minute, refused in it]; cleared each minute, so its size is bounded by a minute's endpoints.
_minute = 0
_seen: Counter[tuple[uuid.UUID, str]] = Counter()


def note(endpoint: Endpoint, reason: str, ip: str) -> None:
    """Count a refused request; the first of its kind in a minute and process is audited."""
    with transaction.atomic():
        usage.count("integration", endpoint.integration_id, "rejected")
        if _is_first(endpoint.id, reason):
            record("delivery.rejected", endpoint.integration, changes={"reason": reason, "ip": ip})


def _is_first(endpoint_id: uuid.UUID, reason: str) -> bool:
    global _minute
    minute = int(clock.now().timestamp() // 60)
    with _lock:
        if minute != _minute:
            _minute = minute
            _seen.clear()
        _seen[endpoint_id, reason] += 1
        return _seen[endpoint_id, reason] == 1
