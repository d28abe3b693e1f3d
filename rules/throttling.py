"""Gives steps their places under a throttle: counted in the database, exact however many workers ask at once.

A place belongs to a step for good, so that its retries take no second one. A step that did not do its work in the end
(failed, cancelled) gives it back: then it counts no longer.
"""

from datetime import datetime, timedelta

from django.db import transaction

from rules.models import Step, StepStatus, ThrottlePlace
from rules.pacing import Throttle
from supportops import locks

_GIVEN_BACK = (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED)


def why_throttled(step: Step, name: str, throttle: Throttle, key: str, now: datetime) -> str:
    """Take a place for `step`, which the document calls `name`; return "", or why there is none.

    Needs the organization in scope.
    """
    with transaction.atomic():
        locks.hold([step.run.rule_id.bytes + f"throttle\0{name}\0{key}".encode("utf-8", "surrogatepass")])
        if ThrottlePlace.objects.filter(step=step).exists():
            return ""
        of_key = ThrottlePlace.objects.filter(rule_id=step.run.rule_id, step_name=name, key=key)
        counted = of_key.filter(taken_at__gt=now - timedelta(seconds=throttle.seconds))
        newest = counted.exclude(step__status__in=_GIVEN_BACK).order_by("-taken_at")
        taken = list(newest.values_list("taken_at", "step__run_id")[: throttle.count])
        if len(taken) < throttle.count:
            ThrottlePlace.objects.create(rule_id=step.run.rule_id, step_name=name, key=key, step=step, taken_at=now)
            return ""
    (last_at, last_run), (oldest_at, _) = taken[0], taken[-1]
    next_at = oldest_at + timedelta(seconds=throttle.seconds)
    about = f" for '{key}'" if key else ""
    return (
        f"Throttled: {throttle.limit}{about}. The last was at {last_at:%Y-%m-%d %H:%M:%S} UTC by run {last_run}; "
        f"there is room again at {next_at:%Y-%m-%d %H:%M:%S} UTC."
    )
