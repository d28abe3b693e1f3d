"""Which connectors exist: found in three places, told apart by key, loaded once.

Connectors come from the sub-packages of `integrations.connectors`, from the packages in
``settings.CONNECTOR_PACKAGES`` and from installed distributions that declare the entry point
``supportops.connectors``. Each package has a module `connector` with classes that inherit from `BaseIntegration`, or
a module `tasks` with plain functions (integrations/plain_modules.py).

Two connectors with one key are an error that stops the start, since a rule would mean one or the other by chance.
A connector that cannot be imported or worked with is only reported (`problems`, shown by a system check): the others
go on.
"""

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import ModuleType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from integrations.base import BaseIntegration
from integrations.declarations import faults, unusable
from integrations.errors import CODE_OF_OTHERS_RAISES, Permanent, told
from integrations.plain_modules import PlainModule, connector_of_module, oddities
from integrations.specs import ActionSpec

BUILT_IN = "integrations.connectors"
ENTRY_POINTS = "supportops.connectors"

Connector = type[BaseIntegration]
CONNECTOR, TASKS = "connector", "tasks"


class UnknownPlatform(Permanent):
    """No connector has this key."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        close = difflib.get_close_matches(key.lower(), known, n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(known) or 'none'}."
        super().__init__(f"There is no platform '{key}'. {hint}")
        self.key, self.close_matches = key, close


class DuplicateConnector(ImproperlyConfigured):
    """Two connectors have one key."""


@dataclass
class _Registry:
    connectors: dict[str, Connector] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


_lock = threading.RLock()
_loaded: _Registry | None = None


def get(key: str) -> Connector:
    """Return the connector with this key. Raises UnknownPlatform, which names those with a similar one."""
    connectors = _registry().connectors
    try:
        return connectors[key]
    except KeyError:
        raise UnknownPlatform(key, sorted(connectors)) from None


def all_connectors() -> list[Connector]:
    """Return every connector, by key."""
    connectors = _registry().connectors
    return [connectors[key] for key in sorted(connectors)]


def generic_action(name: str) -> tuple[Connector, ActionSpec] | None:
    """Return the connector and spec of an action that needs no platform (`http_request`), None for others."""
    for connector in all_connectors():
        if connector.is_generic:
            for spec in connector.actions:
                if spec.name == name:
                    return connector, spec
    return None


def problems() -> list[str]:
    """Return what is wrong with connectors, one sentence each: those left out, and declarations that do not hold."""
    registry = _registry()
    return registry.problems + [fault for cls in all_connectors() for fault in _faults_of(cls)]


def _faults_of(cls: Connector) -> list[str]:
    try:
        return faults(cls)
    except CODE_OF_OTHERS_RAISES as error:
        return [f"{place_of(cls)} has a declaration that cannot be checked: {told(error)}"]


def plain_modules() -> list[type[PlainModule]]:
    """Return the connectors that are plain modules, by key."""
    return [cls for cls in all_connectors() if issubclass(cls, PlainModule)]


def reset() -> None:
    """Forget what was found, so that the next question looks again. For tests."""
    global _loaded
    with _lock:
        _loaded = None


def place_of(cls: Connector) -> str:
    """Return where a connector stands: ``package.module:Class``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _registry() -> _Registry:
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = _load()
    return _loaded


def _load() -> _Registry:
    registry = _Registry()
    candidates: dict[str, list[Connector]] = {}
    for cls in _found(registry.problems):
        # Ours are looked at by the tests: making the schema of every action takes half a second at each start.
        reason = None if cls.__module__.startswith(f"{BUILT_IN}.") else unusable(cls)
        if reason is not None:
            registry.problems.append(f"{place_of(cls)} is left out: it {reason}")
            continue
        same_key = candidates.setdefault(cls.key, [])
        if cls not in same_key:  # one class reached by two ways is one connector
            same_key.append(cls)
    for key, classes in candidates.items():
        registry.connectors[key] = classes[0] if len(classes) == 1 else _chosen(key, classes)
    names = [spec.name for cls in registry.connectors.values() if cls.is_generic for spec in cls.actions]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise DuplicateConnector(f"Two generic connectors have an action '{name}': rules could not tell them apart.")
    return registry


def _chosen(key: str, classes: list[Connector]) -> Connector:
    override: list[str] = settings.CONNECTOR_OVERRIDE
    named = [cls for cls in classes if any(_names(entry, cls) for entry in override)]
    if len(named) == 1:
        return named[0]
    raise DuplicateConnector(
        f"The key '{key}' belongs to {len(classes)} connectors: {' and '.join(place_of(cls) for cls in classes)}. "
        "Rename one, or name the one that shall be used in SUPPORTOPS_CONNECTOR_OVERRIDE."
    )


