"""Pure: the canonical tree that conditions are compiled to. Leaves decide, groups join by Kleene's logic.

Every node has `decide(facts)`: True, False, or the reason why it cannot be told (a text). Matching, dry runs and
explanations all ask the same `decide` of the leaves.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, ClassVar, Protocol

from rules.expressions import ExpressionError
from rules.facts import MISSING, Change, Facts, parts_of
from rules.operands import as_number
from rules.operators import OPERATORS, Asks, Decision, Operator
from rules.times import read_instant

Decide = Callable[[Facts], Decision]
# Keys and positions that lead to a place in conditions as typed.
Path = tuple[str | int, ...]


class Expression(Protocol):
    """A compiled expression."""

    def is_met(self, context: Mapping[str, Any], /) -> bool:
        """Return whether it is met. Raises ExpressionError, with the reason, when that cannot be told."""


EXPRESSION = "expr"
_UNKNOWN_CHANGE = (
    "It is not known what changed: the platform does not say it, and no earlier state of the object was seen."
)
# What is quick to ask is asked first, since one False decides.
_SLOW = {"icontains": 1, "before": 1, "after": 1, "within": 1, "business_hours": 1, "matches": 2, EXPRESSION: 3}

_MAX_SHOWN = 2_000
_MAX_ITEMS = 20
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one condition said of an event, and why."""

    at: str
    field: str
    operator: str
    expected: Any
    actual: Any
    passed: bool | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Node:
    """A part of the tree."""

    __slots__ = ("cost", "decide")

    decide: Decide
    cost: int

    def leaves(self) -> Iterator["Leaf"]:
        """Yield the leaves below, in the order in which they were typed."""
        raise NotImplementedError

    def canonical(self) -> dict[str, Any]:
        """Return the tree as JSON: leaves {field, op, value}, groups {all}, {any}, {not}."""
        raise NotImplementedError

    def explain(self, facts: Facts, into: list[Explanation]) -> Decision:
        """Add an explanation for every leaf below, and return what `decide` returns."""
        raise NotImplementedError


class Leaf(Node):
    """One question about one field.

    `path` leads to where it was typed. `value` is as typed, `ready` as the operator takes it. `is_numeric`: the event's
    schema says that the field is a number.
    """

    __slots__ = ("field", "is_numeric", "operator", "path", "ready", "value")

    def __init__(
        self, path: Path, field: str, operator: str, value: Any, ready: Any, *, is_numeric: bool = False
    ) -> None:
        self.path, self.field, self.operator, self.value, self.ready = path, field, operator, value, ready
        self.is_numeric = is_numeric
        self.cost = _SLOW.get(operator, 0)
        if operator == EXPRESSION:
            self.decide = _ask_expression(ready)
        else:
            row = OPERATORS[operator]
            self.decide = _DECIDERS[row.asks](row, field, ready, is_numeric)

    @property
    def at(self) -> str:
        """Where it stands in the conditions as typed."""
        return ".".join(map(str, self.path))

    def leaves(self) -> Iterator["Leaf"]:
        yield self

    def canonical(self) -> dict[str, Any]:
        if self.operator == EXPRESSION:
            return {EXPRESSION: self.value}
        return {"field": self.field, "op": self.operator, "value": self.value}

    def explain(self, facts: Facts, into: list[Explanation]) -> Decision:
        decision = self.decide(facts)
        passed = decision if isinstance(decision, bool) else None
        reason = decision if isinstance(decision, str) else ""
        actual = None
        if self.operator != EXPRESSION:
            actual, remark = self._actual(facts)
            reason = reason or remark
        into.append(Explanation(self.at, self.field, self.operator, shown(self.value), shown(actual), passed, reason))
        return decision

    def _actual(self, facts: Facts) -> tuple[Any, str]:
        """Return what the event has there, and what has to be said of it."""
        if OPERATORS[self.operator].asks is Asks.CHANGE:
            change = facts.change_of(self.field) if facts.changed is not None else None
            since = f" since the event of {_time_of(facts.compared)}" if facts.compared else ""
            if change is None:
                return None, f"The field did not change{since}."
            ends = {"before": change.before, "after": change.after}
            actual = {name: None if value is MISSING else value for name, value in ends.items()}
            if not facts.compared:
                return actual, ""
            was = shown(actual["before"]) if change.before is not MISSING else "otherwise"
            return actual, f"It was {was} in the event of {_time_of(facts.compared)}."
        value = facts.values[self.field]
        return (None, _why_missing(facts, self.field)) if value is MISSING else (value, "")


