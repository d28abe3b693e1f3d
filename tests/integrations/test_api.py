"""The API's addresses for integrations: what is taken, what is shown, and what never is."""

from typing import Any

import pytest

from integrations.models import Endpoint
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.fake_platform import FakePlatform, in_place_of_the_network
from tests.webhooks.senders import Sender, counted

pytestmark = pytest.mark.django_db(transaction=True)

ME = "https://acme.freshdesk.com/api/v2/agents/me"
NOTES = "https://acme.freshdesk.com/api/v2/tickets/42/notes"
KEY = "a-key-of-some-length"
BODY: dict[str, Any] = {
    "platform": "freshdesk",
    "name": "My Freshdesk",
    "credentials": {"domain": "acme.freshdesk.com", "api_key": KEY},
    "environment": "prod",
    "webhook": {"scheme": "hmac"},
}


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        fake.on("GET", ME, {"id": 5, "contact": {"name": "Ada", "email": "ada@example.com"}})
        fake.on("POST", NOTES, {"id": 7, "body_text": "Seen."}, status=201)
        yield fake


def created(world: World, **changes: Any) -> dict[str, Any]:
    answer = world.ada.api.post("/api/integrations/", {**BODY, **changes}, format="json")
    assert answer.status_code == 201, answer.content
    row: dict[str, Any] = answer.json()
    return row


def problem(answer: Any, status: int = 400) -> tuple[str | None, str]:
    assert answer.status_code == status, answer.content
    entry = answer.json()["errors"][0]
    return entry["attr"], entry["code"]


