"""Pure: conditions as people write them become one canonical tree; asked about an event it gives a verdict.

As typed: `{field: value}` equality, `{field: [a, b]}` one of, `{field: {operator: value, ...}}`; several entries are
all of them; `all: [...]`, `any: [...]` and `not: {...}` nest; `{"expr": "<CEL>"}` says what they cannot. The canonical
form `{"field": ..., "op": ..., "value": ...}` is taken anywhere too.

Three answers: true, false, and "could not tell", joined by Kleene's logic: false and unknown is false, true or unknown
is true, everything else with unknown in it is unknown, and so is its negation. A missing field makes comparisons false,
`ne` and `not_in` true; `exists` and `empty` say it themselves. null equals null; for comparisons other than equality it
is as if the field were missing. Nothing raises when an event comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from rules.expressions import ExpressionError, compile_condition
from rules.facts import Facts, field_problem
from rules.nodes import EXPRESSION, All, AnyOf, Explanation, Expression, Leaf, Node, Not, Path
from rules.operands import BadValue, as_number, plain
from rules.operators import ALSO_KNOWN_AS, OPERATORS
from rules.schema_types import says_number

__all__ = [
    "ConditionErrors",
    "Explanation",
    "Facts",
    "Node",
    "Outcome",
    "Problem",
    "Verdict",
    "compile_conditions",
    "doubts",
    "evaluate",
    "matches",
    "outcome_of",
]

MAX_LEAVES = 100
MAX_DEPTH = 8
_GROUPS = ("all", "any", "not")
_CANONICAL = {"field", "op", "value"}

Outcome = Literal["matched", "not_matched", "could_not_tell"]
# Compiles the text of an expression. Raises ExpressionError, with what is wrong and where.
CompileExpression = Callable[[str], Expression]


@dataclass(frozen=True)
class Problem:
    """What is wrong with conditions, and where: the keys and positions that lead there, as typed."""

    path: Path
    message: str


class ConditionErrors(ValueError):
    """Conditions do not compile. Carries every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Verdict:
    """What conditions say of an event, with an explanation for every leaf in the order typed."""

    outcome: Outcome
    explanation: list[Explanation]


def compile_conditions(
    conditions: Any,
    *,
    schema: Mapping[str, Any] | None = None,
    subject: str = "",
    expressions: CompileExpression = compile_condition,
) -> Node:
    """Return the canonical tree of `conditions`; None and {} are always true.

    `schema` is the JSON Schema of the event's payload, `subject` the name of its main object: where they say number,
    "4" counts as 4. `expressions` compiles `expr`: `partial(compile_condition, roots=...)`
    also checks the names in it. Raises ConditionErrors with all that is wrong.
    """
    if conditions is None:
        return All([])
    compiler = _Compiler(schema, subject, expressions)
    node = compiler.conditions(conditions, (), 0)
    if compiler.leaves > MAX_LEAVES:
        compiler.problem((), f"There are {compiler.leaves} conditions; a rule may have {MAX_LEAVES}.")
    if compiler.problems:
        raise ConditionErrors(compiler.problems)
    return node


def matches(node: Node, facts: Facts) -> bool | None:
    """Return whether `facts` meet the conditions; None: that cannot be told."""
    decision = node.decide(facts)
    return decision if isinstance(decision, bool) else None


def evaluate(node: Node, facts: Facts) -> Verdict:
    """Return the same as `matches`, with what every condition said."""
    explanation: list[Explanation] = []
    decision = node.explain(facts, explanation)
    return Verdict(outcome_of(decision if isinstance(decision, bool) else None), explanation)


def outcome_of(matched: bool | None) -> Outcome:
    """Return the name of an answer of `matches`."""
    return "could_not_tell" if matched is None else "matched" if matched else "not_matched"


def doubts(node: Node) -> list[Problem]:
    """Return what may be compiled but is never true by the event's schema: a text where it says number."""
    found = []
    for leaf in node.leaves():
        if not leaf.is_numeric:
            continue
        for value in leaf.value if isinstance(leaf.value, list) else [leaf.value]:
            if isinstance(value, str) and isinstance(as_number(value), str):
                message = f"By the event's schema '{leaf.field}' is a number, which '{value[:60]}' never equals."
                found.append(Problem(leaf.path, message))
    return found


class _Refused(Exception):
    """The part being compiled has a problem, which was noted."""


