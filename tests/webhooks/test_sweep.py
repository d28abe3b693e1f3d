"""The sweep: each part is done once a round, whatever becomes of the others, and wakes for what is due alone."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import MagicMock, patch

import pytest
from django.db import OperationalError

from supportops import clock
from supportops.jobs.models import Job
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.webhooks.senders import make_sender, only_delivery
from webhooks import sweep
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def woken() -> Iterator[dict[str, MagicMock]]:
    """What the sweep woke, by name: nobody works meanwhile."""
    with (
        patch("rules.wake.plan") as plan,
        patch("rules.wake.perform") as perform,
        patch("supportops.jobs.running.wake") as job,
    ):
        yield {"plan": plan, "perform": perform, "job": job}


def test_nothing_due_wakes_nobody(world: World, woken: dict[str, MagicMock]) -> None:
    sweep.sweep_once()
    assert not any(one.called for one in woken.values())


def test_a_delivery_that_is_due_wakes_the_planners(world: World, woken: dict[str, MagicMock]) -> None:
    make_sender(world.ada).send({"a": 1})
    woken["plan"].reset_mock()
    sweep.sweep_once()
    woken["plan"].assert_called_once_with()
    assert not woken["perform"].called
    with working_for(world.ada.organization):
        Delivery.objects.update(due_at=clock.now() + timedelta(minutes=1))
    woken["plan"].reset_mock()
    sweep.sweep_once()
    assert not woken["plan"].called


def test_a_job_that_is_due_is_woken_for_once(world: World, woken: dict[str, MagicMock]) -> None:
    with working_for(world.ada.organization):
        Job.objects.create(kind="dead_letters.retry", parameters={"filter": {}}, due_at=clock.now())
    sweep.sweep_once()
    woken["job"].assert_called_once_with()


@pytest.mark.parametrize("error", [OperationalError("gone"), KeyError("x")], ids=["database", "anything"])
def test_a_part_that_fails_keeps_no_other_from_being_done(
    world: World, woken: dict[str, MagicMock], error: Exception
) -> None:
    make_sender(world.ada).send({"a": 1})
    woken["plan"].reset_mock()
    with patch.object(sweep, "recover_deliveries", side_effect=error):
        sweep.sweep_once()
    woken["plan"].assert_called_once_with()


def test_what_a_dead_worker_held_is_given_back(world: World, woken: dict[str, MagicMock]) -> None:
    from rules import workers

    make_sender(world.ada).send({"a": 1})
    with working_for(world.ada.organization):
        Delivery.objects.update(worker_id=workers.this_worker_id(), due_at=None)
    fence = only_delivery(world.ada).fence
    workers.resign()
    with clock.moved(workers.DEAD_AFTER + timedelta(seconds=1)):
        sweep.sweep_once()
    delivery = only_delivery(world.ada)
    assert (delivery.worker_id, delivery.fence) == (None, fence + 1)
    assert delivery.due_at is not None
