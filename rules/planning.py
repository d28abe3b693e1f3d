"""Third stop: an event becomes verdicts, and for each rule that matched a Run with its Steps.

Comes from webhooks.processing, goes to execution. Everything here is written in the caller's transaction.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from audit.recording import record_many
from integrations import registry, specs
from integrations.usage import Tally
from rules import acts, admission, sequence, wake
from rules.calendars import Calendars
from rules.compiled import CompiledRule, OrganizationRules, rules_of_organization
from rules.conditions import Facts
from rules.context import meta_of
from rules.earlier import Asked, EarlierStates
from rules.lookup_tables import tables_at
from rules.material import Takings
from rules.models import (
    Event,
    EventContent,
    Run,
    RunContent,
    RunStatus,
    Step,
    StepStatus,
    Verdict,
    VerdictOutcome,
)
from rules.objects import Objects, object_of
from rules.settling import finished
from rules.timers import Timers
from supportops import clock
from supportops.bulk import Row, insert_rows, together, update_rows, upsert_rows
from supportops.ids import new_id
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id

LATE_AFTER = timedelta(days=1)
DEEPEST_CHAIN = 5


@dataclass(frozen=True)
class Incoming:
    """An event that is to be planned. `key` recognises a repeat within the organization."""

    event: specs.Event
    platform: str
    key: str
    received_at: datetime
    integration_id: uuid.UUID | None = None
    environment: str = ""
    delivery_id: uuid.UUID | None = None
    trace_id: str = ""
    source: str = "webhook"
    # How many of our own steps led here.
    depth: int = 0
    provenance: Mapping[str, Any] | None = None
    is_late: bool = False
    replay: "Replay | None" = None


@dataclass(frozen=True)
class Replay:
    """A known event planned anew: `id` makes the new runs distinct, `earlier` names the run of each rule that they
    stand beside. `rules`: ids of those that are asked; None for all that listen."""

    id: uuid.UUID
    event_id: uuid.UUID
    earlier: Mapping[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    rules: frozenset[uuid.UUID] | None = None

    def asks(self, rule_id: uuid.UUID) -> bool:
        """Whether a rule is asked."""
        return self.rules is None or rule_id in self.rules


@dataclass
class Planned:
    """What planning made of one event."""

    event_id: uuid.UUID
    is_repeat: bool = False
    # It told more of an event that was planned before.
    has_grown: bool = False
    considered: int = 0
    matched: int = 0
    run_ids: list[uuid.UUID] = field(default_factory=list)


def plan(incoming: Sequence[Incoming], takings: Takings | None = None) -> list[Planned]:
    """Write events, verdicts, runs and steps of the organization in scope, and return what came of each event.

    With `takings` the caller claims what may begin at once, and finds it there.
    """
    organization = Organization.objects.get(pk=current_organization_id())
    rules = rules_of_organization(organization.rules_version)
    incoming = acts.together(incoming)
    known = dict(Event.objects.filter(key__in=[item.key for item in incoming]).values_list("key", "pk"))
    grown = acts.grown([item for item in incoming if item.replay is None and item.key in known])
    rows = _Rows(organization, rules, incoming, takings)
    planned = []
    for item in incoming:
        if item.replay is None and item.key in known:
            more = grown.pop(item.key, None)
            planned.append(rows.add_to(more, item) if more else Planned(known[item.key], is_repeat=True))
            continue
        planned.append(rows.add(item))
        known[item.key] = planned[-1].event_id
    rows.write()
    return planned


@dataclass
class _Born:
    """A new run, with what it was made of."""

    run: Run
    steps: list[Step]
    rule: CompiledRule
    item: Incoming
    event: Event
    warnings: list[str]


class _Rows:
    """Gathers the rows of a batch and writes each table once."""

    def __init__(
        self,
        organization: Organization,
        rules: OrganizationRules,
        incoming: Sequence[Incoming],
        takings: Takings | None,
    ) -> None:
        self._own = {"organization_id": organization.pk}
        self._version, self._rules = organization.rules_version, rules
        self._takings = takings
        if takings is not None:
            takings.organization = organization
        self.now = clock.now()
        self._objects = Objects(incoming, self.now)
        self._earlier = EarlierStates([asked for item in incoming if (asked := self._asked(item)) is not None])
        self._timers = Timers(rules.timed, incoming, self.now)
        self._tables = tables_at(rules.condition_tables, rules.version)
        self.events: list[Event] = []
        self.contents: list[Row] = []
        self.grown: list[Row] = []
        self.verdicts: list[Row] = []
        self.second_verdicts: list[Row] = []
        self.born: list[_Born] = []
        self.tally = Tally()

    def add(self, item: Incoming) -> Planned:
        """Match one event and gather what follows from it."""
        row = self._event(item)
        item = replace(item, event=self._earlier.resolved(row, item.event))
        if item.replay is None:
            self._keep(item, row)
            self._earlier.remember(row, item.event.payload)
        return self._match(item, row, {})

    def add_to(self, more: acts.Grown, item: Incoming) -> Planned:
        """Ask the rules that have not fired for an event again, now that it tells more."""
        told = more.event
        self.grown.append({"event_id": more.row.pk, "payload": told.payload, "changed": told.changed})
        planned = self._match(replace(item, event=told, depth=more.row.depth), more.row, more.verdicts)
        planned.has_grown = True
        return planned

    def _match(self, item: Incoming, event_row: Event, verdicts: Mapping[uuid.UUID, str]) -> Planned:
        facts = facts_of(item.platform, item.event, self.now, meta_of(event_row), self._tables, self._rules.calendars)
        matches = self._rules.index.match(
            item.platform, item.event.type, item.integration_id, item.environment or None, facts
        )
        considered = self._rules.index.considered(
            item.platform, item.event.type, item.integration_id, item.environment or None
        )
        event_row.rules_considered = considered
        planned = Planned(event_row.pk, considered=considered)
        timed: dict[uuid.UUID, str] = {}
        for key, found in matches:
            outcome, rule = VerdictOutcome(found), self._rules.by_key[key]
            rule_id = rule.rule_id
            if rule.document.trigger.since is not None:
                timed[rule_id] = found
                continue
            if item.replay is not None and not item.replay.asks(rule_id):
                continue
            said = verdicts.get(rule_id)
            if said is not None and (said != VerdictOutcome.COULD_NOT_TELL or outcome != VerdictOutcome.MATCHED):
                continue  # it has fired, or has nothing else to say
            reason = why_suppressed(rule, event_row)
            if outcome == VerdictOutcome.MATCHED and not reason and item.replay is None:
                # A person who has something done anew is no loop.
                reason = self._objects.fire(rule_id, item)
            if outcome == VerdictOutcome.MATCHED and reason:
                outcome = VerdictOutcome.SUPPRESSED
            if item.replay is None:
                self._verdict(event_row, rule, outcome, reason, is_second=said is not None)
            if outcome == VerdictOutcome.MATCHED:
                planned.matched += 1
                planned.run_ids.append(self._run(rule, item, event_row))
                self.tally.add(("rule", rule_id), "matched")
        for one in self._timers.see(item, event_row, facts, timed, why_suppressed):
            self._verdict(event_row, one.rule, one.outcome, one.reason, is_second=one.rule.rule_id in verdicts)
            planned.matched += one.outcome == VerdictOutcome.MATCHED
        return planned

    def _verdict(self, event: Event, rule: CompiledRule, outcome: str, reason: str, *, is_second: bool) -> None:
        (self.second_verdicts if is_second else self.verdicts).append(
            {
                "id": new_id(),
                "event_id": event.pk,
                "rule_id": rule.rule_id,
                "version_id": rule.version_id,
                "outcome": outcome,
                "reason": reason,
            }
        )

    def _event(self, item: Incoming) -> Event:
        event = item.event
        occurred_at = _occurred_at(item)
        return Event(
            id=item.replay.event_id if item.replay else new_id(),
            **self._own,
            delivery_id=item.delivery_id,
            integration_id=item.integration_id,
            platform=item.platform,
            type=event.type[:120],
            external_id=event.external_id[:200],
            key=item.key,
            occurred_at=occurred_at,
            received_at=item.received_at,
            source=item.source,
            environment=item.environment,
            is_late=item.is_late or item.received_at - occurred_at > LATE_AFTER,
            is_out_of_order=item.replay is None and self._objects.is_overtaken(item, occurred_at),
            depth=item.depth,
            rules_version=self._version,
            trace_id=item.trace_id,
        )

    def _keep(self, item: Incoming, row: Event) -> None:
        """Have a new event written."""
        self.events.append(row)
        self.contents.append(
            {
                "event_id": row.pk,
                "payload": item.event.payload,
                "changed": item.event.changed,
                "compared": item.event.compared,
                "provenance": dict(item.provenance) if item.provenance else None,
            }
        )

    def _asked(self, item: Incoming) -> Asked | None:
        """Return an event of which a listening rule wants to know what it changed, where nobody says so."""
        if item.event.changed is not None or item.event.compared is not None or (key := object_of(item)) is None:
            return None
        place = (item.platform, item.event.type, item.integration_id, item.environment or None)
        if not self._rules.index.asks_changes(*place):
            return None
        event_id = item.replay.event_id if item.replay else None
        return Asked(key, _occurred_at(item), item.delivery_id, event_id)

    def _run(self, rule: CompiledRule, item: Incoming, event: Event) -> uuid.UUID:
        run = Run(
            id=new_id(),
            **self._own,
            rule_id=rule.rule_id,
            version_id=rule.version_id,
            event_id=event.pk,
            delivery_id=item.delivery_id,
            cause="replay" if item.replay else "event",
            replay_of_id=item.replay.earlier.get(rule.rule_id) if item.replay else None,
            key=run_key(event.pk, rule.rule_id, item.replay.id if item.replay else None),
            environment=rule.document.trigger.environment or item.environment,
            depth=item.depth,
            created_at=self.now,
            trace_id=item.trace_id,
        )
        run.concurrency_key, warning = admission.key_of(rule, key_roots(rule, event, item.event.payload))
        steps = steps_of(run, rule, self.now)
        self.born.append(_Born(run, steps, rule, item, event, [warning] if warning else []))
        self.tally.add(("rule", rule.rule_id), "runs")
        return run.pk

    def _take(self, takings: Takings, born: _Born) -> None:
        """Claim what may begin, and keep with it what preparing it needs."""
        run, event = born.run, born.event
        # Scripts wait for a worker of their own.
        due = [step for step in born.steps if step.due_at and step.queue == "work"]
        if not due:
            return
        if len(takings.steps) + len(due) > takings.room:
            # Nor may what comes after it go first.
            takings.room = 0
            return
        run.status, run.started_at, run.event = RunStatus.RUNNING, self.now, event
        for step in due:
            step.status, step.worker_id, step.fence, step.due_at = StepStatus.RUNNING, takings.worker_id, 1, None
            step.run = run
        takings.steps += due
        takings.payloads[event.pk] = born.item.event.payload
        takings.rule_names[run.rule_id] = self._rules.names[run.rule_id]

    def write(self) -> None:
        """Write everything, parents first."""
        candidates = [admission.Candidate(born.run, born.steps, born.rule.mode) for born in self.born]
        ended = admission.admit(candidates, self.now)
        if self._takings is not None:
            for born in self.born:
                self._take(self._takings, born)
        runs = [born.run for born in self.born]
        steps = [step for born in self.born for step in born.steps]
        # Once the queues are locked: what is planned later has greater numbers.
        for run, number in zip(runs, sequence.take(len(runs)), strict=True):
            run.sequence = number
        with together():
            insert_rows(Event, [vars(event) for event in self.events])
            insert_rows(EventContent, self.contents, created_at=self.now)
            update_rows(EventContent, self.grown, key="event_id")
            insert_rows(Verdict, self.verdicts, created_at=self.now, **self._own)
            upsert_rows(
                Verdict,
                self.second_verdicts,
                ("event_id", "rule_id"),
                "outcome = excluded.outcome, reason = excluded.reason, version_id = excluded.version_id",
                created_at=self.now,
                **self._own,
            )
            insert_rows(Run, [vars(run) for run in runs])
            contents = [{"run_id": born.run.pk, "warnings": born.warnings} for born in self.born]
            insert_rows(RunContent, contents, inputs={}, created_at=self.now)
            insert_rows(Step, [vars(step) for step in steps])
            record_many(finished(one.run, one.steps, {}) for one in ended)
            self.tally.write()
        self._timers.write()
        if any(step.due_at for step in steps):
            wake.perform()


def _occurred_at(item: Incoming) -> datetime:
    return (item.event.occurred_at and clock.in_utc(item.event.occurred_at)) or item.received_at


def facts_of(
    platform: str,
    event: specs.Event,
    now: datetime,
    meta: Mapping[str, Any] | None = None,
    tables: Mapping[str, Any] | None = None,
    calendars: Calendars | None = None,
) -> Facts:
    """Return what conditions are asked about, the same for matching, trial and explanation.

    `calendars` are the organization's; read when first asked for where they are not given.
    """
    spec = registry.get(platform).event_spec(event.type)
    subject = spec.subject if spec else ""
    calendars = calendars or Calendars()
    return Facts(event.payload, subject, event.changed, now, meta, tables, calendars, event.compared)


def steps_of(run: Run, rule: CompiledRule, now: datetime) -> list[Step]:
    """Return the rows of a run's steps; those that need no other one are due at once."""
    return [
        Step(
            id=new_id(),
            organization_id=run.organization_id,
            run_id=run.pk,
            position=position,
            name=step.name,
            platform=step.platform,
            action=step.action,
            queue=step.queue,
            due_at=None if rule.graph.needs[step.name] else now,
        )
        for position, step in enumerate(rule.steps)
    ]


def key_roots(rule: CompiledRule, event: Event, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the key of a rule's runs can name."""
    if rule.concurrency_key is None:
        return {}
    subjects = {name: payload.get(name) for name in rule.subjects(event.platform, event.type)}
    return {"event": payload, "meta": meta_of(event), **subjects}


def run_key(event_id: uuid.UUID, rule_id: uuid.UUID, replay: uuid.UUID | None = None) -> str:
    """Return what makes planning the same rule on the same event twice impossible."""
    return f"{event_id.hex}:{rule_id.hex}" + (f":{replay.hex}" if replay else "")


def why_suppressed(rule: CompiledRule, event: Event) -> str:
    """Return why a rule that matches does not fire for an event of this kind; "" where it does."""
    if event.is_late and rule.document.late == "skip":
        return "The event is late, and this rule skips late events."
    if event.depth > DEEPEST_CHAIN:
        return f"Our own actions led to this event over {event.depth} rules in a row: the chain ends here."
    return ""
