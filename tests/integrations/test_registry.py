"""Connectors found in several places, with names that clash, break or lie."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from pydantic import BaseModel, ConfigDict

from integrations import checks, registry
from integrations.base import BaseIntegration
from integrations.declarations import faults, unusable
from integrations.specs import ActionSpec, EventSpec, SecretSpec

MINIMAL = """
    from pydantic import BaseModel
    from integrations.base import BaseIntegration
    from integrations.specs import ActionSpec, Event, EventSpec, SecretSpec

    class SendReply(BaseModel):
        text: str

    class {name}(BaseIntegration):
        name = "{name}"
        key = "{key}"
        secrets = [SecretSpec("api_key", "The key")]
        actions = [ActionSpec("send_reply", "Replies", SendReply, "send_reply")]
        events = [EventSpec("message", "A message came", sample={{"text": "hi"}})]

        def __init__(self, api_key):
            self.api_key = api_key

        async def handle_webhook(self, payload):
            return Event("message", payload["id"], payload)

        async def send_reply(self, data):
            return {{"sent": data.text, "with": self.api_key}}
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    before = set(sys.modules)
    registry.reset()
    yield
    registry.reset()
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(dotted: str, source: str | None = None, *, key: str = "acme", name: str = "Acme") -> None:
        folder = tmp_path
        for part in dotted.split("."):
            folder = folder / part
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        text = textwrap.dedent(source if source is not None else MINIMAL).format(key=key, name=name)
        (folder / "connector.py").write_text(text)

    return write


def test_a_package_dropped_in_appears_and_works(package: Callable[..., None], settings: Any) -> None:
    package("acmepack.desk")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    cls = registry.get("acme")
    assert cls.name == "Acme" and cls in registry.all_connectors()
    assert not [problem for problem in registry.problems() if "acme" in problem]
    from integrations.specs import Action

    answer = cls(api_key="k").execute(Action("send_reply", {"text": "hello"}))
    assert answer.as_dict() == {"success": True, "message": "", "data": {"sent": "hello", "with": "k"}}


def test_a_configured_package_may_itself_be_the_connector(package: Callable[..., None], settings: Any) -> None:
    package("acmealone")
    settings.CONNECTOR_PACKAGES = ["acmealone"]
    assert registry.get("acme").__module__ == "acmealone.connector"


def test_an_unknown_key_names_the_close_ones(package: Callable[..., None], settings: Any) -> None:
    package("acmepack.desk", key="acmedesk")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    with pytest.raises(registry.UnknownPlatform, match=r"no platform 'acmedeks'. Did you mean acmedesk"):
        registry.get("acmedeks")


def test_two_with_one_key_stop_with_both_places_named(package: Callable[..., None], settings: Any) -> None:
    package("acmeone.desk", name="One")
    package("acmetwo.desk", name="Two")
    settings.CONNECTOR_PACKAGES = ["acmeone", "acmetwo"]
    with pytest.raises(registry.DuplicateConnector) as caught:
        registry.all_connectors()
    assert "acmeone.desk.connector:One" in str(caught.value) and "acmetwo.desk.connector:Two" in str(caught.value)
    messages = checks.check_connectors(None)
    assert [type(message) for message in messages] == [django_checks.Error]


@pytest.mark.parametrize("entry", ["acmetwo", "acmetwo.desk.connector", "acmetwo.desk.connector:Two"])
def test_an_override_decides(entry: str, package: Callable[..., None], settings: Any) -> None:
    package("acmeone.desk", name="One")
    package("acmetwo.desk", name="Two")
    settings.CONNECTOR_PACKAGES = ["acmeone", "acmetwo"]
    settings.CONNECTOR_OVERRIDE = [entry]
    assert registry.get("acme").name == "Two"


def test_an_override_that_names_both_decides_nothing(package: Callable[..., None], settings: Any) -> None:
    package("acmeone.desk", name="One")
    package("acmetwo.desk", name="Two")
    settings.CONNECTOR_PACKAGES = ["acmeone", "acmetwo"]
    settings.CONNECTOR_OVERRIDE = ["acmeone", "acmetwo"]
    with pytest.raises(registry.DuplicateConnector):
        registry.get("acme")


@pytest.mark.parametrize(
    "broken", ["import acme_is_not_installed\n", "raise SystemExit(1)\n", "this is no python\n", "x = 1\n"]
)
def test_one_that_does_not_import_is_reported_and_harms_nobody(
    broken: str, package: Callable[..., None], settings: Any
) -> None:
    package("acmepack.broken", broken)
    package("acmepack.desk")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    assert registry.get("acme").name == "Acme"
    [problem] = [problem for problem in registry.problems() if "acmepack.broken" in problem]
    assert problem.startswith("acmepack.broken.connector ")
    warnings = [message for message in checks.check_connectors(None) if "acmepack.broken" in message.msg]
    assert [type(message) for message in warnings] == [django_checks.Warning]


def test_a_package_that_is_not_there_is_reported(settings: Any) -> None:
    settings.CONNECTOR_PACKAGES = ["acme_nowhere"]
    assert any("acme_nowhere cannot be imported" in problem for problem in registry.problems())


