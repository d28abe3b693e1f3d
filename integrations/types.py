"""Which platforms an organization has: everybody's connectors, and its own integration types.

The one place where a key becomes a connector for an organization. Its own types come first: integrations and rules
that were made for one keep their meaning when a connector of the same key is installed later. What is loaded is kept
by the organization's version number, which each change of a type raises: nobody asks the database per event.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping

import structlog
from pydantic import ValidationError

from integrations import registry
from integrations.base import BaseIntegration
from integrations.models import IntegrationType
from integrations.own_types import connector_of_type
from integrations.type_documents import TypeDocument
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id

Connector = type[BaseIntegration]

_MOST_ORGANIZATIONS = 1000

log = structlog.get_logger()


class Platforms:
    """The platforms of one organization at one version number."""

    def __init__(self, version: int, own: Mapping[str, Connector]) -> None:
        self.version = version
        self.own = dict(own)

    def get(self, key: str) -> Connector:
        """Return the connector with this key. Raises registry.UnknownPlatform, which names those with a similar one."""
        own = self.own.get(key)
        if own is not None:
            return own
        try:
            return registry.get(key)
        except registry.UnknownPlatform:
            raise registry.UnknownPlatform(key, sorted(connector.key for connector in self.all())) from None

    def all(self) -> list[Connector]:
        """Return every connector, by key."""
        shared = [connector for connector in registry.all_connectors() if connector.key not in self.own]
        return sorted([*shared, *self.own.values()], key=lambda connector: connector.key)


_known: "OrderedDict[uuid.UUID, Platforms]" = OrderedDict()
_made: "OrderedDict[tuple[uuid.UUID, int], Connector | None]" = OrderedDict()
_lock = threading.Lock()


def platforms(version: int | None = None) -> Platforms:
    """Return the platforms of the organization in scope at `version` (Organization.rules_version; None: ask for it)."""
    organization_id = current_organization_id()
    if version is None:
        version = Organization.objects.values_list("rules_version", flat=True).get(pk=organization_id)
    with _lock:
        known = _known.get(organization_id)
        if known is not None and known.version == version:
            _known.move_to_end(organization_id)
            return known
    loaded = Platforms(version, _own())
    with _lock:
        _known[organization_id] = loaded
        _known.move_to_end(organization_id)
        while len(_known) > _MOST_ORGANIZATIONS:
            _known.popitem(last=False)
    return loaded


def connector_of(key: str, version: int | None = None) -> Connector:
    """Return the connector that a key means to the organization in scope. Raises registry.UnknownPlatform."""
    return platforms(version).get(key)


def forget() -> None:
    """Empty the caches, for tests."""
    with _lock:
        _known.clear()
        _made.clear()


def _own() -> dict[str, Connector]:
    rows = IntegrationType.objects.all()
    made = {row.key: _connector(row) for row in rows}
    return {key: connector for key, connector in made.items() if connector is not None}


def _connector(row: IntegrationType) -> Connector | None:
    """Return the row's connector: the same class while the row is the same, so that what is kept by class stays so."""
    place = (row.pk, row.revision)
    with _lock:
        if place in _made:
            return _made[place]
    try:
        connector = connector_of_type(TypeDocument.model_validate(row.document))
    except (ValidationError, TypeError):
        # Written by another version of this code: its integrations say that the platform is not there.
        log.exception("integration_type.not_readable", type=str(row.pk))
        return None
    if connector is not None:
        with _lock:
            _made[place] = connector
            while len(_made) > 10 * _MOST_ORGANIZATIONS:
                _made.popitem(last=False)
    return connector
