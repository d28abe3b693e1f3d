"""Celery's task of this app. It carries nothing: it looks what is due."""

from celery import shared_task

from supportops.jobs import running


@shared_task(name="supportops.jobs.tasks.work")
def work() -> None:
    """Work at due jobs."""
    running.work_due()
