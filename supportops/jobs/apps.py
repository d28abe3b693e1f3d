from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "supportops.jobs"
    label = "jobs"
