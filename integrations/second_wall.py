"""The second wall: in processes that run actions, no code at all connects to an address that the guard refuses.

Connectors of others may bring HTTP clients of their own. An audit hook sees each `socket.connect` of the process,
whoever makes it, and stops those to refused addresses. It cannot be taken out again, so it is installed once, by the
worker's start, with the addresses of our own servers (database, broker).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_here = threading.local()


@contextmanager
def passing(sockaddr: tuple[Any, ...]) -> Iterator[None]:
    """Let this thread connect to one address within the block: the guard has checked it already."""
    before = getattr(_here, "address", None)
    _here.address = (sockaddr[0], sockaddr[1])
    try:
        yield
    finally:
        _here.address = before
