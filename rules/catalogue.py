"""What a rule document may name: platforms, events, actions, and the organization's integrations and environments."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from integrations import lookup, script_grants, types
from integrations.base import BaseIntegration
from integrations.models import Integration, Script
from integrations.specs import ActionSpec
from integrations.types import Platforms
from rules.calendars import Calendars
from rules.models import LookupTable, Rule, Variable
from supportops.tenancy.models import Environment

_MOST_OFFERED = 200


@dataclass(frozen=True)
class KnownIntegration:
    """An integration as far as documents are concerned."""

    id: str
    name: str
    platform: str
    environment: str | None


@dataclass(frozen=True)
class KnownVariable:
    """A variable as far as documents are concerned: of one name there may be one for each environment."""

    name: str
    is_secret: bool
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownScripts:
    """Scripts as far as documents are concerned: why none may run, or what is granted to them, and which there are."""

    why_not: str | None = None
    has_network: bool = False
    secret_hosts: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


class Catalogue(Protocol):
    """Everything that checking a document asks about the world; pure tests give their own."""

    @property
    def integrations(self) -> list[KnownIntegration]:
        """Return the organization's integrations."""

    @property
    def environments(self) -> list[str]:
        """Return the names of the organization's environments."""

    @property
    def variables(self) -> list[KnownVariable]:
        """Return the organization's variables."""

    @property
    def tables(self) -> frozenset[str]:
        """Return the names of the organization's lookup tables."""

    @property
    def calendars(self) -> list[str]:
        """Return the names of the organization's calendars; `default` where one is marked so."""

    def has_rule(self, reference: str) -> bool:
        """Return whether there is a rule of this name or id."""

    @property
    def scripts(self) -> KnownScripts:
        """Return what the organization's scripts may."""

    def connector(self, platform: str) -> type[BaseIntegration]:
        """Return a platform's connector. Raises registry.UnknownPlatform, naming those that are near."""

    def action(self, platform: str, action: str) -> tuple[type[BaseIntegration], ActionSpec]:
        """Return an action. Raises IntegrationError, naming those that exist."""


class OrganizationCatalogue:
    """The catalogue of the organization in scope."""

    def connector(self, platform: str) -> type[BaseIntegration]:
        return self._platforms.get(platform)

    def action(self, platform: str, action: str) -> tuple[type[BaseIntegration], ActionSpec]:
        return lookup.action_of(platform, action, self._platforms)

    @cached_property
    def _platforms(self) -> Platforms:
        return types.platforms()

    @cached_property
    def integrations(self) -> list[KnownIntegration]:
        return [
            KnownIntegration(str(row.pk), row.name, row.platform, row.environment.name if row.environment else None)
            for row in Integration.objects.select_related("environment")
        ]

    @cached_property
    def environments(self) -> list[str]:
        return list(Environment.objects.values_list("name", flat=True))

    @cached_property
    def variables(self) -> list[KnownVariable]:
        return [KnownVariable(row.name, row.is_secret, tuple(row.hosts)) for row in Variable.objects.all()]

    @cached_property
    def tables(self) -> frozenset[str]:
        return frozenset(LookupTable.objects.values_list("name", flat=True))

    @cached_property
    def calendars(self) -> list[str]:
        return Calendars().names

    @cached_property
    def _rules(self) -> set[str]:
        rules = Rule.objects.filter(deleted_at__isnull=True).values_list("name", "pk")
        return {text for name, key in rules for text in (name, str(key))}

    def has_rule(self, reference: str) -> bool:
        return reference in self._rules

    @cached_property
    def rule_names(self) -> list[str]:
        """Return the names of rules, for pages to offer."""
        rows = Rule.objects.filter(deleted_at__isnull=True).order_by("name")
        return list(rows.values_list("name", flat=True)[:_MOST_OFFERED])

    @cached_property
    def scripts(self) -> KnownScripts:
        grant = script_grants.present_grant()
        if grant is None:
            return KnownScripts(script_grants.why_not())
        names = frozenset(Script.objects.values_list("name", flat=True))
        return KnownScripts(None, script_grants.has_network(grant), tuple(grant.hosts), names)
