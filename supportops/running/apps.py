"""Makes every Django process know the Celery application, so that `shared_task` publishes through it."""

from django.apps import AppConfig


class RunningConfig(AppConfig):
    name = "supportops.running"
    label = "running"

    def ready(self) -> None:
        """Load the Celery application; tasks of other apps bind to it."""
        from supportops import celery  # noqa: F401
