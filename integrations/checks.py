"""System checks: no two connectors with one key, each connector whole, the operator's outbound settings readable."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register
from django.core.exceptions import ImproperlyConfigured

from integrations import limits, registry
from integrations.addresses import parse_allowance
from integrations.errors import InvalidInput
from integrations.places import checked_url
from integrations.sandbox import bubblewrap


@register("connectors")
def check_connectors(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for connectors that share a key, and a warning for each that is broken."""
    try:
        problems = registry.problems()
    except registry.DuplicateConnector as error:
        return [checks.Error(str(error), id="integrations.E001")]
    return [
        checks.Warning(problem, hint="Other connectors are not affected.", id="integrations.W001")
        for problem in problems
    ]


@register("outbound")
def check_outbound_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for each entry of the outbound settings that says nothing, which calls would trip over."""
    found = [*_problems_of_allowances(), *_problems_of_urls(), *_problems_of_limits()]
    return [checks.Error(problem, id="integrations.E002") for problem in found]


@register("scripts")
def check_sandbox(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning where scripts are switched on and this machine lacks the programs of their sandbox."""
    missing = bubblewrap.missing_programs() if settings.SCRIPTS == "sandbox" else None
    if missing is None:
        return []
    hint = "Fine on a machine that does not run the queue of scripts; elsewhere each of their steps fails."
    return [checks.Warning(f"Scripts have no sandbox here: {missing}", hint=hint, id="integrations.W002")]


def _problems_of_allowances() -> Iterator[str]:
    for entry in settings.OUTBOUND_ALLOW:
        try:
            parse_allowance(entry)
        except ValueError as error:
            yield str(error)


def _problems_of_urls() -> Iterator[str]:
    urls: object = settings.PLATFORM_URLS
    if not isinstance(urls, dict):
        yield 'SUPPORTOPS_PLATFORM_URLS must be an object such as {"slack": "http://127.0.0.1:4010/slack"}.'
        return
    for key, url in urls.items():
        try:
            checked_url(url)
        except InvalidInput as error:
            yield f"SUPPORTOPS_PLATFORM_URLS: '{key}': {error.message}"


def _problems_of_limits() -> Iterator[str]:
    overrides: object = settings.PLATFORM_LIMITS
    if not isinstance(overrides, dict):
        yield 'SUPPORTOPS_PLATFORM_LIMITS must be an object such as {"slack": null}.'
        return
    for key, override in overrides.items():
        try:
            limits.overriding_limit(key, override)
        except ImproperlyConfigured as error:
            yield str(error)
