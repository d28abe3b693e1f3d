"""Tries a rule on what happened: which stored events would have fired it, and what was said of them at the time.

The same index, facts and reasons as live matching. Nothing is sent and nothing is written. Throttles and digests are
counted by the times at which the events were planned. What the budget of firings
would have held back is not told, since it depends on what else happened in that hour.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from integrations import specs, types
from integrations.models import Integration
from rules import trial
from rules.calendars import Calendars
from rules.compiled import CompiledRule, CompiledStep, indexed
from rules.context import meta_of
from rules.earlier import told_of, told_of_all
from rules.facts import Facts
from rules.index import RuleIndex
from rules.lookup_tables import tables_at
from rules.models import Event, EventContent, Verdict
from rules.nodes import asks_changes
from rules.pacing import digests_of, let_through
from rules.past_timers import would_fire_at
from rules.planning import facts_of, why_suppressed
from rules.replay import stored_event
from rules.since import Look, look, outcome_of
from supportops.ids import first_id_at, made_at

MOST_EVENTS = 20_000
SLICE = 200
# Of each kind so many are named; all are counted.
MOST_NAMED = 50


@dataclass(frozen=True)
class Window:
    """Which events to try: the newest `limit` of those planned in [since, until)."""

    since: datetime
    until: datetime
    limit: int


class Backtest:
    """One rule document held against stored events, a slice at a time, newest first.

    `rule_id`: the rule whose verdicts of the time are compared; None for a document that belongs to none. `so_far` is
    what earlier slices gave.
    """

    def __init__(self, rule: CompiledRule, rule_id: uuid.UUID | None, so_far: Mapping[str, Any] | None = None) -> None:
        self.rule, self.rule_id = rule, rule_id
        accounts = {row.name: row.pk for row in Integration.objects.only("id", "name")}
        self._index = RuleIndex([indexed(rule, accounts)])
        self._platforms = types.platforms()
        self._tables = tables_at(rule.condition_tables)
        self._calendars = Calendars()
        given = so_far or {}
        self.counts = Counter(given.get("counts", {}))
        self.calls = Counter(given.get("calls", {}))
        self.named: dict[str, list[Any]] = {kind: list(given.get("named", {}).get(kind, [])) for kind in _NAMED}
        # Of steps with a throttle or a digest: when each would be done, by step and key.
        self.times: dict[str, dict[str, list[float]]] = {
            name: {key: list(times) for key, times in of_step.items()}
            for name, of_step in given.get("times", {}).items()
        }

    def so_far(self) -> dict[str, Any]:
        """Return what a later slice goes on with."""
        return {"counts": dict(self.counts), "calls": dict(self.calls), "named": self.named, "times": self.times}

    def ask(self, events: Sequence[Event]) -> None:
        """Try the rule on a slice of events."""
        contents = {row.pk: row for row in EventContent.objects.filter(pk__in=[event.pk for event in events])}
        then = self._verdicts(events)
        known = [event for event in events if event.pk in contents]
        self.counts["forgotten"] += len(events) - len(known)
        told = [stored_event(event, contents[event.pk]) for event in known]
        if asks_changes(self.rule.node):
            told = told_of_all(list(zip(known, told, strict=True)))
        for event, stored in zip(known, told, strict=True):
            outcome = self._outcome(event, stored)
            self.counts["events"] += 1
            self.counts[outcome] += 1
            if outcome == "matched" and self.rule.document.trigger.since is not None:
                self._watch(event, stored)
            elif outcome == "matched":
                self._predict(event, stored)
            if self.rule_id is not None:
                self._compare(event, outcome, then.get(event.pk, "not_matched"))

    def result(self) -> dict[str, Any]:
        """Return what came of it, in the form of the API."""
        calls, held_back = self._paced()
        return {
            "events": self.counts["events"],
            "forgotten": self.counts["forgotten"],
            **{outcome: self.counts[outcome] for outcome in ("matched", "could_not_tell", "suppressed")},
            "not_matched": self.counts["not_matched"],
            "fired": self.counts["fired"] if self.rule.document.trigger.since is not None else None,
            "calls": dict(calls.most_common()),
            "held_back": held_back,
            "matched_then": self.counts["matched_then"] if self.rule_id is not None else None,
            "gained": self.named["gained"],
            "gained_count": self.counts["gained"],
            "lost": self.named["lost"],
            "lost_count": self.counts["lost"],
            "examples": self.named["matched"],
        }

    def _facts(self, event: Event, stored: specs.Event) -> Facts:
        return facts_of(event.platform, stored, made_at(event.pk), meta_of(event), self._tables, self._calendars)

    def _outcome(self, event: Event, stored: specs.Event) -> str:
        facts = self._facts(event, stored)
        found = self._index.match(event.platform, event.type, event.integration_id, event.environment or None, facts)
        if not found:
            return "not_matched"
        [(_, outcome)] = found
        if outcome == "matched" and self.rule.document.trigger.since is not None:
            told = self._looked_at(event, facts)
            outcome = outcome_of(told, made_at(event.pk))
        if outcome == "matched" and why_suppressed(self.rule, event):
            return "suppressed"
        return str(outcome)

    def _watch(self, event: Event, stored: specs.Event) -> None:
        """Follow the timer that an event started: it fires where no later event of the object makes it moot."""
        fires_at = would_fire_at(self.rule, event, self._looked)
        if fires_at is None:
            self._name("matched", event, fires_at=None)
            return
        self.counts["fired"] += 1
        self._predict(event, stored, fires_at=fires_at.isoformat())

    def _looked(self, event: Event) -> Look | None:
        content = EventContent.objects.filter(pk=event.pk).first()
        if content is None:
            return None
        stored = stored_event(event, content)
        if asks_changes(self.rule.node):
            stored = told_of(event, stored)
        return self._looked_at(event, self._facts(event, stored))

    def _looked_at(self, event: Event, facts: Facts) -> Look:
        happened_at = min(event.occurred_at, made_at(event.pk))
        return look(self.rule.document.trigger, self.rule.node, event.type, facts, happened_at)

    def _predict(self, event: Event, stored: specs.Event, **more: Any) -> None:
        for step in self._tried(event, stored):
            if not step["would_run"]:
                continue
            compiled = self.rule.step(step["id"])
            paced = step.get("throttle") or step.get("digest")
            if paced is None:
                # Of a list that nobody knows before the run one item is assumed.
                self.calls[_call_of(compiled)] += 1 if step.get("calls") is None else step["calls"]
            else:
                times = self.times.setdefault(compiled.name, {}).setdefault(paced["key"], [])
                times.append(round(made_at(event.pk).timestamp(), 3))
        self._name("matched", event, **more)

    def _paced(self) -> tuple["Counter[str]", dict[str, int]]:
        """Return the calls with those of steps that have a throttle or a digest, and how many each of these spares."""
        calls, held_back = Counter(self.calls), {}
        for name, of_step in self.times.items():
            compiled = self.rule.step(name)
            wanted = sum(map(len, of_step.values()))
            if compiled.throttle is not None:
                made = sum(let_through(times, compiled.throttle) for times in of_step.values())
            elif compiled.digest is not None:
                made = sum(digests_of(times, compiled.digest) for times in of_step.values())
            else:
                raise LookupError(f"The step '{name}' has neither a throttle nor a digest.")
            calls[_call_of(compiled)] += made
            held_back[name] = wanted - made
        return calls, held_back

    def _tried(self, event: Event, stored: specs.Event) -> list[dict[str, Any]]:
        return trial.try_steps(self.rule, stored, event.platform, platforms=self._platforms)

    def _compare(self, event: Event, outcome: str, then: str) -> None:
        self.counts["matched_then"] += then == "matched"
        if outcome == "matched" and then != "matched":
            self._name("gained", event, then=then)
        elif outcome != "matched" and then == "matched":
            self._name("lost", event, now=outcome)

    def _name(self, kind: str, event: Event, **more: Any) -> None:
        if kind != "matched":
            self.counts[kind] += 1
        if len(self.named[kind]) < MOST_NAMED:
            self.named[kind].append(
                {
                    "delivery": str(event.delivery_id) if event.delivery_id else None,
                    "event": event.type,
                    "external_id": event.external_id,
                    "occurred_at": event.occurred_at.isoformat(),
                    **more,
                }
            )

    def _verdicts(self, events: Sequence[Event]) -> dict[uuid.UUID, str]:
        if self.rule_id is None:
            return {}
        kept = Verdict.objects.filter(rule_id=self.rule_id, event_id__in=[event.pk for event in events])
        return dict(kept.values_list("event_id", "outcome"))


def _call_of(step: CompiledStep) -> str:
    return f"{step.platform}.{step.action}" if step.platform else step.action


_NAMED = ("matched", "gained", "lost")


def events_in(window: Window, rule: CompiledRule, before: uuid.UUID | None = None) -> Iterator[list[Event]]:
    """Yield slices of the stored events that the rule listens to, newest first, those before the id `before`."""
    left = window.limit
    while left > 0:
        rows = _listened(rule).filter(pk__gte=first_id_at(window.since), pk__lt=before or first_id_at(window.until))
        page = list(rows.order_by("-pk")[: min(SLICE, left)])
        if not page:
            return
        yield page
        left -= len(page)
        before = page[-1].pk


def _listened(rule: CompiledRule) -> "QuerySet[Event]":
    trigger = rule.document.trigger
    rows = Event.objects.filter(platform=trigger.platform)
    return rows if "*" in trigger.events else rows.filter(type__in=trigger.events)


def seen_since() -> datetime | None:
    """Return how far back contents are kept: when the oldest one came."""
    oldest = EventContent.objects.filter(event__in=Event.objects.all()).order_by("pk").values_list("pk", flat=True)
    first = oldest.first()
    return made_at(first) if first is not None else None
