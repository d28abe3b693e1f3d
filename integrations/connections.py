"""Connections to platforms that stay open between calls, shared by the threads of a process.

httpcore's own pool looks at every connection twice for each request, with a system call each; here a request takes the
one that was used last and looks at that one alone.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpcore

# How often those of other addresses are looked through for what nobody uses any more.
_LOOK_FOR_EXPIRED = 5.0

_Origin = tuple[bytes, bytes, int]


class KeptConnections:
    """Makes requests on connections made by `backend`; keeps up to `most` open, each for `seconds` after its last use.

    Stands in for httpcore's pool: how many calls are under way at once is bounded by whoever makes them.
    """

    def __init__(self, *, tls: ssl.SSLContext, backend: httpcore.NetworkBackend, most: int, seconds: float) -> None:
        self._tls, self._backend, self._most, self._seconds = tls, backend, most, seconds
        self._lock = threading.Lock()
        self._idle: dict[_Origin, list[httpcore.HTTPConnection]] = {}
        self._count = 0
        self._look_at = time.monotonic() + _LOOK_FOR_EXPIRED

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Make a request. Its connection is free for others once the answer is closed. Raises as httpcore does."""
        origin = request.url.origin
        key = (origin.scheme, origin.host, origin.port)
        while True:
            connection = self._taken(key) or self._new(origin)
            try:
                response = connection.handle_request(request)
            except httpcore.ConnectionNotAvailable:
                continue  # closed in the very moment in which it was taken
            except BaseException:
                connection.close()
                raise
            content = _Content(self, key, connection, response)
            return httpcore.Response(response.status, headers=response.headers, content=content, extensions={})

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle, self._count = {}, 0
        for connection in idle:
            connection.close()

    def give_back(self, key: _Origin, connection: httpcore.HTTPConnection) -> None:
        """Keep a connection whose answer was read whole; one that was left in the middle is closed already."""
        if not connection.is_idle():
            connection.close()
            return
        over: list[httpcore.HTTPConnection] = []
        with self._lock:
            self._idle.setdefault(key, []).append(connection)
            self._count += 1
            if self._count > self._most or time.monotonic() > self._look_at:
                over = self._expired()
            if self._count > self._most:
                # Everything is in use lately: the one that waits longest at this address has to go.
                over.append(self._idle[key].pop(0))
                self._count -= 1
        for one in over:
            one.close()

    def _taken(self, key: _Origin) -> httpcore.HTTPConnection | None:
        while True:
            with self._lock:
                kept = self._idle.get(key)
                if not kept:
                    return None
                connection = kept.pop()
                self._count -= 1
            if not connection.has_expired():
                return connection
            connection.close()

    def _new(self, origin: Any) -> httpcore.HTTPConnection:
        return httpcore.HTTPConnection(
            origin=origin, ssl_context=self._tls, keepalive_expiry=self._seconds, network_backend=self._backend
        )

    def _expired(self) -> list[httpcore.HTTPConnection]:
        """Take out and return what has waited too long or was closed by the other side. Under the lock."""
        self._look_at = time.monotonic() + _LOOK_FOR_EXPIRED
        gone = []
        for key, kept in list(self._idle.items()):
            over = [connection for connection in kept if connection.has_expired()]
            gone += over
            left = [connection for connection in kept if connection not in over]
            if left:
                self._idle[key] = left
            else:
                del self._idle[key]
        self._count -= len(gone)
        return gone


class _Content:
    """An answer's bytes; closing them gives the connection back."""

    def __init__(
        self,
        connections: KeptConnections,
        key: _Origin,
        connection: httpcore.HTTPConnection,
        response: httpcore.Response,
    ) -> None:
        self._connections, self._key, self._connection, self._response = connections, key, connection, response
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Be done with the answer, read whole or not."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._response.close()
        finally:
            self._connections.give_back(self._key, self._connection)
