"""Runs jobs in the sandbox as root, who becomes nobody, and as an ordinary user."""

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from integrations.sandbox import running
from integrations.sandbox.job import Finished, Job

ORDINARY_USER = 54321

Run = Callable[..., Finished]


@pytest.fixture(params=["whoever we are", "an ordinary user"])
def run(request: pytest.FixtureRequest, sandbox: None) -> Run:
    """What runs a script: `run(text, python=True, ...)`."""
    as_user = request.param == "an ordinary user"
    if as_user and os.geteuid() != 0:
        pytest.skip("Already an ordinary user.")

    def run_job(script: str, *, python: bool = False, **more: Any) -> Finished:
        interpreter, name = ("/usr/bin/python3", "script.py") if python else ("/bin/bash", "script.sh")
        job = Job(interpreter, name, script, **{"seconds": 20.0, **more})
        return _as_ordinary_user(lambda: running.run(job)) if as_user else running.run(job)

    return run_job


def _as_ordinary_user(call: Callable[[], Any]) -> Any:
    """Return what `call` gives or raises in a forked child that has become an ordinary user for good."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setgroups([])
            os.setgid(ORDINARY_USER)
            os.setuid(ORDINARY_USER)
            try:
                answer: Any = call()
            except Exception as error:
                answer = error
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    answer = pickle.loads(content)
    if isinstance(answer, Exception):
        raise answer
    return answer
