"""What changed without a webhook of it reaching us: asked for, recognised where it was told, planned late else."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from integrations.models import Integration, IntegrationHealth
from rules.models import Event
from supportops import clock
from supportops.jobs import running
from supportops.tenancy.scope import working_for
from tests.belongings import created, urgent_rule
from tests.builders import World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.forms import errors_of, fields_of
from webhooks.reconciling import look_between, reconcile_due

pytestmark = pytest.mark.django_db
API = "https://acme.freshdesk.com/api/v2"


def stamp(**ago: float) -> str:
    return (clock.now() - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticket(number: int, created_at: str, updated_at: str) -> dict[str, Any]:
    return {
        "id": number,
        "subject": f"Ticket {number}",
        "priority": 4,
        "status": 2,
        "created_at": created_at,
        "updated_at": updated_at,
    }


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        fake.on("GET", f"{API}/contacts", lambda _: httpx.Response(200, json=[]))
        fake.on("GET", f"{API}/tickets", lambda _: httpx.Response(200, json=[]))
        yield fake


def freshdesk(world: World, **fields: Any) -> str:
    credentials = {"domain": "acme", "api_key": "a-key-1234567890"}
    body = {"platform": "freshdesk", "name": "Desk", "credentials": credentials}
    integration = str(created(world.ada.api, "/api/integrations/", body)["id"])
    if fields:
        changed = world.ada.api.patch(f"/api/integrations/{integration}", fields, format="json")
        assert changed.status_code == 200, changed.content
    return integration


def known(world: World) -> list[tuple[str, str, str, bool]]:
    with working_for(world.ada.organization):
        return list(Event.objects.order_by("pk").values_list("type", "external_id", "source", "is_late"))


def test_what_nobody_told_is_planned_once_and_late(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world, reconcile=True)
    rule = created(world.ada.api, "/api/rules/", urgent_rule("Tell"))
    old, recent = stamp(days=3), stamp(minutes=30)
    told = ticket(1, old, stamp(minutes=40))
    with working_for(world.ada.organization):
        row = Integration.objects.get(pk=integration)
        Event.objects.create(
            integration=row,
            platform="freshdesk",
            type="note_created",
            external_id="1",
            key="k",
            occurred_at=clock.now() - timedelta(minutes=40),
        )
    listed = [told, ticket(2, recent, recent), ticket(3, old, stamp(minutes=20)), ticket(4, old, stamp(minutes=0))]
    platform.on("GET", f"{API}/tickets", lambda _: httpx.Response(200, json=listed))
    with working_for(world.ada.organization):
        since, until = clock.now() - timedelta(hours=1), clock.now() - timedelta(minutes=2)
        assert look_between(row, since, until).planned == 2
        assert look_between(row, since, until).planned == 0
    assert known(world)[1:] == [
        ("ticket_created", "2", "reconcile", True),
        ("ticket_updated", "3", "reconcile", True),
    ]
    runs = world.ada.api.get("/api/runs/", {"rule": rule["id"]}).json()["results"]
    assert len(runs) == 1, "late events wake rules as well, unless these skip them"


def test_the_stretch_goes_on_where_it_stopped(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world, reconcile=True)
    assert reconcile_due() == 0 and not platform.requests, "from now on: what was before nobody has missed"
    platform.on("GET", f"{API}/tickets", lambda _: httpx.Response(503))
    with clock.moved(timedelta(hours=1)):
        assert reconcile_due() == 1
    missed = stamp(minutes=-30)
    platform.on("GET", f"{API}/tickets", lambda _: httpx.Response(200, json=[ticket(7, missed, missed)]))
    with clock.moved(timedelta(hours=2)):
        assert reconcile_due() == 1 and reconcile_due() == 0
    assert known(world) == [("ticket_created", "7", "reconcile", True)]
    with working_for(world.ada.organization):
        until = IntegrationHealth.objects.get(integration_id=integration).changes_until
    assert until is not None and until > clock.now() + timedelta(hours=1)


def test_the_admin_switches_it_on(world: World) -> None:
    integration = freshdesk(world)
    client = browser(world.ada.owner)
    address = f"/admin/integrations/integration/{integration}/change/"
    fields = fields_of(client.get(address), "integration_form")
    answer = client.post(address, {**fields, "basics-reconcile": "on"}, format="multipart")
    assert answer.status_code == 302, errors_of(answer)
    assert world.ada.api.get(f"/api/integrations/{integration}").json()["reconcile"] is True


def test_contacts_are_polled_and_not_late(world: World, platform: FakePlatform) -> None:
    freshdesk(world)
    reconcile_due()
    at = stamp(minutes=-4)
    contact = {"id": 9, "name": "Grace", "created_at": at, "updated_at": at}
    platform.on("GET", f"{API}/contacts", lambda _: httpx.Response(200, json=[contact]))
    for minutes in (8, 14):
        with clock.moved(timedelta(minutes=minutes)):
            assert reconcile_due() == 1
    assert known(world) == [("contact_created", "9", "poll", False)]
    assert not [request for request in platform.requests if request.url.path.endswith("/tickets")]


def test_where_nothing_can_be_listed_it_is_said(world: World) -> None:
    body = {"platform": "slack", "name": "Chat", "credentials": {"bot_token": "xoxb-1234567890"}}
    integration = created(world.ada.api, "/api/integrations/", body)["id"]
    for answer in (
        world.ada.api.patch(f"/api/integrations/{integration}", {"reconcile": True}, format="json"),
        world.ada.api.post(f"/api/integrations/{integration}/reconcile", {}, format="json"),
    ):
        assert answer.status_code == 400 and "no way to list" in answer.json()["errors"][0]["detail"]
    assert world.ada.api.post("/api/integrations/nothing/reconcile", {}, format="json").status_code == 404
    assert reconcile_due() == 0
    with working_for(world.ada.organization):
        assert IntegrationHealth.objects.get(integration_id=integration).next_changes_at is None


@pytest.mark.django_db(transaction=True)
def test_a_person_may_ask_at_once(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world, reconcile=True)
    at = stamp(hours=5)
    platform.on("GET", f"{API}/tickets", lambda _: httpx.Response(200, json=[ticket(5, at, at)]))
    asked = world.ada.api.post(f"/api/integrations/{integration}/reconcile", {"since": stamp(hours=6)}, format="json")
    assert asked.status_code == 202, asked.content
    running.work_due()
    done = world.ada.api.get(f"/api/jobs/{asked.json()['job']}/").json()
    assert (done["status"], done["result"]) == ("succeeded", {"listed": 1, "planned": 1})
    assert known(world) == [("ticket_created", "5", "reconcile", True)]
