"""Timers whose time has come: each is looked at once more, and becomes a run of its rule's live version.

Any number of sweeps may ask at once, after any pause: the timer's row goes in the transaction that writes the run.
What is overdue fires late, and says so.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from integrations.models import Integration
from integrations.usage import Tally
from rules import claims, interventions, timers, wake
from rules.calendars import Calendars
from rules.compiled import CompiledRule, compiled_version, indexed
from rules.context import meta_of
from rules.earlier import told_of
from rules.index import RuleIndex
from rules.lookup_tables import tables_at
from rules.models import Event, EventContent, Rule, RuleTimer, RuleVersion, Run, Verdict, VerdictOutcome
from rules.nodes import asks_changes
from rules.objects import object_of_row
from rules.planning import LATE_AFTER, facts_of
from rules.replay import stored_event
from rules.since import Look, State, at, look
from supportops import clock
from supportops.ids import first_id_at, made_at
from supportops.tenancy.scope import working_for

log = structlog.get_logger()

_AT_ONCE = 200
# One that breaks is asked again after so long.
_PAUSE = timedelta(minutes=5)
# What is due within so long is rung for; longer than two sweeps are apart.
_SOON = timedelta(seconds=5)
# Overdue by more than this counts as late.
_LATE = timedelta(minutes=1)
_MOST_EVENTS = 20
_BUDGET_WINDOW = timedelta(hours=1)
_turns = claims.Turns()


def fire_due() -> int:
    """Turn due timers into runs, and return how many. Works across organizations, by ids alone; a share of each."""
    now = clock.now()
    due = _turns.order(claims.organizations_due(claims.Claimable(RuleTimer), now))
    fired = 0
    share = max(1, _AT_ONCE // len(due)) if due else 0
    for organization_id in due[:_AT_ONCE]:
        with working_for(organization_id):
            ids = RuleTimer.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)
            fired += sum(_try(timer_id) for timer_id in list(ids[:share]))
        _turns.served(organization_id)
    coming = RuleTimer.across_organizations.filter(due_at__gt=now, due_at__lte=now + _SOON).order_by("due_at")
    for due_at in coming.values_list("due_at", flat=True)[:1]:
        wake.fire_in((due_at - clock.now()).total_seconds())
    return fired


def _try(timer_id: uuid.UUID) -> bool:
    try:
        with transaction.atomic():
            return _fire(timer_id)
    except DatabaseError:
        raise
    except Exception:  # one that breaks keeps no other from its time
        log.exception("timer.not_fired", timer=str(timer_id))
        RuleTimer.objects.filter(pk=timer_id).update(due_at=clock.now() + _PAUSE)
        return False


def _fire(timer_id: uuid.UUID) -> bool:
    now = clock.now()
    timer = timers.locked(timer_id, now)
    if timer is None:
        return False  # another sweep was here, or an event
    rule = Rule.objects.get(pk=timer.rule_id)
    compiled = compiled_version(RuleVersion.objects.values_list("pk", flat=True).get(rule=rule, number=rule.version))
    if not rule.is_enabled or compiled.document.trigger.since is None:
        return _end(timer, "The timer was cancelled: the rule is off, or has no `since` any more.")
    if not _is_still_due(timer, compiled, now):
        return False
    event, content = _kept(timer.event_id)
    if event is None or content is None:
        return _end(timer, "The timer was cancelled: the content of its event was removed after its time.")
    overdue = now - timer.due_at
    if overdue > LATE_AFTER and compiled.document.late == "skip":
        return _end(timer, f"Due at {at(timer.due_at)}, asked at {at(now)}: this rule skips what is late.")
    if reason := _over_budget(timer, rule, now):
        return _end(timer, reason)
    key = timers.run_key(rule.pk, timer.object_key, event.pk, timer.anchor_at)
    if Run.objects.filter(key=key).exists():
        return _end(timer, f"It has fired for {at(timer.anchor_at or timer.due_at)} already.")
    warnings = [f"It was due at {at(timer.due_at)} and fired late."] if overdue > _LATE else []
    if timer.doubt:
        warnings.append(f"The last event could not tell whether the conditions were still met: {timer.doubt}")
    interventions.start(
        rule, {}, cause="timer", key=key, depth=event.depth, event=event, payload=content.payload, warnings=warnings
    )
    tally = Tally()
    for counter in ("matched", "runs"):
        tally.add(("rule", rule.pk), counter)
    tally.write()
    _tell(timer, VerdictOutcome.MATCHED, f"Fired at {at(now)}; it was due at {at(timer.due_at)}.")
    timer.delete()
    return True


# --- looking once more --------------------------------------------------------------------------------------------


def _is_still_due(timer: RuleTimer, compiled: CompiledRule, now: datetime) -> bool:
    """Return whether a due timer may fire, after what has changed since it was last looked at: the rule, its calendar,
    or an event that another worker was planning at that moment. Moves or ends it where it may not."""
    newer = _newer_event(timer)
    if newer is None and not timer.is_stale:
        return True
    event, content = (newer, EventContent.objects.filter(pk=newer.pk).first()) if newer else _kept(timer.event_id)
    if event is None or content is None:
        _end(timer, "The timer was cancelled: the content of its event was removed after its time.")
        return False
    if timer.is_stale and not _listens(compiled, event):
        _end(timer, "The timer was cancelled: the rule no longer listens to this platform or account.")
        return False
    happened_at = min(event.occurred_at, made_at(event.pk)) if newer else timer.started_at
    found = _looked(compiled, event, content, happened_at)
    if found.state is State.OVER:
        _end(timer, f"The timer was cancelled: {found.reason}")
        return False
    if found.state is State.UNKNOWN:
        return _goes_on_in_doubt(timer, event, found, now)
    if found.anchor_at is not None and found.anchor_at <= now and newer is not None:
        _end(timer, f"The timer was cancelled: {at(found.anchor_at)} has passed.")
        return False
    timer.event_id = timer.seen_id = event.pk
    timer.started_at, timer.anchor_at, timer.doubt = happened_at, found.anchor_at, ""
    return _moved(timer, found.due_at or timer.due_at, now)


def _goes_on_in_doubt(timer: RuleTimer, event: Event, found: Look, now: datetime) -> bool:
    if timer.is_stale and found.due_at is None:
        _end(timer, f"The timer was cancelled: when it is due cannot be told any more. {found.reason}")
        return False
    timer.seen_id, timer.doubt = event.pk, found.reason[:300]
    return _moved(timer, found.due_at or timer.due_at, now)


def _moved(timer: RuleTimer, due_at: datetime, now: datetime) -> bool:
    timer.due_at, timer.is_stale = due_at, False
    timer.save()
    if due_at > now:
        _tell(timer, VerdictOutcome.MATCHED, f"Armed: fires at {at(due_at)}, unless a later event ends it.")
        wake.fire_in((due_at - now).total_seconds())
    return due_at <= now


def _looked(compiled: CompiledRule, event: Event, content: EventContent, happened_at: datetime) -> Look:
    told = stored_event(event, content)
    if asks_changes(compiled.node):
        told = told_of(event, told)
    tables = tables_at(compiled.condition_tables)
    facts = facts_of(event.platform, told, made_at(event.pk), meta_of(event), tables, Calendars())
    return look(compiled.document.trigger, compiled.node, event.type, facts, happened_at)


def _newer_event(timer: RuleTimer) -> Event | None:
    """Return the last event of the timer's object where nobody has looked at it for this timer."""
    rows = Event.objects.filter(external_id=timer.external_id, integration_id=timer.integration_id)
    newer = rows.filter(platform=timer.platform, pk__gt=timer.seen_id, is_out_of_order=False).order_by("-pk")
    event: Event
    for event in newer[:_MOST_EVENTS]:
        key = object_of_row(event)
        if key is not None and timers.digest_of(event.platform, key) == timer.object_key:
            return event
    return None


