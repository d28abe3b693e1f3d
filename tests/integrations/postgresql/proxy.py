"""Stands between a client and a server, and cuts or holds the line where a test wants it."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

# No connection outlives this, whatever a test does.
LONGEST = 20.0
Decide = Callable[[bytes], str]


class Proxy:
    """Passes on what comes. `answers(bytes)` and `requests(bytes)` say of each piece: pass, cut or hold."""

    def __init__(self, host: str, port: int, *, answers: Decide | None = None, requests: Decide | None = None) -> None:
        self._server = (host, port)
        self._answers, self._requests = answers or _pass, requests or _pass
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._stopped = threading.Event()
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            self.connections += 1
            for connection in (client, server):
                connection.settimeout(LONGEST)
                self._open.append(connection)
            for source, target, decide in ((client, server, self._requests), (server, client, self._answers)):
                threading.Thread(target=self._pass_on, args=(source, target, decide), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, decide: Decide) -> None:
        try:
            while data := source.recv(65536):
                verdict = decide(data)
                if verdict == "hold":
                    self._stopped.wait(LONGEST)
                    return
                if verdict == "cut":
                    break
                target.sendall(data)
        except OSError:
            pass
        for connection in (source, target):
            # The other thread still reads here, which would keep the line up.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextlib.contextmanager
def stranger(says: bytes) -> Iterator[int]:
    """Give the port of a server that says so to whoever connects, and then nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LONGEST)
    kept: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                kept.append(listener.accept()[0])
                kept[-1].sendall(says)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        for connection in (listener, *kept):
            connection.close()


def _pass(_: bytes) -> str:
    return "pass"


def when(needle: bytes, verdict: str) -> Decide:
    """Do so with the piece that holds `needle`, and pass on all others."""
    return lambda data: verdict if needle in data else "pass"
