"""``{name}`` in the requests of integration types: values put in for names, encoded for where they go. Pure.

Each text is gone through once, so a value that holds braces stays as it is. Expressions in double braces have no place
here: rules evaluate them before, and what they give arrives as a parameter.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from integrations.errors import InvalidInput

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# Stands for a part of a request that falls away with the parameter that was not given.
ABSENT: Any = object()


def names_in(template: Any) -> Iterator[str]:
    """Yield the names that a template (a text, or JSON with texts) asks for."""
    for text in _texts(template):
        yield from _NAME.findall(text)


def holds_expression(template: Any) -> bool:
    """Return whether there are double braces somewhere: expressions, which are not evaluated here."""
    return any("{{" in text for text in _texts(template))


def path_of(template: str, values: Mapping[str, Any]) -> str:
    """Return a path, each value encoded so that it stays one part of it. Raises InvalidInput for an empty one."""

    def part(name: str) -> str:
        text = _text(values.get(name))
        if text.strip() in ("", ".", ".."):
            raise InvalidInput(f"{name}: '{text}' cannot be part of an address.")
        return quote(text, safe="")

    return _NAME.sub(lambda match: part(match[1]), template)


def texts_of(template: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return headers, query or form fields; those whose one value was not given are left out.

    Encoding is the client's: it refuses line breaks in headers and encodes queries and forms.
    """
    filled = {name: _filled(text, values) for name, text in template.items()}
    return {name: _text(value) for name, value in filled.items() if value is not ABSENT}


def json_of(template: Any, values: Mapping[str, Any]) -> Any:
    """Return JSON with values in it, as values: a text that is one whole ``{name}`` becomes what the value is."""
    if isinstance(template, str):
        return _filled(template, values)
    if isinstance(template, Mapping):
        items = {name: json_of(item, values) for name, item in template.items()}
        return {name: item for name, item in items.items() if item is not ABSENT}
    if isinstance(template, list):
        return [item for item in (json_of(item, values) for item in template) if item is not ABSENT]
    return template


def _filled(text: str, values: Mapping[str, Any]) -> Any:
    whole = _NAME.fullmatch(text)
    if whole:
        return ABSENT if values.get(whole[1]) is None else values[whole[1]]
    return _NAME.sub(lambda match: _text(values.get(match[1])), text)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for item in template.values():
            yield from _texts(item)
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from _texts(item)
