"""What a form shows for a pydantic model: one piece for each field, and how its values become text and back. Pure.

A piece knows the field's place in the JSON Schema (label, help, kind), every name under which a value may stand, and
keeps a value as it was while nobody changes its text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import AliasChoices, BaseModel

from integrations.specs import Credential

# What people write several lines of.
_LONG_NAMES = frozenset(
    {"message", "text", "body", "description", "desc", "comment", "initial_comment", "content", "html", "note", "notes"}
    | {"details"}
)
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m|h|d)", re.ASCII)
_UNITS = {"d": 86400, "h": 3600, "m": 60}
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


class Kind(StrEnum):
    """How a value is written."""

    TEXT = "text"
    LONG = "long"
    SECRET = "secret"  # noqa: S105 - a kind of field
    INTEGER = "integer"
    NUMBER = "number"
    DURATION = "duration"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LINES = "lines"
    JSON = "json"


class NotReadable(ValueError):
    """A text is no value of its kind; the message says why and where."""


@dataclass(frozen=True)
class Piece:
    """One field of a model as a form shows it. `names`: each name a value may stand under, the shown one first."""

    names: tuple[str, ...]
    kind: Kind
    label: str
    help: str = ""
    is_required: bool = False
    is_nullable: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    takes_text: bool = False  # for JSON: a text that is no JSON is meant as a text
    choice_kind: str = ""  # what the platform offers for it: channels, agents

    @property
    def name(self) -> str:
        return self.names[0]

    def key_in(self, values: Mapping[str, Any]) -> str | None:
        """Return the name under which `values` hold this field."""
        return next((name for name in self.names if name in values), None)


def pieces_of(model: type[BaseModel]) -> list[Piece]:
    """Return the pieces of a model, in the order of its fields."""
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    pieces = []
    for name, info in model.model_fields.items():
        names = _names(name, info, model)
        shown = next((item for item in names if item in schema["properties"]), names[0])
        part = schema["properties"].get(shown, {})
        where = next((mark.where for mark in info.metadata if isinstance(mark, Credential) and mark.where), "")
        pieces.append(
            _piece(
                (shown, *(item for item in names if item != shown)),
                part,
                schema,
                is_required=shown in required,
                where=where,
            )
        )
    return pieces


def text_of(piece: Piece, value: Any) -> str:
    """Return a value as the form shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    is_plain_list = isinstance(value, list) and value and all(isinstance(item, (str, int)) for item in value)
    if piece.kind is Kind.LINES and is_plain_list and not _is_ambiguous(value):
        return "\n".join(str(item) for item in value)
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, (dict, list)) else None)


def value_of(piece: Piece, text: str) -> Any:
    """Return what a person typed as a value of its kind; an expression stays a text. Raises NotReadable."""
    typed = text.strip()
    if not typed or is_expression(typed):
        return typed
    if piece.kind is Kind.INTEGER:
        return _number(typed, int) if not holds_expression(typed) else text
    if piece.kind is Kind.NUMBER:
        return _number(typed, float) if not holds_expression(typed) else text
    if piece.kind is Kind.DURATION:
        return _duration(typed) if not holds_expression(typed) else text
    if piece.kind is Kind.BOOLEAN:
        return {"true": True, "yes": True, "false": False, "no": False}.get(typed.lower(), text)
    if piece.kind is Kind.CHOICE:
        return next((choice for choice in piece.choices if str(choice) == typed), text)
    if piece.kind is Kind.LINES:
        return parsed(typed) if typed.startswith("[") else [line.strip() for line in typed.splitlines() if line.strip()]
    if piece.kind is Kind.JSON:
        if piece.takes_text and typed[0] not in "[{":
            return text
        return parsed(typed)
    return text.replace("\r\n", "\n")


def read(piece: Piece, text: str, original: Mapping[str, Any]) -> Any:
    """Return the value that a text stands for: the original where the text is still the same. Raises NotReadable."""
    key = piece.key_in(original)
    if key is not None and same_text(text, text_of(piece, original[key])):
        return original[key]
    return value_of(piece, text)


