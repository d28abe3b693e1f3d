"""Building blocks for the parameter models of actions, and what is said of values that do not fit one."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo


class Parameters(BaseModel):
    """Parameters of an action: nothing unknown is taken, and a field may be given by its name or by an alias."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _as_list(value: Any) -> Any:
    """Take ``"a, b"`` for ``["a", "b"]``: that is how people and templates write lists."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]

_SECONDS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m)?\s*")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


def _seconds(value: Any) -> Any:
    """Take ``30``, ``"30"``, ``"30s"``, ``"500ms"`` and ``"1m"``."""
    if isinstance(value, str) and (found := _SECONDS.fullmatch(value)):
        return float(found[1]) * _UNITS[found[2]]
    return value


Seconds = Annotated[float, Field(gt=0, le=600, json_schema_extra={"x-duration": True}), BeforeValidator(_seconds)]


def field_named(model: type[BaseModel], name: str) -> FieldInfo | None:
    """Return the field that a parameter of this name fills, whether the name is the field's own or an alias."""
    if name in model.model_fields:
        return model.model_fields[name]
    for field in model.model_fields.values():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or field.alias]
        if name in choices:
            return field
    return None


def near(name: str, known: Collection[str]) -> str:
    """Return `` (did you mean 'that'?)`` where one of the `known` names is like `name`, else nothing."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean '{found[0]}'?)" if found else ""


def explained(problem: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return one of a ValidationError's problems with `model` in words for people."""
    loc, kind = problem["loc"], problem["type"]
    name = str(loc[-1]) if loc else ""
    if kind == "missing":
        return f"'{name}' is required."
    if kind == "extra_forbidden" and len(loc) == 1:
        known = list(model.model_fields)
        return f"There is no '{name}' here{near(name, known)}. There are: {', '.join(known) or 'none'}."
    if kind == "extra_forbidden":
        return f"There is no '{name}' here."
    return sentence(kind, str(problem["msg"]))


# pydantic's kinds of problems, in the words of JSON.
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def sentence(kind: str, message: str) -> str:
    """Return what a ValidationError says of one value, as a sentence for people who know JSON and no Python."""
    if kind in _EXPECTED:
        return f"Expected {_EXPECTED[kind]}."
    message = message.removeprefix("Value error, ")
    return (message[:1].upper() + message[1:] + ("" if message.endswith(".") else "."))[:500]
