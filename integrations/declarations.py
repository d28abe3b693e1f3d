"""Whether a connector's declaration holds what it promises. Pure: looks at the class alone."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from inspect import isclass
from typing import Any

from pydantic import BaseModel, ValidationError

from integrations.base import BaseIntegration
from integrations.credentials import credentials_model
from integrations.errors import CODE_OF_OTHERS_RAISES, told
from integrations.pieces import pieces_of
from integrations.signatures import Signature
from integrations.specs import ActionSpec, Effect, EventSpec, Limit, SecretSpec

_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,62}")
_EVENT = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


def faults(cls: type[BaseIntegration]) -> list[str]:
    """Return what is wrong in the declaration of `cls`, one sentence each, the class's place first."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    return [f"{place} {fault}" for fault in _faults(cls)]


def unusable(cls: type[BaseIntegration]) -> str | None:
    """Return why a declaration cannot be worked with at all, None where it can.

    A connector like that would break pages and answers that show all of them, so the registry leaves it out.
    """
    try:
        return next(_wrong_types(cls), None) or next(_without_schema(cls), None)
    except CODE_OF_OTHERS_RAISES as error:
        return f"has a declaration that cannot be read: {told(error)}."


def _wrong_types(cls: type[BaseIntegration]) -> Iterator[str]:
    if not _KEY.fullmatch(cls.key):
        yield f"has the key '{cls.key}'; a key is up to 63 lower case letters, digits and underscores."
    for name in ("name", "version", "description", "base_url"):
        value = getattr(cls, name, "")
        if not isinstance(value, str):
            yield f"has a `{name}` that is no text."
    for name, kind in (("actions", ActionSpec), ("events", EventSpec), ("secrets", SecretSpec), ("limits", Limit)):
        value = getattr(cls, name)
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, kind) for item in value):
            yield f"has `{name}` that are no list of {kind.__name__}."
    for label in ("Credentials", "Config"):
        model = getattr(cls, label)
        if not _is_model(model) and not (label == "Credentials" and model is None):
            yield f"has {label} that is not a pydantic model."
    for spec in cls.actions:
        texts = (spec.name, spec.description, spec.handler, spec.label)
        if not all(isinstance(text, str) for text in texts) or not _is_model(spec.model):
            yield f"has the action '{spec.name}' whose name, description or handler is no text, or model is no model."
    event: Any
    for event in cls.events:
        if not isinstance(event.name, str) or not isinstance(event.sample, Mapping):
            yield f"has the event '{event.name}' whose name is no text, or sample no object."
    for name in cls.scheme_names():
        if not isinstance(cls.scheme(name), Signature):
            yield f"has the signature scheme '{name}' that is not a Signature."


def _without_schema(cls: type[BaseIntegration]) -> Iterator[str]:
    """Everything that the catalogue and forms ask of the models and samples."""
    models = {"secrets": credentials_model(cls), "Config": cls.Config}
    models.update({f"action '{spec.name}'": spec.model for spec in cls.actions})
    for label, model in models.items():
        try:
            json.dumps(model.model_json_schema())
            pieces_of(model)
        except CODE_OF_OTHERS_RAISES as error:
            yield f"has {label} without a JSON Schema: {told(error)}."
    for event in cls.events:
        try:
            json.dumps(dict(event.sample))
        except CODE_OF_OTHERS_RAISES as error:
            yield f"has the event '{event.name}' whose sample is no JSON: {told(error)}."


def _faults(cls: type[BaseIntegration]) -> Iterator[str]:
    if not getattr(cls, "name", ""):
        yield "has no name."
    yield from _doubles("action", (spec.name for spec in cls.actions))
    yield from _doubles("event", (spec.name for spec in cls.events))
    yield from _doubles("secret", (spec.name for spec in cls.secrets))
    yield from _doubles("limit", (limit.name for limit in cls.limits))
    if cls.Credentials is not None and cls.secrets:
        yield "declares both `secrets` and `Credentials`; one of them says what is needed."
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
    if (cls.events or cls.open_events) and not cls.scheme_names() and not cls.is_generic:
        yield "declares events but no signature scheme: nothing could be received."
    for name in cls.hint_schemes:
        if name not in cls.scheme_names():
            yield f"calls the scheme '{name}' a hint, which it does not have."


def _doubles(what: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"has the {what} '{name}' {count} times."


def _is_model(value: Any) -> bool:
    return isclass(value) and issubclass(value, BaseModel)
