"""Children are started again, ended in order, and die with their supervisor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supportops.running import processes
from supportops.running.supervisor import MOST_BACKOFF_SECONDS, Child
from tests.running.starting import command_of, wait_for


def sleeper() -> "subprocess.Popen[bytes]":
    return processes.spawn(["sleep", "60"], death_signal=signal.SIGKILL)


def test_a_child_that_keeps_dying_is_started_ever_later_but_within_five_seconds() -> None:
    child = Child("sleeper", sleeper)
    pauses = []
    for _ in range(8):
        child.started_at = time.monotonic()
        pauses.append(child.note_death())
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == MOST_BACKOFF_SECONDS < 5
    child.started_at = time.monotonic() - 60
    assert child.note_death() == 0


def test_an_ignored_signal_of_ours_is_not_ignored_by_the_child() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = sleeper()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


PARENT = """
import signal, sys, time
from supportops.running import processes
child = processes.spawn([sys.executable, "-c", {child!r}], death_signal=signal.{name})
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_a_child_dies_with_its_parent(name: str, tmp_path: Path) -> None:
    code = PARENT.format(child="import time; time.sleep(60)", name=name)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(lambda: "sleep" in command_of(child), 5, "the child")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not command_of(child), 5, "its end")


def test_a_child_that_takes_its_time_is_killed_when_orphaned() -> None:
    stubborn = (
        "import os, signal, time; from supportops.running.processes import end_when_orphaned; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); end_when_orphaned(os.getppid(), 0.5); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(child=stubborn, name="SIGTERM")], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_for(lambda: "end_when_orphaned" in command_of(child), 5, "the child")
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not command_of(child), 5, "its end")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_whoever_was_root_can_read_but_not_write(tmp_path: Path) -> None:
    # The folder is closed to everybody else, as a home is in which somebody keeps his Python.
    tmp_path.chmod(0o700)
    (tmp_path / "code").write_text("42")
    user = processes.unprivileged_user([tmp_path / "code"])
    assert user is not None
    assert user.reads_everything
    script = (
        f"import os; print(os.getuid(), open({str(tmp_path / 'code')!r}).read()); open({str(tmp_path / 'new')!r}, 'w')"
    )
    out = tmp_path / "out"
    with out.open("wb") as output:
        process = processes.spawn(
            [sys.executable, "-c", script], death_signal=signal.SIGKILL, user=user, output=output.fileno()
        )
        assert process.wait(10) == 1
    said = out.read_text()
    assert said.startswith(f"{user.uid} 42")
    assert "PermissionError" in said
    assert not (tmp_path / "new").exists()
