"""The circuit: who may call, and that of many exactly one probes."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations import circuit
from integrations.circuit import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, PROBE_TIME, Gate, begin_probe, gate, pause_after
from integrations.models import Circuit, Integration, IntegrationHealth
from supportops.tenancy.scope import working_for
from tests.builders import World

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def integration(world: World, **health: object) -> uuid.UUID:
    """An integration of Ada's with a row of health; runs in her scope."""
    row = Integration.objects.create(platform="acme", name=str(uuid.uuid4()))
    IntegrationHealth.objects.create(integration=row, **health)
    return row.pk


@pytest.fixture(autouse=True)
def _as_ada(world: World):
    with working_for(world.ada.organization):
        yield


def test_nothing_keeps_calls_back(world: World) -> None:
    bare = Integration.objects.create(platform="acme", name="never called")
    assert gate([integration(world), bare.pk, uuid.uuid4()], NOW) == {}


def test_one_query_for_many(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ids = [integration(world, circuit=Circuit.OPEN, circuit_until=NOW + SECOND) for _ in range(5)]
    with django_assert_num_queries(1):
        assert len(gate(ids, NOW)) == 5


def test_open_until(world: World) -> None:
    row = integration(world, circuit=Circuit.OPEN, circuit_until=NOW + 30 * SECOND)
    assert gate([row], NOW) == {row: Gate(until=NOW + 30 * SECOND)}
    assert gate([row], NOW + 30 * SECOND) == {row: Gate(needs_probe=True)}
    assert begin_probe(row, NOW) == NOW + 30 * SECOND


def test_exactly_one_probes(world: World) -> None:
    row = integration(world, circuit=Circuit.OPEN, circuit_until=NOW)
    answers = [begin_probe(row, NOW) for _ in range(5)]
    assert answers == [None, *[NOW + 5 * SECOND] * 4]
    assert gate([row], NOW)[row].until == NOW + 5 * SECOND
    assert IntegrationHealth.objects.get(integration_id=row).circuit == Circuit.HALF_OPEN


def test_a_probe_that_never_reports_is_followed_by_another(world: World) -> None:
    row = integration(world, circuit=Circuit.OPEN, circuit_until=NOW)
    begin_probe(row, NOW)
    later = NOW + PROBE_TIME
    assert gate([row], later) == {row: Gate(needs_probe=True)}
    assert begin_probe(row, later) is None
    assert begin_probe(row, later) is not None


def test_closed_in_the_meantime(world: World) -> None:
    assert begin_probe(integration(world), NOW) is None


def test_rejected_credentials(world: World) -> None:
    row = integration(world, credentials_rejected_at=NOW)
    assert gate([row], NOW) == {row: Gate(credentials_rejected=True)}


def test_another_organizations_rows_are_not_seen(world: World) -> None:
    row = integration(world, circuit=Circuit.OPEN, circuit_until=NOW)
    with working_for(world.bo.organization):
        assert gate([row], NOW) == {}
        begin_probe(row, NOW)
    assert IntegrationHealth.objects.get(integration_id=row).circuit == Circuit.OPEN


def test_pauses_double_up_to_ten_minutes() -> None:
    pauses = [pause_after(failures) for failures in range(FAILURES, FAILURES + 7)]
    assert pauses == [FIRST_PAUSE * n for n in (1, 2, 4, 8, 16)] + [LONGEST_PAUSE] * 2
    assert pause_after(10_000) == LONGEST_PAUSE
    assert pause_after(0) == circuit.FIRST_PAUSE
