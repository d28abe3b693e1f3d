from django.apps import AppConfig


class StatusConfig(AppConfig):
    name = "supportops.status"
    label = "status"
