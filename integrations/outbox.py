"""Rows that say what is to be sent: each leased before it is, so that any number of processes may send at once."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from supportops import clock
from supportops.tenancy.owned import OrganizationOwned
from supportops.tenancy.scope import working_for

# Longer than sending one may take: what a dead process had leased is sent by another one then.
_LEASE = timedelta(minutes=2)
_AT_ONCE = 50


def send_each_due(model: type[OrganizationOwned], send: Callable[[uuid.UUID], bool]) -> int:
    """Send the rows of `model` whose `due_at` has come, each in its organization's scope; return how many were sent.

    Works across organizations by ids alone.
    """
    now, sent = clock.now(), 0
    rows: Any = model
    due = rows.across_organizations.filter(due_at__lte=now).order_by("due_at")
    for organization_id, row_id, due_at in due.values_list("organization_id", "pk", "due_at")[:_AT_ONCE]:
        with working_for(organization_id):
            if rows.objects.filter(pk=row_id, due_at=due_at).update(due_at=now + _LEASE):
                sent += send(row_id)
    return sent
