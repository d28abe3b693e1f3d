"""The second stop: deliveries become events; what breaks fails alone, and what is only a hint is looked up first."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from django.db import connection

from integrations import health
from integrations.connectors.webhook.connector import Webhook
from integrations.models import Integration, IntegrationHealth
from rules.models import Event, Step
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.history import make_history, make_rule
from tests.webhooks.senders import Sender, deliveries, make_sender, only_delivery
from webhooks.models import Delivery
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

TICKET = "https://acme.freshdesk.com/api/v2/tickets/42"
HINT = {"event": "ticket_created", "ticket_id": "42"}


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with in_place_of_the_network() as fake:
        yield fake


@pytest.fixture
def freshdesk(world: World) -> Sender:
    """An automation of Freshdesk's, which cannot sign: what it says is a hint."""
    return make_sender(world.ada, "freshdesk", credentials={"domain": "acme.freshdesk.com", "api_key": "k" * 20})


def ticket(**fields: Any) -> dict[str, Any]:
    at = "2026-11-20T10:00:00Z"
    return {"id": 42, "subject": "Printer", "priority": 4, "status": 2, "created_at": at, "updated_at": at, **fields}


def events(world: World) -> list[Event]:
    with working_for(world.ada.organization):
        return list(Event.objects.order_by("pk"))


# --- what is in a body --------------------------------------------------------------------------------------------


def test_an_event_that_no_rule_listens_to_is_processed_and_says_so(world: World) -> None:
    make_sender(world.ada).send({"type": "invoice.overdue", "id": 7})
    process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.event_type) == ("processed", "invoice.overdue")
    assert delivery.reason == "No rule listens to this event."
    assert (delivery.due_at, delivery.worker_id) == (None, None)
    assert delivery.processed_at is not None


def test_a_body_without_any_event_is_ignored_with_a_reason(world: World) -> None:
    make_sender(world.ada).send([1, 2])
    process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.event_type) == ("ignored", "")
    assert "no event" in delivery.reason
    assert events(world) == []


def test_an_event_that_the_connector_does_not_declare_is_ignored_and_named(world: World) -> None:
    sender, spec_of = make_sender(world.ada), Webhook.event_spec
    sender.send({"type": "brand.new"})
    with patch.object(Webhook, "event_spec", lambda name: None if name == "brand.new" else spec_of(name)):
        process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.reason) == ("ignored", "Webhook has no event brand.new.")


def test_poison_fails_alone(world: World) -> None:
    sender, parse = make_sender(world.ada), Webhook.handle_webhook

    def handle(self: Webhook, payload: Any) -> Any:
        if payload.get("type") == "poison":
            raise KeyError("ticket")
        return parse(self, payload)

    for kind in ("before", "poison", "after"):
        sender.send({"type": kind})
    with patch.object(Webhook, "handle_webhook", handle):
        process_due()
    before, poison, after = deliveries(world.ada)
    assert (before.status, poison.status, after.status) == ("processed", "failed", "processed")
    assert "KeyError: 'ticket'" in poison.reason
    assert (poison.due_at, poison.worker_id, poison.attempts_made) == (None, None, 1)
    assert [event.type for event in events(world)] == ["before", "after"]


def test_what_cannot_be_planned_fails_alone(world: World) -> None:
    from rules.planning import plan

    def planned(incoming: Any, takings: Any) -> Any:
        if any(item.event.type == "poison" for item in incoming):
            raise ZeroDivisionError("by rule")
        return plan(incoming, takings)

    sender = make_sender(world.ada)
    for kind in ("before", "poison", "after"):
        sender.send({"type": kind})
    with patch("webhooks.processing.plan", planned):
        process_due()
    assert [delivery.status for delivery in deliveries(world.ada)] == ["processed", "failed", "processed"]
    assert "ZeroDivisionError: by rule" in deliveries(world.ada)[1].reason
    assert [event.type for event in events(world)] == ["before", "after"]


def test_a_delivery_of_an_unknown_platform_fails_and_says_so(world: World) -> None:
    make_sender(world.ada).send({"type": "x"})
    with working_for(world.ada.organization):
        Delivery.objects.update(platform="gone")
    process_due()
    delivery = only_delivery(world.ada)
    assert delivery.status == "failed"
    assert "gone" in delivery.reason


# --- hints --------------------------------------------------------------------------------------------------------


def test_a_hint_is_looked_up_outside_of_any_transaction(
    world: World, freshdesk: Sender, platform: FakePlatform
) -> None:
    within: list[bool] = []

    def answer(_: httpx.Request) -> httpx.Response:
        within.append(connection.in_atomic_block)
        with working_for(world.ada.organization):
            # Committed before the call, so that everybody sees who works at it.
            within.append(only_delivery(world.ada).worker_id is None)
        connection.close()
        return httpx.Response(200, json=ticket(subject="As Freshdesk has it"))

    platform.on("GET", TICKET, answer)
    freshdesk.send({**HINT, "ticket_subject": "as the sender claims"})
    process_due()
    assert within == [False, False]
    assert only_delivery(world.ada).status == "processed"
    shown = world.ada.api.get(f"/api/deliveries/{only_delivery(world.ada).pk}/").json()
    assert shown["events"][0]["payload"]["ticket"]["subject"] == "As Freshdesk has it"


