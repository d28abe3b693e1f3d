"""Looks after integrations by itself: those of which nothing was heard for a while are tested, all in all every 15 min.

Calls stand outside of transactions and run side by side; what came of them is written here.
"""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from integrations import health, registry
from integrations.connecting import call_of, opened
from integrations.credentials import open_credentials, secret_values
from integrations.errors import CODE_OF_OTHERS_RAISES, IntegrationError, Permanent, masked, told
from integrations.models import Integration, IntegrationHealth
from supportops import clock
from supportops.redaction import Redactor
from supportops.tenancy.scope import working_for

EVERY = timedelta(minutes=15)
# A look that fails is confirmed by another before anybody is told.
CONFIRM_AFTER = timedelta(minutes=1)
_AT_ONCE = 16


def check_due() -> int:
    """Test what is due, and return how many were. Any number may call it. Works across organizations by ids alone."""
    now = clock.now()
    due = IntegrationHealth.across_organizations.filter(
        next_check_at__lte=now, integration__is_enabled=True, organization__is_active=True
    ).order_by("next_check_at")
    mine: list[tuple[uuid.UUID, uuid.UUID]] = []
    rows = due.values_list("organization_id", "integration_id", "next_check_at")
    for organization_id, integration_id, due_at in rows[:_AT_ONCE]:
        taken = IntegrationHealth.across_organizations.filter(integration_id=integration_id, next_check_at=due_at)
        if taken.update(next_check_at=now + EVERY * random.uniform(0.9, 1.1)):  # noqa: S311 - spreads load
            mine.append((organization_id, integration_id))
    made = 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="check") as executor:
        begun = [(place, executor.submit(test)) for place in mine if (test := _prepared(*place)) is not None]
        for (organization_id, integration_id), future in begun:
            error = future.result()
            made += 1
            with working_for(organization_id):
                health.note_check(integration_id, error, again_at=clock.now() + CONFIRM_AFTER)
    return made


def _prepared(organization_id: uuid.UUID, integration_id: uuid.UUID) -> Any:
    """Return the test of an integration, to be made in any thread; None where there is no need for one."""
    with working_for(organization_id):
        row = Integration.objects.select_related("health").filter(pk=integration_id).first()
        if row is None or not _needs_test(row):
            return None
        try:
            connector = registry.get(row.platform)
            connect = opened(row)
            redactor = Redactor(secret_values(connector, open_credentials(row)))
        except (registry.UnknownPlatform, IntegrationError):
            # Its package is not installed any more: seen on its page, and nothing that a test would change.
            return None
    if not connector.can("test_connection"):
        return None

    def test() -> IntegrationError | None:
        try:
            result = connect(call_of(row, "test_connection")).call_handler("test_connection")
        except IntegrationError as error:
            return masked(error, redactor.text)
        except CODE_OF_OTHERS_RAISES as error:
            return Permanent(redactor.text(told(error)))
        return None if result.success else Permanent(redactor.text(result.message) or "The connection test failed.")

    return test


def _needs_test(row: Integration) -> bool:
    """What works by itself needs none, and refused credentials are not shown again."""
    known = row.health
    if known.credentials_rejected_at is not None:
        return False
    is_fresh = known.last_success_at is not None and known.last_success_at > clock.now() - EVERY * 0.9
    return not is_fresh or known.failed_checks > 0
