"""Rule documents made ready for work: parsed once per version, kept per process.

A cache by version, never state: a version is frozen, and an organization's set of rules is loaded again when the
organization's version number has moved on.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F

from integrations import registry
from integrations.models import Integration
from integrations.specs import EventSpec
from rules import recipients, variables
from rules.calendars import Calendars
from rules.cel.roots import OF_ITEM
from rules.check_sensitive import sensitive_steps
from rules.checking import schema_of, subject_of
from rules.conditions import compile_conditions
from rules.document import RuleDocument, StepDocument, step_of_item
from rules.expressions import Condition, compile_condition
from rules.flow import Graph, in_sequence
from rules.index import IndexedRule, RuleIndex
from rules.models import RuleVersion
from rules.named import below, paths_in
from rules.nodes import Node, paths_named
from rules.pacing import Digest, Throttle, parse_digest, parse_throttle
from rules.rendering import items_by_author, roots_in
from rules.retry import RetryPolicy
from rules.sensitive import Sensitive, name_of, named_by
from supportops.tenancy.scope import current_organization_id


@dataclass(frozen=True)
class Each:
    """The list that a step is done for, item by item."""

    items: str | list[Any]
    most: int
    in_flight: int
    # Whether the step's condition names the item, and so is asked for each; else it decides about the whole step.
    asks_each: bool
    # Whether the list depends on what steps before bring.
    asks_steps: bool
    # Which variables the list names.
    variables: frozenset[str]
    # Roots whose data the rule's author chose as far as this step is concerned (rules.rendering).
    by_author: frozenset[str]


@dataclass(frozen=True)
class CompiledStep:
    """One step of a document."""

    name: str
    platform: str
    action: str
    integration: str | None
    parameters: dict[str, Any]
    condition: Condition | None
    on_failure: str
    on_uncertain: str
    retry: RetryPolicy
    timeout: float
    optional: bool
    strict: bool
    # action, or one of rules.kinds.
    kind: str = "action"
    # Whether they look at `recipients`.
    names_recipients: bool = False
    # The lookup tables that they name.
    tables: frozenset[str] = frozenset()
    # Where it waits for a worker.
    queue: str = "work"
    # Which variables its condition and parameters name; None: it does not look at `env`.
    variables: frozenset[str] | None = None
    # Those that its parameters name, which are sent somewhere.
    sent_variables: frozenset[str] = frozenset()
    # What is secret in its output, and which secrets of other steps' outputs it names: (step, way).
    sensitive: Sensitive | None = None
    opens: frozenset[tuple[str, str]] = frozenset()
    throttle: Throttle | None = None
    digest: Digest | None = None
    # What tells events apart for either of them.
    pace_key: Condition | None = None
    each: Each | None = None

    @property
    def is_tolerated(self) -> bool:
        """Whether the run goes on where this step fails."""
        return self.on_failure == "continue" or self.optional

    @property
    def by_author(self) -> frozenset[str]:
        """Return the roots beside the common ones whose data the rule's author chose."""
        return self.each.by_author if self.each is not None else frozenset()


@dataclass(frozen=True)
class CompiledRule:
    """One version of a rule."""

    rule_id: uuid.UUID
    version_id: uuid.UUID
    document: RuleDocument
    node: Node
    steps: tuple[CompiledStep, ...]
    graph: Graph
    # What tells the rule's runs apart where its `concurrency` orders them; None: nothing does.
    concurrency_key: Condition | None = None
    # The lookup tables that its conditions name.
    condition_tables: frozenset[str] = frozenset()

    @property
    def tables(self) -> frozenset[str]:
        """Return the lookup tables that it names anywhere."""
        return self.condition_tables.union(*(step.tables for step in self.steps))

    @cached_property
    def has_sensitive(self) -> bool:
        """Whether some step's output has secrets in it."""
        return any(step.sensitive is not None for step in self.steps)

    @cached_property
    def _by_name(self) -> dict[str, CompiledStep]:
        return {step.name: step for step in self.steps}

    def step(self, name: str) -> CompiledStep:
        """Return a step by its id in the document, or by the name of one of its items."""
        found = self._by_name.get(name)
        return found if found is not None else self._by_name[step_of_item(name)]

    def subjects(self, platform: str, event_type: str) -> tuple[str, ...]:
        """Return the names by which expressions call the event's main object."""
        return subjects_of(platform, event_type)

    @property
    def mode(self) -> str:
        """Return how runs with one key go: `parallel`, `queued`, `single` or `restart`."""
        return self.document.concurrency.mode


