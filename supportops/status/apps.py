from django.apps import AppConfig


class StatusConfig(AppConfig):
    name = "supportops.status"
    label = "status"

    def ready(self) -> None:
        """Register the system check."""
        from supportops.status import checks  # noqa: F401
