"""A folder with `tasks.py`: its functions as actions, whatever they take, return or raise."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations import registry
from integrations.catalogue import describe
from integrations.connecting import connect_with
from integrations.credentials import place_fields, secret_values
from integrations.errors import InvalidInput, Permanent
from integrations.plain_modules import PlainModule
from integrations.specs import Action, Result

TASKS = '''
    """Parcels of the warehouse.

    Longer words that no list shows.
    """
    import sys
    from json import dumps
    from typing import NotRequired, TypedDict

    from pydantic import BaseModel

    class Parcel(TypedDict):
        weight: int
        label: NotRequired[str]

    class Box(BaseModel):
        size: int = 3

    def test_connection(credentials, params):
        """Ask the warehouse."""
        return {"success": credentials["token"] == "right", "message": "asked with " + credentials["token"]}

    def send(credentials, params):
        """Send a parcel.

        Somewhere far away.

        Args:
            credentials: what signs in
                token: never a parameter
            params: what to send
                to (str): who gets it
                count (int, optional): how many:
                    at most ten
                tags (list)
            timeout: of no matter
        Returns:
            dict: what came of it
        """
        params["to"] = "changed"
        return {"success": True, "message": "sent", "data": {"with": sorted(credentials), **params}}

    def weigh(credentials, params: Parcel):
        return {"weighed": params}

    def pack(credentials, params: Box):
        return params.size

    def ping():
        return "pong"

    def who(creds):
        return creds["token"]

    def swapped(params, credentials):
        return [params, credentials]

    def loose(creds, options, extra=None):
        """:param str title: a title
        :param options: no parameter
        """
        return options

    async def later(credentials, params):
        return {"success": False, "error": "not today"}

    def crash(credentials, params):
        raise ValueError("the shelf is empty")

    def leave(credentials, params):
        sys.exit("gone")

    def impossible(one, two, three):
        pass

    def _hidden(credentials, params):
        pass

    class Helper:
        pass
'''


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
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[..., Any]:
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.CONNECTOR_PACKAGES = ["acmepack"]

    def write(source: str = TASKS, *, key: str = "warehouse") -> Any:
        folder = tmp_path / "acmepack" / key
        folder.mkdir(parents=True)
        (tmp_path / "acmepack" / "__init__.py").touch()
        (folder / "__init__.py").touch()
        (folder / "tasks.py").write_text(textwrap.dedent(source))
        return registry.get(key)

    return write


def execute(connector: Any, task: str, params: dict[str, Any] | None = None, **credentials: Any) -> Result:
    return connect_with(connector, credentials or {"token": "right"}).execute(Action(task, params or {}))


def test_its_public_functions_are_actions(module: Callable[..., Any]) -> None:
    connector = module()
    shown = describe(connector)
    assert (shown["key"], shown["name"], shown["webhook"]) == ("warehouse", "Warehouse", None)
    assert shown["description"] == "Parcels of the warehouse."
    names = [action["name"] for action in shown["actions"]]
    assert " ".join(names) == "send weigh pack ping who swapped loose later crash leave impossible test_connection"
    [send] = [action for action in shown["actions"] if action["name"] == "send"]
    assert send["description"] == "Send a parcel.\n\nSomewhere far away." and send["idempotent"] is False
    assert {name: field.get("type") for name, field in send["parameters"]["properties"].items()} == {
        "to": "string",
        "count": "integer",
        "timeout": None,
    }
    assert send["parameters"]["additionalProperties"] is True


def test_a_task_gets_credentials_and_parameters_and_gives_the_standard_answer(module: Callable[..., Any]) -> None:
    params = {"to": "Ada", "anything": [1, {"else": None}]}
    answer = execute(module(), "send", params, token="t", further=1)
    assert answer == Result(
        True, "sent", {"with": ["further", "token"], "to": "changed", "anything": [1, {"else": None}]}
    )
    assert params["to"] == "Ada"


@pytest.mark.parametrize(
    ("task", "params", "data"),
    [
        ("weigh", {"weight": "4", "other": 1}, {"weighed": {"weight": 4, "other": 1}}),
        ("pack", {"size": "5"}, 5),
        ("ping", {}, "pong"),
        ("who", {"ignored": 1}, "right"),
        ("swapped", {"a": 1}, [{"a": 1}, {"token": "right"}]),
        ("loose", {"title": 7}, {"title": 7}),
    ],
)
def test_a_task_may_be_written_in_several_ways(
    task: str, params: dict[str, Any], data: Any, module: Callable[..., Any]
) -> None:
    assert execute(module(), task, params) == Result(True, "", data)


def test_what_an_annotation_demands_is_demanded(module: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInput, match="weight: Field required"):
        execute(module(), "weigh", {"label": "x"})


@pytest.mark.parametrize(
    ("task", "message"),
    [("crash", "ValueError: the shelf is empty"), ("leave", "SystemExit: gone"), ("impossible", "TypeError: missing")],
)
def test_an_exception_is_a_failure_with_its_message(task: str, message: str, module: Callable[..., Any]) -> None:
    with pytest.raises(Permanent) as caught:
        execute(module(), task)
    assert caught.value.message.startswith(message)


def test_a_failure_it_tells_of_is_a_failure(module: Callable[..., Any]) -> None:
    assert execute(module(), "later") == Result(False, "not today", {"error": "not today"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TASKS, Result(True, "asked with right", None)),
        ("def test_connection(credentials): return credentials == {'token': 'right'}", Result(True, "Connected.")),
        ("def test_connection(): return False", Result(False, "The connection test said no.")),
        ("async def test_connection(credentials): return False", Result(False, "The connection test said no.")),
        ("def test_connection(c, p): return {'name': 'Ada'}", Result(True, "", {"name": "Ada"})),
    ],
)
def test_its_connection_test(source: str, expected: Result, module: Callable[..., Any]) -> None:
    instance = connect_with(module(source), {"token": "right"})
    assert instance.call_handler("test_connection") == expected
    assert execute(type(instance), "test_connection") == expected


def test_without_a_connection_test_it_says_so(module: Callable[..., Any]) -> None:
    with pytest.raises(Permanent, match="Warehouse has no function 'test_connection'"):
        execute(module("def go(credentials, params): pass"), "test_connection")


def test_all_says_what_counts(module: Callable[..., Any]) -> None:
    connector = module(
        """
        from json import dumps
        __all__ = ["dumps", "_own", "gone"]
        def _own(credentials, params):
            return 1
        def other(credentials, params):
            return 2
        """
    )
    assert [spec.name for spec in connector.actions] == ["dumps", "_own"]
    assert any("names 'gone' in __all__" in problem for problem in registry.problems())


def test_what_is_odd_is_reported(module: Callable[..., Any]) -> None:
    module()
    [problem] = registry.problems()
    assert problem.startswith("acmepack.warehouse.tasks has the function 'impossible' that cannot be called with")


@pytest.mark.parametrize("source", ["raise SystemExit(1)", "this is no python", "import acme_gone", "x = 1"])
def test_a_broken_one_is_reported_and_harms_nobody(source: str, module: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "acmepack" / "broken").mkdir(parents=True)
    (tmp_path / "acmepack" / "broken" / "__init__.py").touch()
    (tmp_path / "acmepack" / "broken" / "tasks.py").write_text(source)
    assert issubclass(module("def go(credentials, params): pass"), PlainModule)
    assert [problem for problem in registry.problems() if problem.startswith("acmepack.broken.tasks ")]


def test_a_connector_beside_tasks_wins(module: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "acmepack" / "desk"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "tasks.py").write_text("def go(credentials, params): pass")
    (folder / "connector.py").write_text(
        "from integrations.base import BaseIntegration\nclass Desk(BaseIntegration):\n    key = name = 'desk'\n"
    )
    module()
    assert registry.get("desk").__module__ == "acmepack.desk.connector"


def test_free_form_credentials_are_secret_but_for_plain_addresses(module: Callable[..., Any]) -> None:
    given = {
        "token": "a-secret-token",
        "base_url": "https://api.acme.example",
        "hook_url": "https://hooks.acme.example/T0/B1/secret",
        "account": "warehouse.acme.example",
        "support_key": "s3cr3t-key",
    }
    connector = module()
    assert place_fields(connector, given) == {"base_url", "hook_url", "account", "support_key"}
    assert set(secret_values(connector, given)) == set(given.values()) - {"https://api.acme.example"}
    instance = connect_with(connector, given)
    assert "a-secret-token" not in repr(instance.credentials)


@pytest.mark.parametrize(
    ("returned", "data"),
    [
        ("{1}", [1]),
        ("b'\\xff'", "_w=="),
        ("object()", "<object>"),
        ("2 ** 70", str(2**70)),
        ("'\\ud800'", "\ufffd"),
        ("float('nan')", None),
        ("__import__('datetime').date(2026, 1, 2)", "2026-01-02"),
        ("{1: {'two': (3, 4)}}", {"1": {"two": [3, 4]}}),
        ("(item for item in [1])", [1]),
        ("None", None),
    ],
)
def test_what_it_returns_can_be_stored(returned: str, data: Any, module: Callable[..., Any]) -> None:
    assert execute(module(f"def go(credentials, params):\n    return {returned}"), "go") == Result(True, "", data)


def test_what_cannot_be_stored_is_a_success_all_the_same(module: Callable[..., Any]) -> None:
    answer = execute(module("def go(credentials, params):\n    a = []\n    a.append(a)\n    return a"), "go")
    assert answer.success and "Circular reference" in answer.data["not_kept"]
