"""The gallery: rules that are ready but for a few parameters, shipped as YAML files in rules/gallery. Pure.

A file has a header `template` (title, description, group, parameters) and `rules`, documents in which `[[ name ]]`
stands for a parameter: alone it is the value with its type, inside of text its text, and inside of an expression a
literal. A step, rule or condition with `only_for: {name: value}` stays where the parameter is, or has, that value.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from integrations.parameters import Names, Parameters, explained
from rules import yaml_text
from rules.problems import Problem, Refused

FOLDER = Path(__file__).parent / "gallery"
_PLACEHOLDER = re.compile(r"\[\[ ([a-z][a-z0-9_]*) \]\]")
_PIECE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_MOST_TEXT = 2000


class Parameter(BaseModel):
    """What somebody gives who installs a template."""

    model_config = ConfigDict(extra="forbid")

    # `environment` is the name of one; `choices` are several of those named, `list` several texts.
    type: Literal["text", "number", "boolean", "choice", "choices", "list", "environment"] = "text"
    title: str
    description: str = ""
    default: Any = None
    choices: list[str] = []

    @property
    def is_required(self) -> bool:
        """Whether there is no template without it."""
        return self.default is None


class Template(BaseModel):
    """One template: what it says of itself, and the documents of its rules with placeholders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    title: str
    description: str
    group: str
    parameters: dict[str, Parameter] = {}
    rules: list[dict[str, Any]] = Field(min_length=1)

    @property
    def platforms(self) -> list[str]:
        """The platforms that its rules hear or write to, by key, in the order of the document."""
        found = [str(rule.get("trigger", {}).get("platform", "")) for rule in self.rules]
        found += [str(step.get("platform", "")) for rule in self.rules for step in rule["steps"]]
        return [name for name in dict.fromkeys(found) if name and not _PLACEHOLDER.search(name)]


@dataclass(frozen=True)
class UnknownTemplate(Exception):
    """There is no template of that key."""

    key: str

    def __str__(self) -> str:
        return f"There is no template '{self.key[:80]}'. There are: {', '.join(templates())}."


@cache
def templates() -> dict[str, Template]:
    """Return the shipped templates by key, in the order of their groups and titles."""
    found = [
        template_of(document.value, path.stem)
        for path in sorted(FOLDER.glob("*.yaml"))
        for document in yaml_text.read(path.read_text(encoding="utf-8"))
    ]
    return {template.key: template for template in sorted(found, key=lambda one: (one.group, one.title))}


def template(key: str) -> Template:
    """Return the shipped template of that key. Raises UnknownTemplate."""
    try:
        return templates()[key]
    except KeyError:
        raise UnknownTemplate(key) from None


def is_template(value: Any) -> bool:
    """Return whether a document of a file is a template instead of a rule."""
    return isinstance(value, Mapping) and set(value) == {"template", "rules"}


def template_of(value: Mapping[str, Any], key: str = "") -> Template:
    """Return what a document with a template's header says. Raises ValueError with the places of what is wrong."""
    head = value["template"] if isinstance(value["template"], Mapping) else {}
    return Template.model_validate({"key": key, "group": "", "description": "", **head, "rules": value["rules"]})


# --- parameters -------------------------------------------------------------------------------------------------


def model_of(template: Template, environments: Sequence[str] = ()) -> type[BaseModel]:
    """Return the model of a template's parameters; `environments` are those that there are to choose from."""
    fields: dict[str, Any] = {}
    for name, parameter in template.parameters.items():
        default = ... if parameter.is_required else parameter.default
        if parameter.type == "environment" and environments and default not in environments:
            default = ...
        fields[name] = (
            _annotation(parameter, environments),
            Field(default, title=parameter.title, description=_description(parameter) or None),
        )
    return create_model(f"{template.key}-parameters", __base__=Parameters, **fields)


def _description(parameter: Parameter) -> str:
    choices = f"Of: {', '.join(parameter.choices)}." if parameter.type == "choices" else ""
    return " ".join(filter(None, (parameter.description, choices)))


def _annotation(parameter: Parameter, environments: Sequence[str]) -> Any:
    kind = parameter.type
    choices: Any = Literal[tuple(parameter.choices)] if parameter.choices else str
    if kind == "environment":
        return Literal[tuple(environments)] if environments else Annotated[str, Field(max_length=63)]
    if kind == "list":
        return Annotated[Names, Field(max_length=100)]
    simple: dict[str, Any] = {"number": int | float, "boolean": bool, "choice": choices, "choices": list[choices]}
    return simple.get(kind) or Annotated[str, Field(min_length=int(parameter.is_required), max_length=_MOST_TEXT)]


def checked(template: Template, given: Mapping[str, Any], environments: Sequence[str] = ()) -> dict[str, Any]:
    """Return the parameters with their defaults. Raises Refused with everything that is wrong with them."""
    model = model_of(template, environments)
    try:
        return model.model_validate(dict(given)).model_dump()
    except ValidationError as error:
        problems = [
            Problem(
                ".".join(["parameters", *map(str, item["loc"])]),
                "required" if item["type"] == "missing" else "invalid",
                explained(item, model),
            )
            for item in error.errors(include_url=False)
        ]
        raise Refused(problems) from None


# --- documents --------------------------------------------------------------------------------------------------


def documents(template: Template, values: Mapping[str, Any], name: str = "") -> list[dict[str, Any]]:
    """Return the documents of a template's rules with `values` (from `checked`) in their places.

    `name` is the rule's own; of a template with several rules each has it before its name.
    """
    filled = [dict(rule) for rule in _list(template.rules, values)]
    for rule in filled:
        if name:
            rule["name"] = name if len(template.rules) == 1 else f"{name}: {rule['name']}"
    return filled


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _text(value, values)
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return list(_list(value, values)) if isinstance(value, list) else value


def _list(items: Sequence[Any], values: Mapping[str, Any]) -> Iterator[Any]:
    for item in items:
        rest = item
        if isinstance(item, Mapping) and "only_for" in item:
            if not all(_is_chosen(values[name], wanted) for name, wanted in item["only_for"].items()):
                continue
            rest = {key: part for key, part in item.items() if key != "only_for"}
        yield _filled(rest, values)


def _is_chosen(value: Any, wanted: Any) -> bool:
    return wanted in value if isinstance(value, list) else bool(value == wanted)


def _text(text: str, values: Mapping[str, Any]) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole is not None:
        return values[whole[1]]
    pieces, end = [], 0
    for expression in _PIECE.finditer(text):
        pieces.append(_PLACEHOLDER.sub(lambda found: _written(values[found[1]]), text[end : expression.start()]))
        pieces.append(_PLACEHOLDER.sub(lambda found: _literal(values[found[1]]), expression[0]))
        end = expression.end()
    pieces.append(_PLACEHOLDER.sub(lambda found: _written(values[found[1]]), text[end:]))
    return "".join(pieces)


def _written(value: Any) -> str:
    """Return a value as it stands in text."""
    return value if isinstance(value, str) else ", ".join(value) if isinstance(value, list) else json.dumps(value)


def _literal(value: Any) -> str:
    """Return a value as an expression: JSON's texts, numbers and lists are CEL's."""
    return json.dumps(value, ensure_ascii=False)


def placeholders(template: Template) -> Iterator[str]:
    """Yield the names of the parameters that a template's rules use."""
    yield from _names_in(template.rules)


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        yield from value.get("only_for") or ()
        for item in value.values():
            yield from _names_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names_in(item)
