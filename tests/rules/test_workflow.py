"""A document as a graph and back: nothing is lost, what waits for what stays, and `needs` stand only where needed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.document import RuleDocument
from rules.workflow import (
    MOST_NODES,
    Node,
    NotDrawable,
    Workflow,
    document_of,
    drawing_of,
    workflow_of,
    workflow_of_drawing,
)

IDS = st.sampled_from(["ask", "tell", "page", "close", "step-2", "step-9", "note"])


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """Documents with unique names; needs name any step, also later ones, and now and then none that exists."""
    size = draw(st.integers(0, 6))
    ids = draw(st.lists(st.none() | IDS, min_size=size, max_size=size))
    names: list[str] = []
    steps: list[dict[str, Any]] = []
    for place, wanted in enumerate(ids, 1):
        name = wanted or f"step-{place}"
        if name in names:
            name = f"own-{place}"
        names.append(name)
        step: dict[str, Any] = {} if name == f"step-{place}" and wanted is None else {"id": name}
        steps.append({**step, "action": "http_request", "parameters": {"url": f"https://a.example/{place}"}})
    for step in steps:
        if draw(st.booleans()):
            some = st.lists(st.sampled_from([*names, "gone"]), max_size=3, unique=True)
            step["needs"] = sorted(draw(some), key=lambda name: name == "gone")
    return {"name": "n", "trigger": {"platform": "manual"}, draw(st.sampled_from(["steps", "actions"])): steps}


def waiting(document: dict[str, Any]) -> dict[str, set[str]]:
    """Return which steps each step waits for, as the engine reads it."""
    return {name: set(needs) for name, needs in RuleDocument.model_validate(document).graph().needs.items()}


def drawn(workflow: Workflow) -> dict[str, set[str]]:
    names = {node.key: node.name for node in workflow.nodes}
    return {node.name: {names[key] for key in node.after} | set(node.unknown) for node in workflow.nodes}


@given(documents())
def test_a_document_that_nobody_changed_stays_as_it_is(document: dict[str, Any]) -> None:
    workflow = workflow_of(document)
    assert document_of(workflow) == document
    assert workflow_of_drawing(drawing_of(workflow)) == workflow
    assert drawn(workflow) == waiting(document)


@given(documents(), st.data())
def test_what_is_drawn_is_what_the_engine_reads(document: dict[str, Any], data: Any) -> None:
    """Whatever was connected, put elsewhere, taken out or put in: names stay, and each waits for what is drawn."""
    before = workflow_of(document)
    kept = [node for node in before.nodes if data.draw(st.booleans())]
    fresh = [Node(f"new{number}", {"action": "http_request"}) for number in range(data.draw(st.integers(0, 2)))]
    nodes = data.draw(st.permutations([*kept, *fresh]))
    keys = [node.key for node in nodes]
    changed = tuple(
        Node(
            node.key,
            node.step,
            node.name,
            tuple(data.draw(st.lists(st.sampled_from(keys), unique=True, max_size=3))),
            node.named,
        )
        for node in nodes
    )
    result = document_of(Workflow(before.base, before.list_name, changed))
    names = dict(zip(keys, waiting(result), strict=True))
    for node in changed:
        assert waiting(result)[names[node.key]] == {names[key] for key in node.after}
        assert not node.name or names[node.key] == node.name


@given(documents())
def test_needs_stand_only_where_the_order_of_the_list_does_not_say_it(document: dict[str, Any]) -> None:
    workflow = workflow_of({name: value for name, value in document.items() if name != "needs"})
    steps = document_of(workflow)[workflow.list_name]
    for place, (node, step) in enumerate(zip(workflow.nodes, steps, strict=True)):
        plain = {workflow.nodes[place - 1].key} if place else set()
        assert ("needs" in step) is (node.named or set(node.after) != plain)


def test_a_branch_beside_a_list_says_what_it_waits_for_and_the_list_does_not() -> None:
    chain = workflow_of({"actions": [{"id": "a", "action": "x"}, {"id": "b", "action": "x"}]})
    first = chain.nodes[0]
    branch = Node("new", {"id": "c", "action": "x"}, after=(first.key,))
    document = document_of(Workflow({}, "actions", (*chain.nodes, branch)))
    assert document == {
        "actions": [{"id": "a", "action": "x"}, {"id": "b", "action": "x"}, {"id": "c", "action": "x", "needs": ["a"]}]
    }


def test_a_step_without_an_id_keeps_the_name_by_which_others_know_it() -> None:
    chain = workflow_of({"steps": [{"action": "x"}, {"action": "y", "condition": "{{ steps.step-1.failed }}"}]})
    one, two = chain.nodes
    new = Node("new", {"id": "first", "action": "z"})
    drawn_ = (new, Node(one.key, one.step, one.name, ("new",)), Node(two.key, two.step, two.name, (one.key,)))
    steps = document_of(Workflow({}, "steps", drawn_))["steps"]
    assert [step.get("id") for step in steps] == ["first", "step-1", "step-2"]


def test_a_renamed_step_is_still_waited_for() -> None:
    graph = workflow_of({"steps": [{"id": "a", "action": "x"}, {"id": "b", "action": "x", "needs": ["a"]}]})
    first, second = graph.nodes
    renamed = Node(first.key, {**first.step, "id": "z"}, first.name)
    assert document_of(Workflow({}, "steps", (renamed, second)))["steps"][1]["needs"] == ["z"]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"base": {}, "list": "steps"},
        {"base": {}, "list": "other", "nodes": []},
        {"base": {}, "list": "steps", "nodes": [1]},
        {"base": {}, "list": "steps", "nodes": [{"key": "a"}]},
        {"base": {}, "list": "steps", "nodes": [{"key": 1, "step": {}}]},
        {"base": {}, "list": "steps", "nodes": [{"key": "a", "step": {}, "after": [1]}]},
        {"base": {}, "list": "steps", "nodes": [{"key": "a", "step": {}}, {"key": "a", "step": {}}]},
        {"base": {}, "list": "steps", "nodes": [{"key": str(n), "step": {}} for n in range(MOST_NODES + 1)]},
    ],
)
def test_what_no_page_sends_is_refused(odd: Any) -> None:
    with pytest.raises(NotDrawable):
        workflow_of_drawing(odd)


@pytest.mark.parametrize("odd", [{"steps": 5}, {"steps": ["a"]}, {"actions": [{}] * (MOST_NODES + 1)}])
def test_a_document_without_steps_that_can_be_told_is_not_drawn(odd: Any) -> None:
    with pytest.raises(NotDrawable):
        workflow_of(odd)
