"""manage.py check_integrations: what a deployment asks before it relies on integrations."""

import json
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from integrations.models import Integration
from supportops.tenancy.scope import working_for
from tests.belongings import created
from tests.builders import World
from tests.fake_platform import FakePlatform, in_place_of_the_network

pytestmark = pytest.mark.django_db
ME = "https://acme.freshdesk.com/api/v2/agents/me"


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        fake.on("GET", ME, {"id": 7, "contact": {"email": "a@acme.example"}})
        yield fake


def freshdesk(world: World, name: str, **fields: Any) -> str:
    credentials = {"domain": "acme", "api_key": "a-key-1234567890"}
    body = {"platform": "freshdesk", "name": name, "credentials": credentials, **fields}
    return str(created(world.ada.api, "/api/integrations/", body)["id"])


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("check_integrations", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_what_is_well_ends_with_0(world: World, platform: FakePlatform) -> None:
    freshdesk(world, "Desk")
    code, said = run()
    assert code == 0 and "ok   ada  Desk (freshdesk)  Signed in" in said and "1 checked, 0 not well." in said


def test_what_is_not_well_ends_with_1_and_says_why(world: World, platform: FakePlatform) -> None:
    freshdesk(world, "Desk")
    platform.on("GET", ME, lambda _: httpx.Response(401, json={"message": "a-key-1234567890 is wrong"}))
    code, said = run("--organization", "ada", "--json")
    answer = json.loads(said)
    assert code == 1 and answer["ok"] is False and "a-key-1234567890" not in said
    (one,) = answer["integrations"]
    assert (one["ok"], one["organization"], one["name"], one["environment"]) == (False, "ada", "Desk", None)


def test_the_configuration_alone_asks_nobody(world: World, platform: FakePlatform) -> None:
    integration = freshdesk(world, "Desk")
    assert run("--config-only")[0] == 0
    with working_for(world.ada.organization):
        row = Integration.objects.get(pk=integration)
        row.config = {"default_priority": "nonsense"}
        row.save()
    code, said = run("--config-only")
    assert code == 1 and "default_priority" in said and not platform.requests


def test_an_environment_has_its_own_and_those_of_none(world: World, platform: FakePlatform) -> None:
    freshdesk(world, "Everywhere")
    freshdesk(world, "Production", environment="prod")
    freshdesk(world, "Trying out", environment="dev")
    code, said = run("--organization", "ada", "--environment", "prod", "--json")
    assert code == 0
    assert [item["name"] for item in json.loads(said)["integrations"]] == ["Everywhere", "Production"]


@pytest.mark.parametrize(
    "arguments", [["--organization", "nobody"], ["--organization", "ada", "--environment", "moon"]]
)
def test_what_is_not_there_is_said(world: World, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=r"There is no organization|has no environment"):
        run(*arguments)
