"""The connector of docs/adding-a-connector.md, copied from the page into a package and used as a tenant would."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from integrations import registry
from integrations.connecting import connect_with
from integrations.specs import Action
from rules.execution import StepSource
from supportops import clock
from tests.builders import World
from tests.docs.fenced import blocks
from tests.fake_platform import FakePlatform, in_place_of_the_network
from webhooks.processing import process_due

PAGE = "docs/adding-a-connector.md"
API = "https://api.helpline.example/v1"


@pytest.fixture
def helpline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[type]:
    folder = tmp_path / "our_connectors"
    for name in (".", "helpline", "warehouse"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "__init__.py").touch()
    for block in blocks(PAGE, "python"):
        (folder / block.words[1]).write_text(block.text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.CONNECTOR_PACKAGES = ["our_connectors"]
    registry.reset()
    yield registry.get("helpline")
    registry.reset()
    for name in [name for name in sys.modules if name.partition(".")[0] == "our_connectors"]:
        del sys.modules[name]


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with in_place_of_the_network() as fake:
        yield fake


def test_its_declaration_holds(helpline: type, capsys: pytest.CaptureFixture[str]) -> None:
    assert registry.problems() == []
    call_command("connectors", "helpline")
    assert "has no README.md" in capsys.readouterr().out


def test_plain_functions_are_a_connector(helpline: type) -> None:
    instance = connect_with(registry.get("warehouse"), {"token": "a-token"})
    assert instance.call_handler("test_connection").message == "Signed in."
    sent = instance.execute(Action("send_parcel", {"to": "Ada", "weight": 2}))
    assert sent.as_dict() == {"success": True, "message": "Sent.", "data": {"number": 7}}
    assert list(instance.action_spec("send_parcel").model.model_fields) == ["to", "weight"]


@pytest.mark.django_db(transaction=True)
def test_a_signed_webhook_leads_to_its_calls(helpline: Any, world: World, platform: FakePlatform, client: Any) -> None:
    api = world.ada.api
    shown = api.get("/api/platforms/helpline/").json()
    assert shown["credentials"]["properties"]["api_key"]["format"] == "password"
    assert {action["name"] for action in shown["actions"]} >= {"reply", "set_priority"}

    account = {"platform": "helpline", "name": "Our Helpline", "credentials": {"api_key": "a-long-enough-key"}}
    made = api.post("/api/integrations/", account, format="json").json()
    platform.on("GET", f"{API}/me", {"account_id": 1, "user_id": 9, "name": "Ada"})
    tested = api.post(f"/api/integrations/{made['id']}/test").json()
    assert (tested["success"], tested["message"]) == (True, "Signed in to Helpline as Ada.")
    assert platform.requests[-1].headers["Authorization"] == "Bearer a-long-enough-key"

    rule = {
        "name": "Calm down",
        "trigger": {"platform": "helpline", "event": "ticket.created", "conditions": {"priority": 4}},
        "steps": [
            {
                "platform": "helpline",
                "action": "set_priority",
                "parameters": {"ticket": "{{ ticket.id }}", "priority": 2},
            },
            {
                "platform": "helpline",
                "action": "reply",
                "parameters": {"ticket": "{{ ticket.id }}", "text": "About {{ ticket.subject }}"},
            },
        ],
    }
    saved = api.post("/api/rules/", rule, format="json")
    assert saved.status_code == 201, saved.content
    platform.on("PATCH", f"{API}/tickets/7", {"id": 7, "priority": 2})
    platform.on("POST", f"{API}/tickets/7/replies", {"id": 70}, status=201)
    hook = made["webhook"]

    assert send(client, helpline, hook, clock.now(), secret="somebody-else's-secret").status_code == 401
    assert send(client, helpline, hook, clock.now()).status_code == 202
    assert send(client, helpline, hook, clock.now()).json()["status"] == "duplicate"
    process_due([StepSource()])

    assert platform.bodies(f"{API}/tickets/7") == [{"priority": 2}]
    assert platform.bodies(f"{API}/tickets/7/replies") == [{"text": "About It is broken"}]
    assert platform.requests[-1].headers["Idempotency-Key"]


def step(action: str, **parameters: Any) -> dict[str, Any]:
    return {"platform": "helpline", "action": action, "parameters": {"ticket": "{{ ticket.id }}", **parameters}}


def send(client: Any, connector: Any, hook: dict[str, Any], now: datetime, secret: str = "") -> Any:
    sample = connector.events[0].sample
    body = json.dumps({"type": "ticket.created", "user_id": 3, **sample})
    signed = connector.signature.sign(body.encode(), secret or hook["secret"], now)
    path = hook["url"].partition("/api/")[2]
    headers = {**signed, "X-Helpline-Delivery": "d-1"}
    return client.post(f"/api/{path}", body, content_type="application/json", headers=headers)
