"""A platform behind httpx's transport: answers what a test planned, keeps what arrived, fails on anything else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import httpx

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class FakePlatform:
    """Plans answers by method and address; `requests` is what arrived, in order."""

    requests: list[httpx.Request] = field(default_factory=list)
    unplanned: list[str] = field(default_factory=list)
    _answers: list[tuple[str, str, Answer]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, url: str, answer: Any = None, *, status: int = 200, headers: Any = None) -> None:
        """Answer `method url` (later plans win) with JSON, or with what a function of the request returns."""
        reply = answer if callable(answer) else lambda _: httpx.Response(status, json=answer or {}, headers=headers)
        self._answers.insert(0, (method, url, reply))

    def handle(self, request: httpx.Request) -> httpx.Response:
        address = str(request.url.copy_with(query=None))
        with self._lock:
            self.requests.append(request)
        for method, url, reply in self._answers:
            if request.method == method and address == url:
                return reply(request)
        self.unplanned.append(f"{request.method} {address}")
        raise httpx.ConnectError(f"nobody planned {request.method} {address}")

    def bodies(self, url: str) -> list[Any]:
        """Return the JSON bodies that arrived at an address."""
        import json

        return [json.loads(r.content) for r in self.requests if str(r.url.copy_with(query=None)) == url]


@contextmanager
def in_place_of_the_network() -> Iterator[FakePlatform]:
    """Let every call of ours reach a FakePlatform within the block; an unplanned request fails the test."""
    platform = FakePlatform()
    transport = httpx.MockTransport(platform.handle)
    with patch("integrations.http.shared_transport", lambda *_: transport):
        yield platform
    assert not platform.unplanned, f"unplanned requests: {platform.unplanned}"
