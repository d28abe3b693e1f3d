"""What a plain function says of its parameters: a permissive model made from annotations or docstring. Pure.

Such functions take a dict of whatever they are given, so nothing unknown is refused: what is known shapes forms and
documentation, and only types that the author wrote as annotations are enforced.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import WithJsonSchema

from integrations.errors import CODE_OF_OTHERS_RAISES

# What the two arguments of a task are called; see integrations/plain_modules.py.
CREDENTIALS, PARAMS = "credentials", "params"

_SECTIONS = frozenset({"args", "arguments", "parameters", "params"})
_SECTION = re.compile(r"^(\s*)([A-Za-z]+)\s*:?\s*$")
_ENTRY = re.compile(r"^(\s*)[*`'\"-]*\s*([A-Za-z_]\w*)[`'\"]*\s*(?:\(([^)]*)\))?\s*:\s*(.*)$")
_FIELD = re.compile(r"^(\s*):param\s+(?:([^:]+?)\s+)?(\w+):\s*(.*)$")
_TYPES = {
    **dict.fromkeys(("str", "string", "text", "url"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array", "tuple", "set"), "array"),
    **dict.fromkeys(("dict", "object", "mapping"), "object"),
}


@dataclass(frozen=True)
class _Field:
    kind: Any
    is_required: bool = False
    description: str = ""


class FreeForm(BaseModel):
    """Takes any fields with any values of JSON."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


def parameters_model(function: Callable[..., Any]) -> type[BaseModel]:
    """Return the model of what a task takes: its annotation (a pydantic model, a TypedDict), else its docstring's."""
    annotation = _annotation_of_params(function)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation if _has_schema(annotation) else FreeForm
    if typing.is_typeddict(annotation):
        made = _model(function.__name__, _fields_of_typed_dict(annotation))
        if made is not None:
            return made
    return _model(function.__name__, _fields_of_docstring(inspect.getdoc(function) or "")) or FreeForm


def values_for(function: Callable[..., Any], data: BaseModel) -> Any:
    """Return validated parameters as the function takes them: an instance of its model, else a dict of those given."""
    if _annotation_of_params(function) is type(data):
        return data
    return data.model_dump(by_alias=True, exclude_unset=True)


def summary(function: Callable[..., Any]) -> str:
    """Return what the docstring says before it comes to parameters, "" without any."""
    lines: list[str] = []
    for line in (inspect.getdoc(function) or "").splitlines():
        heading = _SECTION.match(line)
        is_section = heading and heading[2].lower() in _SECTIONS | {
            "returns",
            "raises",
            "yields",
            "example",
            "examples",
        }
        if is_section or line.lstrip().startswith(":"):
            break
        lines.append(line.strip())
    paragraphs = "\n".join(lines).strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()


def _annotation_of_params(function: Callable[..., Any]) -> Any:
    try:
        hints = typing.get_type_hints(function)
        parameters = list(inspect.signature(function).parameters)
    except CODE_OF_OTHERS_RAISES:  # annotations of others may name what is not there
        return None
    if PARAMS in parameters:
        return hints.get(PARAMS)
    return hints.get(parameters[1]) if len(parameters) > 1 else None


def _fields_of_typed_dict(annotation: Any) -> "dict[str, _Field]":
    try:
        hints = typing.get_type_hints(annotation)
    except CODE_OF_OTHERS_RAISES:  # the same
        return {}
    required = annotation.__required_keys__
    return {name: _Field(kind, is_required=name in required) for name, kind in hints.items()}


def _fields_of_docstring(text: str) -> "dict[str, _Field]":
    fields = {}
    for name, words, description in _entries(text):
        kind = _kind(words)
        schema: dict[str, Any] = {"type": kind} if kind else {}
        # A docstring is no check: the value is passed on as it is.
        fields[name] = _Field(typing.Annotated[Any, WithJsonSchema(schema)], description=description)
    return fields


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, words about the type, and description of each parameter that a docstring names."""
    section: int | None = None
    level: int | None = None
    skipped: int | None = None
    for line in text.splitlines():
        if field := _FIELD.match(line):
            if field[3] not in (CREDENTIALS, PARAMS):
                yield field[3], field[2] or "", field[4].strip()
            continue
        indent = len(line) - len(line.lstrip())
        heading = _SECTION.match(line)
        if heading and heading[2].lower() in _SECTIONS and (section is None or indent <= section):
            section, level, skipped = indent, None, None
            continue
        if section is None or not line.strip():
            continue
        if indent <= section:
            section = None
            continue
        if skipped is not None and indent > skipped:
            continue
        skipped = None
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        if entry[2] == CREDENTIALS:
            skipped = indent
        elif entry[2] in (PARAMS, "parameters"):
            level = None
        elif level is None or indent <= level:
            level = indent
            yield entry[2], entry[3] or "", entry[4].strip()


def _kind(words: str) -> str:
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _TYPES:
            return _TYPES[word]
    return ""


def _model(name: str, fields: "Mapping[str, _Field]") -> type[BaseModel] | None:
    """Return a model with `fields`, under names that pydantic takes; None where one of them has no JSON Schema."""
    if not fields:
        return None
    usable: dict[str, Any] = {}
    for place, (given, field) in enumerate(fields.items()):
        default = ... if field.is_required else None
        description = field.description or None
        if given.startswith("_") or hasattr(BaseModel, given):
            usable[f"field_{place}"] = (field.kind, Field(default, alias=given, description=description))
        else:
            usable[given] = (field.kind, Field(default, description=description))
    try:
        made = create_model(f"{name}_parameters", __base__=FreeForm, **usable)
    except CODE_OF_OTHERS_RAISES:  # a type that pydantic does not know
        return None
    return made if _has_schema(made) else None


def _has_schema(model: type[BaseModel]) -> bool:
    try:
        model.model_json_schema()
    except CODE_OF_OTHERS_RAISES:  # a type that JSON does not know
        return False
    return True
