"""A delivery done anew: its events planned again, or itself processed again; where there is nothing to do, why not."""

from typing import Any

import pytest

from audit.models import AuditEntry
from integrations import usage
from integrations.connectors.webhook.connector import Webhook
from rules.models import Event, EventContent, Run
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.history import make_rule
from tests.webhooks.senders import Sender, counted, deliveries, make_sender, only_delivery
from webhooks.models import Delivery, DeliveryBody
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

INVOICE = {"type": "invoice.overdue", "id": 7}


@pytest.fixture
def sender(world: World) -> Sender:
    return make_sender(world.ada)


def replay(world: World, delivery: Delivery) -> Any:
    return world.ada.api.post(f"/api/deliveries/{delivery.pk}/replay")


def refusal(answer: Any) -> str:
    """Why a replay was refused; fails when it was not."""
    assert answer.status_code == 409, answer.content
    (error,) = answer.json()["errors"]
    assert error["code"] == "not_possible"
    return str(error["detail"])


def audited(world: World) -> int:
    with working_for(world.ada.organization):
        return AuditEntry.objects.filter(action="delivery.replayed").count()


def test_events_are_planned_anew_and_the_delivery_stays_what_it_was(world: World, sender: Sender) -> None:
    sender.send(INVOICE)
    process_due()
    before = only_delivery(world.ada)
    answer = replay(world, before)
    assert (answer.status_code, answer.json()) == (202, {"delivery": str(before.pk), "runs": []})
    after = only_delivery(world.ada)
    assert (after.status, after.due_at, after.processed_at) == ("processed", None, before.processed_at)
    assert audited(world) == 1


def test_a_replay_is_no_delivery_received(world: World, sender: Sender) -> None:
    sender.send(INVOICE)
    process_due()
    replay(world, only_delivery(world.ada))
    process_due()
    assert counted(sender, "received") == 1


def test_what_carried_no_known_event_is_processed_again(
    world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Webhook, "handle_webhook", lambda self, payload: [])
    sender.send(INVOICE)
    process_due()
    assert only_delivery(world.ada).status == "ignored"
    monkeypatch.undo()
    assert replay(world, only_delivery(world.ada)).json()["runs"] == []
    process_due()
    assert only_delivery(world.ada).status == "processed"
    with working_for(world.ada.organization):
        assert Event.objects.get().type == "invoice.overdue"
    assert counted(sender, "received") == 1, "ignored or not, it came once"


def test_a_repeat_says_which_to_replay_instead_of_starting_nothing(world: World) -> None:
    """Two deliveries of one event: the second one has no events of its own."""
    slack = make_sender(world.ada, "webhook")
    slack.send(INVOICE)
    process_due()
    with working_for(world.ada.organization):
        first = Delivery.objects.get()
        # As if it had come with another delivery.
        Event.objects.update(delivery_id=None)
    assert "repeated" in refusal(replay(world, first))
    assert audited(world) == 0
    with working_for(world.ada.organization):
        assert not Run.objects.exists()
    assert only_delivery(world.ada).due_at is None


def test_what_was_malformed_cannot_be_replayed(world: World, sender: Sender) -> None:
    sender.send(b"{")
    assert "malformed" in refusal(replay(world, only_delivery(world.ada)))


def test_without_its_content_nothing_can_be_replayed(world: World, sender: Sender) -> None:
    sender.send(INVOICE)
    sender.send(INVOICE)
    process_due()
    with working_for(world.ada.organization):
        first, second = deliveries(world.ada)
        EventContent.objects.filter(event__delivery_id=first.pk).delete()
        Event.objects.filter(delivery_id=second.pk).delete()
        Delivery.objects.filter(pk=second.pk).update(status="ignored")
        DeliveryBody.objects.filter(pk=second.pk).delete()
    assert "removed" in refusal(replay(world, first))
    assert "removed" in refusal(replay(world, second))


def test_a_delivery_of_others_is_not_there(world: World) -> None:
    make_sender(world.bo).send(INVOICE)
    assert replay(world, only_delivery(world.bo)).status_code == 404


def test_what_a_rule_would_do_is_done_again(world: World, sender: Sender) -> None:
    assert usage.COUNTERS[0] == "received"
    with working_for(world.ada.organization):
        make_rule()
    sender.send(INVOICE)
    process_due()
    with working_for(world.ada.organization):
        runs = Run.objects.count()
    answer = replay(world, only_delivery(world.ada))
    with working_for(world.ada.organization):
        assert Run.objects.count() == runs + len(answer.json()["runs"])
