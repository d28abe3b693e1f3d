"""Tries a rule without any effect: would it fire, why, and what would be sent. The same code as live matching."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from audit.redaction import Redactor
from integrations import lookup, registry, specs, types
from integrations.errors import IntegrationError
from integrations.types import Platforms
from rules.cel.roots import COMMON
from rules.compiled import CompiledRule, CompiledStep, Each
from rules.conditions import Facts, evaluate
from rules.digests import as_item, roots_of
from rules.expanding import NoList, values_of
from rules.expressions import ExpressionError
from rules.kinds import MODELS
from rules.lookup_tables import tables_at
from rules.pacing import key_of
from rules.planning import facts_of
from rules.recipients import Recipients
from rules.rendering import render
from rules.since import State, at, look, outcome_of
from rules.variables import Variables
from supportops import clock

# Of so many items of a step with `for_each` a trial shows what would be sent.
MOST_ITEMS_SHOWN = 20


@dataclass(frozen=True)
class Trial:
    """What came of a trial, in the form of the API."""

    matched: bool
    outcome: str
    explanation: list[dict[str, Any]]
    steps: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "matched": self.matched,
            "outcome": self.outcome,
            "explanation": self.explanation,
            "steps": self.steps,
        }


def try_rule(
    rule: CompiledRule,
    event: specs.Event,
    platform: str,
    *,
    rule_name: str = "",
    organization: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Trial:
    """Return what `rule` would make of `event`. Nothing is sent and nothing is stored."""
    outcome, explanation = explain(rule, event, platform)
    about: dict[str, Any] = {"rule_name": rule_name, "organization": organization, "inputs": inputs}
    steps = try_steps(rule, event, platform, **about) if outcome == "matched" else []
    return Trial(outcome == "matched", outcome, explanation, steps)


def try_by_hand(
    rule: CompiledRule,
    *,
    rule_name: str = "",
    organization: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Trial:
    """Return what a rule that only people start would do with `inputs`, which have been checked. It asks no event."""
    trigger = rule.document.trigger
    line = _trigger_line("trigger.platform", "platform", trigger.platform, trigger.platform, True)
    line["reason"] = "People start this rule; no event is asked."
    steps = try_steps(
        rule,
        specs.Event("manual"),
        trigger.platform,
        rule_name=rule_name,
        organization=organization,
        inputs=inputs,
    )
    return Trial(True, "matched", [line], steps)


def try_steps(
    rule: CompiledRule,
    event: specs.Event,
    platform: str,
    *,
    rule_name: str = "",
    organization: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    platforms: Platforms | None = None,
) -> list[dict[str, Any]]:
    """Return what each step would send, whether or not the event fits: also for rules that people start.

    `platforms` are the organization's; asked for where they are not given.
    """
    known = types.platforms() if platforms is None else platforms
    roots = _roots(rule, event, platform, rule_name, organization or {}, inputs or {})
    return [
        {"id": step.name, **(_try_items(step, step.each, roots, known) if step.each else _try_step(step, roots, known))}
        for step in rule.steps
    ]


def explain(
    rule: CompiledRule,
    event: specs.Event,
    platform: str,
    *,
    now: datetime | None = None,
    meta: Mapping[str, Any] | None = None,
) -> tuple[str, list[dict[str, Any]]]:
    """Return the verdict on one event, and an explanation of the trigger and of every condition.

    A stored event is asked about as it was: with the time of its planning and what `meta` said then.
    """
    trigger = rule.document.trigger
    listens = [
        _trigger_line("trigger.platform", "platform", trigger.platform, platform, trigger.platform == platform),
        _trigger_line(
            "trigger.event",
            "meta.type",
            list(trigger.events),
            event.type,
            bool({"*", event.type} & set(trigger.events)),
        ),
    ]
    missed = [line for line in listens if not line["passed"]]
    if missed:
        return "not_matched", missed
    tables = tables_at(rule.condition_tables)
    facts = facts_of(
        platform, event, now or clock.now(), meta_of_trial(event, platform) if meta is None else meta, tables
    )
    verdict = evaluate(rule.node, facts)
    lines = [leaf.as_dict() for leaf in verdict.explanation]
    if trigger.since is None or verdict.outcome != "matched":
        return verdict.outcome, lines
    return _with_timer(rule, event, facts, lines)


def _with_timer(
    rule: CompiledRule, event: specs.Event, facts: Facts, lines: list[dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    """Return a verdict with what becomes of the timer of a rule that waits for nothing to happen."""
    happened_at = min((event.occurred_at and clock.in_utc(event.occurred_at)) or facts.now, facts.now)
    found = look(rule.document.trigger, rule.node, event.type, facts, happened_at)
    outcome = outcome_of(found, facts.now)
    line = _trigger_line("trigger.since", "timer", _since_shown(rule), None, True)
    line["operator"] = "since"
    if found.state is State.ARMED and found.due_at is not None:
        line["actual"] = found.due_at.isoformat()
        line["reason"] = f"Runs at {at(found.due_at)}, unless a later event of the same object ends that."
        if outcome != "matched" and found.anchor_at is not None:
            line["reason"] = f"{at(found.anchor_at)} has passed: there is nothing to wait for."
    else:
        line["reason"] = found.reason
    line["passed"] = {"matched": True, "not_matched": False}.get(outcome)
    return outcome, [*lines, line]


def _since_shown(rule: CompiledRule) -> dict[str, Any]:
    since = rule.document.trigger.since
    return since.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True) if since is not None else {}


def facts_to_try(event: specs.Event, platform: str) -> Facts:
    """Return what conditions are asked about an event that is tried now."""
    return facts_of(platform, event, clock.now(), meta_of_trial(event, platform))


def sample_event(platform: str, event_types: Iterable[str]) -> specs.Event:
    """Return the sample of the first of these event types that has one. Raises LookupError when none has."""
    for name in event_types:
        for spec in registry.get(platform).events:
            if name in ("*", spec.name) and spec.sample:
                main = spec.sample.get(spec.subject) if spec.subject else spec.sample
                external_id = str(main.get("id", "")) if isinstance(main, Mapping) else ""
                # An own event names its environment itself, where other platforms' have that of the account.
                stage = spec.sample.get("environment") if registry.get(platform).open_events else ""
                return specs.Event(spec.name, external_id, dict(spec.sample), environment=str(stage or ""))
    raise LookupError(f"{platform} has no sample of {', '.join(event_types)}; send the `event` itself.")


def as_payload(platform: str, event_type: str, typed: dict[str, Any]) -> dict[str, Any]:
    """Return what a person typed as an event's payload: the fields of the main object may stand alone."""
    try:
        spec = registry.get(platform).event_spec(event_type)
    except registry.UnknownPlatform:
        return typed
    if spec is None or not spec.subject or spec.subject in typed:
        return typed
    return {spec.subject: typed}


