"""Takes a `.env` file in as variables: first a plan that a person may correct, then all of it or nothing.

Needs the organization in scope. A plan names no value: secrets are shown nowhere.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from audit.recording import record
from integrations import registry
from rules import variables
from rules.env_file import EnvEntry, read_env
from rules.env_guesses import environment_of, hosts_for, why_secret
from rules.models import Variable
from rules.problems import Problem, Refused
from rules.table_text import typed
from supportops.tenancy.models import Environment, Organization
from supportops.tenancy.scope import current_organization_id

# What a person may correct in a row of the plan.
CORRECTED = ("name", "environment", "secret", "hosts", "skip")


@dataclass
class Planned:
    """What taking in one line would do. `action`: created, changed, unchanged or skipped."""

    entry: EnvEntry
    name: str
    environment: str | None
    is_secret: bool
    hosts: tuple[str, ...]
    action: str = "created"
    why_secret: str = ""
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    row: Variable | None = None

    @property
    def value(self) -> Any:
        """What the variable would hold."""
        return self.entry.value if self.is_secret or self.entry.is_quoted else typed(self.entry.value)

    def wish(self) -> variables.Wish:
        """Return it as the deeds take it."""
        return variables.Wish(self.name, self.value, self.is_secret, self.environment, self.hosts)

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of the API, without any value."""
        return {
            "line": self.entry.line,
            "name_in_file": self.entry.name,
            "name": self.name,
            "environment": self.environment,
            "secret": self.is_secret,
            "why_secret": self.why_secret,
            "hosts": list(self.hosts),
            "action": self.action,
            "notes": self.notes,
            "problems": [
                {"attr": problem.attr, "code": problem.code, "detail": problem.detail} for problem in self.problems
            ],
        }


def plan(text: str, corrections: Mapping[int, Mapping[str, Any]] | None = None) -> list[Planned]:
    """Return what taking in a `.env` file would do, with all that stands against it. Changes nothing.

    `corrections` by line: any of CORRECTED. Raises Refused for a text that cannot be read, and for a correction of a
    line in which no variable begins.
    """
    entries = read_env(text)
    given = dict(corrections or {})
    if unknown := sorted(set(given) - {entry.line for entry in entries}):
        raise Refused([Problem("variables", "unknown_line", f"No variable begins in line {unknown[0]}.")])
    environments = set(Environment.objects.values_list("name", flat=True))
    known = {(row.name, _name_of(row.environment)): row for row in Variable.objects.select_related("environment")}
    planned = [_proposal(entry, entries, environments, known, given.get(entry.line, {})) for entry in entries]
    first: dict[tuple[str, str | None], Planned] = {}
    for item in planned:
        if item.action == "skipped":
            continue
        place = (item.name, item.environment)
        if place in first:
            detail = f"Line {first[place].entry.line} gives the same variable for the same environment."
            item.problems.append(Problem("name", "not_unique", detail))
        first.setdefault(place, item)
        _compare(item, known.get(place))
    return planned


def take_in(planned: Sequence[Planned]) -> None:
    """Do what a plan says: all of it, or nothing. Raises Refused where something stands against it."""
    if problems := list(problems_of(planned)):
        raise Refused(problems)
    with transaction.atomic():
        for item in planned:
            if item.action == "created":
                variables.create(item.wish())
            elif item.action == "changed" and item.row is not None:
                variables.change(item.row, item.wish())
        done = {
            action: [item.name for item in planned if item.action == action]
            for action in ("created", "changed", "unchanged", "skipped")
        }
        organization = Organization.objects.get(pk=current_organization_id())
        record("variables.imported", organization, changes={name: names for name, names in done.items() if names})


def problems_of(planned: Sequence[Planned]) -> Iterable[Problem]:
    """Yield what stands against a plan, each at its place in the list and with its line."""
    for place, item in enumerate(planned):
        for problem in item.problems:
            detail = f"Line {item.entry.line} ({item.entry.name}): {problem.detail}"
            yield Problem(f"variables.{place}.{problem.attr}", problem.code, detail)


def _proposal(
    entry: EnvEntry,
    entries: Sequence[EnvEntry],
    environments: set[str],
    known: Mapping[tuple[str, str | None], Variable],
    correction: Mapping[str, Any],
) -> Planned:
    name, environment = environment_of(entry.name, environments)
    name = str(correction.get("name") or name)
    environment = (correction["environment"] or None) if "environment" in correction else environment
    row = known.get((name, environment))
    why = "it is one already" if row is not None and row.is_secret else why_secret(entry.name, entry.value)
    is_secret = bool(correction.get("secret", bool(why) and bool(entry.value)))
    hosts: Iterable[str] = correction.get("hosts") or ()
    if is_secret and "hosts" not in correction:
        hosts = row.hosts if row is not None and row.is_secret else hosts_for(entry, entries)
    skips = bool(correction.get("skip", not entry.value))
    item = Planned(entry, name, environment, is_secret, tuple(hosts) if is_secret else ())
    item.why_secret = why if is_secret else ""
    item.action = "skipped" if skips else "created"
    item.notes = list(_notes(entry, is_secret=is_secret))
    return item


def _notes(entry: EnvEntry, *, is_secret: bool) -> Iterable[str]:
    if not entry.value:
        yield "It has no value, so it is left out."
    if entry.names_others:
        yield "It names another variable with $: it is taken as it is written, nothing is filled in."
    if is_secret and (platform := _platform_of(entry.name)):
        yield (
            f"This looks like a credential of {platform}: as an integration it would be tested, and steps of "
            f"{platform} could use it."
        )


def _compare(item: Planned, row: Variable | None) -> None:
    """Say whether a planned variable is there already, and what keeps it from being written."""
    item.row = row
    if row is not None:
        stored = row.secret.open() if row.is_secret else row.value
        is_same = (type(stored), stored) == (type(item.value), item.value)
        if is_same and row.is_secret == item.is_secret and set(row.hosts) == set(item.hosts):
            item.action = "unchanged"
            return
        item.action = "changed"
        if row.is_secret and not item.is_secret:
            item.notes.append("It is a secret at present, and would be readable.")
    try:
        variables.check(item.wish(), row)
    except Refused as refused:
        item.problems += refused.problems


def _platform_of(name: str) -> str:
    """Return the name of the platform whose key a variable's name begins with, "" where there is none."""
    upper = name.upper()
    for connector in registry.all_connectors():
        word = re.sub(r"[^A-Z0-9]+", "_", connector.key.upper())
        if not connector.is_generic and upper.startswith(f"{word}_"):
            return connector.name
    return ""


def _name_of(environment: Environment | None) -> str | None:
    return environment.name if environment is not None else None
