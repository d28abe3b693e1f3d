"""A signing secret that comes in a request: taken once, seen and confirmed by a person, never overwritten."""

import json
from typing import Any

import pytest

from audit.models import AuditEntry
from integrations.models import Endpoint
from supportops.tenancy.scope import working_for
from tests.builders import World, api_client, browser
from tests.integrations import recorded
from tests.webhooks.senders import Sender, deliveries

pytestmark = pytest.mark.django_db

TOKEN, ANOTHER = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl", "secret_of_a_stranger_00000000000000000000"
EVENT = recorded.request("notion", "page.created").body


def connected(world: World, platform: str, credentials: dict[str, str]) -> Sender:
    """An integration as its owner made it, with its address."""
    body = {"platform": platform, "name": "Ours", "credentials": credentials}
    made = api_client(world.ada.token).post("/api/integrations/", body, format="json").json()
    with working_for(world.ada.organization):
        endpoint = Endpoint.objects.select_related("integration").get(integration=made["id"])
    return Sender(world.ada, endpoint, TOKEN)


@pytest.fixture
def notion(world: World) -> Sender:
    return connected(world, "notion", {"token": "ntn_" + "x" * 46})


def hands_over(sender: Sender, token: Any) -> int:
    return int(sender.send_raw(handshake(token), {}).status_code)


def handshake(token: Any) -> bytes:
    return json.dumps({"verification_token": token}).encode()


def asked(world: World, sender: Sender, **body: Any) -> Any:
    return api_client(world.ada.token).post(
        f"/api/integrations/{sender.integration.pk}/handshake/", body, format="json"
    )


def test_an_address_awaits_its_handshake_and_refuses_everything_else(world: World, notion: Sender) -> None:
    assert asked(world, notion).json()["state"] == "awaiting_handshake"
    assert notion.send(EVENT, secret=TOKEN).status_code == 401
    assert notion.send_raw(b'{"verification_token": 3}', {}).status_code == 401
    assert notion.send_raw(b"no json", {}).status_code == 401
    assert deliveries(world.ada) == []


def test_a_secret_counts_once_a_person_has_confirmed_it(world: World, notion: Sender) -> None:
    assert hands_over(notion, TOKEN) == 200
    assert notion.send(EVENT, secret=TOKEN).status_code == 401, "nobody has said whose it is"
    assert asked(world, notion).json()["secret"] == TOKEN
    assert asked(world, notion, confirm=True).json()["state"] == "ready"
    assert notion.send(EVENT, secret=TOKEN).status_code == 202
    assert len(deliveries(world.ada)) == 1
    assert "secret" not in asked(world, notion).json(), "it is shown until it is confirmed"


def test_the_first_one_stays(world: World, notion: Sender) -> None:
    assert hands_over(notion, TOKEN) == 200
    assert hands_over(notion, ANOTHER) == 401
    assert asked(world, notion).json()["secret"] == TOKEN
    asked(world, notion, confirm=True)
    assert hands_over(notion, ANOTHER) == 401
    assert notion.send(EVENT, secret=ANOTHER).status_code == 401
    # Sent again on demand, and signed by then.
    assert notion.send(handshake(TOKEN), secret=TOKEN).status_code == 200
    assert deliveries(world.ada) == []


def test_a_strangers_secret_is_discarded_and_the_next_one_taken(world: World, notion: Sender) -> None:
    hands_over(notion, ANOTHER)
    assert asked(world, notion, confirm=False).json()["state"] == "awaiting_handshake"
    assert hands_over(notion, TOKEN) == 200
    assert asked(world, notion).json()["secret"] == TOKEN


def test_the_secret_may_be_given_by_hand_instead(world: World, notion: Sender) -> None:
    hands_over(notion, ANOTHER)
    answer = api_client(world.ada.token).patch(
        f"/api/integrations/{notion.integration.pk}/", {"webhook": {"secret": TOKEN}}, format="json"
    )
    assert answer.json()["webhook"]["state"] == "ready"
    assert notion.send(EVENT, secret=TOKEN).status_code == 202


def test_there_must_be_one_to_confirm(world: World, notion: Sender) -> None:
    for confirmed in (True, False):
        answer = asked(world, notion, confirm=confirmed)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "no_handshake")


def test_another_organization_sees_nothing_of_it(world: World, notion: Sender) -> None:
    hands_over(notion, TOKEN)
    answer = api_client(world.bo.token).post(f"/api/integrations/{notion.integration.pk}/handshake/", {}, format="json")
    assert answer.status_code == 404


def test_each_step_is_in_the_audit_and_no_secret(world: World, notion: Sender) -> None:
    hands_over(notion, TOKEN)
    asked(world, notion)
    asked(world, notion, confirm=True)
    with working_for(world.ada.organization):
        entries = list(AuditEntry.objects.filter(action__startswith="integration.handshake").order_by("pk"))
    assert [entry.action for entry in entries] == [
        "integration.handshake_taken",
        "integration.handshake_shown",
        "integration.handshake_confirmed",
    ]
    assert TOKEN not in str([entry.__dict__ for entry in entries])


def test_the_admin_shows_and_confirms_it(world: World, notion: Sender) -> None:
    person = browser(world.ada.owner, world.ada.organization)
    place = f"/admin/integrations/integration/{notion.integration.pk}/handshake/"
    assert "has not sent its signing secret" in person.get(place).content.decode()
    hands_over(notion, TOKEN)
    assert TOKEN in person.get(place).content.decode()
    assert person.post(place, {"answer": "confirm"}, format="multipart").status_code == 302
    assert notion.send(EVENT, secret=TOKEN).status_code == 202
    assert TOKEN not in person.get(place).content.decode()


def test_other_platforms_wait_for_no_handshake(world: World) -> None:
    zendesk = connected(world, "zendesk", {"subdomain": "acme", "access_token": "a" * 30})
    assert asked(world, zendesk).json()["state"] == "awaiting_secret"
    assert hands_over(zendesk, TOKEN) == 401
