"""The fields that a rule's page offers: those of the events' schema, of their sample, and of what came lately."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from integrations.specs import EventSpec
from rules.checking import schema_of, subjects_of
from rules.models import Event, EventContent
from rules.schema_types import fields_in
from rules.times import read_instant

MOST_FIELDS = 300
_MOST_LOOKED_AT = 5
_MOST_DEPTH = 6
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_EXAMPLE = 80
_TYPES = {"string": "text", "number": "number", "integer": "number", "boolean": "boolean", "array": "list"}


@dataclass(frozen=True)
class EventField:
    """One field of an event. `example` is a value it had lately, as text; `template` is how expressions name it.

    Types: text, number, boolean, time, list, object, any.
    """

    name: str
    template: str
    type: str = "any"
    choices: tuple[Any, ...] = ()
    example: str | None = None


@dataclass(frozen=True)
class EventFields:
    """All that are known of a trigger's events, by name."""

    fields: Mapping[str, EventField] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()

    def get(self, name: str) -> EventField:
        """Return a field by its name, with or without the main object's before it; an unknown one is of any type."""
        for candidate in (name, *(f"{subject}.{name}" for subject in self.subjects)):
            if candidate in self.fields:
                return self.fields[candidate]
        return EventField(name, name)

    def __iter__(self) -> Iterator[EventField]:
        return iter(self.fields.values())

    def of_payload(self, payload: Mapping[str, Any]) -> "EventFields":
        """Return the same with one event's values as examples, before those of any other."""
        own = _of_payload(payload, self.subjects)
        known = {name: replace(one, example=None) for name, one in self.fields.items()}
        for one in own:
            before = known.get(one.name)
            known[one.name] = replace(before, example=one.example) if before is not None else one
        return EventFields(known, self.subjects)


def fields_of_events(specs: Sequence[EventSpec], recent: Sequence[Event]) -> EventFields:
    """Return the fields of these events. `recent` are stored ones, newest first, whose contents are looked at."""
    subjects = subjects_of(specs)
    found: dict[str, EventField] = {}
    contents = {
        row.pk: row.payload for row in EventContent.objects.filter(pk__in=[e.pk for e in recent[:_MOST_LOOKED_AT]])
    }
    payloads = [contents[event.pk] for event in recent if event.pk in contents]
    payloads += [spec.sample for spec in specs if spec.sample]
    for payload in payloads[: _MOST_LOOKED_AT + 3]:
        for one in _of_payload(payload, subjects):
            before = found.setdefault(one.name, one)
            if before.example is None or (before.type == "any" != one.type):
                found[one.name] = one
    for name, types, choices in fields_in(schema_of(specs)):
        seen = found.get(name)
        kinds = {_TYPES.get(type_, type_) for type_ in types}
        type_ = kinds.pop() if len(kinds) == 1 else "any"
        if seen is not None and (type_ == "any" or seen.type == "time"):
            type_ = seen.type
        if type_ != "object":
            example = seen.example if seen is not None else None
            found[name] = EventField(name, _template(name, subjects), type_, choices, example)
    return EventFields(dict(list(found.items())[:MOST_FIELDS]), subjects)


def _of_payload(payload: Mapping[str, Any], subjects: Sequence[str]) -> Iterator[EventField]:
    for place, (name, value) in enumerate(_flat(payload, "", 0)):
        if place >= MOST_FIELDS:
            return
        yield EventField(name, _template(name, subjects), type_of(value), (), shown(value))


def type_of(value: Any) -> str:
    """Return the type of a value as pages speak of it."""
    if isinstance(value, str):
        return "time" if "T" in value and read_instant(value) is not None else "text"
    if isinstance(value, bool):
        return "boolean"
    kinds: dict[type, str] = {int: "number", float: "number", list: "list", dict: "object"}
    return kinds.get(type(value), "any")


def shown(value: Any) -> str | None:
    """Return a value as a short line; None for null."""
    if value is None:
        return None
    if isinstance(value, list):
        text = ", ".join(str(item) for item in value[:10] if not isinstance(item, (dict, list)))
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"


def fields_below(payload: Mapping[str, Any], root: str) -> Iterator[EventField]:
    """Yield the fields of an object that expressions find under `root`."""
    for name, value in _flat(payload, "", 0):
        yield EventField(name, _expression([*root.split("."), *name.split(".")]), type_of(value), (), shown(value))


def _template(name: str, subjects: Sequence[str]) -> str:
    parts = name.split(".")
    return _expression(parts if parts[0] in subjects else ["event", *parts])


def _expression(parts: Sequence[str]) -> str:
    """Return a path as expressions write it: what is no name there stands in brackets."""
    text = parts[0]
    for before, part in pairwise(parts):
        is_step = before == "steps"
        text += f".{part}" if is_step or _NAME.fullmatch(part) else f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def _flat(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value and depth < _MOST_DEPTH:
        for key, part in value.items():
            if key and "." not in key:
                yield from _flat(part, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, value
