"""Pure: what somebody does to rows and groups of conditions by a button."""

import copy
from enum import StrEnum

from rules.condition_rows import ExpressionRow, Group, Node, Row, nodes_of


class Change(StrEnum):
    """What a button does. The first three append to a group; the others concern the row or group they stand at."""

    ADD = "add"
    ADD_GROUP = "group"
    ADD_EXPRESSION = "expression"
    REMOVE = "remove"
    DUPLICATE = "copy"
    UP = "up"
    DOWN = "down"
    INDENT = "in"
    OUTDENT = "out"


def changed(whole: Group, target: Node, change: Change) -> Node | None:
    """Do it, and return the row where the caret belongs then; None where that is nowhere in particular.

    What cannot be done, such as moving the first row up, is left as it is.
    """
    if change in (Change.ADD, Change.ADD_GROUP, Change.ADD_EXPRESSION):
        return _added(target, change) if isinstance(target, Group) else None
    parent = _parent(whole, target)
    if parent is None:
        return None
    at = next(place for place, member in enumerate(parent.members) if member is target)
    if change is Change.REMOVE:
        del parent.members[at]
        left = parent.members[min(at, len(parent.members) - 1)] if parent.members else None
        return left if left is not None else parent
    if change is Change.DUPLICATE:
        twin = copy.deepcopy(target)
        parent.members.insert(at + 1, twin)
        return twin
    if change in (Change.UP, Change.DOWN):
        other = at + (1 if change is Change.DOWN else -1)
        if 0 <= other < len(parent.members):
            parent.members[at], parent.members[other] = parent.members[other], parent.members[at]
        return target
    if change is Change.INDENT:
        _indent(parent, at, target)
        return target
    return _outdent(whole, parent, at, target)


def _added(group: Group, change: Change) -> Node:
    if change is Change.ADD_GROUP:
        first = Row(is_blank=True)
        group.members.append(Group("all" if group.kind == "any" else "any", [first]))
        return first
    added: Node = ExpressionRow() if change is Change.ADD_EXPRESSION else Row(is_blank=True)
    group.members.append(added)
    return added


def _indent(parent: Group, at: int, target: Node) -> None:
    """Put it into the group right before it, or into a new one."""
    before = parent.members[at - 1] if at else None
    if isinstance(before, Group):
        del parent.members[at]
        before.members.append(target)
    else:
        parent.members[at] = Group("all" if parent.kind == "any" else "any", [target])


def _outdent(whole: Group, parent: Group, at: int, target: Node) -> Node:
    """Put it beside the group it is in; a group that nothing is left in goes."""
    above = _parent(whole, parent)
    if above is None:
        return target
    del parent.members[at]
    place = next(place for place, member in enumerate(above.members) if member is parent)
    above.members.insert(place + 1, target)
    if not parent.members:
        del above.members[place]
    return target


def _parent(whole: Group, target: Node) -> Group | None:
    for node in nodes_of(whole):
        if isinstance(node, Group) and any(member is target for member in node.members):
            return node
    return None
