from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "supportops.api"
    label = "api"
