"""Runs a job: starts its command, reads its output up to a cap, and ends it with all its descendants."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from integrations.errors import Permanent
from integrations.sandbox import bubblewrap, host
from integrations.sandbox.command import Command, MemoryFiles
from integrations.sandbox.job import EndedBy, Finished, Job

INSTALL = "Scripts need bubblewrap 0.8 or later (Debian: apt-get install bubblewrap)"
# How long the output of what is dead already is waited for.
_DRAIN_SECONDS = 1.0
_PROBE = Job("/bin/sh", "probe.sh", "exit 0\n", seconds=10)


class SandboxUnavailable(Permanent):
    """This machine cannot run scripts apart from itself, so it does not run them."""


def run(job: Job, *, hidden: Sequence[str] = ()) -> Finished:
    """Run a job in the sandbox and return what came of it; `hidden` are folders it must not see even within /usr.

    Raises SandboxUnavailable, and Permanent for what is granted and not there.
    """
    reason = why_unavailable()
    if reason is not None:
        raise SandboxUnavailable(reason)
    return _run_in_sandbox(job, hidden)


def run_on_host(job: Job) -> Finished:
    """Run a job without a sandbox, as the user whom this process runs as. Raises Permanent."""
    problem = host.missing_workdir(job)
    if problem is not None:
        raise Permanent(problem)
    folder = Path(tempfile.mkdtemp(prefix="script-"))
    try:
        return _finished(host.command_for(job, folder), job, ())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def why_unavailable() -> str | None:
    """Return why this machine has no sandbox, in a sentence for people; None where it has one.

    Found out by running something in it; that it is there is remembered, that it is not may change.
    """
    with _lock:
        if os.geteuid() in _available:
            return None
        reason = bubblewrap.missing_programs() or _probe()
        if reason is None:
            _available.add(os.geteuid())
        return reason


_available: set[int] = set()
_lock = threading.Lock()


def _probe() -> str | None:
    try:
        finished = _run_in_sandbox(_PROBE, ())
    except Permanent as error:
        return error.message
    if finished.exit_code == 0:
        return None
    why = finished.stderr.strip()[:300] or f"exit code {finished.exit_code}"
    return f"{INSTALL} and user namespaces, and this machine does not allow them: {why}"


def _run_in_sandbox(job: Job, hidden: Sequence[str]) -> Finished:
    with MemoryFiles() as files:
        finished = _finished(bubblewrap.command_for(job, files, hidden), job, files.descriptors)
    if finished.exit_code == 1 and finished.stderr.startswith("bwrap: ") and not finished.stdout:
        raise SandboxUnavailable(f"The sandbox could not be made: {finished.stderr.strip()[:300]}")
    return finished


def _finished(command: Command, job: Job, descriptors: Sequence[int]) -> Finished:
    process = _started(command, descriptors)
    output = _Output(process, job)
    try:
        ended_by = output.read(time.monotonic() + job.seconds)
    finally:
        _end(process)
        output.drain()
        output.close()
    return Finished(
        exit_code=_exit_code(process) if ended_by == EndedBy.ITSELF else None,
        stdout=output.text(process.stdout),
        stderr=output.text(process.stderr),
        ended_by=ended_by,
        is_cut=output.is_cut,
    )


def _started(command: Command, descriptors: Sequence[int]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - the words are ours but for the script's own arguments
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=command.environment,
            cwd=command.cwd,
            pass_fds=descriptors,
            start_new_session=True,
            user=command.user,
            group=command.user,
            extra_groups=[] if command.user is not None else None,
        )
    except (OSError, ValueError) as error:
        raise Permanent(f"The script could not be started: {error}") from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left. In the sandbox the first process of its namespace dies with bubblewrap, and all with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _exit_code(process: "subprocess.Popen[bytes]") -> int:
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


class _Output:
    """What a process writes: kept up to a cap, counted beyond it."""

    def __init__(self, process: "subprocess.Popen[bytes]", job: Job) -> None:
        self._process, self._limits = process, job.limits
        self._kept: dict[IO[bytes], bytearray] = {}
        self._written: dict[IO[bytes], int] = {}
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ)
                self._kept[stream], self._written[stream] = bytearray(), 0

    @property
    def is_cut(self) -> bool:
        return any(self._written[stream] > len(kept) for stream, kept in self._kept.items())

    def read(self, deadline: float) -> EndedBy:
        """Read until the process has ended, the deadline is over or too much was written."""
        while self._process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return EndedBy.DEADLINE
            if not self._selector.get_map():
                # It has closed its output and goes on.
                time.sleep(min(left, 0.02))
                continue
            self._take(min(left, 0.2))
            if max(self._written.values()) > self._limits.most_output_bytes:
                return EndedBy.OUTPUT
        return EndedBy.ITSELF

    def drain(self) -> None:
        """Read what the dead have left in the pipes; whoever outlived them does not keep us."""
        until = time.monotonic() + _DRAIN_SECONDS
        while self._selector.get_map() and time.monotonic() < until:
            self._take(max(0.0, until - time.monotonic()))

    def _take(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
            try:
                chunk = os.read(stream.fileno(), 65_536)
            except BlockingIOError:
                continue
            if not chunk:
                self._selector.unregister(stream)
                continue
            self._written[stream] += len(chunk)
            self._kept[stream] += chunk[: self._limits.kept_output_bytes - len(self._kept[stream])]

    def text(self, stream: IO[bytes] | None) -> str:
        """Return what is kept of a stream."""
        return self._kept[stream].decode("utf-8", "replace") if stream is not None else ""

    def close(self) -> None:
        self._selector.close()
        for stream in self._kept:
            stream.close()
