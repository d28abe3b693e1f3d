"""Checks the inputs of a run that is started by hand against what its rule declares. Pure."""

from collections.abc import Mapping
from typing import Any

from rules.document import Input
from rules.problems import Problem, Refused

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def checked_inputs(declared: Mapping[str, Input] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a run, defaults filled in. Where none are declared anything is taken.

    Raises Refused with every input that is missing, unknown or of another type.
    """
    if declared is None:
        return dict(given)
    problems = [
        Problem(f"inputs.{name}", "unknown_input", f"There is no input '{name}'. Declared: {', '.join(declared)}.")
        for name in given
        if name not in declared
    ]
    inputs: dict[str, Any] = {}
    for name, spec in declared.items():
        value = given.get(name, spec.default)
        if value is None and spec.required:
            problems.append(Problem(f"inputs.{name}", "required", f"The input '{name}' is required ({spec.type})."))
        elif value is not None and not fits(value, spec.type):
            found = type(value).__name__
            problems.append(Problem(f"inputs.{name}", "invalid", f"'{name}' must be {spec.type}, not {found}."))
        inputs[name] = value
    if problems:
        raise Refused(problems)
    return inputs


def fits(value: Any, kind: str) -> bool:
    """Return whether a value is of one of the types that an input can have."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])
