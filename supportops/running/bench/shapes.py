"""Receipt and execution of one shape, measured from outside, beside a baseline on the same server and database."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from supportops.running import runtime_env
from supportops.running.arguments import BASE_DIR
from supportops.running.bench import baseline
from supportops.running.bench.load import Load, Result
from supportops.running.console import say
from supportops.running.processes import end, spawn
from supportops.running.servers import free_port
from supportops.running.trial import Client, Trial, TrialError

CONNECTIONS = (16, 64)
MOST_SECONDS_TO_DRAIN = 120.0


@dataclass
class Figures:
    """What was measured of one shape."""

    shape: str
    # By the number of connections.
    receipt: dict[int, Result] = field(default_factory=dict)
    baseline: dict[int, Result] = field(default_factory=dict)
    actions_per_second: dict[int, float] = field(default_factory=dict)
    memory_mib: float = 0.0
    lost: int = 0
    doubled: int = 0


def measure(*, is_full: bool, seconds: float) -> Figures:
    """Start the shape, measure for `seconds` each, and end it. Raises TrialError when something does not come about."""
    figures = Figures("production shape" if is_full else "embedded default")
    with tempfile.TemporaryDirectory(prefix="supportops-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        # The production shape's own user must be able to pass through.
        folder.chmod(0o755)
        sink_port = free_port()
        sink = spawn(
            [sys.executable, "-m", "supportops.running.bench.sink", "--port", str(sink_port)],
            death_signal=signal.SIGKILL,
            cwd=BASE_DIR,
        )
        stack.callback(end, sink, signal.SIGTERM, 2.0, signal.SIGKILL)
        trial = stack.enter_context(Trial(folder, is_full=is_full, settings=settings_for(sink_port)))
        webhook = _tenant(trial)
        _measure_baseline(folder, figures, is_full=is_full, seconds=seconds / 2)
        sent = _send(webhook, trial.port, connections=8, seconds=10.0, count=200, first=0)
        _drain(sink_port, sent.accepted)
        accepted = sent.accepted
        for connections in CONNECTIONS:
            began = time.time()
            result = _send(webhook, trial.port, connections=connections, seconds=seconds, count=60_000, first=accepted)
            figures.receipt[connections] = result
            accepted += result.accepted
            counted = _drain(sink_port, accepted)
            figures.actions_per_second[connections] = result.accepted / (counted["last_at"] - began)
        time.sleep(1)
        counted = Client(sink_port).get("/_count")
        figures.lost = accepted - counted["different"]
        figures.doubled = counted["count"] - counted["different"]
        figures.memory_mib = _memory(trial)
    return figures


def settings_for(sink_port: int) -> dict[str, str]:
    """Point Slack at the sink and take its limit away."""
    sink = f"127.0.0.1:{sink_port}"
    return {
        "SUPPORTOPS_OUTBOUND_ALLOW": sink,
        "SUPPORTOPS_PLATFORM_URLS": json.dumps({"slack": f"http://{sink}/slack"}),
        "SUPPORTOPS_PLATFORM_LIMITS": json.dumps({"slack": None, "freshdesk": None}),
        "SUPPORTOPS_LOG_LEVEL": "WARNING",
    }


def _tenant(trial: Trial) -> dict[str, str]:
    """Make an organization whose urgent tickets become messages; give its webhook's path and secret."""
    client = trial.client(trial.make_organization("bench"))
    freshdesk = client.post(
        "/api/integrations/",
        {
            "platform": "freshdesk",
            "name": "Help desk",
            "credentials": {"domain": "acme.freshdesk.com", "api_key": "k" * 20},
            "webhook": {"scheme": "hmac"},
        },
    )
    client.post(
        "/api/integrations/", {"platform": "slack", "name": "Chat", "credentials": {"bot_token": "xoxb-1-" + "a" * 20}}
    )
    client.post(
        "/api/rules/",
        {
            "name": "Urgent tickets",
            "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}},
            "actions": [
                {
                    "platform": "slack",
                    "action": "send_message",
                    "parameters": {"channel": "C0BENCH001", "message": "Urgent: {{ticket.subject}}"},
                }
            ],
        },
    )
    return {"path": urlsplit(freshdesk["webhook"]["url"]).path, "secret": freshdesk["webhook"]["secret"]}


def _send(webhook: dict[str, str], port: int, *, connections: int, seconds: float, count: int, first: int) -> Result:
    # Signing and sending take a core; an upper bound keeps the signing beforehand short.
    load = Load(
        port=port,
        path=webhook["path"],
        secret=webhook["secret"],
        connections=connections,
        count=min(count, int(3000 * seconds)),
        seconds=seconds,
        first=first,
    )
    done = subprocess.run(
        [sys.executable, "-m", "supportops.running.bench.load"],
        input=json.dumps(asdict(load)),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TrialError(f"The load generator failed:\n{done.stderr[-2000:]}")
    result = Result(**json.loads(done.stdout))
    if not result.accepted:
        raise TrialError(f"Nothing was accepted: {result.statuses}, {result.broken} connections broken.")
    return result


def _drain(sink_port: int, expected: int) -> dict[str, Any]:
    """Wait until `expected` different effects have come; give the sink's count."""
    client = Client(sink_port)
    deadline = time.monotonic() + MOST_SECONDS_TO_DRAIN
    while (counted := client.get("/_count"))["different"] < expected:
        if time.monotonic() > deadline:
            say(f"  {expected - counted['different']} effects did not come within {MOST_SECONDS_TO_DRAIN:g} s")
            break
        time.sleep(0.2)
    return dict(counted)


def _measure_baseline(folder: Path, figures: Figures, *, is_full: bool, seconds: float) -> None:
    url = f"sqlite:///{folder / 'baseline.sqlite3'}"
    if is_full:
        url = runtime_env.read(folder / "data" / runtime_env.NAME)["SUPPORTOPS_DATABASE_URL"]
    baseline.make_table(url)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        shape = [] if is_full else ["--embedded"]
        process = spawn(
            [sys.executable, "-m", "supportops.running.bench.baseline", "--fd", str(listener.fileno()), *shape],
            death_signal=signal.SIGTERM,
            env={**os.environ, "SUPPORTOPS_BASELINE_URL": url},
            cwd=BASE_DIR,
            pass_fds=[listener.fileno()],
        )
        try:
            webhook = {"path": "/", "secret": baseline.SECRET}
            port = listener.getsockname()[1]
            _send(webhook, port, connections=8, seconds=5.0, count=200, first=0)
            for connections in CONNECTIONS:
                figures.baseline[connections] = _send(
                    webhook, port, connections=connections, seconds=seconds, count=60_000, first=0
                )
        finally:
            end(process, signal.SIGTERM, 10.0, signal.SIGKILL)


def _memory(trial: Trial) -> float:
    """Give the memory of web, workers and what they are forked from in MiB, shared pages counted once (PSS)."""
    assert trial.process is not None  # noqa: S101 - it runs
    below, total = {trial.process.pid}, 0
    for _ in range(4):
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(status.read_text().rpartition(")")[2].split()[1]) in below:
                    below.add(int(status.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    for pid in below:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if any(word in command for word in (b"running.web", b"celery", b"running.schedule", b"running.forkserver")):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return total / 1024
