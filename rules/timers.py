"""Timers of rules with `since`: started, moved and ended by events, in the transaction that plans them.

An organization without such rules costs no query; with some, one for a batch of events. When their time comes:
rules.timer_firing.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection

from rules import wake
from rules.compiled import CompiledRule
from rules.facts import Facts
from rules.models import Event, Rule, RuleTimer, Run, Verdict, VerdictOutcome
from rules.objects import ObjectKey, object_of
from rules.since import Look, State, at, look
from supportops.bulk import upsert_rows
from supportops.ids import new_id
from supportops.tenancy.scope import current_organization_id

if TYPE_CHECKING:
    from rules.planning import Incoming

_MOST_REASON = 500
_UNIQUE = ("rule_id", "object_key")


@dataclass(frozen=True)
class Said:
    """What a rule with `since` says of an event: its verdict, with what became of its timer."""

    rule: CompiledRule
    outcome: VerdictOutcome
    reason: str


class Timers:
    """The timers of the objects of one batch of events. Use within the transaction that writes the events."""

    def __init__(self, rules: Mapping[uuid.UUID, CompiledRule], incoming: "Sequence[Incoming]", now: datetime) -> None:
        """Look up the timers that these events may touch. `rules`: the organization's enabled ones with `since`."""
        self._rules, self._now = rules, now
        self._known: dict[tuple[uuid.UUID, str], RuleTimer] = {}
        self._changed: dict[tuple[uuid.UUID, str], RuleTimer] = {}
        self._ended: list[uuid.UUID] = []
        self._told: dict[tuple[uuid.UUID, uuid.UUID], str] = {}
        if not rules:
            return
        platforms = {rule.document.trigger.platform for rule in rules.values()}
        objects = {
            digest_of(item.platform, key)
            for item in incoming
            if item.replay is None and item.platform in platforms and (key := object_of(item)) is not None
        }
        if objects:
            # In one order, so that two who plan events of the same objects do not wait for each other.
            rows = RuleTimer.objects.select_for_update().filter(object_key__in=objects).order_by("pk")
            self._known = {(row.rule_id, row.object_key): row for row in rows}

    def see(
        self,
        item: "Incoming",
        event: Event,
        facts: Facts,
        found: Mapping[uuid.UUID, str],
        why_suppressed: Callable[[CompiledRule, Event], str],
    ) -> list[Said]:
        """Start, move and end timers by one event, and return what is to be kept of it.

        `found`: what the index says of it, by rule, of those that matched or could not tell. A replay is nothing new.
        """
        if not self._rules or item.replay is not None:
            return []
        key = object_of(item)
        if key is None:
            reason = "The event names no object, so there is nothing to watch."
            return [Said(self._rules[rule_id], VerdictOutcome.COULD_NOT_TELL, reason) for rule_id in found]
        digest = digest_of(item.platform, key)
        said = []
        for rule_id, rule in self._rules.items():
            timer = self._known.get((rule_id, digest))
            if timer is None and rule_id not in found:
                continue
            if event.is_out_of_order:
                if rule_id in found:
                    reason = "A later state of the object was known: this one starts no timer."
                    said.append(Said(rule, VerdictOutcome.SUPPRESSED, reason))
                continue
            said.append(self._see(_Seen(rule, event, digest, rule_id in found), timer, facts, why_suppressed))
        return said

    def _see(
        self,
        seen: "_Seen",
        timer: RuleTimer | None,
        facts: Facts,
        why_suppressed: Callable[[CompiledRule, Event], str],
    ) -> Said:
        rule, event = seen.rule, seen.event
        happened_at = min(event.occurred_at, self._now)
        found = look(rule.document.trigger, rule.node, event.type, facts, happened_at)
        if found.state is State.UNKNOWN:
            return self._doubt(seen, timer, found, happened_at)
        if found.state is State.OVER or found.due_at is None:
            return self._over(seen, timer, VerdictOutcome.NOT_MATCHED, found.reason)
        if reason := why_suppressed(rule, event):
            return self._over(seen, timer, VerdictOutcome.SUPPRESSED, reason)
        if found.anchor_at is not None:
            if found.anchor_at <= self._now:
                reason = f"{at(found.anchor_at)} has passed."
                return self._over(seen, timer, VerdictOutcome.NOT_MATCHED, reason)
            if Run.objects.filter(key=run_key(rule.rule_id, seen.digest, event.pk, found.anchor_at)).exists():
                reason = f"It has fired for {at(found.anchor_at)} already."
                return self._over(seen, timer, VerdictOutcome.NOT_MATCHED, reason)
        return self._arm(seen, timer, found, found.due_at, happened_at)

    def _arm(
        self, seen: "_Seen", timer: RuleTimer | None, found: Look, due_at: datetime, happened_at: datetime
    ) -> Said:
        event = seen.event
        if timer is None:
            timer = RuleTimer(
                id=new_id(),
                organization_id=current_organization_id(),
                rule_id=seen.rule.rule_id,
                integration_id=event.integration_id,
                object_key=seen.digest,
                platform=event.platform,
                external_id=event.external_id,
                created_at=self._now,
            )
        elif timer.event_id != event.pk:
            self._tell(timer, f"Was due at {at(timer.due_at)}; a later event ({event.type}) started it anew.")
        timer.event_id = timer.seen_id = event.pk
        timer.started_at, timer.due_at, timer.anchor_at = happened_at, due_at, found.anchor_at
        timer.is_stale, timer.doubt = False, ""
        self._keep(timer)
        reason = f"Armed: fires at {at(due_at)}, unless a later event of the same object ends it."
        return Said(seen.rule, VerdictOutcome.MATCHED if seen.was_found else VerdictOutcome.NOT_MATCHED, reason)

    def _doubt(self, seen: "_Seen", timer: RuleTimer | None, found: Look, happened_at: datetime) -> Said:
        if timer is None:
            return Said(seen.rule, VerdictOutcome.COULD_NOT_TELL, found.reason[:_MOST_REASON])
        if found.due_at is not None:
            timer.started_at, timer.due_at = happened_at, found.due_at
        timer.seen_id, timer.doubt = seen.event.pk, found.reason[:300]
        self._keep(timer)
        goes_on = "starts anew and" if found.due_at is not None else "goes on and"
        reason = f"Could not tell whether the timer is to end: it {goes_on} fires at {at(timer.due_at)}. {found.reason}"
        outcome = VerdictOutcome.COULD_NOT_TELL if seen.was_found else VerdictOutcome.NOT_MATCHED
        return Said(seen.rule, outcome, reason[:_MOST_REASON])

    def _over(self, seen: "_Seen", timer: RuleTimer | None, outcome: VerdictOutcome, reason: str) -> Said:
        if timer is None:
            return Said(seen.rule, outcome, reason[:_MOST_REASON])
        due = at(timer.due_at)
        if timer.event_id != seen.event.pk:
            self._tell(timer, f"Was due at {due}; cancelled by a later event ({seen.event.type}): {reason}")
        self._ended.append(timer.pk)
        del self._known[timer.rule_id, timer.object_key]
        self._changed.pop((timer.rule_id, timer.object_key), None)
        return Said(seen.rule, outcome, f"Cancelled the timer that was due at {due}: {reason}"[:_MOST_REASON])

    def _keep(self, timer: RuleTimer) -> None:
        key = timer.rule_id, timer.object_key
        self._known[key] = self._changed[key] = timer

    def _tell(self, timer: RuleTimer, reason: str) -> None:
        """Note at the event that started the timer what became of it."""
        self._told[timer.event_id, timer.rule_id] = reason[:_MOST_REASON]

    def write(self) -> None:
        """Write what has changed. After the events' own rows."""
        if self._ended:
            RuleTimer.objects.filter(pk__in=self._ended).delete()
        upsert_rows(RuleTimer, [vars(timer) for timer in self._changed.values()], _UNIQUE)
        for (event_id, rule_id), reason in self._told.items():
            Verdict.objects.filter(event_id=event_id, rule_id=rule_id).update(reason=reason)
        for timer in self._changed.values():
            wake.fire_in((timer.due_at - self._now).total_seconds())


