"""Keeps web threads free for receipts: slow pages and waiting calls may take most of them, never all."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# Receipts, and the two questions by which a load balancer decides whether we live.
ALWAYS_ADMITTED = ("/api/webhooks/", "/healthz", "/readyz")
BUSY = json.dumps(
    {
        "type": "server_error",
        "errors": [
            {
                "code": "busy",
                "detail": "All threads for pages and API calls are in use. Try again in a second.",
                "attr": None,
            }
        ],
    }
).encode()


class Admission:
    """WSGI middleware: at most `most` requests at a time, those in ALWAYS_ADMITTED not counted."""

    def __init__(self, application: Application, most: int) -> None:
        self._application = application
        self._places = threading.Semaphore(most)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, or answer 503 at once: a thread that waits is a thread in use."""
        if environ.get("PATH_INFO", "").startswith(ALWAYS_ADMITTED):
            return self._application(environ, start_response)
        if not self._places.acquire(blocking=False):
            start_response(
                "503 Service Unavailable",
                [("Content-Type", "application/json"), ("Content-Length", str(len(BUSY))), ("Retry-After", "1")],
            )
            return [BUSY]
        try:
            return _Held(self._application(environ, start_response), self._places.release)
        except BaseException:
            self._places.release()
            raise


class _Held:
    """A response that gives its place back when the server has sent it and closes it."""

    def __init__(self, body: Iterable[bytes], release: Callable[[], None]) -> None:
        self._body = body
        self._release = release
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the response itself and give the place back, once."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if self._is_open:
                self._is_open = False
                self._release()
