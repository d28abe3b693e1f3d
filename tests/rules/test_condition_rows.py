"""Rows of a page and the conditions of a document say the same, whichever of them was there first."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.condition_rows import (
    ExpressionRow,
    Group,
    NotRows,
    Row,
    leaves_of,
    nodes_of,
    rows_of,
    written,
)
from rules.conditions import Facts, compile_conditions, evaluate
from rules.row_changes import Change, changed

VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(["a", "b", "4", ""]), st.booleans(), st.none())
FIELDS = st.sampled_from(["priority", "ticket.tags", "field", "op", "value", "a.0.b", "any", "not", "expr"])
NAMED = st.sampled_from(["priority", "ticket.tags", "field", "a.0.b"])
OPERATORS = st.one_of(
    st.tuples(st.sampled_from(["eq", "ne"]), VALUES),
    st.tuples(st.sampled_from(["in", "not_in", "changed_to"]), st.lists(VALUES, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["gt", "lte"]), st.integers(-3, 3)),
    st.tuples(st.sampled_from(["exists", "empty"]), st.booleans()),
    st.tuples(st.sampled_from(["contains", "icontains", "starts_with"]), st.sampled_from(["a", "b"])),
)
FULL = st.builds(lambda name, asked: {"field": name, "op": asked[0], "value": asked[1]}, FIELDS, OPERATORS)
ASKED = st.lists(OPERATORS, min_size=1, max_size=2, unique_by=lambda one: one[0]).map(dict)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    plain = st.dictionaries(NAMED, st.one_of(VALUES, st.lists(VALUES, min_size=1, max_size=2), ASKED), max_size=3)
    items = st.lists(inner, min_size=1, max_size=3)
    groups = st.fixed_dictionaries(
        {}, optional={"all": items, "any": items, "not": inner, "expr": st.just("event.a == 1")}
    )
    return st.builds(lambda one, other: one | other, plain, groups).filter(bool)


DOCUMENTS = st.recursive(FULL, _objects, max_leaves=6).filter(bool)
NODES = st.recursive(
    st.one_of(
        st.builds(lambda name, asked: Row(name, asked[0], asked[1]), FIELDS, OPERATORS),
        st.just("event.a == 1").map(ExpressionRow),
    ),
    lambda inner: st.builds(
        Group, st.sampled_from(["all", "any", "none", "not_all"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
FACTS = st.dictionaries(st.sampled_from(["priority", "field", "op", "any"]), VALUES)


def _meaning(node: Any, facts: Facts) -> bool | None:
    """What rows mean, said apart from how they are written."""
    if not isinstance(node, Group):
        alone = {"expr": node.text} if isinstance(node, ExpressionRow) else None
        alone = alone or {"field": node.field, "op": node.operator, "value": node.value}
        return {"matched": True, "not_matched": False}.get(evaluate(compile_conditions(alone), facts).outcome)
    answers = [_meaning(member, facts) for member in node.members]
    decisive = node.kind in ("any", "none")
    joined = decisive if decisive in answers else None if None in answers else not decisive
    return joined if node.kind in ("all", "any") or joined is None else not joined


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_what_was_typed_comes_back_as_it_was(document: dict[str, Any]) -> None:
    assert json.dumps(written(rows_of(document)).value) == json.dumps(document)


@settings(max_examples=300, deadline=None)
@given(NODES, FACTS)
def test_rows_mean_what_their_document_says(node: Any, values: dict[str, Any]) -> None:
    whole = node if isinstance(node, Group) else Group("all", [node])
    document, facts = written(whole).value, Facts(values)
    outcome = {"matched": True, "not_matched": False}.get(evaluate(compile_conditions(document), facts).outcome)
    assert outcome == _meaning(whole, facts)
    again = rows_of(document)
    assert _meaning(again, facts) == _meaning(whole, facts)
    assert [_said(leaf) for leaf in leaves_of(again)] == [_said(leaf) for leaf in leaves_of(whole)]


@settings(max_examples=200, deadline=None)
@given(NODES)
def test_each_row_is_found_where_it_is_written(node: Any) -> None:
    whole = node if isinstance(node, Group) else Group("all", [node])
    result = written(whole)
    for leaf in leaves_of(whole):
        there = result.value
        for part in result.paths[id(leaf)]:
            there = there[part]
        if isinstance(leaf, ExpressionRow):
            assert there == leaf.text
        else:
            is_full = isinstance(there, dict) and set(there) == {"field", "op", "value"}
            assert (there["value"] if is_full else there) == leaf.value


@settings(max_examples=200, deadline=None)
@given(NODES, st.sampled_from([one for one in Change if one is not Change.REMOVE]), st.data())
def test_moving_rows_about_loses_none(node: Any, change: Change, data: Any) -> None:
    whole = node if isinstance(node, Group) else Group("all", [node])
    before = sorted(_said(leaf) for leaf in leaves_of(whole))
    target = data.draw(st.sampled_from(list(nodes_of(whole))))
    changed(whole, target, change)
    after = sorted(_said(leaf) for leaf in leaves_of(whole))
    if change is Change.DUPLICATE:
        assert len(after) >= len(before)
    else:
        assert after == before


def _said(leaf: Any) -> str:
    return leaf.text if isinstance(leaf, ExpressionRow) else f"{leaf.field} {leaf.operator} {leaf.value!r}"


def test_blank_rows_say_nothing() -> None:
    whole = Group("all", [Row(is_blank=True), Row("a", "eq", 1), ExpressionRow("")])
    assert written(whole).value == {"a": 1}
    assert written(Group("any", [Row(is_blank=True)])).value is None


def test_a_changed_row_leaves_its_neighbours_as_typed() -> None:
    document = {
        "priority": {"gte": 2, "lte": 4},
        "any": [{"a": 1, "b": {"eq": 2}}, {"field": "c", "op": "eq", "value": 3}],
    }
    whole = rows_of(document)
    next(leaf for leaf in leaves_of(whole) if isinstance(leaf, Row) and leaf.operator == "lte").value = 5
    assert written(whole).value == {**document, "priority": {"gte": 2, "lte": 5}}


@pytest.mark.parametrize(
    "typed",
    [5, [], "text", {"any": 5}, {"not": []}, {"all": [5]}, {"a": {}}, {"field": "a", "op": "eq"}, {5: 1}, None],
)
def test_what_no_row_can_show_is_said(typed: Any) -> None:
    if typed is None:
        assert rows_of(typed).members == []
        return
    with pytest.raises(NotRows):
        rows_of(typed)


def test_depth_and_number_are_bounded() -> None:
    deep: Any = {"a": 1}
    for _ in range(200):
        deep = {"not": deep}
    with pytest.raises(NotRows, match="nested"):
        rows_of(deep)
    with pytest.raises(NotRows, match="300"):
        rows_of({"all": [{"a": 1}] * 400})
