"""Whether integrations are ready: configured completely, credentials accepted. Needs the organization in scope."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q

from integrations import lifecycle, registry
from integrations.connecting import connect
from integrations.endpoints import endpoint_of
from integrations.errors import IntegrationError
from integrations.models import EndpointState, Integration
from supportops.tenancy.models import Environment


class UnknownEnvironment(Exception):
    """The organization has no environment of that name."""


@dataclass(frozen=True)
class Checked:
    """What came of one integration's check."""

    organization: str
    name: str
    platform: str
    environment: str | None
    is_well: bool
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of the command's JSON."""
        known = asdict(self)
        return {"ok": known.pop("is_well"), **known}


def check_all(organization: str, environment: str | None = None, *, config_only: bool = False) -> Iterator[Checked]:
    """Check each enabled integration, of an environment or of none where one is named. Raises UnknownEnvironment."""
    rows = Integration.objects.select_related("environment").filter(is_enabled=True)
    if environment:
        if not Environment.objects.filter(name=environment).exists():
            known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none"
            raise UnknownEnvironment(f"'{organization}' has no environment '{environment}'. There are: {known}.")
        rows = rows.filter(Q(environment__name=environment) | Q(environment=None))
    for row in rows:
        is_well, message = _checked(row, config_only)
        place = row.environment.name if row.environment is not None else None
        yield Checked(organization, row.name, row.platform, place, is_well, message)


def _checked(row: Integration, config_only: bool) -> tuple[bool, str]:
    try:
        connect(row)
    except (IntegrationError, registry.UnknownPlatform) as error:
        return False, str(error)
    endpoint = endpoint_of(row.pk)
    waits = endpoint is not None and endpoint.state != EndpointState.READY
    note = " Nothing is received yet: its webhook awaits the platform's secret." if waits else ""
    if config_only:
        return True, f"Its configuration is complete.{note}"
    answer = lifecycle.test(row)
    return bool(answer["success"]), f"{answer['message']}{note}"
