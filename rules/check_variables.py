"""Says what is wrong with the variables that a step names: unknown ones, and secrets that would go astray. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.bindings import may_go_to
from integrations.specs import ActionSpec
from rules.catalogue import KnownScripts, KnownVariable
from rules.cel.encoding import has_host
from rules.expressions import ExpressionError, compile_condition, compile_template, has_expression
from rules.problems import Problem
from rules.script_checks import why_no_secret


def check_variables(
    at: str,
    parameters: Mapping[str, Any],
    condition: str | None,
    spec: ActionSpec | None,
    known: Sequence[KnownVariable],
    scripts: KnownScripts | None = None,
) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings about variables in a step whose expressions compile."""
    by_name: dict[str, list[KnownVariable]] = {}
    for variable in known:
        by_name.setdefault(variable.name, []).append(variable)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    if condition is not None:
        names = _names(compile_condition(condition).expression.node.paths())
        warnings += [_unknown(f"{at}.condition", name) for name in names if name not in by_name]
    url = literal_url(parameters)
    for path, text in _texts(parameters, ()):
        where = ".".join((at, "parameters", *map(str, path)))
        for name in _names(compile_template(text).paths_used()):
            if name not in by_name:
                warnings.append(_unknown(where, name))
                continue
            secrets = [variable for variable in by_name[name] if variable.is_secret]
            if secrets and scripts is not None:
                if why := why_no_secret(name, secrets[0].hosts, path, scripts):
                    problems.append(Problem(where, "secret_not_allowed", why))
            elif secrets and spec is not None and spec.goes_to is None:
                detail = f"'{name}' is a secret: it goes into requests to its hosts alone (http_request, webhook)."
                problems.append(Problem(where, "secret_not_allowed", detail))
            elif secrets and url and not any(may_go_to(url, variable.hosts) for variable in secrets):
                hosts = ", ".join(dict.fromkeys(host for variable in secrets for host in variable.hosts))
                detail = f"'{name}' is a secret for {hosts}, and this request goes elsewhere."
                problems.append(Problem(where, "secret_host", detail))
    return problems, warnings


def _names(paths: set[tuple[str | int, ...]]) -> list[str]:
    return sorted(str(path[1]) for path in paths if path[0] == "env" and len(path) > 1)


def _unknown(where: str, name: str) -> Problem:
    detail = f"There is no variable '{name}' yet: runs will fail here until there is one."
    return Problem(where, "unknown_variable", detail)


def literal_url(parameters: Mapping[str, Any]) -> str | None:
    """Return the address of a request as far as its author wrote it out; None where an expression may be its host."""
    url = parameters.get("url")
    if not isinstance(url, str):
        return None
    written, opening, _ = url.partition("{{")
    if opening and "/" not in written.partition("://")[2]:
        return None
    return written if has_host(written) else None


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        if has_expression(value):
            try:
                compile_template(value)
            except ExpressionError:  # told where expressions are checked
                return
            yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _texts(part, (*path, place))
