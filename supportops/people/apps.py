from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "supportops.people"
    label = "people"
    verbose_name = "People"
