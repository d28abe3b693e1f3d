"""Pure: conditions as rows and groups that a page shows, and the document that these say.

`rows_of` reads what somebody typed, in whichever of the ways there are to type it; `written` gives it back. What
nobody touched comes back exactly as it was typed; what was made anew is written in the shortest way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Path = tuple[str | int, ...]
Kind = Literal["all", "any", "none", "not_all"]

MOST_ROWS = 300
MOST_LEVELS = 30
_GROUPS = ("all", "any", "not")
_EXPRESSION = "expr"
_RESERVED = frozenset((*_GROUPS, _EXPRESSION))


class NotRows(ValueError):
    """These conditions have a shape that rows cannot show; the message says which part."""


@dataclass(eq=False)
class Row:
    """One question about one field. `typed` is how it was written: as `{field: value}`, with its operator, in full."""

    field: str = ""
    operator: str = "eq"
    value: Any = None
    typed: Literal["", "plain", "operator", "full"] = ""
    # Nothing was filled in yet: it is shown and says nothing.
    is_blank: bool = False


@dataclass(eq=False)
class ExpressionRow:
    """A question in the expression language."""

    text: Any = ""

    @property
    def is_blank(self) -> bool:
        return bool(self.text == "")


@dataclass(eq=False)
class Group:
    """Several of them. `typed`: the members of one object, a list, or the one thing that `not` stands before."""

    kind: Kind = "all"
    members: list["Node"] = field(default_factory=list)
    typed: Literal["", "entries", "list", "single"] = ""
    is_blank = False


Node = Row | ExpressionRow | Group


@dataclass
class Written:
    """Conditions as a document has them, and where each row and group stands in them, by its identity."""

    value: Any
    paths: dict[int, Path]


# --- read -------------------------------------------------------------------------------------------------------
def rows_of(typed: Any) -> Group:
    """Return the rows of conditions as typed; the outermost group stands for the whole. Raises NotRows."""
    if typed is None:
        return Group("all", [], "entries")
    whole = _entries(typed, "the conditions", 0)
    if sum(1 for node in nodes_of(whole)) > MOST_ROWS:
        raise NotRows(f"More than {MOST_ROWS} rows are shown as JSON alone.")
    if len(whole.members) == 1 and isinstance(whole.members[0], Group):
        return whole.members[0]
    return whole


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield a node and everything below, in the order of the page."""
    yield node
    for member in node.members if isinstance(node, Group) else ():
        yield from nodes_of(member)


def leaves_of(node: Node) -> Iterator[Row | ExpressionRow]:
    """Yield the rows that say something, in the order in which they are asked."""
    for one in nodes_of(node):
        if not isinstance(one, Group) and not one.is_blank:
            yield one


def _entries(typed: Any, where: str, level: int) -> Group:
    if not isinstance(typed, Mapping):
        raise NotRows(f"Expected an object for {where}.")
    if level > MOST_LEVELS:
        raise NotRows("These groups are nested too deeply to be shown as rows.")
    if is_full(typed):
        if "value" not in typed:
            raise NotRows(f"The value of '{typed['field']}' is missing in {where}.")
        return Group("all", [Row(typed["field"], typed["op"], typed["value"], "full")], "entries")
    members: list[Node] = []
    for key, value in typed.items():
        if not isinstance(key, str):
            raise NotRows(f"The name of a field must be a text in {where}.")
        members += _entry(key, value, level)
    return Group("all", members, "entries")


def is_full(typed: Mapping[Any, Any]) -> bool:
    """Return whether an object is one question in full, instead of fields with values."""
    if not set(typed) <= {"field", "op", "value"}:
        return False
    return isinstance(typed.get("field"), str) and isinstance(typed.get("op"), str)


def _entry(key: str, value: Any, level: int) -> list[Node]:
    if key == "not":
        return [_negation(value, level)]
    if key in _GROUPS:
        if not isinstance(value, list):
            raise NotRows(f"`{key}` takes a list of conditions.")
        members = [_member(item, key, level) for item in value]
        return [Group("any" if key == "any" else "all", members, "list")]
    if key == _EXPRESSION:
        return [ExpressionRow(value)]
    if isinstance(value, list):
        return [Row(key, "in", value, "plain")]
    if not isinstance(value, Mapping):
        return [Row(key, "eq", value, "plain")]
    if not value:
        raise NotRows(f"What to ask of '{key}' is missing.")
    return [Row(key, str(operator), operand, "operator") for operator, operand in value.items()]


