"""Who is told that an integration broke or is back: once each, by mail or by a signed request."""

import json
import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core import mail

from audit.models import AuditEntry
from integrations import attention, health, notices
from integrations.errors import CredentialsRejected, Unavailable
from integrations.models import IntegrationHealth, Notice
from integrations.signatures import StandardWebhooks
from integrations.specs import WebhookRequest
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.belongings import created
from tests.builders import World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network

pytestmark = pytest.mark.django_db
ME = "https://acme.freshdesk.com/api/v2/agents/me"
HOOK = "https://hooks.acme.example/incidents"
EVERYTHING = list(notices.EVENTS)


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        fake.on("GET", ME, {"id": 7, "contact": {"email": "a@acme.example"}})
        yield fake


def freshdesk(world: World) -> str:
    credentials = {"domain": "acme", "api_key": "a-key-1234567890"}
    body = {"platform": "freshdesk", "name": "Desk", "credentials": credentials}
    return str(created(world.ada.api, "/api/integrations/", body)["id"])


def told(world: World) -> list[str]:
    with working_for(world.ada.organization):
        return list(Notice.objects.order_by("pk").values_list("event", flat=True))


def later(minutes: float) -> Any:
    return clock.moved(timedelta(minutes=minutes))


# --- looking after integrations ---------------------------------------------------------------------------------


def test_an_integration_is_tested_every_quarter_of_an_hour(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world)
    assert attention.check_due() == 1 and attention.check_due() == 0
    assert world.ada.api.get(f"/api/integrations/{integration}/health").json()["status"] == "healthy"
    with later(10):
        assert attention.check_due() == 0
    with later(17):
        assert attention.check_due() == 1
    assert len(platform.requests) == 2 and told(world) == []


def test_what_works_by_itself_or_is_switched_off_is_not_tested(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world)
    with working_for(world.ada.organization):
        health.note_outcomes([health.CallOutcome(uuid.UUID(integration))])
    assert attention.check_due() == 0
    world.ada.api.patch(f"/api/integrations/{integration}", {"enabled": False}, format="json")
    with later(60):
        assert attention.check_due() == 0
    assert not platform.requests


def test_a_break_is_told_once_it_is_confirmed_and_the_way_back_once(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world)
    platform.on("GET", ME, lambda _: httpx.Response(404))
    attention.check_due()
    assert told(world) == []
    for minutes in (1.1, 20, 40):
        with later(minutes):
            assert attention.check_due() == 1
    assert told(world) == ["integration.broken"]
    platform.on("GET", ME, {"id": 7})
    for minutes in (60, 80):
        with later(minutes):
            attention.check_due()
    assert told(world) == ["integration.broken", "integration.recovered"]
    with working_for(world.ada.organization):
        row = IntegrationHealth.objects.get(integration_id=integration)
        assert (row.broken_since, row.failed_checks) == (None, 0)


def test_refused_credentials_are_told_once_and_not_shown_again(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world)
    platform.on("GET", ME, lambda _: httpx.Response(401, json={"message": "a-key-1234567890 is wrong"}))
    attention.check_due()
    for minutes in (2, 30):
        with later(minutes):
            attention.check_due()
    assert len(platform.requests) == 1 and told(world) == ["integration.needs_attention"]
    with working_for(world.ada.organization):
        assert AuditEntry.objects.filter(action="integration.needs_attention", resource_id=integration).count() == 1
        assert "a-key-1234567890" not in str(Notice.objects.get().text)
    given = {"credentials": {"api_key": "another-key-123456"}}
    world.ada.api.patch(f"/api/integrations/{integration}", given, format="json")
    platform.on("GET", ME, {"id": 7})
    with later(50):
        attention.check_due()
    assert told(world) == ["integration.needs_attention", "integration.recovered"]


def test_calls_that_fail_tell_as_well(world: World) -> None:
    integration = uuid.UUID(freshdesk(world))
    with working_for(world.ada.organization):
        for _ in range(12):
            health.note_outcomes([health.CallOutcome(integration, Unavailable("503"))])
        health.note_outcomes([health.CallOutcome(integration, CredentialsRejected("No", status_code=401))])
        health.note_outcomes([health.CallOutcome(integration)])
    assert told(world) == ["integration.broken", "integration.needs_attention", "integration.recovered"]


# --- telling ----------------------------------------------------------------------------------------------------


def tell(world: World, event: str = "integration.broken") -> None:
    with working_for(world.ada.organization):
        notices.tell(event, "Desk does not work", "Calls of 'Desk' fail.", {"integration": {"name": "Desk"}})


def target(world: World, **fields: Any) -> dict[str, Any]:
    body = {"name": "On call", "channel": "email", "events": EVERYTHING, **fields}
    return created(world.ada.api, "/api/notifications/", body)


