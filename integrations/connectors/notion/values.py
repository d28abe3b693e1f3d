"""Values of columns: as people write them, as Notion wants them, and as it answers. Pure.

https://developers.notion.com/reference/page-property-values, read 2026-11
"""

from collections.abc import Callable, Mapping
from typing import Any

from integrations.connectors.notion.blocks import plain, rich_text
from integrations.errors import InvalidInput
from integrations.payloads import items, mapping

Json = dict[str, Any]
# Notion works these out by itself.
COMPUTED = frozenset(
    {"formula", "rollup", "created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id", "button"}
    | {"verification"}
)
_TEXTS = ("url", "email", "phone_number")


def value_for(name: str, kind: str, value: Any, person: Callable[[str], str], page: Callable[[str], str]) -> Json:
    """Return what a column of a kind is set to; `person` and `page` turn names into ids.

    Values in Notion's own form (``{"select": {"name": "Bug"}}``) go as they are. Raises InvalidInput.
    """
    if isinstance(value, dict) and (kind in value or "type" in value):
        return value
    if kind in COMPUTED:
        raise InvalidInput(f"'{name}' cannot be set: Notion works it out ({kind}).")
    try:
        return {kind: _inner(kind, value, person, page)}
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"'{name}' is a column of the kind {kind}: {error}.") from None


def filter_for(name: str, kind: str, value: Any) -> Json:
    """Return the filter of rows whose column equals a value. Raises InvalidInput where that cannot be asked."""
    if value is None:
        return {"property": name, kind: {"is_empty": True}}
    if kind in ("multi_select", "people", "relation"):
        return {"property": name, kind: {"contains": str(value)}}
    if kind in ("checkbox", "number", "date", "select", "status", "title", "rich_text", *_TEXTS):
        return {"property": name, kind: {"equals": value}}
    if kind in ("created_time", "last_edited_time"):
        return {"timestamp": kind, kind: {"equals": value}}
    raise InvalidInput(f"'{name}' is a column of the kind {kind}: give a filter in Notion's own form.")


def plain_values(properties: Any) -> Json:
    """Return a page's columns as plain values: names, numbers, texts, lists."""
    return {str(name): plain_value(mapping(column)) for name, column in mapping(properties).items()}


def plain_value(column: Mapping[str, Any]) -> Any:
    """Return the value of one column, in the form in which conditions are written."""
    kind = str(column.get("type") or "")
    value = column.get(kind)
    if kind in ("title", "rich_text"):
        return plain(value)
    if kind in ("select", "status"):
        return mapping(value).get("name")
    if kind == "multi_select":
        return [mapping(item).get("name") for item in items(value)]
    if kind == "people":
        return [mapping(item).get("name") or mapping(item).get("id") for item in items(value)]
    if kind == "relation":
        return [mapping(item).get("id") for item in items(value)]
    if kind == "files":
        return [mapping(item).get("name") for item in items(value)]
    if kind == "date":
        return mapping(value).get("start")
    if kind in ("created_by", "last_edited_by"):
        return mapping(value).get("name") or mapping(value).get("id")
    if kind == "formula":
        return mapping(value).get(str(mapping(value).get("type")))
    if kind == "rollup":
        inner = mapping(value)
        found = inner.get(str(inner.get("type")))
        return [plain_value(mapping(item)) for item in found] if isinstance(found, list) else found
    if kind == "unique_id":
        prefix, number = mapping(value).get("prefix"), mapping(value).get("number")
        return f"{prefix}-{number}" if prefix else number
    return value


def title_of(properties: Any) -> str:
    """Return the title of a page: the one column of that kind."""
    for column in mapping(properties).values():
        if mapping(column).get("type") == "title":
            return plain(mapping(column).get("title"))
    return ""


def _inner(kind: str, value: Any, person: Callable[[str], str], page: Callable[[str], str]) -> Any:
    if kind in ("title", "rich_text"):
        return rich_text("" if value is None else str(value))
    if kind == "checkbox":
        if not isinstance(value, bool):
            raise TypeError("give true or false")
        return value
    if kind in ("multi_select", "people", "relation", "files"):
        texts = _texts(value)
        if kind == "multi_select":
            return [{"name": text} for text in texts]
        if kind == "files":
            return [{"name": text.rpartition("/")[2][:100] or "file", "external": {"url": text}} for text in texts]
        return [{"id": (person if kind == "people" else page)(text)} for text in texts]
    if value is None:
        return None
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError("give a number")
        return value if isinstance(value, int | float) else float(value) if "." in value else int(value)
    if kind in ("select", "status"):
        return {"name": str(value)}
    if kind == "date":
        return value if isinstance(value, dict) else {"start": str(value)}
    if kind in _TEXTS:
        return str(value)
    raise ValueError("give its value in Notion's own form")


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list):
        return [str(item) for item in value]
    raise TypeError("give a list")
