"""A rule document as a graph that people draw in, and back. Pure; what is typed in the steps stays as it was typed.

Each step is a node; `after` holds the nodes that it waits for. A step without `needs` waits for the one before it in
the list. It keeps doing without as long as that is what is drawn: naming what it waits for would also skip it wherever
all of these are skipped (rules.flow).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What a picture and its editor take, in line with `rules.document.MOST_STEPS`.
MOST_NODES = 100
_OWN = ("key", "name", "step", "after", "named", "unknown")


class NotDrawable(ValueError):
    """This is no document, or no drawing, whose steps can be told."""


@dataclass(frozen=True)
class Node:
    """One step. `step` is what stands in the document, without `needs`.

    `name`: the id under which other steps know it, empty for one that was just added without any. `named`: its author
    wrote `needs`. `unknown`: what stands there and is no step.
    """

    key: str
    step: Mapping[str, Any]
    name: str = ""
    after: tuple[str, ...] = ()
    named: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workflow:
    """A document: what is no step of it, the name of its list of steps, and the steps as nodes in their order."""

    base: Mapping[str, Any]
    list_name: str
    nodes: tuple[Node, ...]


def workflow_of(document: Mapping[str, Any]) -> Workflow:
    """Return a document as a graph. Raises NotDrawable for one whose steps are no list of objects."""
    list_name = "steps" if document.get("steps") is not None else "actions"
    typed = document.get(list_name) or []
    if not isinstance(typed, list) or not all(isinstance(step, Mapping) for step in typed):
        raise NotDrawable(f"`{list_name}` is a list of objects; it cannot be drawn otherwise.")
    if len(typed) > MOST_NODES:
        raise NotDrawable(f"A rule has at most {MOST_NODES} steps.")
    names = [_name(step, place) for place, step in enumerate(typed, 1)]
    keys: dict[str, str] = {}
    for place, name in enumerate(names):
        keys.setdefault(name, _key(place))
    nodes = [_node(step, place, names, keys) for place, step in enumerate(typed)]
    base = {name: value for name, value in document.items() if name not in ("steps", "actions")}
    return Workflow(base, list_name, tuple(nodes))


def document_of(workflow: Workflow) -> dict[str, Any]:
    """Return the document that says what is drawn."""
    names = _names(workflow.nodes)
    steps: list[dict[str, Any]] = []
    before: tuple[str, ...] = ()
    for node in workflow.nodes:
        step = {name: value for name, value in node.step.items() if name != "needs"}
        if _name(step, len(steps) + 1) != names[node.key]:
            # Others know it by a position that it has no longer.
            step = {"id": names[node.key], **step}
        after = tuple(key for key in node.after if key in names)
        if node.named or node.unknown or set(after) != set(before):
            step["needs"] = [*(names[key] for key in after), *node.unknown]
        steps.append(step)
        before = (node.key,)
    return {**workflow.base, workflow.list_name: steps}


def workflow_of_drawing(drawing: Any) -> Workflow:
    """Return what a page sent as a graph. Raises NotDrawable for what no page sends."""
    if not isinstance(drawing, Mapping):
        raise NotDrawable("A drawing is an object.")
    base, list_name, nodes = drawing.get("base"), drawing.get("list"), drawing.get("nodes")
    if not isinstance(base, Mapping) or list_name not in ("steps", "actions") or not isinstance(nodes, list):
        raise NotDrawable("A drawing has `base`, `list` and `nodes`.")
    if len(nodes) > MOST_NODES:
        raise NotDrawable(f"A rule has at most {MOST_NODES} steps.")
    found = [_drawn(node) for node in nodes]
    if len({node.key for node in found}) < len(found):
        raise NotDrawable("Two nodes of a drawing have the same key.")
    return Workflow({name: base[name] for name in base if name not in ("steps", "actions")}, list_name, tuple(found))


def drawing_of(workflow: Workflow) -> dict[str, Any]:
    """Return a graph as pages are given it, and send it back."""
    nodes = [{name: getattr(node, name) for name in _OWN} for node in workflow.nodes]
    return {"base": dict(workflow.base), "list": workflow.list_name, "nodes": nodes}


def _drawn(typed: Any) -> Node:
    if not isinstance(typed, Mapping) or not isinstance(typed.get("step"), Mapping):
        raise NotDrawable("A node of a drawing is an object with `key` and `step`.")
    key, name = typed.get("key"), typed.get("name", "")
    after, unknown = _texts(typed.get("after", [])), _texts(typed.get("unknown", []))
    if not isinstance(key, str) or not isinstance(name, str) or after is None or unknown is None:
        raise NotDrawable("`key` and `name` of a node are texts, `after` and `unknown` lists of texts.")
    return Node(key, dict(typed["step"]), name, after, typed.get("named") is True, unknown)


def _node(step: Mapping[str, Any], place: int, names: Sequence[str], keys: Mapping[str, str]) -> Node:
    own = {name: value for name, value in step.items() if name != "needs"}
    needs = _texts(step.get("needs"))
    if needs is None:
        return Node(_key(place), own, names[place], (_key(place - 1),) if place else ())
    after = tuple(dict.fromkeys(keys[name] for name in needs if name in keys))
    unknown = tuple(name for name in needs if name not in keys)
    return Node(_key(place), own, names[place], after, True, unknown)


def _names(nodes: Sequence[Node]) -> dict[str, str]:
    """Return the name of each node by its key: its id, else the one under which it was known, else a free one."""
    names = {node.key: str(node.step["id"]) for node in nodes if node.step.get("id")}
    taken = set(names.values())
    for node in nodes:
        if node.key not in names and node.name and node.name not in taken:
            names[node.key] = node.name
            taken.add(node.name)
    for place, node in enumerate(nodes, 1):
        if node.key not in names:
            free = (f"step-{number}" for number in range(place, place + len(nodes) + 1))
            names[node.key] = next(name for name in free if name not in taken)
            taken.add(names[node.key])
    return names


def _name(step: Mapping[str, Any], position: int) -> str:
    return str(step.get("id") or f"step-{position}")


def _key(place: int) -> str:
    return f"n{place}"


def _texts(value: Any) -> tuple[str, ...] | None:
    """Return a list of texts; None for anything else."""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None
