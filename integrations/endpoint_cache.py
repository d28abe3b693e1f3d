"""Endpoints as receipts need them, remembered by the process with their secrets opened.

What is remembered is used to verify and never believed when something is stored: `current` asks the database for all
endpoints of a transaction at once, and what differs in any value that matters there (a rotated secret, a disabled
integration, a removed endpoint) is not current. There is no version number that a change could forget to raise.
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.db import connection

from integrations.endpoints import public_address
from integrations.models import Endpoint, EndpointState, Integration
from supportops import odd_json
from supportops.bulk import raw_id
from supportops.tenancy.models import Organization
from supportops.vault import keyring

# Oldest first out; some megabytes at most.
_MOST = 10_000
_LABEL = Endpoint._meta.get_field("secrets").label

_SELECT = f"""
    SELECT e.id, e.organization_id, e.integration_id, i.platform, e.key, e.scheme, e.options, e.secrets, e.state,
           e.allowed_ips
    FROM {Endpoint._meta.db_table} e
    JOIN {Integration._meta.db_table} i ON i.id = e.integration_id
    JOIN {Organization._meta.db_table} o ON o.id = e.organization_id
    WHERE i.is_enabled AND o.is_active AND
"""  # noqa: S608 - names of our own tables

# For statements of PostgreSQL with a common table `expected` of these columns and a `version`: those versions that
# are still exactly that.
EXPECTED_COLUMNS = (
    "id uuid, organization_id uuid, integration_id uuid, platform text, key text, scheme text, options jsonb, "
    "secrets bytea, state text, allowed_ips jsonb"
)
CURRENT = f"""
    SELECT expected.version
    FROM expected
    JOIN {Endpoint._meta.db_table} e ON e.id = expected.id
    JOIN {Integration._meta.db_table} i ON i.id = e.integration_id
    JOIN {Organization._meta.db_table} o ON o.id = e.organization_id
    WHERE i.is_enabled AND o.is_active AND e.organization_id = expected.organization_id
      AND e.integration_id = expected.integration_id AND i.platform = expected.platform AND e.key = expected.key
      AND e.scheme = expected.scheme AND e.options = expected.options AND e.secrets = expected.secrets
      AND e.state = expected.state AND e.allowed_ips = expected.allowed_ips
"""  # noqa: S608 - names of our own tables

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint that takes requests at present, as it was when it was read. `row` is what the database said."""

    id: uuid.UUID
    organization_id: uuid.UUID
    integration_id: uuid.UUID
    platform: str
    key: str
    scheme: str
    options: Mapping[str, Any]
    row: Row = field(repr=False)
    # With the time until which each one is valid; the current one first, and without end.
    secrets: tuple[tuple[str, datetime | None], ...] = field(repr=False)
    networks: tuple[IPv4Network | IPv6Network, ...]

    @property
    def address(self) -> str:
        """The public address, as it is registered at the platform. Signatures may cover it."""
        return public_address(self.platform, self.key)

    @property
    def awaits_handshake(self) -> bool:
        """Whether the platform's request with its signing secret is still to come."""
        *_, sealed, state, _ = self.row
        return state == EndpointState.AWAITING_HANDSHAKE and not sealed

    def valid_secrets(self, now: datetime) -> list[str]:
        """Return the secrets that may sign at `now`, the current one first; none until there is one."""
        return [secret for secret, until in self.secrets if until is None or until > now]

    def may_send(self, ip: str) -> bool:
        """Return whether a request from `ip` may come in here at all."""
        if not self.networks:
            return True
        try:
            address = ip_address(ip)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


_lock = threading.Lock()
_known: dict[tuple[str, str], KnownEndpoint] = {}


def remembered(platform: str, key: str) -> KnownEndpoint | None:
    """Return the endpoint at an address as this process last saw it; None when it has not, or it is not there."""
    return _known.get((platform, key)) or read(platform, key)


def read(platform: str, key: str) -> KnownEndpoint | None:
    """Return the endpoint at an address as it is now, and remember it; None when there is none.

    Works across organizations: who asks is not known before the signature is checked. Anything switched off is not
    there.
    """
    rows = _rows("e.key = %s AND i.platform = %s", [key, platform])
    found = _endpoint(rows[0]) if rows else None
    with _lock:
        _known.pop((platform, key), None)
        if found is not None:
            while len(_known) >= _MOST:
                del _known[next(iter(_known))]
            _known[platform, key] = found
    return found


def read_of_account(platform: str, account_id: str, most: int = 5) -> list[KnownEndpoint]:
    """Return the endpoints of integrations that are proven to be this account, oldest first.

    Works across organizations. Among several the signature decides; more than `most` are never tried.
    """
    if "\0" in account_id:
        # No account is called that, and PostgreSQL would refuse the question.
        return []
    where = "i.platform = %s AND i.account_id = %s ORDER BY e.created_at LIMIT %s"
    return [_endpoint(row) for row in _rows(where, [platform, account_id, most])]


def current(endpoints: Sequence[KnownEndpoint]) -> list[bool]:
    """Return of each, in order, whether it is still exactly what it was when it was read. One query for all.

    The same endpoint may be among them as it was at different times. Works across organizations: it compares, and
    gives nothing away.
    """
    ids = {endpoint.id for endpoint in endpoints}
    marks = ", ".join(["%s"] * len(ids))
    present = {_uuid(row[0]): row for row in _rows(f"e.id IN ({marks})", [raw_id(each) for each in ids])}
    return [present.get(endpoint.id) == endpoint.row for endpoint in endpoints]


def expectation(endpoint: KnownEndpoint) -> dict[str, Any]:
    """Return the row of `expected` for an endpoint, as JSON takes it."""
    identifier, organization_id, integration_id, platform, key, scheme, options, sealed, state, allowed_ips = (
        endpoint.row
    )
    return {
        "id": identifier,
        "organization_id": organization_id,
        "integration_id": integration_id,
        "platform": platform,
        "key": key,
        "scheme": scheme,
        "options": odd_json.loads(options),
        "secrets": f"\\x{sealed.hex()}",
        "state": state,
        "allowed_ips": odd_json.loads(allowed_ips),
    }


def forget() -> None:
    """Forget all endpoints. For tests."""
    with _lock:
        _known.clear()


def _rows(where: str, parameters: list[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {where}", parameters)
        # PostgreSQL's bytes come as a view of a buffer.
        return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in cursor.fetchall()]


def _endpoint(row: Row) -> KnownEndpoint:
    identifier, organization_id, integration_id, platform, key, scheme, options, sealed, state, allowed_ips = row
    secrets: list[dict[str, Any]] = []
    if sealed and state == EndpointState.READY:
        plain = keyring.open_sealed(
            sealed, organization_id=_uuid(organization_id), row_id=_uuid(identifier), label=_LABEL
        )
        secrets = odd_json.loads(plain) or []
    return KnownEndpoint(
        id=_uuid(identifier),
        organization_id=_uuid(organization_id),
        integration_id=_uuid(integration_id),
        platform=platform,
        key=key,
        scheme=scheme,
        options=odd_json.loads(options),
        row=row,
        secrets=tuple(
            (item["secret"], datetime.fromisoformat(item["until"]) if item["until"] else None) for item in secrets
        ),
        networks=tuple(ip_network(network, strict=False) for network in odd_json.loads(allowed_ips)),
    )


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
