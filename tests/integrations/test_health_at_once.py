"""Many workers at once: one probe, no failure lost, no deadlock."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from integrations import circuit, errors
from integrations.health import CallOutcome, note_outcomes
from integrations.models import Circuit, Integration, IntegrationHealth
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests import builders

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOWN = errors.Unavailable("down", status_code=503)


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return builders.make_organization("ada", environments=())


def at_once(organization: Organization, number: int, work: Callable[[int], None]) -> None:
    """Run `work` in so many threads, as workers of `organization`; raises what they raise."""
    failed: list[BaseException] = []
    ready = threading.Barrier(number)

    def run(position: int) -> None:
        try:
            with working_for(organization):
                ready.wait(10)
                work(position)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed


def integrations(organization: Organization, number: int, **health: object) -> list[uuid.UUID]:
    with working_for(organization):
        rows = [Integration.objects.create(platform="acme", name=f"Acme {n}") for n in range(number)]
        for row in rows:
            IntegrationHealth.objects.create(integration=row, **health)
    return [row.pk for row in rows]


def test_one_probe(organization: Organization) -> None:
    (row,) = integrations(organization, 1, circuit=Circuit.OPEN, circuit_until=NOW - timedelta(seconds=1))
    answers: list[datetime | None] = []
    at_once(organization, 8, lambda _: answers.append(circuit.begin_probe(row, NOW)))
    assert answers.count(None) == 1
    assert len(answers) == 8


def test_no_failure_is_lost(organization: Organization) -> None:
    (row,) = integrations(organization, 1)
    at_once(organization, 4, lambda _: note_outcomes([CallOutcome(row, DOWN)]))
    with working_for(organization):
        health = IntegrationHealth.objects.get(integration_id=row)
    assert (health.consecutive_failures, health.circuit) == (4, Circuit.CLOSED)


def test_batches_in_different_order_do_not_lock_each_other_out(organization: Organization) -> None:
    rows = integrations(organization, 10)

    def work(position: int) -> None:
        for _ in range(5):
            order = rows if position % 2 else rows[::-1]
            note_outcomes([CallOutcome(row, DOWN if position % 3 else None) for row in order])

    at_once(organization, 6, work)


def test_the_first_outcomes_of_an_integration_come_together(organization: Organization) -> None:
    with working_for(organization):
        row = Integration.objects.create(platform="acme", name="Acme").pk
    with clock.frozen(NOW):
        at_once(organization, 6, lambda _: note_outcomes([CallOutcome(row)]))
    with working_for(organization):
        assert IntegrationHealth.objects.get(integration_id=row).last_success_at == NOW