def _member(item: Any, word: str, level: int) -> Node:
    inner = _entries(item, f"`{word}`", level + 1)
    return inner.members[0] if len(inner.members) == 1 else inner


def _negation(value: Any, level: int) -> Group:
    inner = _entries(value, "`not`", level + 1)
    if len(inner.members) > 1:
        return Group("not_all", inner.members, "entries")
    only = inner.members[0] if inner.members else None
    if isinstance(only, Group) and only.kind == "any":
        return Group("none", only.members, "list")
    return Group("none", [] if only is None else [only], "single")


# --- written ----------------------------------------------------------------------------------------------------
def written(whole: Group) -> Written:
    """Return the conditions that a page's rows say; None for none at all. Blank rows say nothing."""
    members = [member for member in whole.members if not member.is_blank]
    if not members and whole.kind in ("all", "any"):
        return Written(None, {})
    if whole.kind == "all" and whole.typed != "list":
        return _joined(whole, members, is_whole=True)
    return _group(whole)


def _node(node: Node) -> Written:
    if isinstance(node, Group):
        return _group(node)
    if isinstance(node, ExpressionRow):
        return Written({_EXPRESSION: node.text}, {id(node): (_EXPRESSION,)})
    return _row(node)


def _row(row: Row) -> Written:
    is_list, is_object = isinstance(row.value, list), isinstance(row.value, Mapping)
    is_plain = (row.operator == "eq" and not is_list and not is_object) or (row.operator == "in" and is_list)
    if row.typed == "full" or row.field in _RESERVED:
        return Written({"field": row.field, "op": row.operator, "value": row.value}, {id(row): ()})
    if is_plain and row.typed != "operator":
        return Written({row.field: row.value}, {id(row): (row.field,)})
    return Written({row.field: {row.operator: row.value}}, {id(row): (row.field, row.operator)})


def _group(group: Group) -> Written:
    members = [member for member in group.members if not member.is_blank]
    if group.kind == "all":
        return _named("all", _listed(group, members)) if group.typed == "list" else _joined(group, members)
    if group.kind == "any":
        return _named("any", _listed(group, members))
    if group.kind == "not_all":
        return _named("not", _joined(group, members, is_whole=True))
    if len(members) == 1 and group.typed != "list":
        inner = _node(members[0])
        return _named("not", Written(inner.value, {**inner.paths, id(group): ()}))
    if not members:
        return Written({"not": {}}, {id(group): ("not",)})
    return _named("not", _named("any", _listed(group, members)))


def _named(word: str, inner: Written) -> Written:
    return Written({word: inner.value}, {key: (word, *path) for key, path in inner.paths.items()})


def _listed(group: Group, members: list[Node]) -> Written:
    values: list[Any] = []
    paths: dict[int, Path] = {id(group): ()}
    for place, member in enumerate(members):
        inner = _node(member)
        values.append(inner.value)
        paths |= {key: (place, *path) for key, path in inner.paths.items()}
    return Written(values, paths)


def _joined(group: Group, members: list[Node], *, is_whole: bool = False) -> Written:
    """Return members as the entries of one object where their names allow it, else as a list.

    Standing in a list, one member alone would be read as that member and not as a group of it; to the meaning that is
    the same.
    """
    entries: dict[str, Any] = {}
    paths: dict[int, Path] = {id(group): ()}
    last = ""
    for member in members:
        inner = _within_object(member)
        name, value = next(iter(inner.value.items())) if len(inner.value) == 1 else ("", None)
        if not name and len(members) == 1 and (is_whole or not isinstance(member, Group)):
            return Written(inner.value, {**inner.paths, id(group): ()})
        if not name or (name in entries and not (name == last and _may_merge(entries[name], value, member))):
            return _named("all", _listed(group, members))
        entries[name] = entries[name] | value if name in entries else value
        last = name
        paths |= inner.paths
    if is_full(entries):
        return _named("all", _listed(group, members))
    return Written(entries, paths)


def _within_object(member: Node) -> Written:
    """Return a member as an entry beside others: there a group of all needs its word."""
    if isinstance(member, Group) and member.kind == "all":
        return _named("all", _listed(member, [one for one in member.members if not one.is_blank]))
    return _node(member)


def _may_merge(present: Any, more: Any, member: Node) -> bool:
    is_row = isinstance(member, Row) and member.field not in _RESERVED
    return is_row and isinstance(present, dict) and isinstance(more, dict) and not present.keys() & more.keys()
