from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "supportops.people"
    label = "people"
    verbose_name = "People"

    def ready(self) -> None:
        # Connects the signals' receivers.
        from supportops.people import keys, sign_in  # noqa: F401
