"""Access that people grant in the browser: sent to the platform, and taken from whoever left, once."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import override_settings

from audit.models import AuditEntry
from integrations.credentials import open_credentials
from integrations.models import Integration, IntegrationToken, OAuthRequest
from supportops import clock
from supportops.tenancy.roles import Permission, Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.belongings import created
from tests.builders import Tenant, World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network

pytestmark = pytest.mark.django_db
TOKENS = "https://acme.zendesk.com/oauth/tokens"
ZENDESK = {"subdomain": "acme", "client_id": "our-client", "client_secret": "client-secret-1"}
GRANTED = {"access_token": "zd-granted-access", "refresh_token": "zd-granted-refresh", "expires_in": 1800}
BACK = "/api/oauth/callback"


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        yield fake


def connected(tenant: Tenant, platform: str = "zendesk", **credentials: str) -> str:
    body = {"platform": platform, "name": "Desk", "credentials": credentials or ZENDESK}
    return str(created(tenant.api, "/api/integrations/", body)["id"])


def left(client: Any, integration: str) -> dict[str, str]:
    """Return what the address at the platform says, to which `client` was sent."""
    answer = client.post(f"/api/integrations/{integration}/oauth/start", {}, format="json")
    assert answer.status_code == 200, answer.content
    parts = urlsplit(answer.json()["url"])
    return {"": f"{parts.scheme}://{parts.netloc}{parts.path}", **{k: v[0] for k, v in parse_qs(parts.query).items()}}


def stored(tenant: Tenant, integration: str) -> dict[str, Any]:
    with working_for(tenant.organization):
        return open_credentials(Integration.objects.get(pk=integration))


def test_granted_access_is_taken_with_proof_of_who_asked(world: World, platform: FakePlatform) -> None:
    integration, person = connected(world.ada), browser(world.ada.owner)
    sent = left(person, integration)
    assert sent[""] == "https://acme.zendesk.com/oauth/authorizations/new"
    assert sent["client_id"] == "our-client" and sent["scope"] == "read write" and sent["response_type"] == "code"
    assert sent["redirect_uri"] == "http://127.0.0.1:8000/api/oauth/callback"
    assert "client-secret-1" not in str(sent)

    platform.on("POST", TOKENS, GRANTED)
    answer = person.get(BACK, {"state": sent["state"], "code": "the-code"})
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/integrations/integration/{integration}/change/")
    (body,) = platform.bodies(TOKENS)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(body.pop("code_verifier").encode()).digest()).rstrip(b"=")
    assert challenge.decode() == sent["code_challenge"]
    assert body == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": sent["redirect_uri"],
        "client_id": "our-client",
        "client_secret": "client-secret-1",
    }
    assert stored(world.ada, integration)["refresh_token"] == "zd-granted-refresh"
    with working_for(world.ada.organization):
        row = IntegrationToken.objects.get(integration_id=integration)
        assert row.expires_at is not None and row.expires_at > clock.now() + timedelta(minutes=25)
        (entry,) = AuditEntry.objects.filter(action="integration.authorized")
        assert entry.changes == {"granted": ["access_token", "refresh_token"]}
    # From now on calls go with it.
    user = {"user": {"id": 7, "role": "admin", "email": "a@acme.example"}}
    platform.on("GET", "https://acme.zendesk.com/api/v2/users/me", user)
    platform.on("GET", "https://acme.zendesk.com/api/v2/account", {"account": {"id": 1}})
    assert world.ada.api.post(f"/api/integrations/{integration}/test").json()["success"]
    assert platform.requests[-1].headers["authorization"] == "Bearer zd-granted-access"


def test_the_way_back_is_taken_once(world: World, platform: FakePlatform) -> None:
    integration, person = connected(world.ada), browser(world.ada.owner)
    sent = left(person, integration)
    platform.on("POST", TOKENS, GRANTED)
    assert person.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 302
    again = person.get(BACK, {"state": sent["state"], "code": "c"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "invalid_state")
    assert len(platform.requests) == 1


def test_the_way_back_is_open_for_ten_minutes(world: World, platform: FakePlatform) -> None:
    integration, person = connected(world.ada), browser(world.ada.owner)
    sent = left(person, integration)
    with clock.moved(timedelta(minutes=10, seconds=1)):
        assert person.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 400
        left(person, integration)
        assert OAuthRequest.across_organizations.count() == 1, "what is over is removed"
    assert not platform.requests


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "x" * 5000, "code": "c"}, {"state": "\0", "code": "c"}])
def test_a_state_that_is_none_is_refused(world: World, query: dict[str, str]) -> None:
    assert browser(world.ada.owner).get(BACK, query).status_code == 400
    assert builders.api_client("nobody").get(BACK, query).status_code == 400


def test_nobody_else_may_come_back(world: World, platform: FakePlatform) -> None:
    """Whoever is lured to the platform by somebody else's address must not give his access away."""
    integration, person = connected(world.ada), browser(world.ada.owner)
    sent = left(person, integration)
    colleague = builders.make_member(world.ada.organization, Role.EDITOR)
    for other in (browser(world.bo.owner), browser(colleague), browser(world.ada.owner)):
        answer = other.get(BACK, {"state": sent["state"], "code": "c"})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_state")
    stranger = builders.api_client("nobody").get(BACK, {"state": sent["state"], "code": "c"})
    assert stranger.status_code == 302 and stranger["Location"].startswith("/admin/login/?next=%2Fapi%2Foauth")
    assert not platform.requests
    platform.on("POST", TOKENS, GRANTED)
    assert person.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 302