def subjects_of(platform: str, event_type: str) -> tuple[str, ...]:
    """Return the name of the main object of an event type as a tuple; empty where it has none."""
    try:
        spec = registry.get(platform).event_spec(event_type)
    except registry.UnknownPlatform:
        return ()
    return (spec.subject,) if spec is not None and spec.subject else ()


class OrganizationRules:
    """The enabled rules of one organization at one version number, indexed."""

    def __init__(self, version: int) -> None:
        self.version = version
        current = (
            RuleVersion.objects.filter(number=F("rule__version"), rule__is_enabled=True, rule__deleted_at__isnull=True)
            .annotate(rule_name=F("rule__name"))
            .order_by("rule_id")
        )
        self.rules: dict[uuid.UUID, CompiledRule] = {}
        self.names: dict[uuid.UUID, str] = {}
        for row in current:
            self.names[row.rule_id] = row.rule_name
            try:
                self.rules[row.rule_id] = _remembered(row)
            except Exception:  # one that a changed connector no longer fits fails alone
                log.exception("rule.not_compiled", rule=str(row.rule_id), version=row.number)
        self.condition_tables: frozenset[str] = frozenset().union(
            *(rule.condition_tables for rule in self.rules.values())
        )
        # The same by what the index calls them.
        self.by_key: dict[Hashable, CompiledRule] = {key: rule for key, rule in self.rules.items()}  # noqa: C416
        # Those that wait for nothing to happen.
        self.timed = {key: rule for key, rule in self.rules.items() if rule.document.trigger.since is not None}
        # Read when a condition first asks for one; a change of a calendar moves the organization's version number.
        self.calendars = Calendars()
        integrations = {row.name: row.pk for row in Integration.objects.only("id", "name")}
        self.index = RuleIndex(indexed(rule, integrations) for rule in self.rules.values() if rule.document.listens)


log = structlog.get_logger()

_MOST_VERSIONS = 20_000
_versions: "OrderedDict[uuid.UUID, CompiledRule]" = OrderedDict()
_organizations: dict[uuid.UUID, OrganizationRules] = {}
_lock = threading.RLock()


def rules_of_organization(version: int) -> OrganizationRules:
    """Return the rules of the organization in scope at `version` (Organization.rules_version)."""
    organization_id = current_organization_id()
    with _lock:
        known = _organizations.get(organization_id)
        if known is None or known.version != version:
            known = _organizations[organization_id] = OrganizationRules(version)
        return known


def compiled_version(version_id: uuid.UUID) -> CompiledRule:
    """Return a version of a rule of the organization in scope."""
    with _lock:
        known = _versions.get(version_id)
        if known is not None:
            _versions.move_to_end(version_id)
            return known
    return _remembered(RuleVersion.objects.get(pk=version_id))


def graph_of_version(version_id: uuid.UUID, names: Iterable[str]) -> Graph:
    """Return which steps of a run of a version wait for which others. `names`: its steps, in order.

    A version that can no longer be read must still come to its end: its steps simply follow each other.
    """
    try:
        return compiled_version(version_id).graph
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("version.not_compiled", version=str(version_id))
        return in_sequence(names)


