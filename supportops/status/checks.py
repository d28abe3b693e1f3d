"""System check: the addresses that may see /metrics are addresses."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from supportops.addresses import check_networks


@register("metrics")
def check_metrics_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for an entry of METRICS_ALLOW that is no address; a scrape would trip over it."""
    try:
        check_networks(settings.METRICS_ALLOW)
    except ValueError as error:
        return [Error(f"SUPPORTOPS_METRICS_ALLOW: {error}.", id="status.E001")]
    return []
