from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from integrations import (
            checks,  # noqa: F401 - registers the system checks
            registry,
            sign_in_watch,  # noqa: F401 - connects the signal's receiver
        )

        # Two connectors with one key stop the start of any process, with both places named.
        registry.all_connectors()
