"""Pure: what an event's JSON Schema says of a field."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.facts import parts_of

_NUMBERS = {"number", "integer"}
# References may go in circles; no sensible schema nests them deeper.
_MAX_REFERENCES = 16
# Deeper fields are not listed; they may be named all the same.
_MAX_DEPTH = 5


def says_number(schema: Mapping[str, Any] | None, field: str, subject: str = "") -> bool:
    """Return whether the schema says that `field` is a number, or a list of numbers; null beside it is fine.

    As in Facts, a field that the event itself does not have is looked for in its main object. Where `subject` is
    not known, it counts if every object of the event that has such a field says number.
    """
    if not schema:
        return False
    parts = parts_of(field)
    root = list(_kinds(schema, schema, 0))
    if not any(_has(kind, parts[0]) for kind in root):
        objects = [subject] if subject else [name for kind in root for name in kind.get("properties", {})]
        mains = [list(_under(schema, root, [name])) for name in objects]
        mains = [main for main in mains if any(_has(kind, parts[0]) for kind in main)]
        return bool(mains) and all(_is_number(schema, list(_under(schema, main, parts))) for main in mains)
    return _is_number(schema, list(_under(schema, root, parts)))


def fields_in(schema: Mapping[str, Any] | None) -> Iterator[tuple[str, frozenset[str], tuple[Any, ...]]]:
    """Yield every field that the schema names: its dotted path, its types, and the values it may have where listed."""
    if schema:
        yield from _fields_below(schema, list(_kinds(schema, schema, 0)), ())


def _fields_below(
    schema: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]], path: tuple[str, ...]
) -> Iterator[tuple[str, frozenset[str], tuple[Any, ...]]]:
    named = dict.fromkeys(name for kind in kinds for name in kind.get("properties", {}) if "." not in name)
    for name in named if len(path) < _MAX_DEPTH else ():
        below = list(_under(schema, kinds, [name]))
        types = frozenset(type_ for kind in below for type_ in _types(kind)) - {"null"}
        choices = dict.fromkeys(value for kind in below for value in (*kind.get("enum", ()), *_constant(kind)))
        yield ".".join((*path, name)), types, tuple(choices)
        yield from _fields_below(schema, below, (*path, name))


def _constant(kind: Mapping[str, Any]) -> tuple[Any, ...]:
    return (kind["const"],) if "const" in kind else ()


def _is_number(schema: Mapping[str, Any], kinds: list[Mapping[str, Any]], inside_list: bool = False) -> bool:
    kinds = [kind for kind in kinds if _types(kind) != {"null"}]
    if not kinds:
        return False
    for kind in kinds:
        types = _types(kind) - {"null"}
        if types and types <= _NUMBERS:
            continue
        if types == {"array"} and not inside_list and isinstance(kind.get("items"), dict):
            if _is_number(schema, list(_kinds(schema, kind["items"], 0)), inside_list=True):
                continue
            return False
        return False
    return True


def _types(kind: Mapping[str, Any]) -> set[str]:
    types = kind.get("type")
    return set(types) if isinstance(types, list) else {types} if isinstance(types, str) else set()


def _has(kind: Mapping[str, Any], name: str) -> bool:
    return name in kind.get("properties", {})


def _under(
    schema: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]], parts: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    if not parts:
        yield from kinds
        return
    name = parts[0]
    for kind in kinds:
        below = kind.get("properties", {}).get(name)
        if below is None:
            below = kind.get("items") if name.isdigit() else kind.get("additionalProperties")
        if isinstance(below, dict):
            yield from _under(schema, list(_kinds(schema, below, 0)), parts[1:])


def _kinds(schema: Mapping[str, Any], kind: Mapping[str, Any], references: int) -> Iterator[Mapping[str, Any]]:
    """Yield the alternatives that `kind` allows, with references within the schema followed."""
    if references > _MAX_REFERENCES:
        return
    reference = kind.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = schema
        for name in reference[2:].split("/"):
            target = target.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        if isinstance(target, dict):
            yield from _kinds(schema, target, references + 1)
        return
    alternatives = [
        other for word in ("anyOf", "oneOf", "allOf") for other in kind.get(word, ()) if isinstance(other, dict)
    ]
    if not alternatives:
        yield kind
    for other in alternatives:
        yield from _kinds(schema, other, references + 1)