def _try_step(step: CompiledStep, roots: Mapping[str, Any], platforms: Platforms) -> dict[str, Any]:
    shown: dict[str, Any] = {"would_run": True, "parameters": None, "error": None, "warnings": []}
    try:
        if step.condition is not None and not step.condition.is_met(roots):
            return {**shown, "would_run": False}
        roots = _paced(step, roots, shown)
        model = MODELS.get(step.kind) or lookup.action_of(step.platform, step.action, platforms)[1].model
        rendered = render(step.parameters, roots, model=model, strict=step.strict, by_author=step.by_author)
        shown["parameters"] = Redactor().value(rendered.value)
        shown["warnings"] = list(rendered.warnings)
        model.model_validate(rendered.value)
    except ExpressionError as error:
        shown["error"] = str(error)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        shown["error"] = f"parameters.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except (IntegrationError, registry.UnknownPlatform) as error:
        shown["error"] = str(error)
    return shown


def _paced(step: CompiledStep, roots: Mapping[str, Any], shown: dict[str, Any]) -> Mapping[str, Any]:
    """Say how often the step would be done, and return the roots: a digest tells of this event alone."""
    pace = step.throttle or step.digest
    if pace is None:
        return roots
    shown["throttle" if step.throttle is not None else "digest"] = {
        "text": pace.text,
        "key": key_of(step.pace_key, roots),
    }
    if step.digest is None:
        return roots
    subjects = tuple(name for name in roots if name not in COMMON)
    item = as_item(roots["event"], subjects, roots["meta"], roots["inputs"], "")
    return {**roots, **roots_of([item], 1)}