def test_owners_are_told_where_nobody_said_who(world: World) -> None:
    tell(world)
    assert notices.send_due() == 1 and notices.send_due() == 0
    (message,) = mail.outbox
    assert message.to == ["ada@example.com"] and message.subject == "Desk does not work"
    assert "Calls of 'Desk' fail." in message.body


def test_each_is_told_of_what_he_wants(world: World) -> None:
    target(world, to=["a@acme.example", "b@acme.example"], events=["integration.broken"])
    target(world, name="Off", to=["c@acme.example"], enabled=False)
    tell(world)
    tell(world, "integration.recovered")
    assert notices.send_due() == 1
    assert sorted(message.to for message in mail.outbox) == [["a@acme.example"], ["b@acme.example"]]


def test_a_webhook_is_signed_and_tried_again(world: World) -> None:
    made = target(world, channel="webhook", url=HOOK)
    assert made["secret"].startswith("whsec_") and "url" not in made
    tell(world)
    with in_place_of_the_network() as platform:
        platform.on("POST", HOOK, status=503)
        assert notices.send_due() == 0
        platform.on("POST", HOOK, {})
        assert notices.send_due() == 0, "not before its pause is over"
        with later(2):
            assert notices.send_due() == 1
        first, second = platform.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.content == second.content
    assert json.loads(second.content)["type"] == "integration.broken"
    request = WebhookRequest("POST", HOOK, {k.lower(): v for k, v in second.headers.items()}, second.content)
    assert StandardWebhooks().verify(request, [made["secret"]], clock.now() + timedelta(minutes=2))
    with working_for(world.ada.organization):
        row = Notice.objects.get()
        assert (row.due_at, row.attempts_made, row.error) == (None, 1, "") and row.sent_at is not None


def test_it_is_given_up_some_time(world: World) -> None:
    target(world, channel="webhook", url=HOOK)
    tell(world)
    with in_place_of_the_network() as platform:
        platform.on("POST", HOOK, status=500)
        for minutes in (0, 2, 10, 60, 300, 1000, 2000, 3000):
            with later(minutes):
                notices.send_due()
        assert len(platform.requests) == 6
    with working_for(world.ada.organization):
        assert Notice.objects.get().due_at is None and "500" in Notice.objects.get().error


def test_an_address_of_our_own_network_is_not_called(world: World) -> None:
    target(world, channel="webhook", url="http://169.254.169.254/latest/meta-data/")
    tell(world)
    assert notices.send_due() == 0
    with working_for(world.ada.organization):
        assert "are refused" in Notice.objects.get().error


# --- who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({}, "to"),
        ({"to": ["nobody"]}, "to"),
        ({"to": ["a@b.example"], "events": ["rule.changed"]}, "events.0"),
        ({"to": ["a@b.example"], "events": []}, "events"),
        ({"to": ["a@b.example"], "url": HOOK}, "url"),
        ({"channel": "webhook"}, "url"),
        ({"channel": "webhook", "url": "ftp://x"}, "url"),
        ({"channel": "pigeon", "to": ["a@b.example"]}, "channel"),
        ({"to": ["a@b.example"], "name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_named(world: World, fields: dict[str, Any], attr: str) -> None:
    body = {"name": "On call", "channel": "email", "events": EVERYTHING, **fields}
    answer = world.ada.api.post("/api/notifications/", body, format="json")
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == attr, answer.content


def test_a_target_is_changed_and_deleted(world: World) -> None:
    made = target(world, channel="webhook", url=HOOK)
    address = f"/api/notifications/{made['id']}"
    changed = world.ada.api.patch(address, {"events": ["integration.recovered"], "enabled": False}, format="json")
    assert changed.status_code == 200 and changed.json()["events"] == ["integration.recovered"]
    assert HOOK not in changed.content.decode()
    again = {"name": "On call", "channel": "email", "events": EVERYTHING, "to": ["a@b.example"]}
    assert world.ada.api.post("/api/notifications/", again, format="json").json()["errors"][0]["attr"] == "name"
    assert world.ada.api.delete(address).status_code == 204
    with working_for(world.ada.organization):
        assert AuditEntry.objects.filter(action="notification.changed").count() == 3
        assert HOOK not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_the_admin_says_who_is_told(world: World) -> None:
    client = browser(world.ada.owner)
    add = "/admin/integrations/notificationtarget/add/"
    fields = {"name": "On call", "channel": "webhook", "told_of": ["integration.broken"], "addresses": "", "url": ""}
    assert "This is required" in client.post(add, fields, format="multipart").content.decode()
    page = client.post(
        add, {**fields, "url": HOOK, "is_enabled": "on"}, format="multipart", follow=True
    ).content.decode()
    assert "whsec_" in page
    (row,) = world.ada.api.get("/api/notifications/").json()["results"]
    page = client.get(f"/admin/integrations/notificationtarget/{row['id']}/change/").content.decode()
    assert HOOK not in page and "An integration stopped working." in page
