"""Finds what a rule's step names: the action, and the organization's integration to do it with."""

import uuid
from typing import Any

from integrations import registry, types
from integrations.base import BaseIntegration
from integrations.errors import InvalidInput
from integrations.models import Integration
from integrations.specs import ActionSpec
from integrations.types import Platforms


def action_of(
    platform: str, action: str, platforms: Platforms | None = None
) -> tuple[type[BaseIntegration], ActionSpec]:
    """Return connector and action; a generic action needs no platform. `platforms` are the organization's, where known.

    Raises registry.UnknownPlatform and InvalidInput, naming what exists.
    """
    if not platform:
        found = registry.generic_action(action)
        if found is None:
            raise InvalidInput(f"There is no action '{action}' without a platform. Name the step's `platform`.")
        return found
    connector = (platforms or types.platforms()).get(platform)
    return connector, connector.action_spec(action)


class Integrations:
    """The integrations of the organization in scope, read with one query."""

    def __init__(self) -> None:
        self._rows = list(Integration.objects.select_related("environment"))

    def ids(self) -> list[uuid.UUID]:
        """Return the ids of all of them."""
        return [row.pk for row in self._rows]

    def find(self, platform: str, reference: str | None, environment: str = "") -> Integration:
        """Return the one that a step means: by name or id, else the platform's one for the environment, else its
        one without environment. Raises InvalidInput when there is none, it is switched off, or there are several."""
        rows = [row for row in self._rows if row.platform == platform]
        if reference:
            named = [row for row in rows if row.name == reference or str(row.pk) == reference]
            if not named:
                raise InvalidInput(f"There is no {platform} integration '{reference}' in this organization.")
            return _enabled(named[0])
        here = [row for row in rows if environment and _environment(row) == environment]
        rows = here or [row for row in rows if row.environment_id is None] or ([] if environment else rows)
        if not rows:
            where = f" for the environment '{environment}'" if environment else ""
            raise InvalidInput(f"There is no {platform} integration{where}. Connect one, then retry.")
        if len(rows) > 1:
            names = ", ".join(f"'{row.name}'" for row in rows[:5])
            raise InvalidInput(f"There are several {platform} integrations ({names}): name one as `integration`.")
        return _enabled(rows[0])


def _enabled(row: Integration) -> Integration:
    if not row.is_enabled:
        raise InvalidInput(f"The integration '{row.name}' is switched off.")
    return row


def _environment(row: Integration) -> Any:
    return row.environment.name if row.environment is not None else None
