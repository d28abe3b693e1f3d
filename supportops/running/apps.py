"""Makes every Django process know the Celery application, so that `shared_task` publishes through it."""

from django.apps import AppConfig


class RunningConfig(AppConfig):
    name = "supportops.running"
    label = "running"

    def ready(self) -> None:
        """Load the Celery application and all tasks: a web process wakes workers by the name of a task."""
        from supportops.celery import app

        app.autodiscover_tasks(force=True)