def test_a_new_integration_shows_its_address_and_its_secret_this_once(world: World) -> None:
    made = created(world)
    assert (made["platform"], made["name"], made["environment"], made["enabled"]) == (
        "freshdesk",
        "My Freshdesk",
        "prod",
        True,
    )
    assert (made["credentials_set"], made["status"]) == (["api_key", "domain"], "unknown")
    assert made["webhook"]["url"].startswith("http://127.0.0.1:8000/api/webhooks/freshdesk/")
    assert (made["webhook"]["scheme"], made["webhook"]["state"]) == ("hmac", "ready")
    secret = made["webhook"]["secret"]
    assert len(secret) > 20
    address = f"/api/integrations/{made['id']}"
    for answer in (
        world.ada.api.get(address),
        world.ada.api.get("/api/integrations"),
        world.ada.api.patch(address, {"name": "Other"}, format="json"),
        world.ada.api.get("/api/audit/logs/"),
    ):
        assert answer.status_code == 200
        assert secret not in answer.content.decode() and KEY not in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"platform": "nosuch"}, "platform"),
        ({"name": " "}, "name"),
        ({"credentials": {"domain": "acme.freshdesk.com"}}, "credentials.api_key"),
        ({"credentials": {**BODY["credentials"], "nosuch": "x"}}, "credentials.nosuch"),
        ({"credentials": {"domain": "169.254.169.254", "api_key": KEY}}, "credentials.domain"),
        ({"config": {"nosuch": 1}}, "config.nosuch"),
        ({"environment": "nosuch"}, "environment"),
        ({"webhook": {"scheme": "nosuch"}}, "webhook"),
        ({"webhook": {"nosuch": 1}}, "webhook.nosuch"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_nothing_is_made(
    world: World, changes: dict[str, Any], attr: str
) -> None:
    answer = world.ada.api.post("/api/integrations/", {**BODY, **changes}, format="json")
    assert answer.status_code == 400, answer.content
    assert [e["attr"] for e in answer.json()["errors"]] == [attr]
    assert KEY not in answer.content.decode()
    assert world.ada.api.get("/api/integrations/").json()["results"] == []


def test_what_is_given_is_changed_and_the_rest_stays(world: World) -> None:
    address = f"/api/integrations/{created(world)['id']}/"
    api = world.ada.api
    changed = api.patch(address, {"environment": None, "enabled": False}, format="json").json()
    assert (changed["environment"], changed["enabled"], changed["name"]) == (None, False, "My Freshdesk")
    assert changed["credentials_set"] == ["api_key", "domain"]
    assert api.patch(address, {"credentials": {"api_key": "another-key-123"}}, format="json").status_code == 200
    moved = api.patch(address, {"credentials": {"domain": "evil.freshdesk.com"}}, format="json")
    assert problem(moved) == ("credentials.api_key", "credentials_required")
    assert problem(api.patch(address, {"platform": "slack"}, format="json")) == ("platform", "read_only")
    assert problem(api.patch(address, {"environment": "nosuch"}, format="json"))[0] == "environment"
    created(world, name="Taken")
    assert problem(api.patch(address, {"name": "Taken"}, format="json")) == ("name", "not_unique")
    assert problem(api.post("/api/integrations/", {**BODY, "name": "Taken"}, format="json")) == ("name", "not_unique")


def test_lists_are_filtered(world: World) -> None:
    desk = created(world)["id"]
    chat = created(
        world,
        platform="slack",
        name="Chat",
        credentials={"bot_token": "xoxb-1234567890-abc"},
        environment=None,
        webhook={},
    )["id"]
    world.ada.api.patch(f"/api/integrations/{chat}/", {"enabled": False}, format="json")

    def found(query: str) -> list[str]:
        return [row["id"] for row in world.ada.api.get(f"/api/integrations/?{query}").json()["results"]]

    assert found("") == [chat, desk]
    assert found("platform=slack") == [chat]
    assert found("environment=prod") == [desk]
    assert found("enabled=true") == [desk]
    assert found("platform=trello") == []
    assert world.bo.api.get("/api/integrations/").json()["results"] == []


def test_a_connection_test_says_who_we_are_or_what_is_wrong(world: World, platform: FakePlatform) -> None:
    address = f"/api/integrations/{created(world)['id']}"
    said = world.ada.api.post(f"{address}/test").json()
    assert (said["success"], sorted(said)) == (True, ["data", "latency_ms", "message", "success"])
    assert world.ada.api.get(f"{address}/health").json()["status"] == "healthy"
    platform.on("GET", ME, {"code": "invalid_credentials", "message": f"{KEY} is wrong"}, status=401)
    refused = world.ada.api.post(f"{address}/test/")
    assert (refused.status_code, refused.json()["success"]) == (200, False)
    assert KEY not in refused.content.decode()
    health = world.ada.api.get(f"{address}/health/").json()
    assert health["status"] == "unhealthy"
    assert {"checked_at", "last_success_at", "last_failure_at", "consecutive_failures", "circuit", "message"} <= set(
        health
    )
    unsaved = world.ada.api.post(
        "/api/integrations/test", {k: BODY[k] for k in ("platform", "credentials")}, format="json"
    )
    assert (unsaved.status_code, unsaved.json()["success"]) == (200, False)


def test_an_action_is_executed_at_once(world: World, platform: FakePlatform) -> None:
    address = f"/api/integrations/{created(world)['id']}/execute"
    api, note = world.ada.api, {"action": "add_note", "parameters": {"ticket_id": 42, "body": "Seen."}}
    done = api.post(address, note, format="json")
    assert (done.status_code, done.json()["success"], sorted(done.json())) == (
        200,
        True,
        ["data", "message", "success"],
    )
    assert platform.bodies(NOTES)[0]["body"].startswith("Seen.")
    platform.on("POST", NOTES, {"description": "no such ticket"}, status=404)
    failed = api.post(address, note, format="json")
    assert (failed.status_code, failed.json()["success"]) == (200, False)
    assert api.post(address, {"action": "test_connection"}, format="json").json()["success"] is True
    assert problem(api.post(address, {"action": "nosuch"}, format="json")) == ("action", "unknown_action")
    for parameters in ({}, {"ticket_id": "x", "body": "y"}, {**note["parameters"], "nosuch": 1}):
        refused = api.post(address, {"action": "add_note", "parameters": parameters}, format="json")
        assert problem(refused)[0].startswith("parameters."), refused.content  # type: ignore[union-attr]
    stats = api.get(address.replace("execute", "stats") + "?window=1h").json()
    assert stats["window"] == "1h"
    assert (stats["actions"]["succeeded"], stats["actions"]["failed"]) == (2, 1)
    assert problem(api.get(address.replace("execute", "stats") + "?window=1y"))[0] == "window"


def test_a_rotated_secret_leaves_the_old_one_valid_for_a_while(world: World) -> None:
    made = created(world)
    with working_for(world.ada.organization):
        endpoint = Endpoint.objects.select_related("integration").get(integration_id=made["id"])
    sender = Sender(world.ada, endpoint, made["webhook"]["secret"])
    address = f"/api/integrations/{made['id']}/rotate-secret"
    rotated = world.ada.api.post(f"{address}?grace=3600", {}, format="json")
    assert rotated.status_code == 200, rotated.content
    new = rotated.json()["webhook"]["secret"] if "webhook" in rotated.json() else rotated.json()["secret"]
    assert new != sender.secret
    body = {"event": "ticket_created", "ticket": {"id": 42, "subject": "x"}}
    assert sender.send(body).status_code == 202, "the old one"
    assert sender.send({**body, "n": 2}, secret=new).status_code == 202, "the new one"
    assert world.ada.api.post(f"{address}?grace=0", {}, format="json").status_code == 200
    assert sender.send({**body, "n": 3}).status_code == 401
    assert counted(sender, "rejected") == 1
    assert problem(world.ada.api.post(f"{address}?grace=-1", {}, format="json"))[0] == "grace"


def test_a_deleted_integration_is_gone_with_its_address(world: World) -> None:
    made = created(world)
    with working_for(world.ada.organization):
        endpoint = Endpoint.objects.select_related("integration").get(integration_id=made["id"])
    sender = Sender(world.ada, endpoint, made["webhook"]["secret"])
    path = sender.path
    assert world.ada.api.delete(f"/api/integrations/{made['id']}/").status_code == 204
    assert problem(world.ada.api.get(f"/api/integrations/{made['id']}/"), 404) == (None, "not_found")
    assert sender.send({"event": "ticket_created"}, path=path).status_code == 404
    assert created(world)["id"] != made["id"]
