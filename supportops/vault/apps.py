from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "supportops.vault"
    label = "vault"
