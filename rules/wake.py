"""Wakes workers once the present transaction is committed. Messages carry nothing; should one get lost, the sweep
wakes for what is due anyway.

Tasks are named, not imported: planning lies in an app above this one.
"""

from celery import current_app
from django.db import transaction


def plan() -> None:
    """Have due deliveries planned."""
    _after_commit("webhooks.tasks.plan")


def perform() -> None:
    """Have due steps performed."""
    _after_commit("rules.tasks.perform")


def _after_commit(task: str) -> None:
    transaction.on_commit(lambda: current_app.tasks[task].delay())
