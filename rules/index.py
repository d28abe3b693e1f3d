"""Pure: many rules, one event. Returns exactly what asking every rule returns, and asks only those that may fit.

A rule is filed by platform, event, integration and environment, and there under keys of which one must be met for its
conditions to be anything but false. A leaf that compares for equality gives such keys; in "all of these" one part that
has keys is enough, in "any of these" every part must have them. What has no keys is asked every time.

"Could not tell" is an answer too: an equality on a field that holds a list is not false, so where a field holds what
cannot be compared, every rule filed under that field is asked. Further kinds of keys (affixes, intervals, literals of
patterns) fit in as further kinds of tables.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rules.conditions import Outcome
from rules.facts import MISSING, Facts
from rules.nodes import All, AnyOf, Leaf, Node, Not, asks_changes
from rules.operands import ODD, as_number, element_keys, key_of

# Routes are few (events, integrations and environments that rules name); this bounds what odd callers may ask for.
_MAX_ROUTES = 4096


@dataclass(frozen=True, slots=True)
class IndexedRule:
    """A rule as the index takes it. `events` may hold "*"; None for integration or environment: any."""

    key: Hashable
    platform: str
    events: tuple[str, ...]
    integration_id: Hashable | None
    environment: str | None
    node: Node


class _Place(NamedTuple):
    """Which table a key belongs to."""

    field: str
    holds: Literal["value", "elements"]
    is_numeric: bool


# A value or an element in its table.
_Key = tuple[_Place, Any]
# A rule is filed under all of these; when none is met, its conditions are false.
_Filing = frozenset[_Key]


class RuleIndex:
    """The rules of one organization."""

    def __init__(self, rules: Iterable[IndexedRule]) -> None:
        self._rules = list(rules)
        sections: dict[tuple[str, str, Hashable | None, str | None], list[int]] = {}
        for position, rule in enumerate(self._rules):
            for event in {"*"} if "*" in rule.events else set(rule.events):
                sections.setdefault((rule.platform, event, rule.integration_id, rule.environment), []).append(position)
        self._named_events = {(platform, event) for platform, event, _, _ in sections}
        self._sections = {where: _Section(self._rules, positions) for where, positions in sections.items()}
        self._routes: dict[tuple[str, str, Hashable | None, str | None], tuple[_Section, ...]] = {}

    def match(
        self,
        platform: str,
        event_type: str,
        integration_id: Hashable | None,
        environment: str | None,
        facts: Facts,
    ) -> list[tuple[Hashable, Outcome]]:
        """Return the rules that match the event and those that could not tell, in the order they were given in."""
        candidates: list[int] = []
        for section in self._route(platform, event_type, integration_id, environment):
            section.collect(facts, candidates)
        if len(candidates) > 1:
            candidates = sorted(set(candidates))
        found: list[tuple[Hashable, Outcome]] = []
        rules = self._rules
        for position in candidates:
            decision = rules[position].node.decide(facts)
            if decision is not False:
                found.append((rules[position].key, "matched" if decision is True else "could_not_tell"))
        return found

    def considered(
        self, platform: str, event_type: str, integration_id: Hashable | None, environment: str | None
    ) -> int:
        """Return how many rules listen to such an event."""
        return sum(section.size for section in self._route(platform, event_type, integration_id, environment))

    def asks_changes(
        self, platform: str, event_type: str, integration_id: Hashable | None, environment: str | None
    ) -> bool:
        """Return whether a rule that listens to such an event asks what became of a field."""
        route = self._route(platform, event_type, integration_id, environment)
        return any(section.asks_changes for section in route)

    def _route(
        self, platform: str, event_type: str, integration_id: Hashable | None, environment: str | None
    ) -> "tuple[_Section, ...]":
        """Return the sections in which the rules for such an event are filed."""
        event = event_type if (platform, event_type) in self._named_events else "*"
        where = (platform, event, integration_id, environment)
        route = self._routes.get(where)
        if route is None:
            names = [
                (platform, name, integration, place)
                for name in dict.fromkeys((event, "*"))
                for integration in dict.fromkeys((integration_id, None))
                for place in dict.fromkeys((environment, None))
            ]
            route = tuple(self._sections[name] for name in names if name in self._sections)
            if len(self._routes) >= _MAX_ROUTES:
                self._routes.clear()
            self._routes[where] = route
        return route


class _Table(NamedTuple):
    """Rules filed under the values, or the elements, of one field."""

    # What to ask the facts for.
    seen: Any
    by_key: dict[Any, list[int]]
    # All of them: who has to be asked where the field holds what has no key.
    every: list[int]


class _Section:
    """Rules of one trigger, filed under what their conditions need."""

    def __init__(self, rules: list[IndexedRule], positions: list[int]) -> None:
        self.size = len(positions)
        self.asks_changes = any(asks_changes(rules[position].node) for position in positions)
        crowd = Counter(key for position in positions for key in _keys(rules[position].node, negated=False))
        self._always: list[int] = []
        filed: dict[_Place, dict[Any, list[int]]] = {}
        for position in positions:
            filing = _filing(rules[position].node, crowd, negated=False)
            if filing is None:
                self._always.append(position)
                continue
            for place, key in filing:
                filed.setdefault(place, {}).setdefault(key, []).append(position)
        tables = [(place, _table(place, by_key)) for place, by_key in filed.items()]
        self._values = [table for place, table in tables if place.holds == "value"]
        self._elements = [table for place, table in tables if place.holds == "elements"]

    def collect(self, facts: Facts, into: list[int]) -> None:
        """Add the rules that have to be asked about `facts`; some may be added twice."""
        into += self._always
        values = facts.values
        for seen, by_key, every in self._values:
            value = values[seen]
            if value.__class__ is str:  # the usual case, which is its own key
                if value in by_key:
                    into += by_key[value]
            elif value is not MISSING:
                key = key_of(value)
                if key is ODD:
                    into += every
                elif key in by_key:
                    into += by_key[key]
        for seen, by_key, every in self._elements:
            keys = values[seen]
            if keys is None:
                into += every
            else:
                for key in keys:
                    if key in by_key:
                        into += by_key[key]


def _table(place: _Place, by_key: dict[Any, list[int]]) -> _Table:
    every = sorted({position for positions in by_key.values() for position in positions})
    if place.holds == "elements":
        return _Table((_number_elements if place.is_numeric else _elements, place.field), by_key, every)
    return _Table((as_number, place.field) if place.is_numeric else place.field, by_key, every)


def _elements(value: Any) -> frozenset[Any] | None:
    """Return the keys of what a list contains. None: texts contain texts at any place, and the rest cannot be told."""
    if value.__class__ is list:
        return element_keys(value)
    return frozenset() if value is MISSING or value is None else None


def _number_elements(value: Any) -> frozenset[Any] | None:
    return _elements(as_number(value))


def _filing(node: Node, crowd: Counter[_Key], *, negated: bool) -> _Filing | None:
    """Return the keys under which a rule with `node`, or its negation, is filed; None: it has to be asked always.

    Of several ways the least crowded one is taken: few other rules are asked along with this one. Negation moves
    inwards as in any logic of three values: not all is any not, and so on. No keys at all belong to what is never met.
    """
    if isinstance(node, Not):
        return _filing(node.node, crowd, negated=not negated)
    if isinstance(node, Leaf):
        ways = _ways(node, negated=negated)
    elif isinstance(node, All | AnyOf):
        parts = [_filing(part, crowd, negated=negated) for part in node.nodes]
        ways = [part for part in parts if part is not None]
        if isinstance(node, AnyOf) is not negated:
            return frozenset().union(*ways) if len(ways) == len(parts) else None
    else:
        return None
    return min(ways, key=lambda way: (max((crowd[key] for key in way), default=0), len(way)), default=None)


def _keys(node: Node, *, negated: bool) -> Iterator[_Key]:
    """Yield every key under which a part of `node` could be filed."""
    if isinstance(node, Not):
        yield from _keys(node.node, negated=not negated)
    elif isinstance(node, All | AnyOf):
        for part in node.nodes:
            yield from _keys(part, negated=negated)
    elif isinstance(node, Leaf):
        for way in _ways(node, negated=negated):
            yield from way


def _ways(leaf: Leaf, *, negated: bool) -> list[_Filing]:
    """Return the sets of keys of which one must be met for the leaf, or its negation, not to be false."""
    operator = _WHEN_NEGATED.get(leaf.operator, "") if negated else leaf.operator
    holds: Literal["value", "elements"] = "elements" if operator.startswith("contains") else "value"
    place = _Place(leaf.field, holds, leaf.is_numeric)
    if operator in ("eq", "contains"):
        return [frozenset([(place, leaf.ready)])]
    if operator in ("in", "contains_any"):
        return [frozenset((place, key) for key in leaf.ready)]
    if operator == "contains_all":
        return [frozenset([(place, key)]) for key in leaf.ready]
    return []


# The equality that the negation of an operator is.
_WHEN_NEGATED = {"ne": "eq", "not_in": "in"}
