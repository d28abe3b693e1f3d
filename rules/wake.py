"""Wakes workers once the present transaction is committed. Messages carry nothing; should one get lost, the sweep
wakes for what is due anyway.

Tasks are named, not imported: planning lies in an app above this one.
"""

from celery import current_app
from django.db import transaction

from supportops.alarm import Alarm


def plan() -> None:
    """Have due deliveries planned."""
    _after_commit("webhooks.tasks.plan")


def perform() -> None:
    """Have due steps performed."""
    _after_commit("rules.tasks.perform")


def attend() -> None:
    """Have people told what they are to be told. The chore finds it too, a little later."""
    _after_commit("webhooks.tasks.attend")


def perform_in(seconds: float) -> None:
    """Have steps performed that are put back until then. The sweep would find them too, a little later: a platform's
    rate is kept more evenly this way."""
    transaction.on_commit(lambda: _alarm.set(seconds))


def fire_in(seconds: float) -> None:
    """Have due timers fired in so many seconds. What is further off is left to the sweep."""
    if seconds <= _SOON:
        transaction.on_commit(lambda: _timers.set(max(0.0, seconds) + _LITTLE))


def _after_commit(task: str) -> None:
    transaction.on_commit(lambda: current_app.tasks[task].delay())


def _ring() -> None:
    current_app.tasks["rules.tasks.perform"].delay()


def _ring_timers() -> None:
    current_app.tasks["rules.tasks.fire"].delay()


# Who rings may have died by then: what is further off than this is nobody's but the sweep's.
_SOON = 120.0
# A timer is due at its time, not before.
_LITTLE = 0.01
_alarm = Alarm(_ring)
_timers = Alarm(_ring_timers)
