"""The way out for what conditions cannot say: `{"expr": "<CEL>"}` as a leaf among them. Pure."""

from collections.abc import Callable
from typing import Any

from rules.conditions import Facts
from rules.expressions import Condition, ExpressionError, Roots, compile_condition
from rules.operators import Decision


def expression_leaf(subjects: tuple[str, ...]) -> Callable[[str], Callable[[Facts], Decision]]:
    """Return what compiles the text of an `expr` for events with these main objects.

    What an expression cannot tell is the reason of "could not tell". It sees `event`, the main object and `now`.
    """
    roots = Roots(subjects=subjects, steps_before=(), inputs=())

    def compile_text(text: str) -> Callable[[Facts], Decision]:
        condition: Condition = compile_condition(text, roots=roots)

        def decide(facts: Facts) -> Decision:
            context: dict[str, Any] = {"event": facts.payload, "now": facts.now.isoformat()}
            for subject in subjects:
                context[subject] = facts.payload.get(subject)
            try:
                return condition.is_met(context)
            except ExpressionError as error:
                return str(error)

        return decide

    return compile_text
