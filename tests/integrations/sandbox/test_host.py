"""Scripts on a single owner's machine: no sandbox, but limits, a deadline, and none of our environment."""

import os
import time
from pathlib import Path

import pytest

from integrations.errors import Permanent
from integrations.sandbox.job import EndedBy, Job
from integrations.sandbox.running import run_on_host


def job(script: str, **more: object) -> Job:
    return Job("/bin/sh", "script.sh", script, **{"seconds": 10.0, **more})  # type: ignore[arg-type]


def test_it_runs_as_whoever_we_are_without_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORTOPS_CANARY", "canary")
    finished = run_on_host(job("id -u; env; pwd; exit 3", environment={"REGION": "eu"}))
    assert finished.stdout.splitlines()[0] == str(os.geteuid()) and finished.exit_code == 3
    assert "canary" not in finished.stdout and "REGION=eu" in finished.stdout
    assert not Path(finished.stdout.splitlines()[-1]).exists()


def test_it_starts_where_it_is_told_to(tmp_path: Path) -> None:
    assert run_on_host(job("pwd", workdir=str(tmp_path))).stdout == f"{tmp_path}\n"
    with pytest.raises(Permanent, match="There is no folder /nowhere"):
        run_on_host(job("pwd", workdir="/nowhere"))


def test_it_ends_at_its_deadline_whatever_it_left_in_the_background() -> None:
    began = time.monotonic()
    finished = run_on_host(job("sleep 60 & echo begun; sleep 60", seconds=1.0))
    assert (finished.ended_by, finished.exit_code, finished.stdout) == (EndedBy.DEADLINE, None, "begun\n")
    assert time.monotonic() - began < 5


def test_a_signal_is_an_exit_code() -> None:
    assert run_on_host(job("kill -TERM $$")).exit_code == 143