@dataclass(frozen=True)
class _Seen:
    """An event before a rule's timer. `was_found`: the rule listens to it, and did not say no."""

    rule: CompiledRule
    event: Event
    digest: str
    was_found: bool


def digest_of(platform: str, key: ObjectKey) -> str:
    """Return what recognises an object."""
    text = "\0".join((platform, key.integration_id.hex if key.integration_id else "", key.kind, key.external_id))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def run_key(rule_id: uuid.UUID, digest: str, event_id: uuid.UUID, anchor_at: datetime | None) -> str:
    """Return what makes a second run of the same timer impossible: once for an event, or for a time in it."""
    what = event_id.hex if anchor_at is None else f"{digest[:32]}:{anchor_at:%Y%m%dT%H%M%S%f}"
    return f"timer:{rule_id.hex}:{what}"


# --- what people do -----------------------------------------------------------------------------------------------


def follow(rule: Rule, *, has_timers: bool) -> None:
    """Have the timers of a rule that was saved worked out anew; ended, where it has none or is off."""
    own = RuleTimer.objects.filter(rule=rule)
    if has_timers:
        RuleTimer.recompute([rule.pk])
        return
    if not own.exists():
        return
    events = own.values_list("event_id", flat=True)
    told = Verdict.objects.filter(rule=rule, event_id__in=events)
    told.update(reason="The timer was cancelled: the rule was switched off, deleted or has no `since` any more.")
    own.delete()


def locked(timer_id: uuid.UUID, now: datetime) -> RuleTimer | None:
    """Return a due timer, locked; None where it is gone, moved, or in other hands."""
    rows = RuleTimer.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    timer: RuleTimer | None = rows.filter(pk=timer_id, due_at__lte=now).first()
    return timer
