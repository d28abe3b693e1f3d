"""The guard: which addresses our calls may reach. Resolves a name once, checks what came, hands out what was checked.

Notation does not matter (decimal, octal, hex, short forms): what is checked is the address that the resolver made of
it, and that same address is connected to. Everything that is not plainly somewhere else on the internet is refused;
the operator can allow hosts (``SUPPORTOPS_OUTBOUND_ALLOW``), tenants cannot.
"""

import ipaddress
import queue
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's special-purpose registries (read 2026-11), written out: what `ipaddress` calls global has changed between
# Python releases, and translated forms were always missing from it.
_REFUSED_V4 = [
    (ipaddress.IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a provider's shared network"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "link-local or a cloud's metadata service"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "a protocol's own network"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "a protocol's own network"),
        ("192.52.193.0/24", "a protocol's own network"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "a protocol's own network"),
        ("198.18.0.0/15", "a test network"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        # A public address that answers only inside Azure, with the machine's own configuration.
        ("168.63.129.16/32", "a cloud's metadata service"),
    )
]
# Of IPv6 only global unicast is let through, less the parts of it that stand for something else.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = [
    (ipaddress.IPv6Network(network), reason)
    for network, reason in (
        ("2001::/23", "Teredo or a protocol's own network"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4, which hides an IPv4 address"),
        ("2620:4f:8000::/48", "a protocol's own network"),
        ("3fff::/20", "documentation"),
        ("::1/128", "this machine"),
        ("::/128", "this machine"),
        ("::ffff:0:0/96", "a mapped IPv4 address"),
        ("::/96", "a mapped IPv4 address"),
        ("64:ff9b::/96", "a translated IPv4 address"),
        ("64:ff9b:1::/48", "a translated IPv4 address"),
        ("100::/64", "discarded"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "a private network"),
        ("ff00::/8", "multicast"),
    )
]


class AddressRefused(Exception):
    """Our calls may not go there. The message names the host and says why, and holds no secret."""


class NameNotResolved(Exception):
    """The name has no address, or the resolver did not answer in time."""


@dataclass(frozen=True)
class Checked:
    """An address that may be connected to, as `socket.connect` wants it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    @property
    def ip(self) -> str:
        return str(self.sockaddr[0])


@dataclass(frozen=True)
class Allowance:
    """A host that the operator allows, on one port or on every one."""

    host: str
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        return self.host == host and self.port in (None, port)


Allowances = frozenset[Allowance]
NOTHING: Allowances = frozenset()


def refusal(address: IpAddress) -> str | None:
    """Return why `address` may not be called, None when it may."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((reason for network, reason in _REFUSED_V4 if address in network), None)
    plain = ipaddress.IPv6Address(int(address))  # without a zone, which would compare unequal
    for network, reason in _REFUSED_V6:
        if plain in network:
            return reason
    return None if plain in _GLOBAL_V6 else "not a public address"


def allowed_by_operator() -> Allowances:
    """Return the hosts of SUPPORTOPS_OUTBOUND_ALLOW."""
    return _parsed(tuple(settings.OUTBOUND_ALLOW))


def allowance_of_url(url: str) -> Allowance:
    """Return the allowance that an operator's own URL stands for: its host, on its port."""
    parts = urlsplit(url)
    return Allowance(normal_host(parts.hostname or ""), parts.port or default_port(parts.scheme))


def is_allowed(host: str, port: int, allowances: Iterable[Allowance]) -> bool:
    """Return whether the operator allows `host` by that very name."""
    name = normal_host(host)
    return any(allowance.covers(name, port) for allowance in allowances)


def default_port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def normal_host(host: str) -> str:
    """Return a host in the one form that is compared: lower case, no brackets, no dot at the end."""
    return host.strip().lower().strip("[]").rstrip(".")


def checked_addresses(
    host: str, port: int, *, allowances: Allowances | None = None, timeout: float | None = None
) -> list[Checked]:
    """Resolve `host` once and return the addresses that may be connected to, never an empty list.

    `allowances` are further hosts that the operator allows for this caller. Connect to what is returned, not to the
    name. Raises AddressRefused when no address of it may be called, NameNotResolved when it has none.
    """
    allowed = allowed_by_operator() | (allowances or NOTHING)
    found = _resolve(host, port, timeout)
    if is_allowed(host, port, allowed):
        return found
    reasons = []
    permitted = []
    for checked in found:
        address = ipaddress.ip_address(checked.ip.split("%", 1)[0])
        reason = refusal(address)
        if reason is None or is_allowed(str(address), port, allowed):
            permitted.append(checked)
        else:
            reasons.append(reason)
    if not permitted:
        raise AddressRefused(
            f"Calls to {host} are refused: its address is {reasons[0]}. "
            f"An operator can allow it by SUPPORTOPS_OUTBOUND_ALLOW={_written(host, port)}."
        )
    return permitted


@lru_cache(maxsize=16)
def _parsed(entries: tuple[str, ...]) -> Allowances:
    return frozenset(parse_allowance(entry) for entry in entries if entry.strip())


def parse_allowance(entry: str) -> Allowance:
    """Return the allowance written as `host`, `host:port` or `[v6]:port`. Raises ValueError that names the entry."""
    text = entry.strip()
    try:
        bare_v6 = ipaddress.IPv6Address(text)
    except ValueError:
        pass
    else:
        return Allowance(str(bare_v6))
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path or parts.query or parts.username is not None:
        raise ValueError(f"'{entry}' in SUPPORTOPS_OUTBOUND_ALLOW is not of the form host or host:port.")
    return Allowance(normal_host(host), port)


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resolve(host: str, port: int, timeout: float | None) -> list[Checked]:
    """Ask the resolver, in a thread of its own: the system's resolver knows no deadline."""
    if _is_literal(host):
        return _look_up(host, port)
    answers: queue.SimpleQueue[list[Checked] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_look_up(host, port))
        except Exception as error:  # noqa: BLE001 - handed over to the caller, who raises it
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise NameNotResolved(f"The name {host} was not resolved in time.") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(normal_host(host))
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> list[Checked]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a valid name"
        raise NameNotResolved(f"The name {host} has no address ({why}).") from None
    addresses = list(
        dict.fromkeys(Checked(family, sockaddr) for family, _, _, _, sockaddr in found if family in _FAMILIES)
    )
    if not addresses:
        raise NameNotResolved(f"The name {host} has no IPv4 or IPv6 address.")
    return addresses


_FAMILIES = (socket.AF_INET, socket.AF_INET6)
