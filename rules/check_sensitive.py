"""Says what is wrong with secrets in outputs of steps: paths, hosts, steps that would send them astray. Pure."""

from integrations.bindings import may_go_to, origin_of
from integrations.specs import ActionSpec
from rules.check_variables import literal_url
from rules.document import RuleDocument, StepDocument
from rules.expressions import ExpressionError
from rules.named import NamedPath, paths_in
from rules.pacing import parse_digest, parse_throttle
from rules.problems import Problem
from rules.sensitive import Sensitive, name_of, named_by, way_of


def sensitive_steps(document: RuleDocument) -> dict[str, Sensitive]:
    """Return what is secret in the outputs of a document's steps, by their ids; what is no path is left out."""
    found = {}
    for name, step in document.named_steps():
        if step.sensitive is None:
            continue
        ways = []
        for path in step.sensitive.paths:
            try:
                ways.append(way_of(path))
            except ValueError:
                continue  # told where documents are checked
        found[name] = Sensitive(tuple(ways), tuple(host.strip() for host in step.sensitive.hosts))
    return found


def check_sensitive(at: str, step: StepDocument, spec: ActionSpec | None) -> list[Problem]:
    """Return what is wrong with a step's `sensitive`. `spec`: its action, as far as it is known."""
    if step.sensitive is None:
        return []
    if step.kind != "action" or step.for_each is not None:
        what = "`for_each`" if step.for_each is not None else f"`{step.kind}`"
        return [
            Problem(f"{at}.sensitive", "not_for_kind", f"`sensitive` is for the output of one call, not for {what}.")
        ]
    problems = []
    for place, path in enumerate(step.sensitive.paths):
        try:
            way_of(path)
        except ValueError as error:
            problems.append(Problem(f"{at}.sensitive.paths.{place}", "invalid", f"{error}."))
    for place, host in enumerate(step.sensitive.hosts):
        try:
            origin_of(host)
        except ValueError as error:
            problems.append(Problem(f"{at}.sensitive.hosts.{place}", "invalid", f"{error}."))
    if spec is not None and spec.goes_to is None and not step.sensitive.hosts:
        detail = (
            f"Say where it may be sent: `sensitive: {{paths: [...], hosts: [...]}}`. '{step.action}' has no one host."
        )
        problems.append(Problem(f"{at}.sensitive.hosts", "required", detail))
    return problems


def check_use(at: str, step: StepDocument, spec: ActionSpec | None, document: RuleDocument) -> list[Problem]:
    """Return where a step would give away what is secret in another one's output, as far as that can be told."""
    sensitive = sensitive_steps(document)
    if not sensitive:
        return []
    problems = [
        Problem(f"{at}.{where}", "secret_not_allowed", f"'{name_of(*one)}' is a secret: it cannot stand here.")
        for where, paths in _other_places(step)
        for one in sorted(named_by(paths, sensitive))
    ]
    try:
        named = sorted(named_by(paths_in(step.given), sensitive))
    except ExpressionError:
        return problems  # told where expressions are checked
    inner = "parameters" if step.kind == "action" else step.kind
    url = literal_url(step.given) if step.kind == "action" else None
    steps = dict(document.named_steps())
    for name, way in named:
        secret = name_of(name, way)
        if step.kind != "action" or (spec is not None and spec.goes_to is None and not spec.runs_script):
            detail = f"'{secret}' is a secret: it goes into requests to its hosts alone (http_request, webhook)."
            problems.append(Problem(f"{at}.{inner}", "secret_not_allowed", detail))
            continue
        hosts = sensitive[name].hosts or _origin(steps[name])
        if url and hosts and not may_go_to(url, hosts):
            detail = f"'{secret}' is a secret for {', '.join(hosts)}, and this request goes elsewhere."
            problems.append(Problem(f"{at}.{inner}", "secret_host", detail))
    return problems


def _other_places(step: StepDocument) -> list[tuple[str, set[NamedPath]]]:
    """Return the paths that are named where nothing is sent, but kept in the open: keys and lists."""
    found = []
    for name, parse in (("throttle", parse_throttle), ("digest", parse_digest)):
        text = getattr(step, name)
        if text is None:
            continue
        try:
            condition = parse(text).condition()
        except ExpressionError:
            continue  # told where paces are checked
        if condition is not None:
            found.append((name, condition.expression.node.paths()))
    if step.for_each is not None:
        try:
            found.append(("for_each", paths_in(step.items)))
        except ExpressionError:
            return found
    return found


def _origin(step: StepDocument) -> tuple[str, ...]:
    url = literal_url(step.given)
    if not url:
        return ()
    scheme, _, rest = url.partition("://")
    return (f"{scheme}://{rest.partition('/')[0]}",)