@pytest.mark.parametrize("value", ["acmedist.connector:Acme", "acmedist.connector"])
def test_an_entry_point_brings_a_class_or_a_module(
    value: str, package: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    package("acmedist")
    _installed(monkeypatch, value)
    assert registry.get("acme").__module__ == "acmedist.connector"


@pytest.mark.parametrize("value", ["acme_nowhere:Acme", "json:dumps"])
def test_a_broken_entry_point_is_reported(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, value)
    assert any(value in problem for problem in registry.problems())


def test_it_looks_once(package: Callable[..., None], settings: Any) -> None:
    before = registry.all_connectors()
    package("acmepack.desk")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    assert registry.all_connectors() == before
    registry.reset()
    assert registry.get("acme")


def _installed(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    entry = EntryPoint(name="acme", value=value, group=registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])


# --- declarations ---------------------------------------------------------------------------------------------
def _class(**declared: object) -> type[BaseIntegration]:
    return type("Odd", (BaseIntegration,), {"key": "odd", "name": "Odd", **declared})


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"name": ""}, "has no name"),
        ({"actions": [ActionSpec("go", "Goes", BaseIntegration.Config, "gone")]}, "handler 'gone' does not exist"),
        (
            {"actions": [ActionSpec("go", "Goes", BaseIntegration.Config, "execute")] * 2},
            "has the action 'go' 2 times",
        ),
        (
            {"actions": [ActionSpec("go", "Goes", BaseIntegration.Config, "execute", idempotent_by="marker")]},
            "names no `find_earlier`",
        ),
        (
            {"actions": [ActionSpec("go", "Goes", BaseIntegration.Config, "execute", find_earlier="gone")]},
            "find_earlier 'gone' does not exist",
        ),
        ({"events": [EventSpec("came")]}, "'came' without a sample"),
        ({"events": [EventSpec("came", subject="card", sample={"a": 1})]}, "lacks its subject 'card'"),
        ({"events": [EventSpec("came", sample={"a": 1})], "signature": None}, "no signature scheme"),
        ({"hint_schemes": frozenset({"nods"})}, "'nods' a hint"),
    ],
)
def test_a_declaration_that_does_not_hold_is_named(declared: dict[str, object], says: str) -> None:
    found = faults(_class(**declared))
    assert len(found) == 1 and says in found[0], found


def test_a_sane_declaration_has_no_faults() -> None:
    assert faults(_class()) == [] and unusable(_class()) is None


class _WithoutSchema(BaseModel):
    """pydantic takes it, JSON Schema has no words for it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    place: Callable[[], None]


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"key": "Odd Key"}, "has the key 'Odd Key'"),
        ({"key": "k" * 64}, "up to 63"),
        ({"name": 7}, "`name` that is no text"),
        ({"actions": "send"}, "`actions` that are no list of ActionSpec"),
        ({"actions": [{"name": "send"}]}, "`actions` that are no list of ActionSpec"),
        ({"actions": [ActionSpec("go", "Goes", dict, "execute")]}, "'go' whose name, description or handler"),  # type: ignore[arg-type]
        ({"actions": [ActionSpec("go", "Goes", _WithoutSchema, "execute")]}, "action 'go' without a JSON Schema"),
        ({"events": None}, "`events` that are no list of EventSpec"),
        ({"events": [EventSpec("came", sample={"at": object()})]}, "sample is no JSON"),
        ({"secrets": ["api_key"]}, "`secrets` that are no list of SecretSpec"),
        ({"secrets": [SecretSpec("_hidden")]}, "cannot be read"),
        ({"Credentials": dict}, "Credentials that is not a pydantic model"),
        ({"signature": "hmac"}, "cannot be read"),
        ({"schemes": {"hmac": "sha256"}}, "'hmac' that is not a Signature"),
    ],
)
def test_a_declaration_that_cannot_be_worked_with_is_named(declared: dict[str, object], says: str) -> None:
    reason = unusable(_class(**declared))
    assert reason is not None and says in reason, reason


def test_a_connector_that_declares_nonsense_is_left_out(package: Callable[..., None], settings: Any) -> None:
    package("acmepack.broken", MINIMAL + "        actions = [1, 2]\n", key="nonsense")
    package("acmepack.desk")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    assert registry.get("acme").name == "Acme"
    with pytest.raises(registry.UnknownPlatform):
        registry.get("nonsense")
    [problem] = [problem for problem in registry.problems() if "acmepack.broken" in problem]
    assert "is left out" in problem and "no list of ActionSpec" in problem


def test_generic_actions_are_found_by_name(package: Callable[..., None], settings: Any) -> None:
    package("acmepack.desk", MINIMAL + "        is_generic = True\n")
    settings.CONNECTOR_PACKAGES = ["acmepack"]
    found = registry.generic_action("send_reply")
    assert found is not None and found[0].key == "acme" and found[1].name == "send_reply"
    assert registry.generic_action("gone") is None