def test_what_a_token_started_only_a_member_who_may_write_ends(world: World, platform: FakePlatform) -> None:
    integration = connected(world.ada)
    sent = left(world.ada.api, integration)
    for other in (world.bo.owner, builders.make_member(world.ada.organization, Role.OPERATOR)):
        assert browser(other).get(BACK, {"state": sent["state"], "code": "c"}).status_code == 400
    platform.on("POST", TOKENS, GRANTED)
    editor = browser(builders.make_member(world.ada.organization, Role.EDITOR))
    assert editor.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 302
    assert stored(world.ada, integration)["access_token"] == "zd-granted-access"


def test_a_refusal_is_told_and_changes_nothing(world: World, platform: FakePlatform) -> None:
    integration, person = connected(world.ada), browser(world.ada.owner)
    sent = left(person, integration)
    answer = person.get(BACK, {"state": sent["state"], "error": "access_denied", "error_description": "<b>No</b>"})
    page = person.get(answer["Location"]).content.decode()
    assert "No access was granted: &lt;b&gt;No&lt;/b&gt;." in page and not platform.requests
    sent = left(person, integration)
    refusal = {"error": "invalid_grant", "error_description": "The code client-secret-1 has expired"}
    platform.on("POST", TOKENS, lambda _: httpx.Response(400, json=refusal))
    answer = person.get(BACK, {"state": sent["state"], "code": "c"})
    page = person.get(answer["Location"]).content.decode()
    assert "No access was granted" in page and "client-secret-1" not in page
    assert "access_token" not in stored(world.ada, integration)


@override_settings(OAUTH_CLIENTS={"slack": {"client_id": "1.2", "client_secret": "operators-secret"}})
def test_with_the_operators_client_nothing_has_to_be_typed(world: World, platform: FakePlatform) -> None:
    """https://docs.slack.dev/reference/methods/oauth.v2.access"""
    body = {"platform": "slack", "name": "Chat", "credentials": {}}
    integration = str(created(world.ada.api, "/api/integrations/", body)["id"])
    tested = world.ada.api.post(f"/api/integrations/{integration}/test").json()
    assert not tested["success"] and "authorize the integration" in tested["message"]
    person = browser(world.ada.owner)
    page = person.get(f"/admin/integrations/integration/{integration}/change/").content.decode()
    assert "Authorize at Slack" in page
    led = person.post(f"/admin/integrations/integration/{integration}/authorize/")
    assert "https://slack.com/oauth/v2/authorize?" in led.content.decode()
    sent = left(person, integration)
    assert sent["client_id"] == "1.2" and "chat:write" in sent["scope"].split(",") and "code_challenge" not in sent
    answer = {"ok": True, "access_token": "xoxb-granted", "authed_user": {"id": "U1"}, "team": {"id": "T1"}}
    platform.on("POST", "https://slack.com/api/oauth.v2.access", answer)
    assert person.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 302
    assert stored(world.ada, integration) == {"bot_token": "xoxb-granted"}
    assert parse_qs(platform.requests[-1].content.decode())["client_secret"] == ["operators-secret"]


@override_settings(OAUTH_CLIENTS={"notion": {"client_id": "n-1", "client_secret": "operators-secret"}})
def test_notion_knows_the_client_by_its_header_and_takes_json(world: World, platform: FakePlatform) -> None:
    """https://developers.notion.com/reference/create-a-token"""
    body = {"platform": "notion", "name": "Wiki", "credentials": {}}
    integration = str(created(world.ada.api, "/api/integrations/", body)["id"])
    person = browser(world.ada.owner)
    sent = left(person, integration)
    assert (sent["client_id"], sent["owner"]) == ("n-1", "user")
    platform.on("POST", "https://api.notion.com/v1/oauth/token", {"access_token": "ntn_granted", "bot_id": "b"})
    assert person.get(BACK, {"state": sent["state"], "code": "c"}).status_code == 302
    assert stored(world.ada, integration) == {"token": "ntn_granted"}
    asked = platform.requests[-1]
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"n-1:operators-secret").decode()
    assert json.loads(asked.content)["grant_type"] == "authorization_code"


def test_without_a_client_or_a_way_the_reason_is_said(world: World) -> None:
    nothing = {"platform": "slack", "name": "C", "credentials": {}}
    assert world.ada.api.post("/api/integrations/", nothing, format="json").status_code == 400
    for platform, credentials, said in (
        ("slack", {"bot_token": "xoxb-1234567890"}, "SUPPORTOPS_OAUTH_CLIENTS"),
        ("freshdesk", {"domain": "acme", "api_key": "a-key-1234567890"}, "grants no access by OAuth"),
    ):
        body = {"platform": platform, "name": platform, "credentials": credentials}
        integration = created(world.ada.api, "/api/integrations/", body)["id"]
        answer = world.ada.api.post(f"/api/integrations/{integration}/oauth/start", {}, format="json")
        assert answer.status_code == 400 and said in answer.json()["errors"][0]["detail"]


def test_whoever_may_only_read_starts_nothing(world: World) -> None:
    integration = connected(world.ada)
    reader = builders.api_client(builders.make_token(world.ada.organization, [Permission.READ]))
    assert reader.post(f"/api/integrations/{integration}/oauth/start", {}, format="json").status_code == 403
    assert world.bo.api.post(f"/api/integrations/{integration}/oauth/start", {}, format="json").status_code == 404