def _listens(compiled: CompiledRule, event: Event) -> bool:
    trigger = compiled.document.trigger
    accounts = {row.name: row.pk for row in Integration.objects.only("id", "name")}
    index = RuleIndex([indexed(compiled, accounts)])
    kinds = trigger.events[:1]
    return any(
        index.considered(event.platform, kind, event.integration_id, event.environment or None) for kind in kinds
    )


def _kept(event_id: uuid.UUID) -> tuple[Event | None, EventContent | None]:
    content = EventContent.objects.select_related("event").filter(event__in=Event.objects.filter(pk=event_id)).first()
    return (content.event, content) if content is not None else (None, None)


def _over_budget(timer: RuleTimer, rule: Rule, now: datetime) -> str:
    budget = settings.RULE_FIRINGS_PER_HOUR
    since = first_id_at(now - _BUDGET_WINDOW)
    mine = Run.objects.filter(rule=rule, pk__gte=since, cause="timer")
    fired = mine.filter(event__external_id=timer.external_id, event__integration_id=timer.integration_id)
    if not budget or fired.count() < budget:
        return ""
    return (
        f"This rule has fired {budget} times for {timer.external_id} within an hour, which is its budget: it may be "
        "answering itself."
    )


# --- ends ---------------------------------------------------------------------------------------------------------


def _end(timer: RuleTimer, reason: str) -> bool:
    """End a timer without a run. Returns False: it has not fired."""
    _tell(timer, VerdictOutcome.SUPPRESSED, reason)
    timer.delete()
    return False


def _tell(timer: RuleTimer, outcome: VerdictOutcome, reason: str) -> None:
    changes: dict[str, Any] = {"outcome": outcome, "reason": reason[:500]}
    Verdict.objects.filter(event_id=timer.event_id, rule_id=timer.rule_id).update(**changes)
