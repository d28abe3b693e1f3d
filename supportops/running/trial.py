"""An instance to try things with: a folder of its own, a free port, sandbox platforms on the other side, a tenant.

Behind `run.py demo` and `run.py bench`, and behind tests that look from outside. Talks HTTP like any client.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from supportops.running.arguments import BASE_DIR
from supportops.running.processes import end, spawn
from supportops.running.servers import free_port

START_SECONDS = 120.0


class TrialError(RuntimeError):
    """Something did not go as it should; the message is for people."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: Any


class Client:
    """Asks one server over one connection that stays open."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._token = token

    def ask(
        self, method: str, path: str, body: object = None, *, raw: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send `body` as JSON, or `raw` as it is. Raises OSError or http.client.HTTPException without an answer."""
        content = json.dumps(body).encode() if body is not None else raw
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            self._connection.request(method, path, content or None, sent)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        try:
            return Answer(response.status, json.loads(text) if text else None)
        except ValueError:
            return Answer(response.status, text.decode(errors="replace"))

    def get(self, path: str) -> Any:
        """Give the JSON behind `path`. Raises TrialError for an error."""
        return self._fine("GET", path, None, (200,))

    def post(self, path: str, body: object) -> Any:
        """Send `body` and give the answer. Raises TrialError for an error."""
        return self._fine("POST", path, body, (200, 201, 202))

    def _fine(self, method: str, path: str, body: object, expected: tuple[int, ...]) -> Any:
        answer = self.ask(method, path, body)
        if answer.status not in expected:
            raise TrialError(f"{method} {path} was answered {answer.status}: {json.dumps(answer.body)[:2000]}")
        return answer.body


class Trial:
    """An instance of either shape with its sandbox; `with Trial(folder) as trial:` starts and ends both."""

    def __init__(self, folder: Path, *, is_full: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port, self.sandbox_port = free_port(), free_port()
        self._is_full = is_full
        self._settings = dict(settings or {})
        self._stack = ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the instance answers."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._start(stack, "sandbox", "supportops.running.sandbox_platform", "--port", str(self.sandbox_port))
            shape = ["--full"] if self._is_full else []
            self.process = self._start(
                stack, "instance", "supportops.running", *shape,
                "--port", str(self.port), "--data", str(self.folder / "data"),
            )  # fmt: skip
            self._wait_until_ready(self.process)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """The environment of the instance: nothing of ours, the sandbox in place of the platforms."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SUPPORTOPS_", "DJANGO_"))}
        sandbox = f"127.0.0.1:{self.sandbox_port}"
        platforms = {key: f"http://{sandbox}/{key}" for key in ("slack", "trello", "freshdesk", "zendesk")}
        return {
            **kept,
            "SUPPORTOPS_DATA": str(self.folder / "data"),
            "SUPPORTOPS_OUTBOUND_ALLOW": sandbox,
            "SUPPORTOPS_PLATFORM_URLS": json.dumps(platforms),
            **self._settings,
        }

    def _start(self, stack: ExitStack, name: str, *command: str) -> "subprocess.Popen[bytes]":
        log = stack.enter_context((self.folder / f"{name}.log").open("ab"))
        process = spawn(
            [sys.executable, "-m", *command],
            death_signal=signal.SIGTERM,
            env=self.environment(),
            cwd=BASE_DIR,
            output=log.fileno(),
        )
        stack.callback(end, process, signal.SIGTERM, 40.0, signal.SIGKILL)
        return process

    def said(self, name: str = "instance") -> str:
        """Give what the instance (or the sandbox) printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while "SupportOps is ready" not in self.said():
            if process.poll() is not None or time.monotonic() > deadline:
                raise TrialError(f"The instance did not start:\n{self.said()[-3000:]}")
            time.sleep(0.1)

    def make_organization(self, slug: str) -> str:
        """Make an organization by `manage.py create_organization`; give its API token. Raises TrialError."""
        command = ["manage.py", "create_organization", slug, "--name", slug.title()]
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *command, "--owner", f"owner@{slug}.example", "--json"],
            cwd=BASE_DIR,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise TrialError(f"create_organization failed:\n{done.stderr[-3000:]}")
        return str(json.loads(done.stdout.splitlines()[-1])["api_token"])

    def client(self, token: str = "") -> Client:
        """Give a client of the instance."""
        return Client(self.port, token)

    def arrived(self, platform: str = "") -> list[dict[str, Any]]:
        """Give what made or changed something at the sandbox platforms, oldest first."""
        path = f"/_arrived?effects=1&platform={platform}&limit=20000"
        return list(Client(self.sandbox_port).get(path)["arrived"])

    def put(self, platform: str, kind: str, item: dict[str, Any]) -> None:
        """Put an object into a sandbox platform, as if somebody had made it there."""
        answer = Client(self.sandbox_port).ask("PUT", f"/_objects/{platform}/{kind}", item)
        if answer.status != 200:
            raise TrialError(f"The sandbox refused {kind} of {platform}: {answer.body}")


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Give the first true value of `condition`. Raises TrialError naming `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TrialError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)
    return value


def sign_zendesk(secret: str, body: bytes, at: str) -> dict[str, str]:
    """Give the headers with which Zendesk signs `body`."""
    digest = hmac.digest(secret.encode(), at.encode() + body, hashlib.sha256)
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": at,
        "X-Zendesk-Webhook-Invocation-Id": uuid.uuid4().hex,
    }


def sign_standard(secret: str, body: bytes, at: int) -> dict[str, str]:
    """Give the headers with which a sender signs `body` by Standard Webhooks."""
    message_id = f"msg_{uuid.uuid4().hex}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }
