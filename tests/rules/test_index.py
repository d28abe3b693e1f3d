"""The index returns what asking every rule returns, and asks few of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.business_time import BusinessHours, UnknownCalendar
from rules.conditions import Facts, compile_conditions, evaluate, matches, outcome_of
from rules.index import IndexedRule, RuleIndex
from rules.operators import OPERATORS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "ticket": {"$ref": "#/$defs/Ticket"},
        "counts": {"type": "array", "items": {"type": "number"}},
    },
    "$defs": {"Ticket": {"type": "object", "properties": {"score": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}},
}
# With schema: n, ticket.score (and score) and counts are numbers.
NUMBER_FIELDS = ["n", "score", "ticket.score", "counts", "counts.0"]
FIELDS = ["a", "b", "ticket.a", "tags", "ticket.tags", "tags.0", "a.x", "at", *NUMBER_FIELDS]
FIELDS += ["now", "meta.occurred_at", "meta.type"]

TEXTS = [
    "x",
    "X",
    "4",
    "4.0",
    "1",
    "true",
    "null",
    "caf\u00e9",
    "cafe\u0301",
    "refund",
    "a refund now",
    "2026-03-01T11:00:00Z",
]
SCALARS: list[Any] = [*TEXTS, 4, 4.0, 1, 1.0, 0, -1, 0.5, True, False, None, 2**63 - 1, float(2**63)]
NUMBERS: list[Any] = [4, 4.0, 1, 1.0, 0, -1, 0.5, "4", "1", "4.0"]

event_values = st.recursive(
    st.sampled_from([*SCALARS, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "a", "0"]), inner, max_size=2),
    max_leaves=4,
)


def objects(*names: str, also: dict[str, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, event_values) | (also or {}))


payloads = objects(
    "a", "b", "tags", "n", "counts", "at", also={"ticket": objects("a", "tags", "score", "b") | event_values}
)
changes = st.none() | st.dictionaries(
    st.sampled_from(["a", "score", "ticket.a", "tags", "a.x"]), st.tuples(event_values, event_values), max_size=3
)


def expected_for(operator: str, field: str) -> st.SearchStrategy[Any]:
    """Values that the operator accepts for such a field."""
    scalars = st.sampled_from([value for value in NUMBERS if isinstance(value, str)] + [4, 1, 0.5, True, None])
    if field not in NUMBER_FIELDS:
        scalars = st.sampled_from(SCALARS)
    some = scalars.filter(lambda value: value is not None)
    numbers = st.sampled_from([value for value in NUMBERS if field in NUMBER_FIELDS or not isinstance(value, str)])
    return {
        "eq": scalars,
        "ne": scalars,
        "in": st.lists(scalars, min_size=1, max_size=3),
        "not_in": st.lists(scalars, min_size=1, max_size=3),
        "between": numbers.map(lambda value: sorted([value, 3], key=float)),
        "contains": some,
        "contains_any": st.lists(some, min_size=1, max_size=3),
        "contains_all": st.lists(some, min_size=1, max_size=3),
        "icontains": st.sampled_from(TEXTS),
        "starts_with": st.sampled_from(TEXTS),
        "ends_with": st.sampled_from(TEXTS),
        "matches": st.sampled_from(["^x$", "(?i)REFUND", "caf\u00e9", "\\d"]),
        "exists": st.booleans(),
        "empty": st.booleans(),
        "changed": st.booleans(),
        "changed_from": scalars,
        "changed_to": st.lists(scalars, min_size=1, max_size=2) | scalars,
        "before": st.sampled_from(["now", "2026-03-01T11:00:00Z", "-2h"]),
        "after": st.sampled_from(["now", "2026-02-28", "-1h30m"]),
        "business_hours": st.sampled_from([True, False, "office", "gone"]),
        "within": st.sampled_from(["2h", "-2h", "+1d"]),
    }.get(operator, numbers)


# Equalities are what is filed, so they are written most.
operators = st.sampled_from([*OPERATORS, "eq", "eq", "in", "ne", "not_in", "contains", "contains_any", "contains_all"])


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    field, operator = draw(st.sampled_from(FIELDS)), draw(operators)
    value = draw(expected_for(operator, field))
    if operator == "eq":
        return {field: value}
    return {field: {operator: value}}


conditions = st.recursive(
    leaves(),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts})
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts})
        | inner.map(lambda part: {"not": part})
        | st.tuples(leaves(), inner).map(lambda pair: pair[0] | pair[1])
    ),
    max_leaves=6,
) | st.just({})

PLATFORMS, EVENTS, ACCOUNTS, PLACES = ["zendesk", "slack"], ["created", "updated"], [1, 2], ["prod", "test"]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "platform": draw(st.sampled_from([*PLATFORMS, "zendesk"])),
        "events": tuple(draw(st.lists(st.sampled_from([*EVENTS, "*"]), min_size=1, max_size=3))),
        "integration_id": draw(st.sampled_from([None, None, *ACCOUNTS])),
        "environment": draw(st.sampled_from([None, None, *PLACES])),
        "conditions": draw(conditions),
        "schema": draw(st.sampled_from([None, SCHEMA])),
    }


class Offices:
    """One calendar, open around noon, which is the default one too."""

    def hours(self, name: str) -> BusinessHours:
        if name == "gone":
            raise UnknownCalendar(name)
        return BusinessHours(ZoneInfo("UTC"), [[(630, 780)]] * 7)


@dataclass
class Event:
    platform: str
    type: str
    integration: int | None
    environment: str | None
    payload: dict[str, Any]
    changed: dict[str, tuple[Any, Any]] | None
    subject: str

    def facts(self) -> Facts:
        meta = {"type": self.type, "occurred_at": "2026-03-01T09:00:00Z"}
        return Facts(self.payload, self.subject, self.changed, NOW, meta, calendars=Offices())


events = st.builds(
    Event,
    platform=st.sampled_from([*PLATFORMS, "zendesk"]),
    type=st.sampled_from([*EVENTS, "deleted"]),
    integration=st.sampled_from([None, *ACCOUNTS]),
    environment=st.sampled_from([None, *PLACES]),
    payload=payloads,
    changed=changes,
    subject=st.sampled_from(["ticket", "ticket", ""]),
)


def compiled(rule: dict[str, Any], key: int) -> IndexedRule:
    # "4" is a number to order by only where the schema says so; the few rules refused without it become another.
    try:
        node = compile_conditions(rule["conditions"], schema=rule["schema"], subject="ticket")
    except ValueError:
        node = compile_conditions({"a": "x"})
    return IndexedRule(key, rule["platform"], rule["events"], rule["integration_id"], rule["environment"], node)


def asked_one_by_one(every: list[IndexedRule], event: Event) -> list[tuple[Any, str]]:
    found = []
    for rule in every:
        listens = (
            rule.platform == event.platform
            and (event.type in rule.events or "*" in rule.events)
            and rule.integration_id in (None, event.integration)
            and rule.environment in (None, event.environment)
        )
        outcome = outcome_of(matches(rule.node, event.facts()))
        if listens and outcome != "not_matched":
            found.append((rule.key, outcome))
    return found


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(rules(), min_size=1, max_size=12), st.lists(events, min_size=1, max_size=6))
def test_the_index_returns_what_asking_every_rule_returns(typed: list[dict[str, Any]], some: list[Event]) -> None:
    every = [compiled(rule, key) for key, rule in enumerate(typed)]
    index = RuleIndex(every)
    for event in some:
        found = index.match(event.platform, event.type, event.integration, event.environment, event.facts())
        assert found == asked_one_by_one(every, event)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(rules(), events)
def test_an_explanation_agrees_with_the_match_and_can_be_sent(typed: dict[str, Any], event: Event) -> None:
    node = compiled(typed, 0).node
    verdict = evaluate(node, event.facts())
    assert verdict.outcome == outcome_of(matches(node, event.facts()))
    assert len(verdict.explanation) == len(list(node.leaves()))
    for leaf in verdict.explanation:
        orjson.dumps(leaf.as_dict())
        assert leaf.passed is not None or leaf.reason


@settings(max_examples=150, derandomize=True, deadline=None)
@given(rules(), events)
def test_the_canonical_form_says_the_same(typed: dict[str, Any], event: Event) -> None:
    rule = compiled(typed, 0)
    again = compile_conditions(rule.node.canonical(), schema=typed["schema"], subject="ticket")
    assert again.canonical() == rule.node.canonical()
    assert matches(again, event.facts()) is matches(rule.node, event.facts())


# --- the same with many more, and with values that meet often -----------------------------------------------------
CLOSE = ["4", 4, 4.0, "x", True, 1, "caf\u00e9", "cafe\u0301", None]
CLOSE_FIELDS = ["a", "tags", "n", "ticket.score", "score", "counts"]


def any_conditions(random: Random, depth: int = 0) -> dict[str, Any]:
    kind = random.random()
    if depth < 3 and kind < 0.45:
        parts = [any_conditions(random, depth + 1) for _ in range(random.choice([1, 2, 2, 3]))]
        return random.choice([{"all": parts}, {"any": parts}, {"not": parts[0]}, parts[0] | parts[-1]])
    field, value = random.choice(CLOSE_FIELDS), random.choice(CLOSE)
    if field not in ("a", "tags") and isinstance(value, str):
        value = "4"
    operator = random.choice(["eq", "eq", "ne", "in", "not_in", "contains", "contains_any", "contains_all", "exists"])
    if operator.startswith("contains") and value is None:
        value = 1
    if operator in ("in", "not_in", "contains_any", "contains_all"):
        return {field: {operator: [value, random.choice([4, True])]}}
    return {field: {operator: True if operator == "exists" else value}}


def any_payload(random: Random) -> dict[str, Any]:
    def value() -> Any:
        kind = random.random()
        if kind < 0.25:
            return [random.choice(CLOSE) for _ in range(random.randrange(3))]
        return random.choice([{}, [["x"]], "4.0", "x4"]) if kind < 0.35 else random.choice(CLOSE)

    return {field: value() for field in ("a", "tags", "n", "counts", "score") if random.random() < 0.8} | (
        {"ticket": {"score": value()}} if random.random() < 0.8 else {}
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_index_agrees_where_values_nearly_meet(seed: int) -> None:
    random = Random(seed)
    every = []
    for key in range(30):
        node = compile_conditions(any_conditions(random), schema=random.choice([SCHEMA, None]), subject="ticket")
        every.append(IndexedRule(key, "zendesk", (random.choice(["created", "*"]),), None, None, node))
    index = RuleIndex(every)
    for _ in range(40):
        event = Event("zendesk", "created", 1, "prod", any_payload(random), None, "ticket")
        assert index.match("zendesk", "created", 1, "prod", event.facts()) == asked_one_by_one(every, event)


# --- single cases, by name ----------------------------------------------------------------------------------------
def index_of(*typed: dict[str, Any], schema: dict[str, Any] | None = None) -> RuleIndex:
    nodes = [compile_conditions(conditions, schema=schema) for conditions in typed]
    return RuleIndex(IndexedRule(key, "zendesk", ("created",), None, None, node) for key, node in enumerate(nodes))


def found(index: RuleIndex, payload: dict[str, Any]) -> list[tuple[Any, str]]:
    return index.match("zendesk", "created", 1, "prod", Facts(payload, now=NOW))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("urgent", [(0, "matched")]),
        (1, [(1, "matched"), (2, "matched")]),
        (1.0, [(1, "matched"), (2, "matched")]),
        (True, [(3, "matched")]),
        ("caf\u00e9", [(4, "matched")]),
        ("cafe\u0301", [(4, "matched")]),
        (None, [(5, "matched")]),
        ([1], [(key, "could_not_tell") for key in range(6)]),
        ({}, [(key, "could_not_tell") for key in range(6)]),
        ("other", []),
    ],
)
def test_an_equality_is_found_under_its_value_alone(value: Any, expected: list[tuple[Any, str]]) -> None:
    index = index_of({"f": "urgent"}, {"f": 1}, {"f": [1.0, 2]}, {"f": True}, {"f": "cafe\u0301"}, {"f": None})
    assert found(index, {"f": value}) == expected


def test_texts_that_read_as_numbers_are_found_where_the_schema_says_number() -> None:
    schema = {"properties": {"f": {"type": "number"}}}
    assert found(index_of({"f": 4}, {"f": "4"}, schema=schema), {"f": "4.0"}) == [(0, "matched"), (1, "matched")]
    assert found(index_of({"f": 4}, {"f": "4"}), {"f": "4"}) == [(1, "matched")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["vip", "refund"], [(0, "matched"), (1, "matched"), (2, "matched")]),
        (["refund"], [(0, "matched"), (1, "matched")]),
        ("a vip refund", [(0, "matched"), (1, "matched"), (2, "matched")]),
        ([], []),
        (None, []),
        (7, [(0, "could_not_tell"), (1, "could_not_tell"), (2, "could_not_tell")]),
    ],
)
def test_elements_of_lists_are_found(value: Any, expected: list[tuple[Any, str]]) -> None:
    index = index_of(
        {"tags": {"contains": "refund"}},
        {"tags": {"contains_any": ["x", "refund"]}},
        {"tags": {"contains_all": ["vip", "refund"]}},
    )
    assert found(index, {"tags": value}) == expected


def test_a_rule_listens_to_its_platform_event_account_and_environment() -> None:
    always = compile_conditions(None)
    index = RuleIndex(
        [
            IndexedRule("all", "zendesk", ("*",), None, None, always),
            IndexedRule("two", "zendesk", ("created", "solved"), None, None, always),
            IndexedRule("account", "zendesk", ("created",), 1, None, always),
            IndexedRule("prod", "zendesk", ("*",), None, "prod", always),
            IndexedRule("other", "slack", ("created",), None, None, always),
        ]
    )

    def listening(event: str, account: int | None, environment: str | None) -> list[Any]:
        rules = [key for key, _ in index.match("zendesk", event, account, environment, Facts({}))]
        assert index.considered("zendesk", event, account, environment) == len(rules)
        return rules

    assert listening("created", 1, "prod") == ["all", "two", "account", "prod"]
    assert listening("solved", 2, "test") == ["all", "two"]
    assert listening("deleted", None, None) == ["all"]
    assert index.match("trello", "created", 1, "prod", Facts({})) == []


def asked_of(index: RuleIndex, payload: dict[str, Any]) -> int:
    """How many rules are asked about an event."""
    asked = 0

    def counting(decide: Any) -> Any:
        def ask(facts: Facts) -> Any:
            nonlocal asked
            asked += 1
            return decide(facts)

        return ask

    for rule in index._rules:
        rule.node.decide = counting(rule.node.decide)
    found(index, payload)
    return asked


@pytest.mark.parametrize(
    "conditions",
    [
        lambda number: {"group": number},
        lambda number: {"status": "open", "group": number},
        lambda number: {"subject": {"matches": "x"}, "all": [{"status": "open"}, {"group": [number, -number]}]},
        lambda number: {"any": [{"group": number}, {"other": number}]},
        lambda number: {"not": {"any": [{"group": {"ne": number}}, {"status": {"ne": "open"}}]}},
        lambda number: {"tags": {"contains": f"tag-{number}"}},
        lambda number: {"tags": {"contains_all": ["all", f"tag-{number}"]}},
    ],
)
def test_of_a_thousand_rules_the_one_that_may_fit_is_asked(conditions: Any) -> None:
    index = index_of(*[conditions(number) for number in range(1, 1001)])
    payload = {"status": "open", "group": 7, "tags": ["all", "tag-7"], "subject": "x"}
    assert found(index, payload) == [(6, "matched")]
    assert asked_of(index, payload) == 1


def test_what_has_no_equality_is_asked_every_time() -> None:
    index = index_of({"subject": {"icontains": "a"}}, {"any": [{"group": 1}, {"n": {"gt": 1}}]}, {})
    assert asked_of(index, {}) == 3


def test_the_routes_kept_are_bounded_whatever_events_come() -> None:
    index = index_of({"a": 1})
    for number in range(10_000):
        index.match("zendesk", f"made-up-{number}", number, None, Facts({}))
    assert len(index._routes) <= 4096
