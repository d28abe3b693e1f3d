"""Celery's tasks of this app. They carry nothing: each looks what is due."""

from celery import shared_task
from django.conf import settings

from rules.execution import perform_due
from rules.timer_firing import fire_due


@shared_task(name="rules.tasks.perform")
def perform() -> None:
    """Perform due steps."""
    perform_due()


@shared_task(name="rules.tasks.fire")
def fire() -> None:
    """Turn timers whose time has come into runs."""
    fire_due()


@shared_task(name="rules.tasks.perform_scripts")
def perform_scripts() -> None:
    """Perform due steps that run scripts: few at a time, and in nobody else's way."""
    perform_due("scripts", slots=settings.SCRIPT_SLOTS)
