"""Expressions among conditions: `{"expr": "<CEL>"}` says what operators cannot."""

from functools import partial

import pytest

from rules.conditions import compile_conditions, evaluate
from rules.expressions import Roots, compile_condition
from tests.rules.test_conditions import facts, met, problem


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("ticket.custom_fields.amount > 100 && 'vip' in ticket.tags", True),
        ("event.account.plan == 'silver'", False),
        ("size(ticket.subject) > 1000", False),
        ("ticket.tags.exists(tag, tag == 'vip') && ticket.comments.all(x, size(x.body) > 0)", True),
        ("ticket.nothing.at.all == 1", None),
        ("meta.platform == 'zendesk'", True),
    ],
)
def test_expressions_say_what_operators_cannot(text: str, answer: bool | None) -> None:
    node = compile_conditions({"expr": text})
    (leaf,) = evaluate(node, facts(meta={"platform": "zendesk"})).explanation
    assert (leaf.at, leaf.operator, leaf.expected, leaf.passed) == ("expr", "expr", text, answer)
    assert bool(leaf.reason) is (answer is None)
    assert met({"status": "solved", "expr": text}) is False


def test_an_expression_that_does_not_compile_says_where() -> None:
    found = problem({"any": [{"status": "open"}, {"expr": "1 +"}]})
    assert found.path == ("any", 1, "expr")
    assert "line 1" in found.message


def test_names_in_expressions_are_checked_where_they_are_known() -> None:
    known = partial(compile_condition, roots=Roots(subjects=("ticket",)))
    assert "tiket" in problem({"expr": "tiket.id == 1"}, expressions=known).message
