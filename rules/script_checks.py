"""Says whether a step's script may run and be given what it asks for: when its rule is saved, started and run."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from integrations import lookup, script_grants
from integrations.errors import IntegrationError
from integrations.sandbox.job import Granted
from integrations.script_parameters import FOLDER
from rules.catalogue import KnownScripts
from rules.document import RuleDocument, StepDocument
from rules.expressions import has_expression
from rules.problems import Problem, Refused
from rules.variables import Secret

_SECRETS_STAND_IN = frozenset({"env", "script"})


def check_script(at: str, step: StepDocument, known: KnownScripts) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings of a step that runs a script."""
    if known.why_not is not None:
        return [Problem(f"{at}.action", "not_available", known.why_not)], []
    problems = []
    if "values" in step.parameters:
        detail = "`values` is filled in from the script's expressions: leave it out."
        problems.append(Problem(f"{at}.parameters.values", "read_only", detail))
    for name in ("script", "file"):
        text = step.parameters.get(name)
        if not isinstance(text, str) or has_expression(text):
            continue
        if name == "file" or text.strip().startswith(FOLDER):
            wanted = text.strip().removeprefix(FOLDER)
            if wanted not in known.names:
                detail = f"There is no script '{wanted}' yet: runs will fail here until there is one."
                return problems, [Problem(f"{at}.parameters.{name}", "unknown_script", detail)]
    return problems, []


def why_no_secret(name: str, hosts: Sequence[str], path: Sequence[Any], known: KnownScripts) -> str | None:
    """Return why a secret variable cannot stand in this parameter of a script, None where it can."""
    if not path or path[0] not in _SECRETS_STAND_IN:
        return f"'{name}' is a secret: a script gets it in its environment alone (`env`), where nobody else sees it."
    if not script_grants.may_have_secret(hosts, has_network=known.has_network, granted=known.secret_hosts):
        return _told(name, hosts)
    return None


def why_not_given(secrets: Sequence[Secret], granted: Granted, data: BaseModel) -> str | None:
    """Return why a script cannot be run with these secrets, None where it can. The last word, before each call."""
    for secret in secrets:
        if any(secret.text in argument for argument in getattr(data, "args", ())):
            return f"The variable '{secret.name}' is a secret: it is given in the environment, not as an argument."
        may = script_grants.may_have_secret(
            secret.hosts, has_network=granted.access.has_network, granted=granted.secret_hosts
        )
        if not may:
            return _told(secret.name, secret.hosts)
    return None


def _told(name: str, hosts: Sequence[str]) -> str:
    return (
        f"The variable '{name}' is a secret for {', '.join(hosts)}, and scripts have the network: they get it only"
        " where the operator's grant names these hosts."
    )


def refuse_without_grant(document: RuleDocument) -> None:
    """Raise Refused where a rule that is about to be started runs scripts that may not run."""
    for _, step in document.named_steps():
        try:
            _, spec = lookup.action_of(step.platform or "", step.action or "")
        except IntegrationError:
            continue  # told by its run
        if spec.runs_script and (why := script_grants.why_not()):
            raise Refused([Problem("", "not_available", why)])