def _names(entry: str, cls: Connector) -> bool:
    """Whether an entry of CONNECTOR_OVERRIDE (a package, a module or ``module:Class``) means `cls`."""
    entry = entry.strip()
    return entry in (place_of(cls), cls.__module__) or (bool(entry) and cls.__module__.startswith(f"{entry}."))


def _found(complaints: list[str]) -> Iterator[Connector]:
    for package in (BUILT_IN, *settings.CONNECTOR_PACKAGES):
        for module_name in _connector_modules(package, complaints):
            yield from _import(module_name, complaints)
    for entry in entry_points(group=ENTRY_POINTS):
        place = f"{entry.value} (entry point '{entry.name}')"
        try:
            found = entry.load()
        except CODE_OF_OTHERS_RAISES as error:
            complaints.append(_not_imported(place, error))
            continue
        if inspect.isclass(found) and issubclass(found, BaseIntegration) and _key(found):
            yield found
        elif isinstance(found, ModuleType) and hasattr(found, "__path__"):
            for module_name in _connector_modules(found.__name__, complaints):
                yield from _import(module_name, complaints)
        elif isinstance(found, ModuleType):
            yield from _of_module(found, complaints)
        else:
            complaints.append(f"{place} is neither a connector class with a key nor a module with one.")


def _connector_modules(package: str, complaints: list[str]) -> Iterator[str]:
    """The names of the connector modules in a package, which may itself be a connector or hold several."""
    try:
        found = importlib.import_module(package)
    except CODE_OF_OTHERS_RAISES as error:
        complaints.append(_not_imported(package, error))
        return
    if not hasattr(found, "__path__"):
        yield package
        return
    own = _module_inside(package, complaints)
    if own is not None:
        yield own
        return
    for info in sorted(pkgutil.iter_modules(found.__path__), key=lambda info: info.name):
        if not info.ispkg or info.name.startswith("_"):
            continue
        name = f"{package}.{info.name}"
        before = len(complaints)
        inside = _module_inside(name, complaints)
        if inside is not None:
            yield inside
        elif len(complaints) == before:
            complaints.append(f"{name} has no module '{CONNECTOR}' and no module '{TASKS}': it is not used.")


def _module_inside(package: str, complaints: list[str]) -> str | None:
    """The module of a package that is its connector; one with tasks counts where there is no other."""
    for name in (f"{package}.{CONNECTOR}", f"{package}.{TASKS}"):
        try:
            if importlib.util.find_spec(name) is not None:
                return name
        except CODE_OF_OTHERS_RAISES as error:
            complaints.append(_not_imported(package, error))
            return None
    return None


def _import(module_name: str, complaints: list[str]) -> Iterator[Connector]:
    try:
        module = importlib.import_module(module_name)
    except CODE_OF_OTHERS_RAISES as error:
        complaints.append(_not_imported(module_name, error))
        return
    yield from _of_module(module, complaints)


def _of_module(module: ModuleType, complaints: list[str]) -> Iterator[Connector]:
    """The connectors in a module: its classes, or the module itself where it holds plain tasks."""
    if module.__name__.rpartition(".")[2] == TASKS:
        yield from _plain(module, complaints)
    else:
        yield from _classes(module, complaints)


def _plain(module: ModuleType, complaints: list[str]) -> Iterator[Connector]:
    key = module.__name__.rpartition(".")[0].rpartition(".")[2].lower()
    if not key:
        complaints.append(f"{module.__name__} is in no folder, whose name would be its key.")
        return
    try:
        complaints += [f"{module.__name__} {oddity}" for oddity in oddities(module)]
        yield connector_of_module(module, key)
    except CODE_OF_OTHERS_RAISES as error:
        complaints.append(f"{module.__name__} cannot be used as a module of tasks: {told(error)}")


def _classes(module: ModuleType, complaints: list[str]) -> Iterator[Connector]:
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, BaseIntegration)
        and value.__module__ == module.__name__
        and _key(value)
    ]
    if not found:
        complaints.append(f"{module.__name__} has no class that inherits from BaseIntegration and has a `key`.")
    yield from found


def _key(cls: Connector) -> str:
    key = getattr(cls, "key", "")
    return key if isinstance(key, str) else ""


def _not_imported(place: str, error: BaseException) -> str:
    return f"{place} cannot be imported and is left out: {told(error)}"
