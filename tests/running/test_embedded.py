"""`run.py`: one process with everything in it, from its first start over deaths to its end."""

import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportops.running import runtime_env
from tests.running.starting import Instance, wait_for

pytestmark = pytest.mark.servers


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path / "data")
    try:
        yield instance
    finally:
        if instance.process.poll() is None:
            instance.stop()


def test_the_embedded_default_from_its_first_start_to_its_end(instance: Instance) -> None:
    instance.wait_until_ready()

    # It says how to sign in, once, and that the keys lie beside the data.
    assert "owner@example.com" in instance.said
    assert instance.password()
    assert "They lie beside the data" in instance.said
    assert stat.S_IMODE((instance.data / "runtime.env").stat().st_mode) == 0o600

    # The sign-in page comes with its styles, all from here.
    status, page = instance.get("/admin/login/")
    assert status == 200
    styles = [part.split('"')[0] for part in page.split('href="')[1:] if ".css" in part.split('"')[0]]
    assert styles
    assert [instance.get(style)[0] for style in styles] == [200] * len(styles)

    # One child, which is the web process; killed, it is back within five seconds.
    (child,) = instance.children()
    assert "web" in instance.children()[child]
    os.kill(child, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: instance.children("web") and child not in instance.children(), 5, "a new web process")
    wait_for(lambda: instance.get("/admin/login/")[0] == 200, 15, "an answer of the new web process")
    assert time.monotonic() - began < 15

    # kill -9 of the supervisor: within five seconds nothing is left.
    instance.remember()
    instance.kill()
    wait_for(lambda: not instance.left(), 5, "the end of all processes")

    # It starts again with the same data, and makes no second organization.
    instance.again()
    instance.wait_until_ready(times=2)
    assert instance.said.count("Password  ") == 1

    # SIGTERM ends everything.
    instance.remember()
    assert instance.stop() == 0
    assert instance.left() == []
    assert "SupportOps has ended." in instance.said


def test_a_start_right_after_a_kill_waits_for_the_one_that_dies(instance: Instance) -> None:
    instance.wait_until_ready()
    instance.kill()
    instance.again()
    instance.wait_until_ready(times=2)
    assert instance.stop(signal.SIGINT) == 0


def test_a_taken_port_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from supportops.running import serve

    monkeypatch.setattr(serve, "WAIT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(serve.CannotStart, match=f"Port {port} of 127.0.0.1 is taken"):
            serve.listen("127.0.0.1", port)


def test_a_folder_in_use_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from supportops.running import serve
    from supportops.running.arguments import parse
    from supportops.running.supervisor import Supervisor

    monkeypatch.setattr(serve, "WAIT_SECONDS", 0.3)
    arguments = parse(["--data", str(tmp_path)])
    first, second = serve.Start(arguments, Supervisor()), serve.Start(arguments, Supervisor())
    first._take_lock()
    with pytest.raises(serve.CannotStart, match=rf"Another SupportOps \(process {os.getpid()}\) uses the data folder"):
        second._take_lock()


def test_keys_are_made_once_and_those_from_outside_are_not_written(tmp_path: Path) -> None:
    runtime = runtime_env.RuntimeEnv(tmp_path, {})
    runtime.ensure_keys()
    assert runtime.made_keys
    runtime.write({"SUPPORTOPS_MODE": "embedded"}, None)
    made = runtime_env.read(tmp_path / "runtime.env")
    assert made["SUPPORTOPS_MASTER_KEYS"].startswith("k1:")

    again = runtime_env.RuntimeEnv(tmp_path, {})
    again.ensure_keys()
    assert not again.made_keys
    again.write({"SUPPORTOPS_MODE": "production"}, None)
    assert runtime_env.read(tmp_path / "runtime.env") == {**made, "SUPPORTOPS_MODE": "production"}

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    given = {"SUPPORTOPS_SECRET_KEY": "s" * 40, "SUPPORTOPS_MASTER_KEYS": "k9:abc"}
    outside = runtime_env.RuntimeEnv(elsewhere, given)
    outside.ensure_keys()
    outside.write({}, None)
    assert not outside.made_keys
    assert runtime_env.read(elsewhere / "runtime.env") == {}
