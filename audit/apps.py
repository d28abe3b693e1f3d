from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit.guards import guard_tables

        post_migrate.connect(guard_tables, dispatch_uid="audit.guards")
