"""What a worker has just planned it performs at once: nothing is read again, no promise is lost."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Endpoint, Integration
from rules import recovery
from rules.execution import StepSource
from rules.models import Run, Step
from rules.pump import Job
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.fake_platform import in_place_of_the_network
from tests.rules.engine import MESSAGE, SLACK, Desk, a_worker_that_dies, outcomes_of, request_to
from webhooks.models import Delivery, DeliveryBody
from webhooks.processing import DeliverySource, process_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(world: World, settings: Any) -> Any:
    """Ada's organization with Freshdesk, which sends whole tickets, and Slack."""
    settings.PLATFORM_LIMITS = {"slack": None, "freshdesk": None}
    with in_place_of_the_network() as platform:
        desk = Desk(world.ada.organization, platform).connect()
        with working_for(desk.organization):
            Endpoint.objects.filter(integration__platform="freshdesk").update(scheme="hmac")
        yield desk


def deliver(desk: Desk, count: int, first: int = 1) -> None:
    """Let Freshdesk tell of new tickets."""
    with working_for(desk.organization):
        endpoint = Endpoint.objects.get(integration=Integration.objects.get(platform="freshdesk"))
        for number in range(first, first + count):
            now = clock.now()
            delivery = Delivery.objects.create(
                id=new_id(),
                integration_id=endpoint.integration_id,
                endpoint=endpoint,
                platform="freshdesk",
                due_at=now,
                received_at=now,
            )
            ticket = {"id": number, "subject": f"Ticket {number}", "priority": 4, "status": 2}
            raw = json.dumps({"event": "ticket_created", "ticket": ticket}).encode()
            DeliveryBody.objects.create(delivery=delivery, raw=raw, content_type="application/json")


def planned() -> tuple[StepSource, list[Job]]:
    """Let a worker plan what is due, and stop right before it begins the calls."""
    performer = StepSource()
    return performer, list(DeliverySource(performer).claim(32, set()) or ())


def sent(desk: Desk) -> list[str]:
    return [body["text"] for body in desk.platform.bodies(SLACK)]


def test_calls_follow_in_the_order_of_receipt_and_everything_is_written_down(desk: Desk) -> None:
    desk.rule(MESSAGE, request_to(name="after"))
    deliver(desk, 5)
    performer, jobs = planned()
    assert [job.work.prepared.data.message for job in jobs] == [f"Ticket {number}" for number in range(1, 6)]
    with working_for(desk.organization):
        assert set(Run.objects.values_list("status", flat=True)) == {"running"}
        assert set(Step.objects.filter(name="message").values_list("status", "fence", "due_at")) == {
            ("running", 1, None)
        }
        assert set(Step.objects.filter(name="after").values_list("status", "fence")) == {("pending", 0)}
    performer.finish(outcomes_of(list(performer.begin(jobs))))
    process_due([performer])
    assert sorted(sent(desk)) == [f"Ticket {number}" for number in range(1, 6)]
    with working_for(desk.organization):
        assert set(Run.objects.values_list("status", flat=True)) == {"succeeded"}
    assert desk.attempts("message") == desk.attempts("after") == ["succeeded"]


def test_what_was_planned_as_its_own_by_a_worker_that_died_is_done_by_another(desk: Desk) -> None:
    desk.rule(MESSAGE)
    deliver(desk, 3)
    with a_worker_that_dies():
        assert len(planned()[1]) == 3
    desk.perform()
    assert sent(desk) == []
    assert recovery.recover_steps() == 3
    desk.perform()
    assert sorted(sent(desk)) == ["Ticket 1", "Ticket 2", "Ticket 3"]


def test_what_waits_from_earlier_goes_first(desk: Desk) -> None:
    desk.rule(MESSAGE)
    desk.ticket(subject="Waiting")
    deliver(desk, 2)
    _, jobs = planned()
    assert jobs == []
    _, claimed = desk.claimed()
    assert [job.work.prepared.data.message for job in claimed] == ["Waiting", "Ticket 1", "Ticket 2"]


def test_more_than_there_is_room_for_waits_in_line(desk: Desk) -> None:
    for _ in range(3):
        desk.rule(MESSAGE)
    deliver(desk, 2)
    _, jobs = planned()
    assert len(jobs) == 2, "one for each delivery that was claimed"
    with working_for(desk.organization):
        assert Step.objects.filter(status="pending", due_at__isnull=False).count() == 4


def test_a_run_that_is_cancelled_meanwhile_sends_nothing(desk: Desk) -> None:
    from rules import interventions

    desk.rule(MESSAGE)
    deliver(desk, 1)
    performer, jobs = planned()
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    assert list(performer.begin(jobs)) == []
    assert (sent(desk), desk.run.status) == ([], "cancelled")


def test_a_batch_costs_the_same_statements_however_large_it_is(desk: Desk) -> None:
    desk.rule(MESSAGE)

    def statements(count: int, first: int) -> tuple[int, int, int]:
        deliver(desk, count, first)
        with CaptureQueriesContext(connection) as planning:
            performer, jobs = planned()
        with CaptureQueriesContext(connection) as beginning:
            begun = list(performer.begin(jobs))
        done = outcomes_of(begun)
        with CaptureQueriesContext(connection) as finishing:
            performer.finish(done)
        assert len(begun) == count
        return len(planning), len(beginning), len(finishing)

    statements(1, 1)  # what is read once per version, once per hour, once per person
    few = statements(2, 10)
    assert statements(20, 100) == few
    assert all(count <= most for count, most in zip(few, (28, 7, 12), strict=True)), few