class _Group(Node):
    """Several nodes: decided as soon as one of them is `_settles`; `not _settles` when all others are known."""

    __slots__ = ("nodes",)

    _name: ClassVar[str]
    _settles: ClassVar[bool]

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.cost = max((node.cost for node in nodes), default=0)
        decides, settles, otherwise = _quick_first(nodes), self._settles, not self._settles

        def decide(facts: Facts) -> Decision:
            unknown: Decision = otherwise
            for ask in decides:
                decision = ask(facts)
                if decision is settles:
                    return settles
                if decision is not otherwise and unknown is otherwise:
                    unknown = decision
            return unknown

        self.decide = decides[0] if len(decides) == 1 else decide

    def leaves(self) -> Iterator[Leaf]:
        for node in self.nodes:
            yield from node.leaves()

    def canonical(self) -> dict[str, Any]:
        return {self._name: [node.canonical() for node in self.nodes]}


class All(_Group):
    """True when every node below is; false when one is false."""

    __slots__ = ()
    _name, _settles = "all", False

    def explain(self, facts: Facts, into: list[Explanation]) -> Decision:
        return all_of([node.explain(facts, into) for node in self.nodes])


class AnyOf(_Group):
    """True when a node below is; false when all are false."""

    __slots__ = ()
    _name, _settles = "any", True

    def explain(self, facts: Facts, into: list[Explanation]) -> Decision:
        return any_of([node.explain(facts, into) for node in self.nodes])


class Not(Node):
    """True when the node below is false, and the other way round; what cannot be told stays so."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node, self.cost = node, node.cost
        ask = node.decide

        def decide(facts: Facts) -> Decision:
            decision = ask(facts)
            return not decision if decision.__class__ is bool else decision

        self.decide = decide

    def leaves(self) -> Iterator[Leaf]:
        return self.node.leaves()

    def canonical(self) -> dict[str, Any]:
        return {"not": self.node.canonical()}

    def explain(self, facts: Facts, into: list[Explanation]) -> Decision:
        decision = self.node.explain(facts, into)
        return not decision if isinstance(decision, bool) else decision


def paths_named(node: Node) -> set[tuple[str | int, ...]]:
    """Return the paths into the data that the expressions below a node name, root first."""
    return set().union(*(leaf.ready.expression.node.paths() for leaf in node.leaves() if leaf.operator == EXPRESSION))


def asks_changes(node: Node) -> bool:
    """Return whether a condition below asks what became of a field."""
    return any(leaf.operator in OPERATORS and OPERATORS[leaf.operator].asks is Asks.CHANGE for leaf in node.leaves())


def all_of(decisions: list[Decision]) -> Decision:
    """Return Kleene's "and": one False decides, then one that cannot be told."""
    if any(decision is False for decision in decisions):
        return False
    return next((decision for decision in decisions if decision is not True), True)


def any_of(decisions: list[Decision]) -> Decision:
    """Return Kleene's "or": one True decides, then one that cannot be told."""
    if any(decision is True for decision in decisions):
        return True
    return next((decision for decision in decisions if decision is not False), False)


def _quick_first(nodes: list[Node]) -> list[Decide]:
    return [node.decide for node in sorted(nodes, key=lambda node: node.cost)]


