"""Webhooks that we register at platforms ourselves: made once, changed then, removed with the integration."""

import json
from typing import Any

import httpx
import pytest

from audit.models import AuditEntry
from integrations.endpoints import endpoint_of, valid_secrets
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.belongings import created
from tests.builders import World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network

pytestmark = pytest.mark.django_db
HOOKS = "https://acme.zendesk.com/api/v2/webhooks"
SIGNING = "c2lnbmluZy1zZWNyZXQtb2YtdGhlLXdlYmhvb2s="


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        fake.on("GET", HOOKS, {"webhooks": []})
        fake.on("POST", HOOKS, {"webhook": {"id": "01H-ours"}}, status=201)
        fake.on("GET", f"{HOOKS}/01H-ours/signing_secret", {"signing_secret": {"secret": SIGNING}})
        yield fake


def zendesk(world: World) -> str:
    credentials = {"subdomain": "acme", "email": "a@acme.example", "api_token": "zd-token-1234"}
    body = {"platform": "zendesk", "name": "Desk", "credentials": credentials}
    return str(created(world.ada.api, "/api/integrations/", body)["id"])


def test_the_address_is_registered_and_ready_with_the_platforms_secret(world: World, platform: FakePlatform) -> None:
    integration = zendesk(world)
    before = world.ada.api.get(f"/api/integrations/{integration}").json()["webhook"]
    assert (before["state"], before["registered_at"]) == ("awaiting_secret", None)
    answer = world.ada.api.post(f"/api/integrations/{integration}/register-webhook")
    assert answer.status_code == 200, answer.content
    after = answer.json()
    assert after["state"] == "ready" and after["registered_at"] and SIGNING not in answer.content.decode()
    (sent,) = [request for request in platform.requests if request.method == "POST"]
    assert json.loads(sent.content)["webhook"]["endpoint"] == after["url"]
    with working_for(world.ada.organization):
        endpoint = endpoint_of(integration)  # type: ignore[arg-type]
        assert endpoint is not None and valid_secrets(endpoint, clock.now()) == [SIGNING]
        assert AuditEntry.objects.filter(action="integration.webhook_registered").count() == 1


def test_it_goes_with_the_integration(world: World, platform: FakePlatform) -> None:
    integration = zendesk(world)
    world.ada.api.post(f"/api/integrations/{integration}/register-webhook")
    platform.on("DELETE", f"{HOOKS}/01H-ours", status=204)
    assert world.ada.api.delete(f"/api/integrations/{integration}").status_code == 204
    assert platform.requests[-1].method == "DELETE"


def test_an_integration_goes_though_the_platform_does_not_answer(world: World, platform: FakePlatform) -> None:
    integration, client = zendesk(world), browser(world.ada.owner)
    page = client.get(f"/admin/integrations/integration/{integration}/change/").content.decode()
    assert "Register at Zendesk" in page
    client.post(f"/admin/integrations/integration/{integration}/register-webhook/")
    platform.on("DELETE", f"{HOOKS}/01H-ours", lambda _: httpx.Response(503, text="zd-token-1234"))
    address = f"/admin/integrations/integration/{integration}/delete/"
    page = client.post(address, {"post": "yes"}, format="multipart", follow=True).content.decode()
    assert "has to be removed there" in page and "zd-token-1234" not in page
    assert world.ada.api.get(f"/api/integrations/{integration}").status_code == 404
    with working_for(world.ada.organization):
        (entry,) = AuditEntry.objects.filter(action="integration.deleted")
        assert "still stands at the platform" in entry.changes["webhook"]
    assert sum(request.method == "DELETE" for request in platform.requests) == 1


def test_a_refusal_of_the_platform_is_told(world: World, platform: FakePlatform) -> None:
    integration = zendesk(world)
    refusal = {"error": "Forbidden", "description": "zd-token-1234 may not"}
    platform.on("POST", HOOKS, lambda _: httpx.Response(403, json=refusal))
    answer = world.ada.api.post(f"/api/integrations/{integration}/register-webhook")
    assert answer.status_code == 502 and "zd-token-1234" not in answer.content.decode()
    assert world.ada.api.get(f"/api/integrations/{integration}").json()["webhook"]["registered_at"] is None


def test_where_it_has_to_be_done_by_hand_the_steps_are_given(world: World) -> None:
    body = {"platform": "freshdesk", "name": "F", "credentials": {"domain": "acme", "api_key": "a-key-1234567890"}}
    integration = created(world.ada.api, "/api/integrations/", body)["id"]
    answer = world.ada.api.post(f"/api/integrations/{integration}/register-webhook")
    (problem,) = answer.json()["errors"]
    assert answer.status_code == 400 and "webhook.setup in /api/platforms/freshdesk" in problem["detail"]
    platform = world.ada.api.get("/api/platforms/freshdesk").json()
    assert "Trigger Webhook" in platform["webhook"]["setup"] and platform["webhook"]["registers"] is False


def test_a_webhook_that_could_not_be_checked_is_not_registered(world: World) -> None:
    credentials = {"api_key": "k" * 32, "token": "t" * 64}
    body = {"platform": "trello", "name": "T", "credentials": credentials}
    integration = created(world.ada.api, "/api/integrations/", body)["id"]
    answer = world.ada.api.post(f"/api/integrations/{integration}/register-webhook")
    assert answer.json()["errors"][0]["attr"] == "credentials.api_secret"
