"""Rules that times wake: when each is due next, and starting those that are.

Any number of sweeps may ask at once, after any pause: a time starts one run, however many ask, and times that passed
while nobody asked start one run together.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from rules import interventions
from rules.cron import SCHEDULE, next_time
from rules.inputs import checked_inputs
from rules.models import Rule, RuleSchedule, Run
from rules.problems import Refused
from supportops import clock
from supportops.tenancy.scope import working_for

log = structlog.get_logger()

_AT_ONCE = 200
# A time that passed so long ago counts as late.
LATE_AFTER = timedelta(days=1)


def follow(rule: Rule, document: Mapping[str, Any] | None) -> None:
    """Have a rule started at the times of its live document; never, where that is None. In the caller's transaction."""
    trigger = (document or {}).get("trigger")
    if not isinstance(trigger, Mapping) or trigger.get("platform") != SCHEDULE:
        RuleSchedule.objects.filter(rule=rule).delete()
        return
    cron, zone = str(trigger.get("cron")), str(trigger.get("zone") or "UTC")
    known = RuleSchedule.objects.filter(rule=rule).first()
    if known is None:
        RuleSchedule.objects.create(rule=rule, cron=cron, zone=zone, next_at=next_time(cron, zone, clock.now()))
    elif (known.cron, known.zone) != (cron, zone):
        known.cron, known.zone, known.next_at = cron, zone, next_time(cron, zone, clock.now())
        known.save()


def start_due() -> int:
    """Start the rules whose time has come, and return how many. Works across organizations, by ids alone."""
    due = RuleSchedule.across_organizations.filter(next_at__lte=clock.now()).order_by("next_at")
    started = 0
    for organization_id, schedule_id in due.values_list("organization_id", "pk")[:_AT_ONCE]:
        try:
            with working_for(organization_id), transaction.atomic():
                started += _start(schedule_id)
        except DatabaseError:
            raise
        except Exception:  # one that breaks keeps no other from its time
            log.exception("schedule.not_started", schedule=str(schedule_id))
            with working_for(organization_id):
                _pass_over(schedule_id)
    return started


def _pass_over(schedule_id: Any) -> None:
    """Let a time go by that could not be kept: asked again at every sweep it would stand before all others."""
    row = RuleSchedule.objects.filter(pk=schedule_id).first()
    if row is not None:
        later = next_time(row.cron, row.zone, clock.now())
        RuleSchedule.objects.filter(pk=row.pk, next_at=row.next_at).update(next_at=later)


def _start(schedule_id: Any) -> bool:
    row = RuleSchedule.objects.select_for_update().filter(pk=schedule_id).first()
    now = clock.now()
    if row is None or row.next_at > now:
        return False  # another sweep was here
    at, row.next_at = row.next_at, next_time(row.cron, row.zone, now)
    row.save(update_fields=["next_at"])
    rule = Rule.objects.get(pk=row.rule_id)
    document = interventions.live_document(rule)
    key = f"schedule:{rule.pk.hex}:{at.isoformat()}"
    is_late = now - at > LATE_AFTER and document.late == "skip"
    if not rule.is_enabled or is_late or Run.objects.filter(key=key).exists():
        return False
    try:
        inputs = checked_inputs(document.inputs, {})
    except Refused as refused:
        log.warning("schedule.inputs_missing", rule=str(rule.pk), error=str(refused)[:200])
        return False
    interventions.start(rule, inputs, cause=SCHEDULE, key=key)
    return True
