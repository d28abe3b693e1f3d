"""Celery's tasks of this app. They carry nothing: each looks what is due."""

from celery import shared_task

from rules.execution import perform_due


@shared_task(name="rules.tasks.perform")
def perform() -> None:
    """Perform due steps."""
    perform_due()
