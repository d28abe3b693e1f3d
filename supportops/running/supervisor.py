"""Starts children, starts again what died, and ends them all; one thread, nothing of Django."""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from supportops.running.console import say
from supportops.running.processes import adopt_orphans

# A child that lived this long is started again at once; one that did not waits longer each time, at most this long.
LIVED_SECONDS = 10.0
MOST_BACKOFF_SECONDS = 4.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Process(Protocol):
    """A child process, however it was made: `subprocess.Popen` is one."""

    pid: int

    @property
    def returncode(self) -> int | Any:
        """Its exit code once `poll` has noticed the end."""

    def poll(self) -> int | None:
        """Give the exit code, None while it runs."""

    def send_signal(self, sig: signal.Signals, /) -> None:
        """Send a signal unless it has ended."""


class StopAsked(BaseException):
    """A signal asked us to end while we were still starting."""


@dataclass
class Child:
    """One process to keep alive."""

    name: str
    spawn: Callable[[], Process]
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL
    # Children of one group are ended together: first those that make work, last the servers that they need.
    stop_group: int = 0
    stop_seconds: float = 20.0
    process: Process | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    early_deaths: int = 0

    def start(self) -> None:
        """Start the process."""
        self.started_at = time.monotonic()
        self.process = self.spawn()

    def note_death(self) -> float:
        """Note that the process died; give the seconds until it is started again."""
        lived = time.monotonic() - self.started_at
        self.early_deaths = 0 if lived > LIVED_SECONDS else self.early_deaths + 1
        pause = 0.0 if self.early_deaths <= 1 else min(0.5 * 2 ** (self.early_deaths - 2), MOST_BACKOFF_SECONDS)
        self.process = None
        self.start_at = time.monotonic() + pause
        return pause


class Supervisor:
    """Keeps children alive until a signal asks it to end."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._is_stopping = False
        self._is_looping = False
        self._hurry = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    def take_signals(self) -> None:
        """From now on SIGTERM, SIGINT and SIGHUP end everything cleanly; ignored ones of our parent's too."""
        adopt_orphans()
        for number in STOP_SIGNALS:
            # nohup means it: a terminal that closes shall not end us.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._hurry = self._is_stopping
        self._is_stopping = True
        if not self._is_looping:
            self._is_looping = True
            raise StopAsked

    def add(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        self.children.append(child)
        child.start()

    def run(self, on_tick: Callable[[], None] = lambda: None) -> None:
        """Watch the children until asked to stop; `on_tick` runs a few times a second."""
        self._is_looping = True
        while not self._is_stopping:
            self._reap()
            self._start_due()
            on_tick()
            self._wait(0.25)

    def _wait(self, seconds: float) -> None:
        if select.select([self._wake_read], [], [], seconds)[0]:
            self._wake_read.recv(4096)

    def _reap(self) -> None:
        """Take note of every child that ended, and of orphans that became ours."""
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                how = describe_exit(child.process.returncode)
                pause = child.note_death()
                if not self._is_stopping:
                    again = f"in {pause:g} s" if pause else "at once"
                    say(f"{child.name} ended ({how}); starting it again {again}.")
        ours = {child.process.pid for child in self.children if child.process is not None}
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in ours:
                return
            os.waitpid(ended.si_pid, 0)

    def _start_due(self) -> None:
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                try:
                    child.start()
                except (OSError, subprocess.SubprocessError, RuntimeError) as error:
                    pause = child.note_death()
                    say(f"{child.name} could not be started ({error}); trying again in {pause:g} s.")

    def stop(self) -> None:
        """End all children, group after group, then whatever they left behind."""
        self._is_looping = self._is_stopping = True
        for group in sorted({child.stop_group for child in self.children}):
            self._stop_group([child for child in self.children if child.stop_group == group])
        end_orphans()

    def _stop_group(self, children: list[Child]) -> None:
        for child in children:
            if child.process is not None:
                child.process.send_signal(child.stop_signal)
        began = time.monotonic()
        while any(child.process is not None for child in children):
            self._reap()
            for child in children:
                late = time.monotonic() - began - child.stop_seconds
                if child.process is not None and (self._hurry or late > 0):
                    # The last signal may be a polite one (PostgreSQL's immediate shutdown).
                    child.process.send_signal(signal.SIGKILL if late > 5 else child.last_signal)
            if any(child.process is not None for child in children):
                self._wait(0.1)


def describe_exit(code: int) -> str:
    """Say in words how a process ended."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def end_orphans(seconds: float = 5.0) -> list[str]:
    """Kill all processes that are still below this one; give their command lines."""
    found: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        below = _children_of(os.getpid())
        for pid in below:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:
                    # One without has ended already and only waits to be reaped.
                    found.append(command)
                    os.kill(pid, signal.SIGKILL)
                # Killed processes hand their own children to us: seen in the next round.
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError, FileNotFoundError):
                continue
        if not below:
            break
    return found


def _children_of(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
