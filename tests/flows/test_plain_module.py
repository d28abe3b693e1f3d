"""A stranger's folder with `tasks.py`: in the catalogue, connected, tested, and doing a rule's work."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations import registry
from rules.execution import perform_due
from tests.builders import World, browser
from tests.forms import fields_of
from tests.integrations.raw_server import RawServer, answer
from tests.integrations.test_second_wall import walled

TASKS = '''
    """Parcels of the warehouse."""

    def test_connection(credentials, params):
        """Ask the warehouse who we are."""
        if credentials.get("token") != "a-right-token":
            raise PermissionError("the token " + str(credentials.get("token")) + " is wrong")
        return {"success": True, "message": "signed in", "data": {"token": credentials["token"]}}

    def send(credentials, params):
        """Send a parcel.

        Args:
            to (str): who gets it
        """
        return {"success": True, "message": "sent", "data": {"to": params["to"], "left": {1, 2}}}

    def crash(credentials, params):
        raise RuntimeError("no shelf for " + credentials["token"])

    def leave(credentials, params):
        raise SystemExit(3)

    def refuse(credentials, params):
        return {"success": False, "message": "we are closed"}
'''


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    folder = tmp_path / "their_tools" / "warehouse"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "tasks.py").write_text(textwrap.dedent(TASKS))
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.CONNECTOR_PACKAGES = ["their_tools"]
    registry.reset()
    yield registry.get("warehouse")
    registry.reset()
    for name in [name for name in sys.modules if name.partition(".")[0] == "their_tools"]:
        del sys.modules[name]


def connected(api: Any, **more: Any) -> dict[str, Any]:
    body = {
        "platform": "warehouse",
        "name": "Ours",
        "credentials": {"token": "a-right-token", "url": "https://a.example"},
    }
    response = api.post("/api/integrations/", {**body, **more}, format="json")
    assert response.status_code == 201, response.content
    made: dict[str, Any] = response.json()
    return made


@pytest.mark.django_db(transaction=True)
def test_it_is_connected_and_called(warehouse: Any, world: World) -> None:
    api = world.ada.api
    assert "warehouse" in [row["key"] for row in api.get("/api/platforms/").json()["results"]]
    made = connected(api)
    assert made["credentials_set"] == ["token", "url"] and made["webhook"] is None
    at = f"/api/integrations/{made['id']}"
    tested = api.post(f"{at}/test").json()
    assert (tested["success"], tested["message"]) == (True, "signed in")
    assert "a-right-token" not in str(tested)

    moved = api.patch(f"{at}/", {"credentials": {"url": "https://elsewhere.example"}}, format="json")
    assert moved.status_code == 400 and moved.json()["errors"][0]["attr"] == "credentials.token"
    assert api.patch(f"{at}/", {"credentials": {"token": "a-wrong-token"}}, format="json").status_code == 200
    tested = api.post(f"{at}/test").json()
    assert (tested["success"], tested["message"][:16]) == (False, "PermissionError:")
    assert "a-wrong-token" not in str(tested)

    sent = api.post(f"{at}/execute", {"action": "send", "parameters": {"to": "Ada"}}, format="json").json()
    assert sent == {"success": True, "message": "sent", "data": {"to": "Ada", "left": [1, 2]}}
    left = api.post(f"{at}/execute", {"action": "leave"}, format="json").json()
    assert left == {"success": False, "message": "SystemExit: 3", "data": None}


@pytest.mark.django_db(transaction=True)
def test_rules_do_its_tasks(warehouse: Any, world: World) -> None:
    api = world.ada.api
    connected(api)
    steps = [
        {
            "id": "sent",
            "platform": "warehouse",
            "action": "send",
            "parameters": {"to": "{{ inputs.who }}", "more": [1]},
        },
        *(
            {"id": name, "platform": "warehouse", "action": name, "on_failure": "continue"}
            for name in ("crash", "leave", "refuse")
        ),
    ]
    rule = {"name": "Send", "trigger": {"platform": "manual"}, "inputs": {"who": {"type": "string"}}, "steps": steps}
    saved = api.post("/api/rules/", rule, format="json")
    assert saved.status_code == 201, saved.content
    started = api.post(f"/api/rules/{saved.json()['id']}/execute", {"inputs": {"who": "Bo"}}, format="json")
    assert started.status_code == 202, started.content
    perform_due()
    run = api.get(f"/api/runs/{started.json()['run']}/").json()
    by_name = {step["id"]: step for step in run["steps"]}
    assert (by_name["sent"]["status"], by_name["sent"]["output"]) == ("succeeded", {"to": "Bo", "left": [1, 2]})
    errors = {name: by_name[name]["attempts"][-1]["error"] for name in ("crash", "leave", "refuse")}
    assert {name: by_name[name]["status"] for name in errors} == dict.fromkeys(errors, "failed")
    assert "no shelf for" in str(errors["crash"]) and "a-right-token" not in str(run)
    assert "SystemExit: 3" in str(errors["leave"]) and "we are closed" in str(errors["refuse"])


@pytest.mark.django_db
def test_an_unknown_task_is_refused_when_saved(warehouse: Any, world: World) -> None:
    rule = {"name": "x", "trigger": {"platform": "manual"}, "steps": [{"platform": "warehouse", "action": "sned"}]}
    refused = world.ada.api.post("/api/rules/", rule, format="json")
    assert refused.status_code == 400 and refused.json()["errors"][0]["attr"] == "steps.0.action"


@pytest.mark.django_db(transaction=True)
def test_the_admin_has_a_form_for_its_credentials(warehouse: Any, world: World) -> None:
    page = browser(world.ada.owner, world.ada.organization)
    add = "/admin/integrations/integration/add/?platform=warehouse"
    shown = page.get(add)
    form = fields_of(shown, "integration_form")
    form |= {"basics-name": ["By hand"], "credentials-further-fields": ["token = a-right-token\nport = 80"]}
    assert page.post(add, form, format="multipart").status_code == 200
    [row] = world.ada.api.get("/api/integrations/").json()["results"]
    assert (row["name"], row["credentials_set"]) == ("By hand", ["port", "token"])
    change = page.get(f"/admin/integrations/integration/{row['id']}/change/").content.decode()
    assert "Stored: port, token." in change and "a-right-token" not in change


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer(answer()) as started:
        yield started


def test_its_own_calls_stop_at_the_second_wall(server: RawServer, tmp_path: Path) -> None:
    folder = tmp_path / "warehouse"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "tasks.py").write_text(
        "import urllib.request\n"
        "def fetch(credentials, params):\n"
        "    return urllib.request.urlopen(params['url'], timeout=2).status\n"
    )
    printed = walled(
        f"""
