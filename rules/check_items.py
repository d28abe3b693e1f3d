"""Says what is wrong with a step's `for_each`. Pure; `rules.checking` calls it for each step that has one."""

from collections.abc import Iterator, Sequence
from typing import Any

from rules.catalogue import KnownVariable
from rules.document import ForEach, StepDocument
from rules.expressions import ExpressionError, Roots, compile_template, has_expression
from rules.problems import Problem
from rules.variables import named_in

# The kinds of step that can be done for each item of a list.
KINDS = ("action", "rule")


def check_for_each(
    at: str, step: StepDocument, each: ForEach, roots: Roots, known: Sequence[KnownVariable]
) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings. `at`: where the list stands; `roots`: what it can name."""
    if step.kind not in KINDS:
        detail = (
            f"A step with `{step.kind}` has no `for_each`: write what is done for each item as a rule, and run that "
            "by `rule`."
        )
        return [Problem(at, "not_for_kind", detail)], []
    if pace := next((name for name in ("throttle", "digest") if getattr(step, name) is not None), None):
        detail = f"A step with `{pace}` has no `for_each`: give the `{pace}` to a step of a rule that is run by `rule`."
        return [Problem(at, "not_with_pace", detail)], []
    problems = list(_shape(at, each))
    for place, text in _texts(each.items, at):
        try:
            compile_template(text, roots)
        except ExpressionError as error:
            problems.append(Problem(place, error.code, str(error)))
    return (problems, []) if problems else _variables(at, each, known)


def _shape(at: str, each: ForEach) -> Iterator[Problem]:
    if isinstance(each.items, list):
        if len(each.items) > each.max:
            detail = f"The list has {len(each.items)} items, and at most {each.max} are taken (`max`, 1000 at most)."
            yield Problem(at, "too_many", detail)
        return
    try:
        is_list = compile_template(each.items).is_whole_expression
    except ExpressionError:
        return  # told with its place
    if not is_list:
        detail = "`for_each` is a list, or one expression and nothing around it: {{ steps.find.output.body.items }}."
        yield Problem(at, "invalid", detail)


def _variables(at: str, each: ForEach, known: Sequence[KnownVariable]) -> tuple[list[Problem], list[Problem]]:
    problems, warnings = [], []
    for name in sorted(named_in(each.items) or ()):
        found = [variable for variable in known if variable.name == name]
        if not found:
            detail = f"There is no variable '{name}' yet: runs will fail here until there is one."
            warnings.append(Problem(at, "unknown_variable", detail))
        elif any(variable.is_secret for variable in found):
            detail = f"'{name}' is a secret: it goes into requests to its hosts alone, and not into a list."
            problems.append(Problem(at, "secret_not_allowed", detail))
    return problems, warnings


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if has_expression(value):
            yield at, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, f"{at}.{key}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _texts(part, f"{at}.{place}")
