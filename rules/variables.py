"""The organization's variables: kept by people, read by rules as ``env.NAME``. Needs the organization in scope.

The one of the run's environment comes before the one without. A secret is opened only for a step that names it, and
only when its request goes to one of the secret's hosts.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.recording import record
from integrations.bindings import may_go_to, origin_of
from rules.models import Variable
from rules.named import below, paths_in
from rules.problems import Problem, Refused
from supportops import clock
from supportops.redaction import MASK, SHORTEST
from supportops.tenancy.models import Environment
from supportops.tenancy.scope import current_organization_id

MOST_CHARACTERS = 64 * 1024
MOST_HOSTS = 50


@dataclass(frozen=True)
class Secret:
    """A secret variable in the open, and where it may go."""

    name: str
    text: str = field(repr=False)
    hosts: tuple[str, ...]

    def may_go_to(self, url: str) -> bool:
        """Return whether the secret may stand in a request to `url`."""
        return may_go_to(url, self.hosts)


class Variables:
    """All variables of the organization, read with one query when first asked for."""

    @cached_property
    def _rows(self) -> list[Variable]:
        # Those without environment first, so that the others replace them.
        rows = Variable.objects.select_related("environment")
        return sorted(rows, key=lambda row: row.environment_id is not None)

    def root(self, environment: str, named: Collection[str]) -> tuple[dict[str, Any], list[Secret]]:
        """Return what `env` is for a step that names these variables, and the secrets in it."""
        values: dict[str, Any] = {}
        secrets: dict[str, Secret] = {}
        for row in self._seen_from(environment):
            if not row.is_secret:
                values[row.name] = row.value
                secrets.pop(row.name, None)
            elif row.name in named:
                secret = Secret(row.name, str(row.secret.open() or ""), tuple(row.hosts))
                values[row.name], secrets[row.name] = secret.text, secret
            else:
                values.pop(row.name, None)
        return values, list(secrets.values())

    def shown(self, environment: str) -> dict[str, Any]:
        """Return what `env` is in a trial: secrets are dots."""
        return {row.name: MASK if row.is_secret else row.value for row in self._seen_from(environment)}

    def _seen_from(self, environment: str) -> Iterable[Variable]:
        return (row for row in self._rows if row.environment is None or row.environment.name == environment)


def named_in(parameters: Any, condition: str | None = None) -> frozenset[str] | None:
    """Return the names of the variables that expressions name, by ``env.NAME`` or ``env["NAME"]``.

    None where nothing looks at `env`. What is found otherwise (``env[inputs.x]``, ``env.?X``) is never a secret.
    """
    paths = paths_in(parameters, condition)
    return below("env", paths) if any(path[0] == "env" for path in paths) else None


# --- what people do with them -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """What a variable shall be. `value` None: keep the stored one."""

    name: str
    value: Any = None
    is_secret: bool = False
    environment: str | None = None
    hosts: tuple[str, ...] = ()


def check(wish: Wish, row: Variable | None = None) -> None:
    """Raise Refused, with everything that is wrong, where `create` (or `change`, of `row`) could not do this."""
    if row is not None:
        _refuse_unseen(row, wish)
    filled = _new() if row is None else Variable.objects.get(pk=row.pk)
    _fill(filled, wish)
    _clean(filled)


def create(wish: Wish) -> Variable:
    """Make a variable. Raises Refused."""
    row = _new()
    _fill(row, wish)
    with transaction.atomic():
        _save(row, force_insert=True)
        record("variable.created", row, changes=_shown(row))
    return row


def change(row: Variable, wish: Wish) -> Variable:
    """Make a variable what `wish` says. Raises Refused.

    A secret never becomes readable, and goes nowhere new, unless its value is given again.
    """
    _refuse_unseen(row, wish)
    before = _shown(row)
    _fill(row, wish)
    row.updated_at = clock.now()
    with transaction.atomic():
        _save(row)
        after = _shown(row)
        changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if wish.value is not None:
            changes.setdefault("value", [MASK, MASK])
        record("variable.changed", row, changes=changes)
    return row


def delete(row: Variable) -> None:
    """Remove a variable. Steps that read it fail from then on, and say so."""
    with transaction.atomic():
        record("variable.deleted", row, changes=_shown(row))
        row.delete()


def warnings_of(row: Variable) -> list[str]:
    """Return what somebody who keeps this variable should know."""
    if row.is_secret and len(str(row.secret.open() or "")) < SHORTEST:
        return [f"The value has fewer than {SHORTEST} characters: it cannot be masked in outputs and logs."]
    return []


def _new() -> Variable:
    return Variable(organization_id=current_organization_id())


def _refuse_unseen(row: Variable, wish: Wish) -> None:
    """Refuse what would show a stored secret to somebody, or send it somewhere new."""
    is_kept = wish.value is None
    if is_kept and row.is_secret and not wish.is_secret:
        raise Refused([Problem("value", "required", "Give the value: a secret that is stored is never shown.")])
    new_hosts = {origin_of(host) for host in _hosts(wish.hosts)} - {origin_of(host) for host in row.hosts}
    if is_kept and row.is_secret and new_hosts:
        detail = "The secret would go to hosts that are new: give its value again together with them."
        raise Refused([Problem("value", "credentials_required", detail)])


def _fill(row: Variable, wish: Wish) -> None:
    problems: list[Problem] = []
    row.name, row.is_secret = wish.name, wish.is_secret
    row.environment = _environment(wish.environment, problems)
    try:
        row.hosts = list(dict.fromkeys(_hosts(wish.hosts)))
    except Refused as refused:
        problems += refused.problems
    if wish.is_secret and not wish.hosts:
        problems.append(Problem("hosts", "required", "Say where the secret may be sent: a list of hosts."))
    if not wish.is_secret and wish.hosts:
        problems.append(Problem("hosts", "not_for_plain", "Only a secret is bound to hosts: it stands in no answer."))
    problems += _value_problems(row, wish)
    if problems:
        raise Refused(problems)
    if wish.value is None:
        return
    if wish.is_secret:
        row.value = None
        row.secret.put(wish.value)
    else:
        row.value = wish.value
        if row.secret.is_set:
            row.secret.put(None)


def _value_problems(row: Variable, wish: Wish) -> Iterable[Problem]:
    if wish.value is None:
        if row._state.adding:
            yield Problem("value", "required", "The variable needs a value.")
    elif not isinstance(wish.value, str | int | float | bool):
        yield Problem("value", "invalid", "A value is a text, a number, true or false.")
    elif wish.is_secret and not (isinstance(wish.value, str) and wish.value.strip()):
        yield Problem("value", "invalid", "A secret is a text that is not empty.")
    elif len(str(wish.value)) > MOST_CHARACTERS:
        yield Problem("value", "too_large", f"A value has at most {MOST_CHARACTERS} characters.")


def _hosts(given: Iterable[str]) -> list[str]:
    hosts = [host.strip() for host in given]
    problems = []
    if len(hosts) > MOST_HOSTS:
        problems.append(Problem("hosts", "too_many", f"A secret is bound to at most {MOST_HOSTS} hosts."))
    for place, host in enumerate(hosts[:MOST_HOSTS]):
        try:
            origin_of(host)
        except ValueError as error:
            problems.append(Problem(f"hosts.{place}", "invalid_host", f"{error}."))
    if problems:
        raise Refused(problems)
    return hosts


def _environment(name: str | None, problems: list[Problem]) -> Environment | None:
    if not name:
        return None
    found: Environment | None = Environment.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none"
        detail = f"There is no environment '{name}'. Environments: {known}."
        problems.append(Problem("environment", "unknown_environment", detail))
    return found


def _clean(row: Variable) -> None:
    try:
        row.clean_fields(exclude=["organization", "secret", "value"])
    except ValidationError as error:
        details = error.message_dict
        raise Refused([Problem(name, "invalid", " ".join(texts)) for name, texts in details.items()]) from None


def _save(row: Variable, **options: bool) -> None:
    _clean(row)
    try:
        with transaction.atomic():
            row.save(**options)
    except IntegrityError:
        where = f" for the environment '{row.environment.name}'" if row.environment else ""
        detail = f"There is a variable '{row.name}'{where} already."
        raise Refused([Problem("name", "not_unique", detail)]) from None


def _shown(row: Variable) -> dict[str, Any]:
    return {
        "name": row.name,
        "environment": row.environment.name if row.environment else None,
        "secret": row.is_secret,
        "hosts": list(row.hosts),
        "value": MASK if row.is_secret else row.value,
    }
