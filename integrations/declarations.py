"""Whether a connector's declaration holds what it promises. Pure: looks at the class alone."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from inspect import isclass
from typing import Any

from pydantic import BaseModel, ValidationError

from integrations.base import BaseIntegration
from integrations.specs import ActionSpec, Effect, EventSpec, Limit

_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,62}")
_EVENT = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


def faults(cls: type[BaseIntegration]) -> list[str]:
    """Return what is wrong in the declaration of `cls`, one sentence each, the class's place first."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    return [f"{place} {fault}" for fault in _faults(cls)]


def _faults(cls: type[BaseIntegration]) -> Iterator[str]:
    if not _KEY.fullmatch(cls.key):
        yield f"has the key '{cls.key}'; a key is lower case letters, digits and underscores."
    if not getattr(cls, "name", ""):
        yield "has no name."
    yield from _doubles("action", (spec.name for spec in cls.actions))
    yield from _doubles("event", (spec.name for spec in cls.events))
    yield from _doubles("secret", (spec.name for spec in cls.secrets))
    yield from _doubles("limit", (limit.name for limit in cls.limits))
    if cls.Credentials is not None and cls.secrets:
        yield "declares both `secrets` and `Credentials`; one of them says what is needed."
    for label, model in (("Credentials", cls.Credentials), ("Config", cls.Config)):
        if model is not None and not _is_model(model):
            yield f"has {label} that is not a pydantic model."
    for spec in cls.actions:
        for fault in _action_faults(cls, spec):
            yield f"has the action '{spec.name}' {fault}"
    for event in cls.events:
        for fault in _event_faults(event):
            yield f"has the event '{event.name}' {fault}"
    yield from _limit_faults(cls.limits)
    yield from _scheme_faults(cls)


def _action_faults(cls: type[BaseIntegration], spec: ActionSpec) -> Iterator[str]:
    if not _ACTION.fullmatch(spec.name):
        yield "whose name is not made of lower case letters, digits and underscores."
    if not spec.description:
        yield "without a description."
    if not _is_model(spec.model):
        yield "whose model is not a pydantic model."
    if not callable(getattr(cls, spec.handler, None)):
        yield f"whose handler '{spec.handler}' does not exist."
    if spec.effect not in set(Effect):
        yield "whose effect is none of READS, SETS, CREATES."
    if spec.idempotent_by == "marker" and not spec.find_earlier:
        yield "that is idempotent by marker but names no `find_earlier`."
    if spec.find_earlier and not callable(getattr(cls, spec.find_earlier, None)):
        yield f"whose find_earlier '{spec.find_earlier}' does not exist."


def _event_faults(event: EventSpec) -> Iterator[str]:
    if not _EVENT.fullmatch(event.name):
        yield "whose name is not made of letters, digits, underscores and dots."
    if not event.sample:
        yield "without a sample."
    elif event.subject and event.subject not in event.sample:
        yield f"whose sample lacks its subject '{event.subject}'."
    if event.model is not None:
        if not _is_model(event.model):
            yield "whose model is not a pydantic model."
        elif event.sample:
            try:
                event.model.model_validate(dict(event.sample))
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                yield f"whose sample does not fit its model: {'.'.join(map(str, first['loc']))}: {first['msg']}."


def _limit_faults(limits: Iterable[Limit]) -> Iterator[str]:
    for limit in limits:
        if limit.calls <= 0 or limit.seconds <= 0 or limit.burst < 1:
            yield f"has the limit '{limit.name}' that lets nothing through."


def _scheme_faults(cls: type[BaseIntegration]) -> Iterator[str]:
    if (cls.events or cls.open_events) and not cls.scheme_names():
        yield "declares events but no signature scheme: nothing could be received."
    for name, scheme in cls.schemes.items():
        if not callable(getattr(scheme, "verify", None)):
            yield f"has the scheme '{name}' that is not a Signature."
    for name in cls.hint_schemes:
        if name not in cls.scheme_names():
            yield f"calls the scheme '{name}' a hint, which it does not have."


def _doubles(what: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"has the {what} '{name}' {count} times."


def _is_model(value: Any) -> bool:
    return isclass(value) and issubclass(value, BaseModel)
