"""What forms offer for a parameter: asked of the platform once in a while, shown where it may be chosen."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from integrations import registry
from integrations.pieces import pieces_of
from supportops import clock
from tests.belongings import created, urgent_rule
from tests.builders import World, browser
from tests.fake_platform import FakePlatform, in_place_of_the_network

pytestmark = pytest.mark.django_db
LIST = "https://slack.com/api/conversations.list"
CHANNELS = {"ok": True, "channels": [{"id": "C2", "name": "urgent"}, {"id": "C1", "name": "general"}]}
OFFERED = [{"id": "C1", "name": "#general"}, {"id": "C2", "name": "#urgent"}]


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        yield fake


def slack(world: World, name: str = "Chat") -> str:
    body = {"platform": "slack", "name": name, "credentials": {"bot_token": "xoxb-1234567890"}}
    return str(created(world.ada.api, "/api/integrations/", body)["id"])


def test_choices_are_asked_for_once_in_ten_minutes(world: World, platform: FakePlatform) -> None:
    platform.on("GET", LIST, CHANNELS)
    address = f"/api/integrations/{slack(world)}/choices/channels"
    assert world.ada.api.get(address).json() == OFFERED
    assert world.ada.api.get(address).json() == OFFERED and len(platform.requests) == 1
    with clock.moved(timedelta(minutes=11)):
        assert world.ada.api.get(address).json() == OFFERED
    assert len(platform.requests) == 2


def test_new_credentials_are_another_account(world: World, platform: FakePlatform) -> None:
    platform.on("GET", LIST, CHANNELS)
    integration = slack(world)
    address = f"/api/integrations/{integration}/choices/channels"
    world.ada.api.get(address)
    given = {"credentials": {"bot_token": "xoxb-another-token"}}
    assert world.ada.api.patch(f"/api/integrations/{integration}", given, format="json").status_code == 200
    world.ada.api.get(address)
    assert [r.headers["authorization"] for r in platform.requests] == [
        "Bearer xoxb-1234567890",
        "Bearer xoxb-another-token",
    ]


def test_an_unknown_kind_names_the_known_ones(world: World, platform: FakePlatform) -> None:
    answer = world.ada.api.get(f"/api/integrations/{slack(world)}/choices/boards")
    assert answer.status_code == 400 and "There are: channels, users." in answer.json()["errors"][0]["detail"]
    assert not platform.requests


def test_a_platform_that_cannot_be_asked_is_said_to_be_so(world: World, platform: FakePlatform) -> None:
    integration = slack(world)
    address = f"/api/integrations/{integration}/choices/channels"
    platform.on("GET", LIST, status=503)
    assert world.ada.api.get(address).status_code == 502
    platform.on("GET", LIST, CHANNELS)
    assert world.ada.api.get(address).json() == OFFERED
    platform.on("GET", LIST, status=503)
    with clock.moved(timedelta(minutes=11)):
        # What it said before is good enough to choose from.
        assert world.ada.api.get(address).json() == OFFERED
        platform.on("GET", LIST, {"ok": False, "error": "invalid_auth"})
        assert world.ada.api.get(address).status_code == 502
    assert world.ada.api.get(f"/api/integrations/{integration}/health").json()["status"] == "unhealthy"
    asked = len(platform.requests)
    assert world.ada.api.get(f"/api/integrations/{integration}/choices/users").status_code == 502
    assert len(platform.requests) == asked, "refused credentials are not tried again by opening a form"


def test_fields_that_name_a_choice_fetch_it_in_the_admin(world: World, platform: FakePlatform) -> None:
    platform.on("GET", LIST, CHANNELS)
    integration = slack(world)
    rule = created(world.ada.api, "/api/rules/", urgent_rule("Tell", integration="Chat"))
    client = browser(world.ada.owner)
    page = client.get(f"/admin/rules/rule/{rule['id']}/change/").content.decode()
    (address,) = set(re.findall(r'hx-get="([^"]*kind=channels)"', page))
    options = client.get(address.replace("&amp;", "&")).content.decode()
    assert '<option value="C1">#general</option>' in options and platform.requests
    page = client.get(f"/admin/integrations/integration/{integration}/change/").content.decode()
    assert f"integration={integration}&amp;kind=channels" in page


def test_the_admin_says_why_there_are_none(world: World, platform: FakePlatform) -> None:
    client = browser(world.ada.owner)
    at = "/admin/integrations/integration/choices/"
    assert "There is no slack integration" in client.get(f"{at}?platform=slack&kind=channels").content.decode()
    slack(world), slack(world, "<b>Other</b>")
    several = client.get(f"{at}?platform=slack&kind=channels").content.decode()
    assert "several" in several and "<b>" not in several
    platform.on("GET", LIST, lambda _: httpx.Response(503))
    chosen = client.get(f"{at}?platform=slack&kind=channels&integration=Chat").content.decode()
    assert "503" in chosen


@pytest.mark.parametrize(
    ("platform", "action", "kinds"),
    [
        ("slack", "send_message", {"channel": "channels", "user": "users"}),
        ("freshdesk", "create_ticket", {"agent": "agents", "group": "groups", "status": "statuses"}),
        ("zendesk", "apply_macro", {"macro": "macros"}),
        ("trello", "create_card", {"board": "boards", "list": "lists", "labels": "labels", "members": "users"}),
    ],
)
def test_parameters_say_what_they_may_be_chosen_from(platform: str, action: str, kinds: dict[str, str]) -> None:
    model = registry.get(platform).action_spec(action).model
    assert {piece.name: piece.choice_kind for piece in pieces_of(model) if piece.choice_kind} == kinds
