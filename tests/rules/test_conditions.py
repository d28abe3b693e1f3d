"""How conditions are written, what they mean, and what is said when they are wrong. Reads like a manual."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from rules.conditions import (
    ConditionErrors,
    Facts,
    Problem,
    compile_conditions,
    doubts,
    evaluate,
    matches,
)
from rules.nodes import shown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICKET: dict[str, Any] = {
    "ticket": {
        "id": 7,
        "subject": "Chargeback on order 12",
        "priority": "urgent",
        "status": "open",
        "tags": ["refund", "vip"],
        "assignee": None,
        "any": "field",
        "comments": [{"body": "first", "public": True}, {"body": "second"}],
        "custom_fields": {"amount": 500},
    },
    "account": {"plan": "gold"},
}


def facts(payload: dict[str, Any] | None = None, **more: Any) -> Facts:
    return Facts(TICKET if payload is None else payload, "ticket", now=NOW, **more)


def met(conditions: Any, payload: dict[str, Any] | None = None) -> bool | None:
    return matches(compile_conditions(conditions), facts(payload))


def problems(conditions: Any, **more: Any) -> list[Problem]:
    with pytest.raises(ConditionErrors) as caught:
        compile_conditions(conditions, **more)
    return caught.value.problems


def problem(conditions: Any, **more: Any) -> Problem:
    (only,) = problems(conditions, **more)
    return only


# --- how to write them --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        # Nothing asked is always met.
        (None, True),
        ({}, True),
        # A field and its value; several are all of them.
        ({"priority": "urgent"}, True),
        ({"priority": "low"}, False),
        ({"priority": "urgent", "status": "open"}, True),
        ({"priority": "urgent", "status": "solved"}, False),
        # One of several values.
        ({"priority": ["high", "urgent"]}, True),
        ({"priority": ["high", "low"]}, False),
        # Operators; several on one field are all of them.
        ({"subject": {"icontains": "CHARGEBACK"}}, True),
        ({"custom_fields.amount": {"gte": 100, "lt": 1000}}, True),
        ({"custom_fields.amount": {"gte": 100, "lt": 500}}, False),
        # null is a value.
        ({"assignee": None}, True),
        ({"priority": None}, False),
        # Groups nest, and stand beside fields.
        ({"any": [{"priority": "low"}, {"tags": {"contains": "vip"}}]}, True),
        ({"any": [{"priority": "low"}, {"status": "solved", "priority": "urgent"}]}, False),
        ({"all": [{"priority": "urgent"}, {"any": [{"status": "new"}, {"status": "open"}]}]}, True),
        ({"not": {"status": "solved"}}, True),
        ({"not": {"status": "open", "priority": "low"}}, True),
        ({"not": {"status": "open", "priority": "urgent"}}, False),
        ({"priority": "urgent", "any": [{"status": "open"}], "not": {"status": "new"}}, True),
        # The canonical form is taken too, anywhere.
        ({"field": "priority", "op": "eq", "value": "urgent"}, True),
        ({"all": [{"field": "tags", "op": "contains", "value": "x"}, {"priority": "urgent"}]}, False),
        # All of nothing is true.
        ({"all": []}, True),
    ],
)
def test_how_conditions_are_written(conditions: Any, answer: bool) -> None:
    assert met(conditions) is answer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ticket.priority", "urgent"),
        ("priority", "urgent"),
        ("account.plan", "gold"),
        ("comments.0.body", "first"),
        ("ticket.comments.1.body", "second"),
        ("ticket.any", "field"),
    ],
)
def test_fields_are_paths_into_the_event_or_its_main_object(field: str, value: str) -> None:
    assert met({field: value}) is True


@pytest.mark.parametrize("field", ["plan", "comments.2.body", "comments.-1.body", "comments.body", "priority.name"])
def test_fields_that_are_not_there(field: str) -> None:
    assert met({field: {"exists": True}}) is False
    assert met({field: "x"}) is False
    assert met({field: {"ne": "x"}}) is True


def test_the_events_own_field_comes_before_the_main_objects() -> None:
    assert met({"status": "outer"}, {"status": "outer", "ticket": {"status": "inner"}}) is True
    assert met({"status.x": {"exists": True}}, {"status": "outer", "ticket": {"status": {"x": 1}}}) is False


def test_keys_may_be_positions_of_objects_too() -> None:
    assert met({"steps.0.name": "a"}, {"steps": {"0": {"name": "a"}}}) is True


def test_dates_of_yaml_count_as_their_text() -> None:
    node = compile_conditions({"at": {"after": datetime(2026, 2, 1, tzinfo=UTC)}, "day": [NOW.date()]})
    assert matches(node, facts({"at": "2026-02-01T00:00:01Z", "day": "2026-03-01"})) is True
    orjson.dumps(node.canonical())


class Whatever:
    """Stands for a compiled expression."""

    def __init__(self, text: str) -> None:
        self.text = text

    def is_met(self, context: Mapping[str, Any]) -> bool:
        raise ValueError("nobody knows")


def test_the_canonical_tree() -> None:
    node = compile_conditions(
        {
            "priority": ["high", "urgent"],
            "amount": {"gte": 5, "lt": 9},
            "any": [{"a": None}, {"b": 1, "expr": "true"}],
            "not": {"a": 2},
        },
        expressions=Whatever,
    )
    assert node.canonical() == {
        "all": [
            {"field": "priority", "op": "in", "value": ["high", "urgent"]},
            {"field": "amount", "op": "gte", "value": 5},
            {"field": "amount", "op": "lt", "value": 9},
            {"any": [{"field": "a", "op": "eq", "value": None},
                     {"all": [{"field": "b", "op": "eq", "value": 1}, {"expr": "true"}]}]},
            {"not": {"field": "a", "op": "eq", "value": 2}},
        ]
    }  # fmt: skip


# --- three answers ------------------------------------------------------------------------------------------------
T, F, U = {"id": 7}, {"id": 8}, {"tags": "a list cannot equal a text"}


@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        (U, None),
        ({"not": U}, None),
        ({"all": [T, U]}, None),
        ({"all": [U, F]}, False),
        ({"all": [F, U]}, False),
        ({"any": [F, U]}, None),
        ({"any": [U, T]}, True),
        ({"any": [T, U]}, True),
        ({"not": {"any": [U, T]}}, False),
        ({"not": {"all": [U, F]}}, True),
        ({"any": [{"all": [U, T]}, F]}, None),
        ({"any": [{"all": [U, F]}, T]}, True),
        ({"all": [{"not": U}, T]}, None),
    ],
)
def test_what_cannot_be_told_is_neither_true_nor_false(conditions: Any, answer: bool | None) -> None:
    assert met(conditions) is answer
    outcome = {True: "matched", False: "not_matched", None: "could_not_tell"}[answer]
    assert evaluate(compile_conditions(conditions), facts()).outcome == outcome


# --- explanations -------------------------------------------------------------------------------------------------
def test_every_condition_is_explained_where_it_stands() -> None:
    node = compile_conditions(
        {
            "priority": "urgent",
            "any": [{"subject": {"icontains": "refund"}}, {"custom_fields.amount": {"gte": 500, "lt": 501}}],
            "not": {"tags": "vip"},
            "all": [{"field": "nothing", "op": "eq", "value": 1}],
        }
    )
    verdict = evaluate(node, facts())
    assert verdict.outcome == "not_matched"
    rows = [
        (leaf.at, leaf.field, leaf.operator, leaf.expected, leaf.actual, leaf.passed) for leaf in verdict.explanation
    ]
    assert rows == [
        ("priority", "priority", "eq", "urgent", "urgent", True),
        ("any.0.subject", "subject", "icontains", "refund", "Chargeback on order 12", False),
        ("any.1.custom_fields.amount", "custom_fields.amount", "gte", 500, 500, True),
        ("any.1.custom_fields.amount", "custom_fields.amount", "lt", 501, 500, True),
        ("not.tags", "tags", "eq", "vip", ["refund", "vip"], None),
        ("all.0", "nothing", "eq", 1, None, False),
    ]
    assert "list" in verdict.explanation[4].reason
    assert verdict.explanation[5].reason == "The event has no field 'nothing'."
    assert list(verdict.explanation[0].as_dict()) == [
        "at", "field", "operator", "expected", "actual", "passed", "reason",
    ]  # fmt: skip


def test_a_missing_field_below_a_list_says_how_to_name_its_items() -> None:
    (leaf,) = evaluate(compile_conditions({"comments.body": "first"}), facts()).explanation
    assert "'comments' is a list" in leaf.reason
    assert "'comments.0'" in leaf.reason


@pytest.mark.parametrize(
    ("changes", "actual", "passed", "reason"),
    [
        (None, None, None, "not known what changed"),
        ({}, None, False, "did not change"),
        ({"status": ("new", "open")}, {"before": "new", "after": "open"}, True, ""),
    ],
)
def test_changes_are_explained(changes: Any, actual: Any, passed: bool | None, reason: str) -> None:
    node = compile_conditions({"status": {"changed_to": "open"}})
    (leaf,) = evaluate(node, facts(changed=changes)).explanation
    assert (leaf.actual, leaf.passed) == (actual, passed)
    assert reason in leaf.reason


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        ["x" * 1000] * 10_000,
        {f"key {number}" * 100: ["x" * 1000] * 100 for number in range(1000)},
        [[[[[[[[["deep"] * 50] * 50] * 50]]]]]],
        2**80,
        float("inf"),
        "half \ud800",
        {"half \ud800": 1},
    ],
)
def test_what_is_shown_is_json_of_bounded_size(value: Any) -> None:
    assert len(orjson.dumps(shown(value))) < 20_000


def test_small_values_are_shown_as_they_are() -> None:
    value = {"a": [1, 2.5, None, True, "caf\u00e9"], "b": {"c": []}}
    assert shown(value) == value


def test_what_was_cut_says_so() -> None:
    assert shown("x" * 500) == "x" * 200 + "… (500 characters)"
    assert shown(list(range(1000)))[-1] == "… 980 more"


# --- what is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("conditions", "path", "says"),
    [
        ([{"a": 1}], (), "under all or any"),
        ("priority == 'urgent'", (), '{"expr": "..."}'),
        (5, (), "Expected conditions"),
        ({"all": [5]}, ("all", 0), "Expected conditions"),
        ({"any": []}, ("any",), "empty"),
        ({"any": [{"a": 1}, {}]}, ("any", 1), "always be true"),
        ({"not": {}}, ("not",), "empty"),
        ({"subject": {}}, ("subject",), "empty"),
        # Words that mean something cannot be bare names of fields.
        ({"any": "urgent"}, ("any",), "write 'ticket.any'"),
        ({"all": {"a": 1}}, ("all",), "write 'ticket.all'"),
        ({"not": [{"a": 1}]}, ("not",), "write 'ticket.not'"),
        ({"any": [{"not": True}]}, ("any", 0, "not"), "write 'ticket.not'"),
        ({"expr": 5}, ("expr",), "write 'ticket.expr'"),
        # Names.
        ({"": 1}, ("",), "missing"),
        ({"a..b": 1}, ("a..b",), "single dots"),
        ({"a. b": 1}, ("a. b",), "single dots"),
        ({"any": [{".a": 1}]}, ("any", 0, ".a"), "single dots"),
        ({"x" * 257: 1}, ("x" * 257,), "256"),
        ({True: 1}, ("True",), "quotes"),
        ({"field": "a..b", "op": "eq", "value": 1}, ("field",), "single dots"),
        # Operators.
        ({"a": {"greater_than": 1}}, ("a", "greater_than"), "Did you mean 'gt'?"),
        ({"a": {"Starts With": "x"}}, ("a", "Starts With"), "Did you mean 'starts_with'?"),
        ({"a": {"contain": "x"}}, ("a", "contain"), "Did you mean 'contains'?"),
        ({"a": {"regex": "x"}}, ("a", "regex"), "Did you mean 'matches'?"),
        ({"ticket": {"priority": 1}}, ("ticket", "priority"), "write 'ticket.priority'"),
        ({"a": {"business_hours": 9}}, ("a", "business_hours"), "calendar"),
        ({"field": "a", "op": "eqq", "value": 1}, ("op",), "Did you mean 'eq'?"),
        ({"field": "a", "op": "eq"}, (), "value that 'eq' compares with is missing"),
        # Values, with the position inside lists.
        ({"a": [1, {"b": 2}]}, ("a", 1), "an object"),
        ({"a": {"in": [1, [2]]}}, ("a", "in", 1), "a list"),
        ({"any": [{"a": {"matches": "(b"}}]}, ("any", 0, "a", "matches"), "missing ): (b"),
        ({"field": "a", "op": "between", "value": [1, "x"]}, ("value", 1), "'x'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(conditions: Any, path: tuple[Any, ...], says: str) -> None:
    found = problem(conditions)
    assert found.path == path
    assert says in found.message


def test_the_main_objects_name_is_used_where_it_is_known() -> None:
    assert "write 'card.any'" in problem({"any": 1}, subject="card").message


def test_every_problem_is_found_at_once() -> None:
    found = problems({"a": {"eqq": 1, "gt": "x"}, "any": [{"b": {"matches": "("}}, {"not": {}}], "c..d": 1, "ok": 1})
    assert [one.path for one in found] == [
        ("a", "eqq"),
        ("a", "gt"),
        ("any", 0, "b", "matches"),
        ("any", 1, "not"),
        ("c..d",),
    ]


def nested(depth: int, word: str = "not") -> dict[str, Any]:
    conditions: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        conditions = {"not": conditions} if word == "not" else {word: [conditions]}
    return conditions


@pytest.mark.parametrize("word", ["not", "all", "any"])
def test_groups_nest_eight_deep(word: str) -> None:
    compile_conditions(nested(8, word))
    found = problem(nested(9, word))
    assert "8 levels" in found.message
    assert found.path == ("not",) * 9 if word == "not" else (word, *(0, word) * 8)
    assert len(problems(nested(5000))) == 1


def test_a_rule_has_a_hundred_conditions() -> None:
    compile_conditions({"any": [{"a": number} for number in range(100)]})
    found = problem({"any": [{"a": number} for number in range(101)]})
    assert found == Problem((), "There are 101 conditions; a rule may have 100.")
    too_many = {"field": {"gt": 1, "lt": 9}} | {f"field_{number}": {"matches": "a{1000}"} for number in range(99)}
    assert "There are 101" in problem(too_many).message


def test_errors_read_as_one_text() -> None:
    with pytest.raises(ConditionErrors, match=r"^any\.0\.a\.eqq: There is no operator .eqq.\. Did you mean .eq.\?$"):
        compile_conditions({"any": [{"a": {"eqq": 1}}]})


# --- the schema's say ---------------------------------------------------------------------------------------------
REFERENCES = {
    "type": "object",
    "properties": {"ticket": {"$ref": "#/$defs/Ticket"}, "count": {"type": ["integer", "null"]}},
    "$defs": {
        "Ticket": {
            "properties": {
                "priority": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "key": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "custom": {"additionalProperties": {"type": "number"}},
                "items": {"type": "array", "items": {"properties": {"price": {"type": "number"}}}},
                "parent": {"$ref": "#/$defs/Ticket"},
                "loop": {"$ref": "#/$defs/Loop"},
            }
        },
        "Loop": {"$ref": "#/$defs/Loop"},
    },
}


@pytest.mark.parametrize("subject", ["ticket", ""])
@pytest.mark.parametrize(
    ("field", "is_number"),
    [
        ("ticket.priority", True),
        ("priority", True),
        ("count", True),
        ("custom.amount", True),
        ("items.0.price", True),
        ("parent.parent.priority", True),
        ("key", False),
        ("loop", False),
        ("items", False),
        ("other", False),
    ],
)
def test_the_schema_says_which_fields_are_numbers(field: str, is_number: bool, subject: str) -> None:
    (leaf,) = compile_conditions({field: "4"}, schema=REFERENCES, subject=subject).leaves()
    assert leaf.is_numeric is is_number


def test_a_text_that_a_number_never_equals_is_doubted() -> None:
    node = compile_conditions({"priority": "urgent", "any": [{"count": ["4", "many"]}]}, schema=REFERENCES)
    assert [one.path for one in doubts(node)] == [("priority",), ("any", 0, "count")]
    assert "'priority' is a number, which 'urgent' never equals" in doubts(node)[0].message
    assert doubts(compile_conditions({"priority": "4", "key": "x"}, schema=REFERENCES)) == []
