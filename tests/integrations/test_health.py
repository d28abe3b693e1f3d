"""What the outcomes of calls make of an integration's health."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations import circuit, errors, health, limits
from integrations.health import CallOutcome, Change, Turn, describe, note_outcomes, note_test
from integrations.models import Integration, IntegrationHealth
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

DOWN = errors.Unavailable("Acme answered 503.", status_code=503)
HANGS = errors.Uncertain("No answer came.")
REFUSED = errors.NotFound("Acme answered 404: no such card.", status_code=404)
REJECTED = errors.CredentialsRejected("Acme answered 401.", status_code=401)
SLOWER = errors.RateLimited("Acme answered 429.", status_code=429, retry_after=5)
NOT_SENT = errors.InvalidInput("The channel is missing.")


@pytest.fixture(autouse=True)
def _as_ada(world: World) -> Iterator[None]:
    with working_for(world.ada.organization), clock.frozen(NOW):
        yield


@pytest.fixture
def row(_as_ada: None) -> Integration:
    return Integration.objects.create(platform="acme", name="Acme")


def note(row: Integration, *came: errors.IntegrationError | None, after: int = 0) -> list[Change]:
    """Write down outcomes, some seconds later; None is a success."""
    with clock.frozen(NOW + after * SECOND):
        return note_outcomes([CallOutcome(row.pk, error) for error in came])


def state(row: Integration) -> tuple[str, str, int]:
    said = describe(row)
    return said["status"], said["circuit"], said["consecutive_failures"]


def test_never_called(row: Integration) -> None:
    assert describe(row) == {
        "status": "unknown",
        "checked_at": None,
        "last_success_at": None,
        "last_failure_at": None,
        "consecutive_failures": 0,
        "circuit": "closed",
        "rate_limit": None,
        "message": "",
    }


def test_success(row: Integration) -> None:
    assert note(row, None) == []
    said = describe(row)
    assert (said["status"], said["checked_at"], said["last_success_at"]) == ("healthy", NOW, NOW)


def test_transient_failure_degrades_until_the_next_success(row: Integration) -> None:
    note(row, None)
    note(row, DOWN, after=1)
    assert state(row) == ("degraded", "closed", 1)
    assert describe(row)["message"] == "Acme answered 503."
    assert describe(row)["last_failure_at"] == NOW + SECOND
    note(row, None, after=2)
    assert state(row) == ("healthy", "closed", 0)
    assert describe(row)["message"] == ""


@pytest.mark.parametrize("error", [DOWN, HANGS, errors.Unreachable("no"), errors.Transient("x")])
def test_five_transient_failures_open_the_circuit(row: Integration, error: errors.IntegrationError) -> None:
    note(row, None)
    for number in range(1, 5):
        assert note(row, error, after=number) == []
    assert note(row, error, after=5) == [Change(row.pk, Turn.CIRCUIT_OPENED, error.message)]
    assert state(row) == ("unhealthy", "open", 5)
    gates = circuit.gate([row.pk], NOW + 6 * SECOND)
    assert gates[row.pk].until == NOW + 35 * SECOND


def test_late_failures_of_earlier_calls_do_not_lengthen_the_pause(row: Integration) -> None:
    note(row, *[DOWN] * 20)
    assert state(row) == ("unhealthy", "open", 5)
    note(row, *[DOWN] * 20, after=3)
    assert circuit.gate([row.pk], NOW)[row.pk].until == NOW + 30 * SECOND


def test_failed_probes_double_the_pause_and_a_success_closes(row: Integration) -> None:
    note(row, *[DOWN] * 5)
    after = 0
    for pause in (30, 60, 120, 240, 480, 600, 600):
        after += pause
        now = NOW + after * SECOND
        assert circuit.begin_probe(row.pk, now) is None
        assert state(row)[:2] == ("degraded", "half_open")
        if pause == 600 and after > 2000:
            break
        assert note(row, DOWN, after=after) == []
        assert state(row)[:2] == ("unhealthy", "open")
    assert note(row, None, after=after) == [Change(row.pk, Turn.RECOVERED)]
    assert state(row) == ("healthy", "closed", 0)
    assert circuit.gate([row.pk], NOW) == {}


def test_a_late_success_closes_an_open_circuit(row: Integration) -> None:
    note(row, *[DOWN] * 5)
    note(row, None, after=1)
    assert state(row) == ("healthy", "closed", 0)


def test_an_answer_that_refuses_says_nothing_against_the_integration(row: Integration) -> None:
    note(row, None)
    note(row, DOWN, DOWN, DOWN, DOWN, REFUSED, DOWN, after=1)
    assert state(row) == ("degraded", "closed", 1)
    note(row, REFUSED, after=2)
    assert state(row) == ("healthy", "closed", 0)
    assert describe(row)["message"] == "Acme answered 404: no such card."


def test_but_it_is_not_well_before_anything_ever_worked(row: Integration) -> None:
    note(row, REFUSED)
    assert state(row)[0] == "degraded"


def test_what_was_never_sent_closes_nothing(row: Integration) -> None:
    note(row, *[DOWN] * 5)
    note(row, NOT_SENT, after=1)
    assert state(row) == ("unhealthy", "open", 5)
    circuit.begin_probe(row.pk, NOW + 30 * SECOND)
    note(row, NOT_SENT, after=31)
    assert circuit.begin_probe(row.pk, NOW + 31 * SECOND) is None


def test_rate_limits_do_not_open_the_circuit(row: Integration) -> None:
    note(row, *[SLOWER] * 50)
    assert state(row) == ("degraded", "closed", 0)
    note(row, *[DOWN] * 5, after=1)
    circuit.begin_probe(row.pk, NOW + 40 * SECOND)
    note(row, SLOWER, after=41)
    assert state(row)[1] == "closed"


def test_rejected_credentials(row: Integration) -> None:
    note(row, None)
    assert note(row, REJECTED, after=1) == [Change(row.pk, Turn.CREDENTIALS_REJECTED, "Acme answered 401.")]
    assert note(row, REJECTED, REJECTED, after=2) == []
    assert state(row)[:2] == ("unhealthy", "closed")
    assert circuit.gate([row.pk], NOW)[row.pk].credentials_rejected
    health.new_credentials(row.pk)
    assert state(row)[0] == "unknown"
    assert circuit.gate([row.pk], NOW) == {}


def test_a_test_that_succeeds_clears_the_rejection(row: Integration) -> None:
    note(row, REJECTED)
    assert note_test(row.pk, None) == [Change(row.pk, Turn.RECOVERED)]
    assert state(row)[0] == "healthy"
    note_test(row.pk, REJECTED)
    assert state(row)[0] == "unhealthy"


class TestCost:
    def test_success_upon_success_is_one_read(
        self, row: Integration, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        note(row, None)
        with django_assert_num_queries(1):
            note(row, *[None] * 20, after=4)
        assert describe(row)["last_success_at"] == NOW

    def test_and_a_write_every_few_seconds(self, row: Integration) -> None:
        note(row, None)
        note(row, None, after=5)
        assert describe(row)["last_success_at"] == NOW + 5 * SECOND

    def test_many_integrations_at_once(
        self, row: Integration, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        rows = [Integration.objects.create(platform="acme", name=f"Acme {number}") for number in range(20)]
        note_outcomes([CallOutcome(item.pk) for item in rows])
        with django_assert_num_queries(1):
            note_outcomes([CallOutcome(item.pk) for item in rows])

    def test_nothing_happened(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            assert note_outcomes([]) == []


def test_one_row_however_many_begin_at_once(row: Integration) -> None:
    note(row, None)
    note(row, DOWN)
    assert IntegrationHealth.objects.filter(integration=row).count() == 1


def test_an_integration_that_is_gone(row: Integration) -> None:
    key = row.pk
    row.delete()
    assert note_outcomes([CallOutcome(key, DOWN), CallOutcome(uuid.uuid4())]) == []
    assert IntegrationHealth.objects.count() == 0


def test_a_message_that_is_long_is_cut(row: Integration) -> None:
    note(row, errors.Unavailable("x" * 2000))
    assert len(describe(row)["message"]) == 500


def test_what_the_headers_said(row: Integration) -> None:
    said = {"limit": 100, "remaining": 0, "reset_at": (NOW + 20 * SECOND).isoformat()}
    note_outcomes([CallOutcome(row.pk, None, said)])
    assert describe(row)["rate_limit"] == said
    asked = limits.Bucket(f"{row.organization_id}:{row.pk}:asked")
    assert limits.reserve([asked], NOW).at == NOW + 20 * SECOND
