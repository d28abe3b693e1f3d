"""Starting SupportOps as a user would, as processes, and looking at them from outside."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from supportops.running.arguments import BASE_DIR
from supportops.running.servers import free_port


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.05)


def command_of(pid: int) -> str:
    """Give the command line of a process; "" when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid: int) -> dict[int, str]:
    """Give all living processes below `pid`: number → command line."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found: dict[int, str] = {}
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found.update({child: command_of(child) for child in level})
    return {child: command for child, command in found.items() if command}


class Instance:
    """One run of SupportOps."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.port = free_port()
        self.arguments = arguments
        self.output = data.parent / f"{data.name}.out"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        # What the tests' own settings put into the environment is not a user's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUPPORTOPS_")}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        command = ["-m", "supportops.running", *self.arguments, "--port", str(self.port), "--data", str(self.data)]
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def again(self) -> None:
        """Start once more on the same folder and port, without waiting for anything."""
        self.process = self._start()

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.output.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Ask the web for a page; (0, "") when it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def wait_until_ready(self, times: int = 1, seconds: float = 90.0) -> None:
        """Wait until it says for the `times`-th time that it is ready."""

        def is_ready() -> bool:
            assert self.process.poll() is None, f"it ended:\n{self.said[-3000:]}"
            return self.said.count("SupportOps is ready") >= times

        wait_for(is_ready, seconds, f"a ready instance:\n{self.said[-3000:]}")

    def children(self, word: str = "") -> dict[int, str]:
        """Give the living processes below it whose command line has `word`."""
        return {pid: command for pid, command in descendants(self.process.pid).items() if word in command}

    def left(self) -> list[str]:
        """Give the command lines of all living processes that belong to its data folder or code's supervisor."""
        return [command for command in self._known.values() if command and self._still(command)]

    def remember(self) -> None:
        """Note which processes there are, to ask later whether one of them is left."""
        self._known = self.children()

    def _still(self, command: str) -> bool:
        return any(command_of(pid) == command for pid, known in self._known.items() if known == command)

    def kill(self) -> None:
        """kill -9 the supervisor."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Ask it to end and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def password(self) -> str:
        """Give the owner's password, printed at the first start."""
        found = re.search(r"Password +(\S+)", self.said)
        assert found, self.said
        return found.group(1)
