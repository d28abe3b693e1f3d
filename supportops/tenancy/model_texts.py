"""What models, their fields and choices are called, in the reader's language. Migrations keep the English words."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.utils.functional import lazy

from supportops.texts import translated

_OWN = ("supportops", "integrations", "rules", "webhooks", "audit")
_translated_lazy = lazy(translated, str)


def own_models() -> Iterator[type[Model]]:
    """Yield every model of the application itself."""
    yield from (model for model in apps.get_models() if model.__module__.partition(".")[0] in _OWN)


def declared_texts() -> Iterator[str]:
    """Yield what pages may show of models: choices by label and by value as words; of those with pages also names."""
    yield from (str(config.verbose_name) for config in _own_apps())
    for model in own_models():
        has_pages = model in admin.site._registry
        if has_pages:
            yield from (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
        for field in _fields(model):
            if has_pages:
                yield from (str(field.verbose_name), str(field.help_text))
            for value, label in field.flatchoices:
                yield from (str(label), str(value).replace("_", " "))


def speak_the_reader_s_language() -> None:
    """Let all those texts be looked up when they are shown. Called once, when every model is there."""
    for config in _own_apps():
        config.verbose_name = _translated_lazy(str(config.verbose_name))
    for model in own_models():
        model._meta.verbose_name = _translated_lazy(str(model._meta.verbose_name))
        model._meta.verbose_name_plural = _translated_lazy(str(model._meta.verbose_name_plural))
        for field in _fields(model):
            field.verbose_name = _translated_lazy(str(field.verbose_name))
            field.help_text = _translated_lazy(str(field.help_text)) if field.help_text else ""
            if field.choices:
                field.choices = [(value, _translated_lazy(str(label))) for value, label in field.flatchoices]


def _own_apps() -> list[Any]:
    return [config for config in apps.get_app_configs() if config.name.partition(".")[0] in _OWN]


def _fields(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.local_fields if field.concrete]
