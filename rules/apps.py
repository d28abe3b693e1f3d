from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "rules"
    verbose_name = "Rules"

    def ready(self) -> None:
        from rules import tasks  # noqa: F401 - web processes wake by these tasks too
