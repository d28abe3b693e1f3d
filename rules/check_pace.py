"""Says what is wrong with the `throttle` or `digest` of a step, before its rule is saved. Pure."""

from rules.document import StepDocument
from rules.expressions import ExpressionError, Roots
from rules.pacing import parse_digest, parse_throttle
from rules.problems import Problem


def check_pace(at: str, step: StepDocument, roots: Roots, mode: str) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings. `mode`: the order of the rule's runs (`concurrency.mode`)."""
    given = [name for name in ("throttle", "digest") if getattr(step, name) is not None]
    if not given:
        return [], []
    if len(given) == 2:
        detail = "A step has one of `throttle` and `digest`: leave one of them out."
        return [Problem(f"{at}.digest", "ambiguous", detail)], []
    [name] = given
    if step.kind != "action":
        return [Problem(f"{at}.{name}", "not_for_kind", f"`{name}` belongs to a step with an `action`.")], []
    if name == "digest" and step.for_each is not None:
        detail = "`digest` gathers events, and `for_each` goes through a list: a step has one of them."
        return [Problem(f"{at}.digest", "ambiguous", detail)], []
    parse = parse_throttle if name == "throttle" else parse_digest
    try:
        parse(getattr(step, name)).condition(roots)
    except ExpressionError as error:
        return [Problem(f"{at}.{name}", error.code, str(error))], []
    if name == "digest" and mode != "parallel":
        detail = f"With `concurrency: {mode}` runs do not stand side by side: there will be little to gather."
        return [], [Problem(f"{at}.digest", "gathers_little", detail)]
    return [], []