class _Compiler:
    """Turns what was typed into nodes, and notes every problem on the way instead of stopping at the first."""

    def __init__(self, schema: Mapping[str, Any] | None, subject: str, expressions: CompileExpression) -> None:
        self.schema, self.subject, self.expressions = schema, subject, expressions
        self.problems: list[Problem] = []
        self.leaves = 0

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def refused(self, path: Path, message: str) -> "_Refused":
        self.problem(path, message)
        return _Refused()

    def gather(self, compile_part: Callable[..., list[Node]], *arguments: Any) -> list[Node]:
        """Return the nodes of one part, none when it was refused, so that the parts after it are still looked at."""
        try:
            return compile_part(*arguments)
        except _Refused:
            return []

    # --- groups ---------------------------------------------------------------------------------------------------
    def conditions(self, typed: Any, path: Path, depth: int) -> Node:
        nodes = self.gather(self.entries, typed, path, depth)
        return nodes[0] if len(nodes) == 1 else All(nodes)

    def entries(self, typed: Any, path: Path, depth: int) -> list[Node]:
        if not isinstance(typed, dict):
            raise self.refused(path, _not_conditions(typed))
        if _is_canonical(typed):
            return self.canonical(typed, path)
        nodes: list[Node] = []
        for key, value in typed.items():
            nodes += self.gather(self.entry, key, value, path, depth)
        return nodes

    def entry(self, key: Any, value: Any, path: Path, depth: int) -> list[Node]:
        if not isinstance(key, str):
            # YAML reads a bare `on`, `yes` or `1` as something else than a text.
            raise self.refused((*path, str(key)), "The name of a field must be a text: put it in quotes.")
        path = (*path, key)
        if key in _GROUPS:
            return [self.group(key, value, path, depth + 1)]
        if key == EXPRESSION:
            return [self.expression(value, path)]
        return self.field(key, value, path)

    def group(self, word: str, value: Any, path: Path, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.refused(path, f"Conditions may be nested {MAX_DEPTH} levels deep; this is one more.")
        if word == "not":
            if not isinstance(value, dict):
                raise self.refused(
                    path, f"not takes conditions, such as not: {{status: closed}}. {self.as_field(word)}"
                )
            if not value:
                raise self.refused(path, "not is empty: it would never be true. Give it a condition.")
            return Not(self.conditions(value, path, depth))
        if not isinstance(value, list):
            raise self.refused(
                path,
                f"{word} takes a list of conditions, such as {word}: [{{status: open}}, {{priority: urgent}}]. "
                f"{self.as_field(word)}",
            )
        if word == "any" and not value:
            raise self.refused(path, "any is empty: it would never be true. Give it at least one condition.")
        nodes: list[Node] = []
        for position, item in enumerate(value):
            if word == "any" and item == {}:
                self.problem((*path, position), "This condition is empty, so any would always be true.")
                continue
            nodes.append(self.conditions(item, (*path, position), depth))
        return AnyOf(nodes) if word == "any" else All(nodes)

    def as_field(self, word: str) -> str:
        return f"For a field named '{word}' write '{self.subject or 'ticket'}.{word}'."

    # --- leaves ---------------------------------------------------------------------------------------------------
    def expression(self, text: Any, path: Path) -> Node:
        self.leaves += 1
        if not isinstance(text, str) or not text.strip():
            raise self.refused(path, f"expr takes the text of an expression. {self.as_field(EXPRESSION)}")
        if self.leaves > MAX_LEAVES:
            raise _Refused  # compile_conditions says so once
        try:
            expression = self.expressions(text)
        except ExpressionError as error:
            raise self.refused(path, str(error)) from None
        return Leaf(path, "", EXPRESSION, text, expression)

    def canonical(self, typed: dict[Any, Any], path: Path) -> list[Node]:
        field, operator = typed["field"], typed["op"]
        if complaint := field_problem(field):
            raise self.refused((*path, "field"), complaint)
        known = self.known(operator, (*path, "op"), field)
        if "value" not in typed:
            self.leaves += 1
            raise self.refused(path, f"The value that '{operator}' compares with is missing.")
        return [self.leaf(field, known, typed["value"], path, (*path, "value"))]

    def field(self, field: str, value: Any, path: Path) -> list[Node]:
        if complaint := field_problem(field):
            raise self.refused(path, complaint)
        if isinstance(value, list | tuple):
            return [self.leaf(field, "in", value, path, path)]
        if not isinstance(value, dict):
            return [self.leaf(field, "eq", value, path, path)]
        if not value:
            raise self.refused(path, "This is empty. Write a value, or an operator with a value such as {contains: x}.")
        return self.gather_operators(field, value, path)

    def gather_operators(self, field: str, typed: dict[Any, Any], path: Path) -> list[Node]:
        def one(operator: Any, value: Any) -> list[Node]:
            known = self.known(operator, (*path, str(operator)), field)
            return [self.leaf(field, known, value, path, (*path, known))]

        return [node for operator, value in typed.items() for node in self.gather(one, operator, value)]

    def known(self, operator: Any, path: Path, field: str) -> str:
        """Return `operator` when there is one of that name."""
        if isinstance(operator, str) and operator in OPERATORS:
            return operator
        self.leaves += 1
        operator = str(operator)[:60]
        name = operator.strip().lower().replace(" ", "_").replace("-", "_")
        near = ALSO_KNOWN_AS.get(name) or next(iter(get_close_matches(name, list(OPERATORS), 1, 0.7)), None)
        if near is not None:
            raise self.refused(path, f"There is no operator '{operator}'. Did you mean '{near}'?")
        hint = f" For a field inside '{field}' write '{field}.{operator}'." if path[-1] != "op" else ""
        raise self.refused(path, f"There is no operator '{operator}'.{hint} Operators: {', '.join(OPERATORS)}.")

    def leaf(self, field: str, operator: str, value: Any, at: Path, path: Path) -> Node:
        """Return a leaf. `at` leads to where its condition stands, `path` to its value."""
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise _Refused  # compile_conditions says so once
        row, value = OPERATORS[operator], plain(value)
        is_numeric = row.is_numeric and says_number(self.schema, field, self.subject)
        try:
            ready = row.prepare(value, is_numeric)
        except BadValue as error:
            raise self.refused((*path, *error.at), str(error)) from None
        return Leaf(at, field, operator, value, ready, is_numeric=is_numeric)


def _is_canonical(typed: dict[Any, Any]) -> bool:
    return (
        typed.keys() <= _CANONICAL and isinstance(typed.get("field"), str) and isinstance(typed.get("op"), str)
    )  # three fields of these names are written {"all": [{"field": ...}, {"op": ...}]}


def _not_conditions(typed: Any) -> str:
    if isinstance(typed, list):
        return 'A list of conditions stands under all or any, such as {"any": [...]}.'
    if isinstance(typed, str):
        return 'Expected conditions such as {"priority": "urgent"}. An expression is written {"expr": "..."}.'
    return 'Expected conditions such as {"priority": "urgent"}.'
