"""Reads and writes YAML as people mean it: the types of YAML 1.2, places for errors, and nothing that runs or explodes.

`no`, `on` and `12:30` are texts and dates stay as they are typed, unlike in YAML 1.1, of which PyYAML is an
implementation; a key that stands twice is an error; aliases are taken as far as what they stand for stays small.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 100_000
MOST_DEPTH = 100


class NotYaml(ValueError):
    """The text cannot be read. `line` and `column` count from 1; 0 where no place is known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


@dataclass(frozen=True)
class YamlDocument:
    """One document of a stream. `value` holds JSON's types; `line` is where it begins."""

    value: Any
    line: int
    _node: yaml.Node = field(repr=False)

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of what a path leads to, or of the last part of it that is there."""
        node = self._node
        for part in path:
            found = _inside(node, part)
            if found is None:
                break
            node = found
        return node.start_mark.line + 1


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain values of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}


_PLAIN: list[tuple[str, str, str]] = [
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
]
# What stands without quotes and is no text.
_NO_TEXT = re.compile("|".join(f"(?:{pattern})" for _, pattern, _ in _PLAIN))
for _tag, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), [*_first, *([""] if "null" in _tag else [])])


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > 1000:
        raise yaml.constructor.ConstructorError(None, None, "this number has too many digits", node.start_mark)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
    made: dict[Any, Any] = {}
    yield made
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain value", key_node.start_mark)
        if key in seen:
            problem = f"the key '{key}' stands here twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        seen.add(key)
    made.update(loader.construct_mapping(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(text: str) -> list[YamlDocument]:
    """Return the documents of a text, without empty ones. Raises NotYaml."""
    found = []
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            _refuse_explosion(node)
            value = loader.construct_document(node)
            if value is not None:
                found.append(YamlDocument(value, node.start_mark.line + 1, node))
    except NotYaml:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "this cannot be read"
        raise NotYaml(problem, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise NotYaml(" ".join(str(error).split())) from None
    except (ValueError, RecursionError) as error:
        raise NotYaml(str(error)) from None
    return found


def write(documents: Sequence[Any]) -> str:
    """Return values as one text, several documents with `---` between them. Reading it gives the same values."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, explicit_start=len(documents) > 1
    )


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; what YAML 1.1 would take for something else in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists stand indented under their key.
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # What YAML takes for a line break in a plain text stands escaped in quotes.
    if re.search("[\x85\u2028\u2029\ufeff]", text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    if _NO_TEXT.fullmatch(text):
        # PyYAML puts into quotes what YAML 1.1 takes for something else: not 1e100, nor 0o17.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")
    style = "|" if "\n" in text.strip("\n") and not re.search(r"[ \t]\n|\t|\r", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _refuse_explosion(root: yaml.Node) -> None:
    """Raise NotYaml where aliases would make the document huge, or stand within what they stand for."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known < 0:
                raise NotYaml("an alias stands within what it stands for", node.start_mark.line + 1)
            return known
        if depth > MOST_DEPTH:
            raise NotYaml(f"more than {MOST_DEPTH} levels", node.start_mark.line + 1)
        sizes[id(node)] = -1
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [part for item in inside for part in (item if isinstance(item, tuple) else (item,))]
        total = 1 + sum(size(part, depth + 1) for part in parts)
        if total > MOST_NODES:
            raise NotYaml(f"more than {MOST_NODES} values once aliases are written out", node.start_mark.line + 1)
        sizes[id(node)] = total
        return total

    size(root, 0)


def _inside(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if getattr(key, "value", None) == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and str(part).isdigit() and int(part) < len(node.value):
        found: yaml.Node = node.value[int(part)]
        return found
    return None
