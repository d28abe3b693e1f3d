"""The second wall: in processes that run actions, no code at all connects to an address that the guard refuses.

Connectors of others may bring HTTP clients of their own. An audit hook sees each connect of the process, whoever makes
it, and stops those to refused addresses. It cannot be taken out again, so the worker's start installs it, once. It sees
what goes through Python's `socket`; a library that opens sockets in C (libpq) it does not.
"""

import errno
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from integrations.addresses import Allowance, allowed_by_operator, normal_host, parse_allowance, refusal

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLVED_SECONDS = 30.0
# Ports of servers that settings name without one.
_PORTS = {"redis": 6379, "rediss": 6379, "valkey": 6379, "amqp": 5672, "amqps": 5671}

_here = threading.local()
_wall: "Wall | None" = None


class ConnectionBlocked(PermissionError):
    """The process may not connect there. An OSError, so that clients of others treat it as a failed connection."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(errno.EACCES, f"connections to {where} are refused: {why}")


@contextmanager
def passing(sockaddr: tuple[Any, ...]) -> Iterator[None]:
    """Let this thread connect to one address within the block: the guard has checked it already."""
    before = getattr(_here, "address", None)
    _here.address = (sockaddr[0], sockaddr[1])
    try:
        yield
    finally:
        _here.address = before


def install(servers: Iterable[str] | None = None) -> None:
    """Put up the wall for the rest of this process's life; a second call only replaces the list.

    `servers` are our own: ``host:port``, or the path of a Unix socket. By default those that settings name. Raises
    ValueError for an entry that is neither.
    """
    global _wall
    is_first = _wall is None
    _wall = Wall(own_servers() if servers is None else servers)
    if is_first:
        sys.addaudithook(_hook)


def own_servers() -> list[str]:
    """Return the addresses of the servers that settings name: database, broker, buckets, mail."""
    found = []
    for database in settings.DATABASES.values():
        host = str(database.get("HOST") or "")
        if host.startswith("/"):
            found.append(f"{host}/.s.PGSQL.{database.get('PORT') or 5432}")
        elif host:
            found.append(f"{host}:{database.get('PORT') or 5432}")
    for url in (settings.BROKER_URL, settings.REDIS_URL):
        parts = urlsplit(url)
        if parts.scheme.endswith("unix") or parts.scheme.endswith("socket"):
            found.append(parts.path)
        elif parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            found.append(f"{host}:{parts.port or _PORTS.get(parts.scheme, 6379)}")
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") and settings.EMAIL_HOST:
        found.append(f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}")
    return found


class Wall:
    """Decides on connections. Our own servers and the hosts of SUPPORTOPS_OUTBOUND_ALLOW are let through."""

    def __init__(self, servers: Iterable[str]) -> None:
        entries = [entry for entry in servers if entry]
        self._paths = frozenset(entry for entry in entries if entry.startswith("/"))
        self._servers = frozenset(parse_allowance(entry) for entry in entries if not entry.startswith("/"))
        self._resolved: dict[str, tuple[float, frozenset[str]]] = {}

    def check(self, family: int, address: Any) -> None:
        """Let a connection pass. Raises ConnectionBlocked."""
        if family in (socket.AF_INET, socket.AF_INET6):
            self._check_ip(str(address[0]), int(address[1]))
        elif family != socket.AF_UNIX:
            raise ConnectionBlocked(f"family {family}", "only IP and our own Unix sockets")
        elif _as_path(address) not in self._paths:
            raise ConnectionBlocked(f"the Unix socket {_as_path(address)!r}", "it is none of our own")

    def _check_ip(self, host: str, port: int) -> None:
        if getattr(_here, "address", None) == (host, port):
            return
        allowances = self._servers | allowed_by_operator()
        try:
            address = ipaddress.ip_address(host.split("%", 1)[0])
        except ValueError:
            # Which address it stands for would be decided after the check.
            if any(allowance.covers(normal_host(host), port) for allowance in allowances):
                return
            raise ConnectionBlocked(repr(host), "connect to an address, not to a name") from None
        why = refusal(address)
        if why is not None and not self._is_allowed(str(address), port, allowances):
            raise ConnectionBlocked(f"{host} port {port}", f"it is {why}")

    def _is_allowed(self, ip: str, port: int, allowances: Iterable[Allowance]) -> bool:
        on_port = [allowance for allowance in allowances if allowance.port in (None, port)]
        return any(allowance.host == ip for allowance in on_port) or any(
            ip in self._addresses_of(allowance.host) for allowance in on_port if not _is_ip(allowance.host)
        )

    def _addresses_of(self, host: str) -> frozenset[str]:
        """The addresses of one of our own names; they may change while the process lives."""
        known = self._resolved.get(host)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = frozenset(str(item[4][0]) for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except OSError:
            found = known[1] if known is not None else frozenset()
        self._resolved[host] = (time.monotonic() + _RESOLVED_SECONDS, found)
        return found


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or _wall is None:
        return
    connection, address = arguments
    # A message on a connection that already stands names no address.
    if address is not None:
        _wall.check(connection.family, address)


def _as_path(address: Any) -> str:
    return address.decode(errors="replace") if isinstance(address, bytes) else str(address)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
