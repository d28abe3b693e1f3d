"""A stranger's package of three files, as somebody would write it who read nothing but the contract."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import integrations.connectors
from integrations import registry
from integrations.signatures import StandardWebhooks
from rules.execution import StepSource
from supportops import clock
from tests.builders import World, browser
from tests.forms import fields_of
from webhooks.processing import process_due

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "schemas.py": """
        from pydantic import BaseModel, Field

        class SendReply(BaseModel):
            thread: int
            text: str = Field(min_length=1)
    """,
    "client.py": """
        SENT = []

        class PigeonClient:
            def __init__(self, api_key):
                self.api_key = api_key

            async def send(self, thread, text):
                SENT.append((self.api_key, thread, text))
                return {"id": len(SENT)}
    """,
    "connector.py": """
        from integrations.base import BaseIntegration
        from integrations.specs import ActionSpec, Event, EventSpec, SecretSpec
        from .client import PigeonClient
        from .schemas import SendReply

        class PigeonIntegration(BaseIntegration):
            name = "Pigeon Post"
            key = "pigeon"
            secrets = [SecretSpec(name="api_key", description="From the loft")]
            actions = [ActionSpec(name="send_reply", description="Send a reply", model=SendReply, handler="send_reply")]
            events = [EventSpec(name="letter", description="A letter came", sample={"id": 1, "text": "hi"})]

            def __init__(self, api_key):
                self.client = PigeonClient(api_key)

            async def handle_webhook(self, payload):
                return Event(type=payload["event"], external_id=payload["id"], payload=payload)

            async def send_reply(self, data):
                sent = await self.client.send(data.thread, data.text)
                return {"success": True, "message": "sent", "data": sent}
    """,
}


class Package:
    """A package beside ours, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str = "pigeon", **changed: str) -> None:
        """Write the connector's files, some of them changed: ``connector=source``."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        for file in ("__init__.py", "../__init__.py"):
            (folder / file).touch()
        for file, source in FILES.items():
            text = textwrap.dedent(changed.get(file.removesuffix(".py"), source))
            (folder / file).write_text(text, encoding="utf-8")

    def bend(self, old: str, new: str) -> None:
        """Write the connector with one thing in its declaration changed."""
        source = FILES["connector.py"]
        assert old in source
        self.write(connector=source.replace(old, new))

    @property
    def sent(self) -> list[Any]:
        module = next(m for name, m in sys.modules.items() if name.endswith("pigeon.client"))
        sent: list[Any] = module.SENT  # type: ignore[attr-defined]
        return sent


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.CONNECTOR_PACKAGES = ["their_connectors"]
    registry.reset()
    yield Package(tmp_path / "their_connectors")
    registry.reset()
    for name in [name for name in sys.modules if "their_connectors" in name or ".pigeon" in name]:
        del sys.modules[name]


def connected(api: Any) -> dict[str, Any]:
    body = {"platform": "pigeon", "name": "Our loft", "credentials": {"api_key": "a-secret-of-the-loft"}}
    response = api.post("/api/integrations/", body, format="json")
    assert response.status_code == 201, response.content
    made: dict[str, Any] = response.json()
    return made


def save_rule(api: Any, **step: Any) -> str:
    rule = {
        "name": "Answer letters",
        "trigger": {"platform": "pigeon", "event": "letter", "conditions": {"text": {"contains": "help"}}},
        "actions": [
            {
                "platform": "pigeon",
                "action": "send_reply",
                "parameters": {"thread": "{{ event.id }}", "text": "You wrote: {{ event.text }}"},
                **step,
            }
        ],
    }
    response = api.post("/api/rules/", rule, format="json")
    assert response.status_code == 201, response.content
    made: str = response.json()["id"]
    return made


def send(client: Any, made: dict[str, Any], payload: Any, *, secret: str = "", number: str = "m-1") -> Any:
    body = json.dumps(payload)
    now = clock.now()
    signed = StandardWebhooks().sign(body.encode(), secret or made["webhook"]["secret"], now, delivery_id=number)
    path = "/api/" + made["webhook"]["url"].partition("/api/")[2]
    return client.post(path, body, content_type="application/json", headers=signed)


LETTER = {"event": "letter", "id": 41, "text": "help me"}


def _whole_way(package: Package, world: World, client: Any) -> None:
    api = world.ada.api
    shown = api.get("/api/platforms/pigeon/").json()
    assert shown["credentials"]["properties"]["api_key"]["description"] == "From the loft"
    assert shown["actions"][0]["parameters"]["required"] == ["thread", "text"]
    assert shown["webhook"]["scheme"] == "standard_webhooks"
    made = connected(api)
    save_rule(api)
    assert send(client, made, LETTER, secret="whsec_" + "A" * 32).status_code == 401
    assert send(client, made, LETTER).status_code == 202
    assert send(client, made, LETTER).json()["status"] == "duplicate"
    process_due([StepSource()])
    assert package.sent == [("a-secret-of-the-loft", 41, "You wrote: help me")]
    [run] = api.get("/api/runs/").json()["results"]
    assert run["status"] == "succeeded"
    by_hand = {"action": "send_reply", "parameters": {"thread": 1, "text": "by hand"}}
    answer = api.post(f"/api/integrations/{made['id']}/execute", by_hand, format="json").json()
    assert answer == {"success": True, "message": "sent", "data": {"id": 2}}
    assert world.bo.api.get("/api/integrations/").json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_a_named_package_works_everywhere(package: Package, world: World, client: Any) -> None:
    package.write()
    _whole_way(package, world, client)


@pytest.mark.django_db(transaction=True)
def test_a_folder_dropped_in_works_everywhere(
    package: Package, world: World, client: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CONNECTOR_PACKAGES = []
    package.write()
    beside = [*integrations.connectors.__path__, str(package.folder)]
    monkeypatch.setattr(integrations.connectors, "__path__", beside)
    _whole_way(package, world, client)
    assert registry.get("pigeon").__module__ == "integrations.connectors.pigeon.connector"


@pytest.mark.django_db(transaction=True)
def test_the_admin_has_forms_for_it(package: Package, world: World) -> None:
    package.write()
    page = browser(world.ada.owner, world.ada.organization)
    add = "/admin/integrations/integration/add/"
    assert "Pigeon Post" in page.get(add).content.decode()
    form = fields_of(page.get(f"{add}?platform=pigeon"), "integration_form")
    form |= {"basics-name": ["By hand"], "credentials-api_key": ["a-secret-of-the-loft"]}
    made = page.post(f"{add}?platform=pigeon", form, format="multipart")
    assert "/api/webhooks/pigeon/" in made.content.decode() and "a-secret-of-the-loft" not in made.content.decode()
    assert 'value="pigeon:send_reply"' in page.get("/admin/rules/rule/add/").content.decode()


# --- what breaks later --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.client = PigeonClient(api_key)", "raise RuntimeError('no ' + api_key)"),
        ("self.client = PigeonClient(api_key)", "raise SystemExit(3)"),
        (
            "sent = await self.client.send(data.thread, data.text)",
            "raise RuntimeError('no ' + self.credentials.api_key)",
        ),
        ("sent = await self.client.send(data.thread, data.text)", "raise SystemExit(3)"),
        ("sent = await self.client.send(data.thread, data.text)", "raise __import__('asyncio').CancelledError()"),
        (
            "async def send_reply(self, data):",
            "def authorize(self, http):\n    1 / 0\nasync def send_reply(self, data):",
        ),
    ],
)
def test_one_that_breaks_when_called_fails_its_own_step(
    old: str, new: str, package: Package, world: World, client: Any
) -> None:
    package.bend(old, new.replace("\n", "\n" + " " * 12))
    api = world.ada.api
    made = connected(api)
    at = f"/api/integrations/{made['id']}"
    assert api.post(f"{at}/test").json()["success"] is False
    by_hand = api.post(
        f"{at}/execute", {"action": "send_reply", "parameters": {"thread": 1, "text": "x"}}, format="json"
    )
    assert by_hand.status_code == 200 and by_hand.json()["success"] is False, by_hand.content
    assert "a-secret-of-the-loft" not in by_hand.content.decode()
    save_rule(api)
    assert send(client, made, LETTER).status_code == 202
    process_due([StepSource()])
    deliveries = api.get("/api/deliveries/").json()["results"]
    runs = api.get("/api/runs/").json()["results"]
    if runs:
        assert [run["status"] for run in runs] == ["failed"]
        shown = api.get(f"/api/runs/{runs[0]['id']}/").content.decode()
    else:  # it could not even read the webhook
        assert [row["status"] for row in deliveries] == ["failed"]
        shown = api.get(f"/api/deliveries/{deliveries[0]['id']}/").content.decode()
    assert "a-secret-of-the-loft" not in shown


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("exit(3)", "SystemExit"),
        ("dict(payload)", "gave dict where an Event"),
        ("[Event('letter'), 'x']", "gave str where an Event"),
        ("Event(7)", "whose type is no text"),
        ("Event('letter', payload=[1])", "payload is no object"),
        ("payload['nothing']", "KeyError"),
    ],
)
def test_one_that_breaks_on_a_webhook_fails_its_own_delivery(
    returned: str, reason: str, package: Package, world: World, client: Any
) -> None:
    package.bend(
        'return Event(type=payload["event"], external_id=payload["id"], payload=payload)', f"return {returned}"
    )
    api = world.ada.api
    made = connected(api)
    assert send(client, made, LETTER).status_code == 202
    process_due([StepSource()])
    [row] = api.get("/api/deliveries/").json()["results"]
    assert row["status"] == "failed" and reason in row["reason"], row


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "method",
    ["delivery_key", "account_key", "handshake", "unsigned_handshake", "accepted_answer"],
)
@pytest.mark.parametrize("body", ["1 / 0", "raise SystemExit(3)", "return 7", "return object()"])
def test_one_that_breaks_while_receiving_loses_nothing(
    method: str, body: str, package: Package, world: World, client: Any
) -> None:
    package.bend(
        "async def handle_webhook",
        f"@classmethod\n{' ' * 12}def {method}(cls, *a):\n{' ' * 16}{body}\n\n{' ' * 12}async def handle_webhook",
    )
    made = connected(world.ada.api)
    assert send(client, made, LETTER).status_code == 202
    process_due([StepSource()])
    [row] = world.ada.api.get("/api/deliveries/").json()["results"]
    assert row["status"] == "processed", row
    assert client.post("/api/webhooks/pigeon", "{}", content_type="application/json").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_signature_scheme_that_breaks_lets_nothing_in(package: Package, world: World, client: Any) -> None:
    package.bend(
        "def __init__",
        "class signature(__import__('integrations.signatures').signatures.StandardWebhooks):\n"
        "                def verify(self, *a):\n                    1 / 0\n"
        "            signature = signature()\n\n            def __init__",
    )
    made = connected(world.ada.api)
    assert send(client, made, LETTER).status_code == 401


def test_one_that_insists_on_its_secret_reads_webhooks_with_it(
    package: Package, world: World, client: Any, transactional_db: None
) -> None:
    package.bend("self.client = PigeonClient(api_key)", "assert api_key; self.client = PigeonClient(api_key)")
    made = connected(world.ada.api)
    assert send(client, made, LETTER).status_code == 202
    process_due([StepSource()])
    [row] = world.ada.api.get("/api/deliveries/").json()["results"]
    assert row["status"] == "processed", row


BROKEN = {
    "syntax": "this is no python",
    "leaves": "import sys; sys.exit(7)",
    "nonsense": FILES["connector.py"].rstrip() + "\n            actions = 'send'\n",
    "gone": "import a_library_that_is_not_installed",
}


def test_broken_ones_are_warnings_of_a_real_start(tmp_path: Path) -> None:
    theirs = Package(tmp_path / "their_connectors")
    theirs.write()
    for name, source in BROKEN.items():
        theirs.write(name, connector=source.replace('"pigeon"', '"nonsense"'))
    environment = {
        **os.environ,
        "SUPPORTOPS_CONNECTOR_PACKAGES": "their_connectors",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))),
    }
    script = (
        "from django.core.management import execute_from_command_line as run\n"
        "run(['manage.py', 'check']); run(['manage.py', 'connectors', '--json'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    for name in BROKEN:
        assert f"(integrations.W001) their_connectors.{name}.connector" in ran.stderr, ran.stderr
    listed = json.loads(ran.stdout[ran.stdout.index("{") :])
    keys = [item["key"] for item in listed["connectors"]]
    assert "pigeon" in keys and "freshdesk" in keys and "nonsense" not in keys