def _try_items(step: CompiledStep, each: Each, roots: Mapping[str, Any], platforms: Platforms) -> dict[str, Any]:
    """Return what a step with `for_each` would send for its first items, and how often in all; None for what only the
    run itself knows."""
    shown: dict[str, Any] = {"would_run": True, "parameters": None, "error": None, "warnings": []}
    unknown = {**shown, "item_count": None, "calls": None, "items": None}
    try:
        if step.condition is not None and not each.asks_each and not step.condition.is_met(roots):
            return {**unknown, "would_run": False}
        if each.asks_steps:
            return {**unknown, "warnings": ["The list is known only once the steps before it have run."]}
        values, warnings = values_of(each, roots, strict=step.strict)
    except (NoList, ExpressionError) as error:
        return {**unknown, "error": str(error)}
    of_items = [{**roots, "item": value, "index": index} for index, value in enumerate(values)]
    first = [_try_step(step, own, platforms) for own in of_items[:MOST_ITEMS_SHOWN]]
    calls = sum(one["would_run"] for one in first) + sum(
        not each.asks_each or _would_run(step, own) for own in of_items[MOST_ITEMS_SHOWN:]
    )
    return {
        **shown,
        "would_run": not values or calls > 0,
        "warnings": list(warnings),
        "item_count": len(values),
        "calls": calls,
        "items": [{"index": index, **one} for index, one in enumerate(first)],
    }


def _would_run(step: CompiledStep, roots: Mapping[str, Any]) -> bool:
    try:
        return step.condition is None or step.condition.is_met(roots)
    except ExpressionError:
        return True  # it fails, and tells so


def _roots(
    rule: CompiledRule,
    event: specs.Event,
    platform: str,
    rule_name: str,
    organization: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    now = clock.now()
    nothing = {"output": None, "error": None, "status": None, "failed": False, "succeeded": False}
    roots: dict[str, Any] = {
        "event": event.payload,
        "meta": meta_of_trial(event, platform),
        "inputs": dict(inputs),
        # No earlier step has run in a trial.
        "steps": {step.name: dict(nothing) for step in rule.steps},
        "env": _env(rule),
        "vars": tables_at(rule.tables),
        "recipients": _recipients(rule),
        "run": {"environment": _environment(rule) or event.environment},
        "rule": {"id": str(rule.rule_id), "name": rule_name},
        "organization": dict(organization),
        "integration": {},
        "now": now.isoformat(),
    }
    for subject in rule.subjects(platform, event.type):
        roots[subject] = event.payload.get(subject)
    return roots


def _recipients(rule: CompiledRule) -> dict[str, Any]:
    """Return the lists of people; of the environment that the rule itself names."""
    if not any(step.names_recipients for step in rule.steps):
        return {}
    return Recipients().root(_environment(rule))


def _env(rule: CompiledRule) -> dict[str, Any]:
    """Return the variables, secrets as dots; of the environment that the rule itself names."""
    if all(step.variables is None for step in rule.steps):
        return {}
    return Variables().shown(_environment(rule))


def _environment(rule: CompiledRule) -> str:
    """Return the environment that the rule itself names."""
    return rule.document.trigger.environment or rule.document.environment or ""


def meta_of_trial(event: specs.Event, platform: str) -> dict[str, Any]:
    """Return what `meta` says of an event that is tried."""
    return {
        "type": event.type,
        "external_id": event.external_id,
        "occurred_at": (event.occurred_at or clock.now()).isoformat(),
        "platform": platform,
        "late": False,
    }


def _trigger_line(at: str, name: str, expected: Any, actual: Any, passed: bool) -> dict[str, Any]:
    operator = "in" if isinstance(expected, list) else "eq"
    return {
        "at": at,
        "field": name,
        "operator": operator,
        "expected": expected,
        "actual": actual,
        "passed": passed,
        "reason": "",
    }
