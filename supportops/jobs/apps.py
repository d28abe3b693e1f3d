from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "supportops.jobs"
    label = "jobs"

    def ready(self) -> None:
        # Every application declares its kinds of jobs in a module of this name.
        autodiscover_modules("jobs")