# --- how a leaf gets at what its operator asks for ----------------------------------------------------------------
def _ask_value(row: Operator, field: str, ready: Any, is_numeric: bool) -> Decide:
    decide, when_missing, null_is_missing = row.decide, row.when_missing, row.null_is_missing
    if when_missing is None:
        return lambda facts: decide(facts.values[field], ready)

    view = as_number if is_numeric else row.view
    seen = field if view is None else (view, field)

    def ask(facts: Facts) -> Decision:
        value = facts.values[seen]
        if value is MISSING or (value is None and null_is_missing):
            return when_missing
        return decide(value, ready)

    return ask


def _ask_time(row: Operator, field: str, ready: Any, is_numeric: bool) -> Decide:
    def decide(facts: Facts) -> Decision:
        value = facts.values[field]
        if value is MISSING or value is None:
            return False
        return row.decide(value, ready, facts.now)

    return decide


def _ask_calendars(row: Operator, field: str, ready: Any, is_numeric: bool) -> Decide:
    def decide(facts: Facts) -> Decision:
        value = facts.values[field]
        if value is MISSING or value is None:
            return False
        return row.decide(value, ready, facts.calendars)

    return decide


def _ask_change(row: Operator, field: str, ready: Any, is_numeric: bool) -> Decide:
    def decide(facts: Facts) -> Decision:
        if facts.changed is None:
            return _UNKNOWN_CHANGE
        change = facts.change_of(field)
        if change is None and facts.is_unknown(field):
            return _not_compared(facts)
        if change is not None and is_numeric:
            change = Change(as_number(change.before), as_number(change.after))
        return row.decide(change, ready)

    return decide


def _ask_expression(expression: Expression) -> Decide:
    def decide(facts: Facts) -> Decision:
        try:
            return expression.is_met(facts.context)
        except ExpressionError as error:
            return str(error)

    return decide


_DECIDERS: dict[Asks, Callable[[Operator, str, Any, bool], Decide]] = {
    Asks.VALUE: _ask_value,
    Asks.TIME: _ask_time,
    Asks.CHANGE: _ask_change,
    Asks.CALENDARS: _ask_calendars,
}


def _not_compared(facts: Facts) -> str:
    return (
        f"It is not known whether the field changed: the event of {_time_of(facts.compared)}, the one before, does not "
        "have it in the same form."
    )


def _time_of(compared: Mapping[str, Any] | None) -> str:
    at = read_instant(str((compared or {}).get("at")))
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else "an unknown time"


# --- what people are shown ----------------------------------------------------------------------------------------
def _why_missing(facts: Facts, field: str) -> str:
    parts = parts_of(field)
    for length in range(len(parts) - 1, 0, -1):
        above = ".".join(parts[:length])
        if isinstance(facts.values[above], list):
            return (
                f"The event has no field '{field}': '{above}' is a list, whose items are named by position, "
                f"such as '{above}.0', or asked for with contains."
            )
    return f"The event has no field '{field}'."


def shown(value: Any) -> Any:
    """Return `value` as JSON of bounded size: what is too much is cut, and says so."""
    return _cut(value, [_MAX_SHOWN], 0)


def _cut(value: Any, room: list[int], depth: int) -> Any:
    """`room` holds the number of characters that may still be shown."""
    room[0] -= 8
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _cut(str(value), room, depth)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, list | tuple | dict):
        if depth > 4 or room[0] <= 0:
            return "…"
        taken = list(value.items() if isinstance(value, dict) else enumerate(value))[:_MAX_ITEMS]
        more = f"… {len(value) - len(taken):,} more" if len(value) > len(taken) else ""
        if isinstance(value, dict):
            cut = {_cut(str(name), room, depth): _cut(item, room, depth + 1) for name, item in taken}
            return cut | ({"…": more} if more else {})
        return [_cut(item, room, depth + 1) for _, item in taken] + ([more] if more else [])
    text = str(value)
    longest = max(8, min(_MAX_TEXT, room[0]))
    room[0] -= min(len(text), longest)
    more = f"… ({len(text):,} characters)" if len(text) > longest else ""
    # A lone surrogate cannot be written as UTF-8.
    return text[:longest].encode("utf-8", "replace").decode() + more
