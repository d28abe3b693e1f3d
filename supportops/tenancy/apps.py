from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class TenancyConfig(AppConfig):
    name = "supportops.tenancy"
    label = "tenancy"
    verbose_name = "Organizations"

    def ready(self) -> None:
        from supportops.tenancy import model_texts
        from supportops.tenancy.links import keep_links_within_organizations, make_way

        pre_migrate.connect(make_way, dispatch_uid="tenancy.make_way")
        post_migrate.connect(keep_links_within_organizations, dispatch_uid="tenancy.links")
        model_texts.speak_the_reader_s_language()