sys.path.insert(0, {str(tmp_path)!r})
from django.conf import settings
settings.CONNECTOR_PACKAGES = ["warehouse"]
from integrations import registry
from integrations.connecting import connect_with
from integrations.errors import IntegrationError
from integrations.specs import Action
registry.reset()
def fetched():
    try:
        action = Action("fetch", {{"url": f"http://127.0.0.1:{{port}}/"}})
        return connect_with(registry.get("warehouse"), {{}}).execute(action).data
    except IntegrationError as error:
        return error.message.replace(" ", "_")
print(fetched())
second_wall.install([])
print(fetched())
""",
        server.port,
    )
    assert printed[0] == "200" and "connections_to_127.0.0.1" in printed[1], printed
    assert server.connections == 1


@pytest.mark.django_db(transaction=True)
def test_an_integration_type_describes_its_credentials(warehouse: Any, world: World) -> None:
    api = world.ada.api
    free = connected(api)
    described = {
        "name": "Warehouse",
        "parameters": [
            {"name": "token", "type": "password", "label": "Token"},
            {"name": "floor", "type": "select", "choices": ["1", "2"], "required": False},
            {"name": "server_url", "type": "url", "required": False},
        ],
    }
    made = api.post("/api/integration-types/", described, format="json")
    assert made.status_code == 201, made.content
    assert (made.json()["key"], made.json()["module"]) == ("warehouse", "warehouse")
    shown = api.get("/api/platforms/warehouse/").json()
    assert shown["credentials"]["required"] == ["token"] and len(shown["actions"]) == 5
    assert world.bo.api.get("/api/platforms/warehouse/").json()["credentials"]["additionalProperties"] is True

    body = {"platform": "warehouse", "name": "Described", "credentials": {"token": "a-right-token", "other": 1}}
    refused = api.post("/api/integrations/", body, format="json")
    assert [error["attr"] for error in refused.json()["errors"]] == ["credentials.other"]
    body["credentials"] = {"token": "a-right-token", "floor": "2"}
    second = api.post("/api/integrations/", body, format="json").json()
    assert api.post(f"/api/integrations/{second['id']}/test").json()["success"] is True
    moved = {"credentials": {"server_url": "https://elsewhere.example"}}
    refused = api.patch(f"/api/integrations/{second['id']}/", moved, format="json")
    assert [error["code"] for error in refused.json()["errors"]] == ["credentials_required"]
    # What was stored before fits no longer, and says so.
    old = api.post(f"/api/integrations/{free['id']}/test").json()
    assert old["success"] is False and "credentials url" in old["message"]

    type_at = f"/api/integration-types/{made.json()['id']}"
    tried = api.post(
        f"{type_at}/try", {"action": "send", "parameters": {"to": "x"}, "integration": "Described"}, format="json"
    )
    assert tried.json()["data"]["to"] == "x", tried.content
    both = api.patch(f"{type_at}/", {"base_url": "https://x.example.com"}, format="json")
    assert both.json()["errors"][0]["code"] == "not_both"
    assert api.delete(f"{type_at}/").status_code == 204
    assert api.get("/api/platforms/warehouse/").json()["credentials"]["additionalProperties"] is True
