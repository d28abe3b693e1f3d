"""Plain modules as connectors: a folder with `tasks.py`, whose public functions are the actions.

``test_connection(credentials, params)`` is the connection test; every other public function
``task(credentials, params)`` an action. Functions may take the credentials alone or nothing at all, be async, and
return anything. ``__all__``, where given, says which functions count; docstrings are their descriptions.
"""

import copy
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from integrations.base import BaseIntegration
from integrations.errors import Permanent
from integrations.specs import ActionSpec, CredentialFields, Result
from integrations.task_parameters import CREDENTIALS, PARAMS, parameters_model, summary, values_for

TEST = "test_connection"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class FreeCredentials(CredentialFields):
    """Whatever fields a module wants; an integration type may say which."""

    model_config = ConfigDict(extra="allow")


class PlainModule(BaseIntegration):
    """What the connectors of plain modules have in common. `functions` are the module's, by name."""

    Credentials = FreeCredentials
    signature = None
    functions: ClassVar[dict[str, Callable[..., Any]]] = {}

    def test_connection(self) -> Any:
        function = self.functions.get(TEST)
        if function is None:
            raise Permanent(f"{self.name} has no function '{TEST}'.")
        answer = self._called(function, {})
        return _as_test(answer)

    def _called(self, function: Callable[..., Any], params: Any) -> Any:
        credentials = self.credentials.model_dump(mode="json", exclude_none=True) if self.credentials else {}
        return _call(function, credentials, params)


def connector_of_module(
    module: ModuleType, key: str, *, name: str = "", credentials: type[BaseModel] | None = None
) -> type[PlainModule]:
    """Return the connector that a module with tasks is. `credentials` describes its credentials where that is known."""
    functions = dict(public_functions(module))
    tasks = {task: function for task, function in functions.items() if task != TEST}
    handlers = {f"task_{task}": _handler(function) for task, function in tasks.items()}
    return type(
        "tasks",
        (PlainModule,),
        {
            "__module__": module.__name__,
            "__qualname__": "tasks",
            "key": key,
            "name": name or key.replace("_", " ").capitalize(),
            "version": str(getattr(module, "__version__", PlainModule.version)),
            "description": " ".join(inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].split()),
            "Credentials": credentials or FreeCredentials,
            "functions": functions,
            "actions": [_spec(task, function) for task, function in tasks.items()],
            **handlers,
        },
    )


def public_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the functions that count: those in ``__all__``, else those that the module itself defines in public."""
    listed = getattr(module, "__all__", None)
    names = [str(name) for name in listed] if isinstance(listed, (list, tuple, set)) else list(vars(module))
    for name in dict.fromkeys(names):
        value = getattr(module, name, None)
        is_own = getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
        if callable(value) and not inspect.isclass(value) and (listed is not None or is_own):
            yield name, value


def oddities(module: ModuleType) -> Iterator[str]:
    """Yield what is odd about a module's functions, one clause each."""
    listed = getattr(module, "__all__", ())
    for name in listed if isinstance(listed, (list, tuple, set)) else ():
        value = getattr(module, str(name), None)
        if not callable(value) or inspect.isclass(value):
            yield f"names '{name}' in __all__, which is no function of it."
    found = dict(public_functions(module))
    if not found:
        yield "has no public function: no connection test, no actions."
    for name, function in found.items():
        try:
            _arguments(function, {}, {})
        except (TypeError, ValueError) as error:
            yield f"has the function '{name}' that cannot be called with (credentials, params): {error}."


def _spec(task: str, function: Callable[..., Any]) -> ActionSpec:
    label = task.replace("_", " ").strip().capitalize()
    # Nobody knows what a plain function does: a call that was cut off is not repeated by itself.
    return ActionSpec(
        task, summary(function) or f"{label}.", model=parameters_model(function), handler=f"task_{task}", label=label
    )


def _handler(function: Callable[..., Any]) -> Callable[[PlainModule, BaseModel], Any]:
    def handle(self: PlainModule, data: BaseModel) -> Any:
        return self._called(function, values_for(function, data))

    return handle


def _call(function: Callable[..., Any], credentials: dict[str, Any], params: Any) -> Any:
    positional, named = _arguments(function, credentials, copy.deepcopy(params))
    return function(*positional, **named)


def _arguments(function: Callable[..., Any], credentials: Any, params: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return how to call a task: by name where it uses the usual names, else credentials first.

    Raises TypeError for a function that wants more or other things.
    """
    signature = inspect.signature(function)
    values = {CREDENTIALS: credentials, PARAMS: params}
    takes = signature.parameters
    positional: list[Any] = []
    named: dict[str, Any] = {}
    if any(name in takes and takes[name].kind is not inspect.Parameter.POSITIONAL_ONLY for name in values):
        named = {name: value for name, value in values.items() if name in takes}
        rest = [
            name for name, p in takes.items() if name not in values and p.default is p.empty and p.kind in _POSITIONAL
        ]
        # `def task(creds, params)`: the other one by the place that is left.
        missing = [value for name, value in values.items() if name not in named]
        named.update(zip(rest, missing, strict=False))
    else:
        places = [p for p in takes.values() if p.kind in _POSITIONAL]
        is_open = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in takes.values())
        positional = [credentials, params][: 2 if is_open else min(2, len(places))]
    signature.bind(*positional, **named)
    return positional, named


async def _awaited_test(answer: Any) -> Any:
    return _verdict(await answer)


def _as_test(answer: Any) -> Any:
    return _awaited_test(answer) if inspect.isawaitable(answer) else _verdict(answer)


def _verdict(answer: Any) -> Any:
    """A plain yes or no is the test's outcome."""
    if isinstance(answer, bool):
        return Result(answer, "Connected." if answer else "The connection test said no.")
    return answer
