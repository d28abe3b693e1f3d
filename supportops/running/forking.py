"""The supervisor's side of the fork server: processes that share the pages of one that has loaded everything.

Each process that loads the application by itself takes some hundred megabytes and some seconds. One that is forked
from a loaded process takes what it changes, and a moment. Nothing here needs Django; the other side is
supportops/running/forkserver.py.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from supportops.running.processes import ProcessError

MODULE = "supportops.running.forkserver"
# How long the fork server may take to load the application and answer, on a machine that has much else to do.
ANSWER_SECONDS = 60.0
# A forked process writes its command line over that of the fork server, which is made this long.
TITLE_ROOM = 320
MOST_MESSAGE_BYTES = 8192


class ForkedProcess:
    """A process that the fork server made and handed to us: our child, looked after like a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal; None while it runs."""
        return self._ask(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and give the exit code. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self._ask(0 if deadline is None else os.WNOHANG)) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(0.02)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ask(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class ForkServer:
    """Starts the fork server's process and asks it for processes.

    `spawn_process(command, descriptor)` starts `python -m <command>` with the descriptor open in it.
    """

    def __init__(self, spawn_process: Callable[[Sequence[str], int], "subprocess.Popen[bytes]"]) -> None:
        self._spawn_process = spawn_process
        self._socket: socket.socket | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the process; it loads while we go on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self._socket is not None:
            self._socket.close()
        self._socket = ours
        ours.settimeout(ANSWER_SECONDS)
        with theirs:
            descriptor = theirs.fileno()
            return self._spawn_process((MODULE, "--fd", str(descriptor), "--room", "." * TITLE_ROOM), descriptor)

    def fork(
        self, module: str, arguments: Sequence[str], *, death_signal: signal.Signals, close: Sequence[int] = ()
    ) -> ForkedProcess:
        """Give a new process that runs `main()` of `module` with these arguments, without the descriptors in `close`.

        It becomes our child, in a session of its own, and gets `death_signal` when we die. Raises ProcessError.
        """
        if self._socket is None:
            raise ProcessError("The fork server was not started.")
        request = {"module": module, "arguments": list(arguments), "death_signal": death_signal, "close": list(close)}
        try:
            self._socket.send(json.dumps(request).encode())
            answer = self._socket.recv(MOST_MESSAGE_BYTES)
        except OSError as error:
            raise ProcessError(f"The fork server does not answer ({error}); it is being started again.") from error
        if not answer:
            raise ProcessError("The fork server has ended; it is being started again.")
        told = json.loads(answer)
        if "pid" not in told:
            raise ProcessError(f"No process could be forked: {told['error']}")
        return ForkedProcess(told["pid"])


def is_possible() -> bool:
    """Say whether this system can hand a forked process over to us: that takes Linux."""
    return sys.platform == "linux"
