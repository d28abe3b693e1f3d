"""Which data the expressions of a step name: so that only that is read for it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rules.expressions import compile_condition, compile_template, has_expression

# A way into the data, root first: ("env", "REGION").
NamedPath = tuple[str | int, ...]


def paths_in(parameters: Any, condition: str | None = None) -> set[NamedPath]:
    """Return every path that expressions in `parameters`, and a condition, name. Raises ExpressionError."""
    paths: set[NamedPath] = set()
    for text in texts_in(parameters):
        if has_expression(text):
            paths |= compile_template(text).paths_used()
    if condition is not None:
        paths |= compile_condition(condition).expression.node.paths()
    return paths


def below(root: str, paths: Iterable[NamedPath]) -> frozenset[str]:
    """Return the names right below a root."""
    return frozenset(str(path[1]) for path in paths if path[0] == root and len(path) > 1)


def texts_in(value: Any) -> Iterable[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
