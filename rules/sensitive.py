"""What is secret in the output of a step, such as a token that it fetched: sealed, masked, given to later steps of the
run that name it, and bound to hosts as secret variables are.

Only a path that an expression names (`steps.login.output.body.token`) leads to the value; found in any other way it is
dots.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.models import Step, StepSecret
from rules.named import NamedPath
from rules.variables import Secret
from supportops import odd_json
from supportops.redaction import MASK

# A way into an output; places of a list as text.
Way = tuple[str, ...]


@dataclass(frozen=True)
class Sensitive:
    """What of a step's output is secret, and where it may be sent; without hosts where it came from."""

    paths: tuple[Way, ...]
    hosts: tuple[str, ...] = ()


@dataclass
class TakenOut:
    """An output without what is secret in it. `missing`: ways that lead nowhere."""

    output: Any
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    missing: list[str] = field(default_factory=list)


def way_of(path: str) -> Way:
    """Return the way that a dotted path is. Raises ValueError."""
    way = tuple(path.strip().split("."))
    if not all(part.strip() and part == part.strip() for part in way):
        raise ValueError(f"'{path[:80]}' is no path: write names with dots between them, such as body.access_token")
    return way


def take_out(output: Any, ways: Iterable[Way]) -> TakenOut:
    """Return a copy of an output with dots at these ways, and what stood there."""
    taken = TakenOut(odd_json.loads(odd_json.dumps(output)))
    for way in ways:
        place, last = _at(taken.output, way[:-1]), way[-1]
        key = _key(place, last)
        if key is None or place[key] in (None, "", MASK):
            taken.missing.append(".".join(way))
            continue
        taken.values[".".join(way)] = place[key]
        place[key] = MASK
    return taken


def named_by(paths: Iterable[NamedPath], sensitive: Mapping[str, Sensitive]) -> frozenset[tuple[str, str]]:
    """Return which secrets expressions name by these paths: (step, way). `sensitive`: of steps, by id."""
    found = set()
    for path in paths:
        if len(path) < 4 or path[0] != "steps" or path[2] != "output" or str(path[1]) not in sensitive:
            continue
        rest = tuple(map(str, path[3:]))
        for way in sensitive[str(path[1])].paths:
            if rest[: len(way)] == way:
                found.add((str(path[1]), ".".join(way)))
    return frozenset(found)


def name_of(step: str, way: str) -> str:
    """Return how expressions name a secret of a step's output."""
    return f"steps.{step}.output.{way}"


def texts_of(value: Any) -> list[str]:
    """Return the texts by which a secret value is recognised wherever it stands."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in texts_of(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def keep(step: Step, values: Mapping[str, Any], hosts: Sequence[str]) -> None:
    """Seal what was taken out of a step's output, in place of what an earlier time gave."""
    row = StepSecret.objects.filter(step=step).first() or StepSecret(organization_id=step.organization_id, step=step)
    row.values.put(dict(values))
    row.hosts = list(hosts)
    row.save()


@dataclass
class Opened:
    """The secrets of a run: what `steps` is for a step that names some of them, these, and all texts to mask."""

    steps: Mapping[str, Any]
    named: list[Secret]
    texts: list[str] = field(repr=False)


def opened(run_id: uuid.UUID, named: Iterable[tuple[str, str]], steps: Mapping[str, Any]) -> Opened:
    """Open the secrets of a run's steps. Needs the organization in scope."""
    rows = {row.step.name: row for row in StepSecret.objects.select_related("step").filter(step__run_id=run_id)}
    values = {name: row.values.open() or {} for name, row in rows.items()}
    result = Opened(dict(steps), [], [text for of_step in values.values() for text in texts_of(of_step)])
    for name, way in sorted(named):
        value = values.get(name, {}).get(way)
        outcome = result.steps.get(name)
        if value is None or not isinstance(outcome, Mapping):
            continue
        result.steps = {**result.steps, name: {**outcome, "output": _put(outcome.get("output"), way.split("."), value)}}
        hosts = tuple(rows[name].hosts)
        result.named += [Secret(name_of(name, way), text, hosts) for text in texts_of(value)]
    return result


def _at(value: Any, way: Sequence[str]) -> Any:
    for part in way:
        key = _key(value, part)
        if key is None:
            return None
        value = value[key]
    return value


def _key(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return part if part in value else None
    if isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
        return int(part)
    return None


def _put(value: Any, way: Sequence[str], secret: Any) -> Any:
    """Return a copy of `value` with the secret where the dots are."""
    if not way:
        return secret
    key = _key(value, way[0])
    if key is None:
        return value
    changed = _put(value[key], way[1:], secret)
    if isinstance(value, dict):
        return {**value, key: changed}
    return [*value[:key], changed, *value[key + 1 :]]
