"""The server: takes requests in, lets a platform answer, keeps what arrived, and misbehaves when told to."""

import json
import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

from integrations.sandbox_platform import PLATFORMS
from integrations.sandbox_platform.exchange import Asked, Platform, Reply, parsed_body, without_secret, without_secrets
from supportops.running.sandbox_platform.arrivals import Arrival, Arrivals, as_json, as_page
from supportops.running.sandbox_platform.faults import Fault, Faults

MOST_BYTES = 20 * 1024 * 1024
# Never kept: they hold credentials.
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


class SandboxPlatform:
    """The platforms on a port of this machine.

    ``with SandboxPlatform() as sandbox:`` serves in a thread. `platform_urls` and `outbound_allow` are the values of
    SUPPORTOPS_PLATFORM_URLS and SUPPORTOPS_OUTBOUND_ALLOW with which rules meet it.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.arrivals, self.faults = Arrivals(), Faults()
        self.platforms: dict[str, Platform] = {cls.key: cls() for cls in PLATFORMS.values()}
        self._server = _Server((host, port), _Handler)
        self._server.sandbox = self
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        host, port = cast(tuple[str, int], self._server.server_address[:2])
        return f"http://{host}:{port}"

    @property
    def platform_urls(self) -> dict[str, str]:
        return {key: f"{self.url}/{key}" for key in self.platforms}

    @property
    def outbound_allow(self) -> str:
        return urlsplit(self.url).netloc

    def serve(self) -> None:
        """Serve until `close` is called."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve, name="sandbox-platform", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._thread is not None:
            self._thread.join(5)

    # --- for tests and the demo ------------------------------------------------------------------------------
    def arrived(self, platform: str = "", path: str = "", *, effects: bool = False) -> list[Arrival]:
        """Return what arrived, oldest first; with `effects` only what made or changed something."""
        return self.arrivals.find(platform=platform, path=path, effects=effects)

    def fault(self, kind: Any, **values: Any) -> None:
        """Let the next requests fail: see `Fault`."""
        self.faults.add(Fault(kind, **values))

    def put(self, platform: str, kind: str, item: dict[str, Any]) -> None:
        """Put an object there, such as a ticket that a webhook speaks of. It needs an `id`."""
        with self.platforms[platform].lock:
            self.platforms[platform].put(kind, item)

    def reset(self) -> None:
        """Forget what arrived, what was made and what shall fail."""
        self.arrivals.clear()
        self.faults.clear()
        self.platforms = {cls.key: cls() for cls in PLATFORMS.values()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A batch of workers connects at once.
    request_queue_size = 256
    sandbox: SandboxPlatform

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a caller goes away in the middle; that is what is tried out here."""


class _Cut(Exception):
    """The connection ends here, without an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for head and body, sent at once: otherwise each answer waits for the caller's delayed ACK.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except _Cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _take(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._send(Reply({"error": "the body is missing its length or too large"}, 413))
            return
        raw = self.rfile.read(int(length))
        parts = urlsplit(self.path)
        first, _, rest = parts.path.lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_platform = first in self.server.sandbox.platforms
        # At the sandbox's own addresses JSON is JSON, whatever curl calls it.
        body = parsed_body(raw, headers.get("content-type", "") if is_platform else "application/json")
        if is_platform:
            base_url = f"http://{headers.get('host', '')}/{first}"
            self._platform(first, Asked(self.command, f"/{rest}".rstrip("/") or "/", query, headers, body, base_url))
        else:
            self._send(_control(self.server.sandbox, self.command, parts.path, query, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _take  # noqa: N815 - names that the library asks for

    def _platform(self, key: str, asked: Asked) -> None:
        sandbox = self.server.sandbox
        fault = sandbox.faults.take(key, asked.method, asked.path)
        kind = fault.kind if fault else ""
        if fault is not None and kind in ("status", "error", "hang", "cut_before"):
            status = fault.status if kind == "status" else 200 if key == "slack" else 400
            reply = sandbox.platforms[key].fault(status, fault.code)
            if fault.retry_after:
                reply.headers["Retry-After"] = fault.retry_after
        else:
            reply = sandbox.platforms[key].answer(asked)
        is_silent = kind in ("hang", "cut", "cut_before")
        sandbox.arrivals.keep(
            platform=key,
            method=asked.method,
            path=without_secret(asked.path),
            query=without_secrets(asked.query),
            headers={name: value for name, value in asked.headers.items() if name not in _SECRET_HEADERS},
            signed_in="authorization" in asked.headers or "token" in asked.query,
            body=without_secrets(asked.body) if isinstance(asked.body, dict) else asked.body,
            status=0 if is_silent else reply.status,
            has_effect=reply.has_effect,
            fault=kind,
        )
        if fault is not None and kind == "hang":
            time.sleep(fault.seconds)
        if is_silent:
            raise _Cut
        self._send(reply, drip_over=fault.seconds if fault is not None and kind == "drip" else 0.0)

    def _send(self, reply: Reply, *, drip_over: float = 0.0) -> None:
        is_text = isinstance(reply.body, str)
        content = b"" if reply.body is None else reply.body.encode() if is_text else json.dumps(reply.body).encode()
        kind = "text/html; charset=utf-8" if is_text and reply.body.startswith("<!") else "text/plain; charset=utf-8"
        self.send_response(reply.status)
        self.send_header("Content-Type", kind if is_text else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            content = b""
        if drip_over and content:
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(drip_over / len(content))
        else:
            self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep the terminal quiet: what arrived is shown at `/`."""


def _control(sandbox: SandboxPlatform, method: str, path: str, query: Mapping[str, str], body: Any) -> Reply:
    """Answer the sandbox's own addresses."""
    match method, path.strip("/").split("/"):
        case "GET", [""]:
            return Reply(as_page(sandbox.arrived(), sandbox.arrivals.total))
        case "GET", ["_arrived"]:
            after, most = query.get("after", "0"), query.get("limit", "1000")
            if not (after.isdecimal() and most.isdecimal()):
                return Reply({"error": "after and limit are numbers"}, 400)
            found = sandbox.arrivals.find(
                platform=query.get("platform", ""),
                path=query.get("path", ""),
                after=int(after),
                effects=query.get("effects", "") not in ("", "0"),
            )
            return Reply(as_json(found, sandbox.arrivals.total, int(most)))
        case "GET", ["_faults"]:
            return Reply(sandbox.faults.as_json())
        case "POST", ["_faults"]:
            return _add_fault(sandbox, body)
        case "DELETE", ["_faults"]:
            sandbox.faults.clear()
            return Reply({})
        case "PUT", ["_objects", key, kind] if key in sandbox.platforms and isinstance(body, dict) and "id" in body:
            sandbox.put(key, kind, body)
            return Reply(body)
        case "GET", ["_objects", key, kind] if key in sandbox.platforms:
            return Reply(sandbox.platforms[key].all(kind))
        case "POST", ["_reset"]:
            sandbox.reset()
            return Reply({})
    return Reply({"error": "there is no such address here", "platforms": sandbox.platform_urls}, 404)


def _add_fault(sandbox: SandboxPlatform, body: Any) -> Reply:
    try:
        fault = Fault(**body)
    except (TypeError, ValueError) as error:
        return Reply({"error": str(error)}, 400)
    sandbox.faults.add(fault)
    return Reply(sandbox.faults.as_json(), 201)
