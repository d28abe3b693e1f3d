"""System checks: no two connectors with one key, and each connector whole."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, register

from integrations import registry


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
