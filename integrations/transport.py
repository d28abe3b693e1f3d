"""The sockets under the one door: a shared pool whose connections go to checked addresses and keep to a deadline.

httpx's time limits are per operation, so an answer that drips a byte a second never ends. Here each read, write and
handshake gets what is left of the call's whole time.
"""

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import certifi
import httpcore
import httpx
from django.conf import settings
from httpcore._backends.base import SOCKET_OPTION

from integrations.addresses import NOTHING, AddressRefused, Allowances, Checked, NameNotResolved, checked_addresses
from integrations.connections import KeptConnections
from integrations.second_wall import passing

# Its debug lines carry whole headers of answers.
logging.getLogger("httpcore").setLevel(logging.INFO)

_KEEP_ALIVE_SECONDS = 15.0
_CONNECT_SECONDS = 10.0


class Exchange:
    """One request on its way: when it must be over, and whether anything of it has left us."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.is_sent = False

    @property
    def remaining(self) -> float:
        return self.ends_at - time.monotonic()


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange_of(seconds: float) -> Iterator[Exchange]:
    """Give what happens on sockets within the block `seconds` in all."""
    exchange = Exchange(seconds)
    token = _exchange.set(exchange)
    try:
        yield exchange
    finally:
        _exchange.reset(token)


class GuardedStream(httpcore.NetworkStream):
    """A connection whose every operation ends when the exchange's time does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            self._connection.settimeout(_time_left(timeout, httpcore.ReadTimeout))
            return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = _exchange.get()
        view = memoryview(buffer)
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            while view:
                self._connection.settimeout(_time_left(timeout, httpcore.WriteTimeout))
                if exchange is not None:
                    exchange.is_sent = True
                view = view[self._connection.send(view) :]

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._connection.settimeout(_time_left(timeout, httpcore.ConnectTimeout))
                secured = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return GuardedStream(secured)

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "ssl_object" if isinstance(self._connection, ssl.SSLSocket):
                return self._connection._sslobj  # type: ignore[attr-defined]
            case "client_addr":
                return self._connection.getsockname()
            case "server_addr":
                return self._connection.getpeername()
            case "socket":
                return self._connection
            case "is_readable":
                return _has_something_to_read(self._connection)
        return None


def open_connection(
    host: str, port: int, timeout: float | None = None, *, allowances: Allowances = NOTHING
) -> socket.socket:
    """Return a connection to the first checked address of `host` that answers, for what is not HTTP too (SMTP).

    Raises AddressRefused before anything is sent, NameNotResolved, and OSError.
    """
    addresses = checked_addresses(host, port, allowances=allowances, timeout=_time_left(timeout, TimeoutError))
    for address in addresses[:-1]:
        try:
            # An address that swallows packets shall leave time for the next one.
            return _connected(address, _time_left(timeout, TimeoutError) / 2)
        except OSError:
            continue
    return _connected(addresses[-1], _time_left(timeout, TimeoutError))


def _connected(address: Checked, seconds: float) -> socket.socket:
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(min(seconds, _CONNECT_SECONDS))
        with passing(address.sockaddr):
            connection.connect(address.sockaddr)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to addresses that the guard has checked, and to nothing else."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers. Raises AddressRefused before anything is sent."""
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                return GuardedStream(open_connection(host, port, timeout, allowances=self._allowances))
        except NameNotResolved as error:
            raise httpcore.ConnectError(str(error)) from None

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        raise AddressRefused("Calls to Unix sockets are refused.")


def shared_transport(allowances: Allowances = NOTHING) -> httpx.BaseTransport:
    """Return this process's transport for callers with these allowances; threads share it.

    Callers with other allowances get another pool: a connection that one may use is not handed to the other.
    """
    with _lock:
        transport = _transports.get(allowances)
        if transport is None:
            transport = _transports[allowances] = _new_transport(allowances)
        return transport


def _new_transport(allowances: Allowances) -> httpx.HTTPTransport:
    tls = tls_context()
    transport = httpx.HTTPTransport(verify=tls, trust_env=False)
    # httpx has no public way to a network backend of one's own; hence its version is pinned.
    transport._pool = KeptConnections(  # type: ignore[assignment]
        tls=tls,
        backend=GuardedBackend(allowances),
        most=max(50, 2 * settings.WORKER_SLOTS),
        seconds=_KEEP_ALIVE_SECONDS,
    )
    return transport


@cache
def tls_context() -> ssl.SSLContext:
    """Return how we speak TLS: certificates verified, against the names of hosts. Shared: not to be changed."""
    # The system's store, so that an operator's own authority counts, and a store that is there in bare containers.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


_transports: dict[Allowances, httpx.BaseTransport] = {}
_lock = threading.Lock()


def _forget_after_fork() -> None:
    """A child must not speak on its parent's connections."""
    global _lock
    _lock = threading.Lock()
    _transports.clear()


os.register_at_fork(after_in_child=_forget_after_fork)


def _time_left(timeout: float | None, too_late: type[Exception]) -> float:
    exchange = _exchange.get()
    left = exchange.remaining if exchange is not None else timeout
    if left is None:
        left = _CONNECT_SECONDS
    elif timeout is not None:
        left = min(left, timeout)
    if left <= 0:
        raise too_late("the time for this call is over")
    return left


@contextmanager
def _as_httpcore(too_late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise too_late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error


def _has_something_to_read(connection: socket.socket) -> bool:
    from httpcore._utils import is_socket_readable

    return is_socket_readable(connection)
