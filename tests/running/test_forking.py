"""Processes forked from a loaded one are the supervisor's own children, under their own names, and share memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supportops.running import forking, warming
from supportops.running.arguments import BASE_DIR
from supportops.running.processes import ProcessError
from tests.running.starting import command_of, wait_for

pytestmark = pytest.mark.skipif(not forking.is_possible(), reason="needs Linux")

# A supervisor: it adopts orphans, forks one process that sleeps and one that ends, says what it sees, and waits.
SUPERVISOR = """
import os, signal, subprocess, sys, time
from supportops.running import forking
from supportops.running.processes import adopt_orphans, spawn
adopt_orphans()
server = forking.ForkServer(lambda command, descriptor: spawn(
    [sys.executable, "-c", "import sys\\nfrom supportops.running import forkserver\\n"
     "forkserver.load = lambda: None\\nsys.argv[0] = 'x'\\nforkserver.main()", *command[1:]],
    death_signal=signal.SIGKILL, pass_fds=[descriptor]))
loaded = server.start()
sleeping = server.fork("tests.running.sleeping", ["--seconds", "60"], death_signal=signal.SIGTERM)
ended = server.fork("tests.running.sleeping", ["--seconds", "0"], death_signal=signal.SIGTERM)
print(loaded.pid, sleeping.pid, ended.wait(20), sleeping.poll(), flush=True)
sys.stdin.read()
"""


def fields_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def test_a_forked_process_is_ours_bears_its_name_and_dies_with_us() -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert supervisor.stdout is not None
        loaded, sleeping, exit_code, still = supervisor.stdout.readline().split()
        assert (int(exit_code), still) == (7, b"None")
        pid = int(sleeping)
        assert int(fields_of(pid)[1]) == supervisor.pid, "its parent is the supervisor"
        assert int(fields_of(pid)[3]) == pid, "it leads a session"
        assert command_of(pid).rstrip().endswith("-m tests.running.sleeping --seconds 60")
        # The one they came from may end: they are none of its.
        os.kill(int(loaded), signal.SIGKILL)
        time.sleep(0.3)
        assert "sleeping" in command_of(pid)
        supervisor.kill()
        supervisor.wait()
        wait_for(lambda: not command_of(pid), 5, "the end of the forked process")
    finally:
        supervisor.kill()
        supervisor.wait()


def test_a_fork_server_that_is_gone_is_said() -> None:
    started = []

    def spawn(command: object, descriptor: int) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(["true"]))
        return started[0]

    server = forking.ForkServer(spawn)
    with pytest.raises(ProcessError, match="was not started"):
        server.fork("tests.running.sleeping", [], death_signal=signal.SIGTERM)
    server.start().wait(5)
    with pytest.raises(ProcessError, match="fork server"):
        server.fork("tests.running.sleeping", [], death_signal=signal.SIGTERM)


def test_warming_up_asks_no_database() -> None:
    # Without the mark that allows it, a question to the database fails the test.
    warming.warm_up()


def test_a_page_that_fails_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        start_response("500 Internal Server Error", [])  # type: ignore[operator]
        return [b""]

    monkeypatch.setattr("supportops.wsgi.application", broken)
    warming.answer("/healthz")
    assert "/healthz answered 500" in caplog.text
