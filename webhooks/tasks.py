"""Celery's tasks of this app. They carry nothing: each looks what is due."""

from celery import shared_task

from rules.execution import StepSource
from webhooks import retention
from webhooks.attending import attend_once
from webhooks.processing import process_due
from webhooks.sweep import sweep_once


@shared_task(name="webhooks.tasks.plan")
def plan() -> None:
    """Plan due deliveries, and perform what follows from them at once."""
    process_due([StepSource()])


@shared_task(name="webhooks.tasks.sweep")
def sweep() -> None:
    """Wake workers for what is due, and give back what dead ones held."""
    sweep_once()


@shared_task(name="webhooks.tasks.attend")
def attend() -> None:
    """Look after integrations, and tell people what they should know."""
    attend_once()


@shared_task(name="webhooks.tasks.forget")
def forget() -> None:
    """Forget what has reached its end, when that is due."""
    retention.forget_due()