def merged(pieces: Sequence[Piece], typed: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """Return `original` with what was typed in its place. Names that no piece knows stay; what was emptied goes.

    `typed` holds a value for each piece by its name; "" means nothing.
    """
    known = {name: piece for piece in pieces for name in piece.names}
    values: dict[str, Any] = {}
    for key, value in original.items():
        piece = known.get(key)
        if piece is None:
            values[key] = value
        elif typed.get(piece.name) not in ("", None) or typed.get(piece.name) == value:
            values[key] = typed[piece.name]
    for piece in pieces:
        value = typed.get(piece.name)
        if value not in ("", None) and piece.key_in(original) is None:
            values[piece.name] = value
    return values


def duration_text(seconds: float) -> str:
    """Return a length of time as people write it, in the largest unit that it is a whole number of: `7d`, `90s`."""
    unit = next((unit for unit, length in _UNITS.items() if seconds and seconds % length == 0), "s")
    return f"{seconds / _UNITS.get(unit, 1):g}{unit}"


def same_text(one: str, other: str) -> bool:
    """Return whether two texts differ by nothing but what a browser does to them."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def parsed(text: str) -> Any:
    """Return JSON as a value. Raises NotReadable with line and column."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotReadable(f"Line {error.lineno}, column {error.colno}: {_advice(error)}") from None
    except RecursionError:
        raise NotReadable("This JSON is nested too deeply.") from None
    except NotReadable:
        raise
    except ValueError as error:  # an integer with thousands of digits
        raise NotReadable(f"This is not valid JSON: {error}"[:300]) from None


def json_text(value: Any) -> str:
    """Return a value as JSON for people, nothing for nothing."""
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def is_expression(text: str) -> bool:
    """Return whether a text is one whole template expression, whose value may be of any type."""
    return text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1


def holds_expression(text: str) -> bool:
    """Return whether there is a template expression in a text."""
    return "{{" in text


def _is_ambiguous(value: list[Any]) -> bool:
    """A list whose lines would be read as something else: one expression alone, or a line that looks like JSON."""
    texts = [str(item) for item in value]
    odd = any(text != text.strip() or not text or "\n" in text for text in texts)
    return odd or texts[0].startswith("[") or (len(texts) == 1 and is_expression(texts[0]))


def _names(name: str, info: Any, model: type[BaseModel]) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        names = [item for item in alias.choices if isinstance(item, str)]
    elif isinstance(alias, str):
        names = [alias]
    else:
        return (name,)
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    return tuple(dict.fromkeys([*names, name] if by_name else names))


def _piece(
    names: tuple[str, ...], part: Mapping[str, Any], schema: Mapping[str, Any], *, is_required: bool, where: str
) -> Piece:
    options, is_nullable = _options(part, schema)
    kinds = {str(option.get("type", "any")) for option in options}
    choices = _choices(options)
    label = str(part.get("title") or names[0].replace("_", " ").capitalize())
    help_text = " ".join(
        text for text in (str(part.get("description") or ""), f"Found at: {where}." if where else "") if text
    )
    kind = _kind(names[0], [part, *options], options, kinds, choices)
    return Piece(
        names,
        kind,
        label,
        help_text,
        is_required,
        is_nullable,
        part.get("default"),
        choices or _examples(part, options),
        takes_text=bool(kinds & {"string", "any"}),
        choice_kind=str(part.get("x-choices") or ""),
    )


def _kind(
    name: str,
    marked: list[Mapping[str, Any]],
    options: list[Mapping[str, Any]],
    kinds: set[str],
    choices: tuple[Any, ...],
) -> Kind:
    if any(part.get("format") == "password" or part.get("writeOnly") for part in marked):
        return Kind.SECRET
    if any(part.get("x-duration") for part in marked):
        return Kind.DURATION
    if choices and all("enum" in option or "const" in option for option in options):
        return Kind.CHOICE
    if kinds == {"boolean"}:
        return Kind.BOOLEAN
    if kinds == {"integer"}:
        return Kind.INTEGER
    if kinds <= {"integer", "number"}:
        return Kind.NUMBER
    if kinds == {"array"} and all(_holds_scalars(option.get("items")) for option in options):
        return Kind.LINES
    if not kinds <= _SCALARS:
        return Kind.JSON
    return Kind.LONG if kinds == {"string"} and name in _LONG_NAMES else Kind.TEXT


def _options(part: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the alternatives of a field without null, references resolved, and whether null was among them."""
    part = _resolved(part, schema)
    alternatives = part.get("anyOf") or part.get("oneOf") or [part]
    if len(part.get("allOf", ())) == 1:
        alternatives = part["allOf"]
    options, is_nullable = [], False
    for alternative in alternatives:
        option = _resolved(alternative, schema)
        if option.get("type") == "null":
            is_nullable = True
        elif "anyOf" in option:
            inner, inner_null = _options(option, schema)
            options += inner
            is_nullable = is_nullable or inner_null
        else:
            options.append(option)
    return options or [{}], is_nullable


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if isinstance(reference, str):
        found: Mapping[str, Any] = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
        return found
    return part


def _choices(options: list[Mapping[str, Any]]) -> tuple[Any, ...]:
    found = [value for option in options for value in option.get("enum", ())]
    found += [option["const"] for option in options if "const" in option]
    return tuple(dict.fromkeys(value for value in found if isinstance(value, (str, int, float))))


def _examples(part: Mapping[str, Any], options: list[Mapping[str, Any]]) -> tuple[Any, ...]:
    given = [*part.get("examples", ()), *(item for option in options for item in option.get("examples", ()))]
    return tuple(item for item in given if isinstance(item, (str, int)))


def _holds_scalars(items: Any) -> bool:
    return isinstance(items, Mapping) and items.get("type") in ("string", "integer")


def _number(text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise NotReadable(f"'{text[:40]}' is not a {'whole ' if kind is int else ''}number.") from None


def _duration(text: str) -> str | float:
    """Return a text with a unit as it is, and a number of seconds as a number."""
    if _DURATION.fullmatch(text):
        return text
    try:
        return _number(text, float)
    except NotReadable:
        raise NotReadable(f"'{text[:40]}' is not a duration: write 30s, 5m or 2h, or a number of seconds.") from None


def _refuse_constant(name: str) -> Any:
    raise NotReadable(f"{name} is no value of JSON.")


def _advice(error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Expecting property name"):
        return 'expected a name in double quotes, such as "priority" (and no comma after the last entry).'
    if error.msg.startswith("Expecting value"):
        return 'expected a value: a number, true, false, null, a list, an object, or a text in "double quotes".'
    if error.msg.startswith("Extra data"):
        return "there is something after the end of the value."
    return f"{error.msg[:1].lower()}{error.msg[1:]}."
