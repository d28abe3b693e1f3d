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


def _after_commit(task: str) -> None:
    transaction.on_commit(lambda: current_app.tasks[task].delay())


def _ring() -> None:
    current_app.tasks["rules.tasks.perform"].delay()


_alarm = Alarm(_ring)