def test_a_passing_failure_of_the_look_up_is_retried_later(
    world: World, freshdesk: Sender, platform: FakePlatform
) -> None:
    platform.on("GET", TICKET, {"message": "later"}, status=503, headers={"Retry-After": "40"})
    freshdesk.send(HINT)
    start = clock.now()
    process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.attempts_made, delivery.worker_id) == ("accepted", 1, None)
    assert delivery.due_at is not None
    assert timedelta(seconds=39) < delivery.due_at - start < timedelta(seconds=60)
    assert delivery.reason
    calls = len(platform.requests)
    process_due()
    assert len(platform.requests) == calls

    platform.on("GET", TICKET, ticket())
    with clock.moved(timedelta(seconds=70)):
        process_due()
    assert only_delivery(world.ada).status == "processed"
    assert len(events(world)) == 1


def test_a_lasting_failure_of_the_look_up_ends_the_delivery(
    world: World, freshdesk: Sender, platform: FakePlatform
) -> None:
    platform.on("GET", TICKET, {"message": "no such ticket"}, status=404)
    freshdesk.send(HINT)
    process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.due_at, delivery.attempts_made) == ("failed", None, 1)
    assert delivery.reason.startswith("NotFound: ")


def test_refused_credentials_are_waited_for_and_cost_no_attempt(
    world: World, freshdesk: Sender, platform: FakePlatform
) -> None:
    platform.on("GET", TICKET, {"code": "invalid_credentials"}, status=401)
    freshdesk.send(HINT)
    for minutes in range(0, 20, 2):
        with clock.moved(timedelta(minutes=minutes)):
            process_due()
    delivery = only_delivery(world.ada)
    assert (delivery.status, delivery.attempts_made) == ("accepted", 0)
    assert delivery.reason.startswith("CredentialsRejected: ")
    with working_for(world.ada.organization):
        assert IntegrationHealth.objects.get().credentials_rejected_at is not None
    # Asked once: nobody knocks with a refused key again and again.
    assert len(platform.requests) == 1

    with working_for(world.ada.organization):
        health.new_credentials(freshdesk.integration.pk)
    platform.on("GET", TICKET, ticket())
    with clock.moved(timedelta(hours=1)):
        process_due()
    assert only_delivery(world.ada).status == "processed"


def test_credentials_are_not_waited_for_without_end(world: World, freshdesk: Sender, platform: FakePlatform) -> None:
    platform.on("GET", TICKET, {"code": "invalid_credentials"}, status=401)
    freshdesk.send(HINT)
    with clock.moved(timedelta(hours=73)):
        process_due()
    assert only_delivery(world.ada).status == "failed"


def test_a_state_that_was_told_before_is_a_repeat(world: World, freshdesk: Sender, platform: FakePlatform) -> None:
    platform.on("GET", TICKET, ticket())
    for _ in range(2):
        freshdesk.send(HINT)
        process_due()
    first, second = deliveries(world.ada)
    assert (first.reason, second.reason) == (
        "No rule listens to this event.",
        "A repeat of an event that was planned before.",
    )
    platform.on("GET", TICKET, ticket(updated_at="2026-11-20T10:00:01Z"))
    freshdesk.send(HINT)
    process_due()
    assert deliveries(world.ada)[2].reason == "No rule listens to this event."
    assert len(events(world)) == 2


# --- our own doings -----------------------------------------------------------------------------------------------


def by(actor: str) -> dict[str, Any]:
    inner = {"type": "message", "user": actor, "text": "hello", "channel": "C1", "ts": "1.2"}
    return {"type": "event_callback", "event_id": f"Ev{actor}", "team_id": "T1", "event": inner}


def test_what_our_own_account_did_is_a_link_of_a_chain(world: World) -> None:
    slack = make_sender(world.ada, "slack", actor_id="U_OURS")
    slack.send(by("U_OURS"))
    slack.send(by("U_PERSON"))
    process_due()
    assert [event.depth for event in events(world)] == [1, 0]


def test_a_marker_continues_the_chain_of_the_run_that_left_it(world: World) -> None:
    with working_for(world.ada.organization):
        history = make_history(make_rule(), clock.now())
        run, step = history.run, history.steps[0]
        run.depth = 3
        run.save()
    handle = Webhook.handle_webhook

    def marked(self: Webhook, payload: Any) -> Any:
        (event,) = handle(self, payload)
        event.marker = payload["marker"]
        return [event]

    with working_for(world.bo.organization):
        foreign = make_history(make_rule(), clock.now()).steps[0]
    sender = make_sender(world.ada)
    with patch.object(Webhook, "handle_webhook", marked):
        for marker in (str(step.pk), str(foreign.pk), "no id"):
            sender.send({"type": "marked", "marker": marker})
        process_due()
    assert [event.depth for event in events(world) if event.type == "marked"] == [4, 0, 0]
    with working_for(world.ada.organization):
        assert Step.objects.count() == 1


def test_a_delivery_whose_integration_is_gone_is_planned_from_what_it_holds(world: World) -> None:
    sender = make_sender(world.ada)
    sender.send({"type": "x"})
    with working_for(world.ada.organization):
        Integration.objects.all().delete()
    process_due()
    assert only_delivery(world.ada).status == "processed"