def compile_rule(rule_id: uuid.UUID, version_id: uuid.UUID, typed: dict[str, Any]) -> CompiledRule:
    """Return a document made ready. It must have passed rules.document.check."""
    document = RuleDocument.model_validate(typed)
    sensitive = sensitive_steps(document)
    steps = tuple(
        CompiledStep(
            **_paced(step),
            sensitive=sensitive.get(name),
            opens=named_by(paths_in(step.given, step.condition_text), sensitive) if sensitive else frozenset(),
            name=name,
            platform=step.platform or "",
            action=step.action or step.kind,
            integration=step.integration,
            parameters=step.given,
            condition=compile_condition(step.condition_text) if step.condition_text is not None else None,
            on_failure=step.on_failure,
            on_uncertain=step.on_uncertain,
            retry=step.retry_policy(),
            timeout=step.timeout,
            optional=step.optional,
            strict=step.strict,
            queue=_queue(step.platform or "", step.action or ""),
            names_recipients=recipients.are_named_in([step.given, step.items], step.condition_text),
            tables=below("vars", paths_in([step.given, step.items], step.condition_text)),
            kind=step.kind,
            variables=variables.named_in([step.given, step.items], step.condition_text),
            sent_variables=_sent(step, sensitive),
            each=_each(step),
        )
        for name, step in document.named_steps()
    )
    node = _conditions(document)
    return CompiledRule(
        rule_id=rule_id,
        version_id=version_id,
        document=document,
        node=node,
        steps=steps,
        graph=document.graph(),
        concurrency_key=compile_condition(document.concurrency.key) if document.concurrency.key else None,
        condition_tables=below("vars", paths_named(node)),
    )


def _sent(step: StepDocument, sensitive: Mapping[str, Sensitive]) -> frozenset[str]:
    """Return the names of the secrets, and other variables, that the parameters of a step hold."""
    of_steps = named_by(paths_in(step.given), sensitive) if sensitive else ()
    return (variables.named_in(step.given) or frozenset()) | {name_of(name, way) for name, way in of_steps}


def _paced(step: StepDocument) -> dict[str, Any]:
    throttle = parse_throttle(step.throttle) if step.throttle is not None else None
    digest = parse_digest(step.digest) if step.digest is not None else None
    pace = throttle or digest
    return {"throttle": throttle, "digest": digest, "pace_key": pace.condition() if pace is not None else None}


def _each(step: StepDocument) -> Each | None:
    if step.for_each is None:
        return None
    condition = compile_condition(step.condition_text) if step.condition_text is not None else None
    return Each(
        items=step.items,
        most=step.for_each.max,
        in_flight=step.for_each.in_flight,
        asks_each=condition is not None and not condition.expression.node.roots().isdisjoint(OF_ITEM),
        asks_steps="steps" in roots_in(step.items),
        variables=variables.named_in(step.items) or frozenset(),
        by_author=items_by_author(step.items),
    )


def _queue(platform: str, action: str) -> str:
    found = registry.generic_action(action) if not platform else None
    return found[1].queue if found is not None else "work"


def _conditions(document: RuleDocument) -> Node:
    events = _events(document)
    return compile_conditions(
        document.trigger.conditions,
        schema=schema_of(events),
        subject=subject_of(events),
    )


def _events(document: RuleDocument) -> list[EventSpec]:
    """Return the specs of the events that wake a rule; none where its connector is gone."""
    try:
        connector = registry.get(document.trigger.platform)
    except registry.UnknownPlatform:
        return []
    names = document.trigger.events
    if "*" in names:
        return list(connector.events)
    return [spec for name in names if (spec := connector.event_spec(name)) is not None]


def forget() -> None:
    """Empty the caches, for tests."""
    with _lock:
        _versions.clear()
        _organizations.clear()


def _remembered(row: RuleVersion) -> CompiledRule:
    with _lock:
        known = _versions.get(row.pk)
        if known is None:
            known = _versions[row.pk] = compile_rule(row.rule_id, row.pk, row.document)
            if len(_versions) > _MOST_VERSIONS:
                _versions.popitem(last=False)
        return known


def indexed(rule: CompiledRule, integrations: Mapping[str, uuid.UUID]) -> IndexedRule:
    """Return a rule as the index takes it; `integrations` are the organization's, by name."""
    trigger = rule.document.trigger
    reference = trigger.integration
    integration_id = integrations.get(reference) or _uuid(reference) if reference else None
    return IndexedRule(
        key=rule.rule_id,
        platform=trigger.platform,
        events=tuple(trigger.events),
        integration_id=integration_id,
        environment=trigger.environment,
        node=rule.node,
    )


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        # Named integration is gone: this rule hears of no account until one has that name again.
        return uuid.UUID(int=0)
