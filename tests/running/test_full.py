"""`run.py --full`: PostgreSQL, Valkey, web, workers and schedule as processes, through deaths to the end."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from supportops.running import runtime_env
from supportops.running.servers import find_postgres, find_valkey
from tests.running.starting import Instance, wait_for

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(not find_postgres() or not find_valkey(), reason="needs programs of PostgreSQL and Valkey"),
]
WORDS = ("postgres", "valkey", "running.web", "celery", "running.schedule")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path / "data", "--full")
    try:
        yield instance
    finally:
        if instance.process.poll() is None:
            instance.stop()


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def test_the_production_shape_from_its_first_start_to_its_end(instance: Instance) -> None:
    instance.wait_until_ready()
    for word in WORDS:
        wait_for(lambda word=word: instance.children(word), 20, f"a process of {word}")
    assert instance.password()

    # What it started is told to manage.py: addresses with passwords, which open the servers.
    values = runtime_env.read(instance.data / "runtime.env")
    assert values["SUPPORTOPS_MODE"] == "production"
    with psycopg.connect(values["SUPPORTOPS_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM tenancy_organization").fetchone() == (1,)
    assert redis.Redis.from_url(values["SUPPORTOPS_BROKER_URL"]).ping()

    if os.geteuid() == 0:
        assert all(owner_of(pid) != 0 for pid in instance.children()), "nothing below the supervisor runs as root"

    # Static files are served in this shape too.
    status, page = instance.get("/admin/login/")
    assert status == 200
    style = next(part.split('"')[0] for part in page.split('href="')[1:] if ".css" in part.split('"')[0])
    assert instance.get(style)[0] == 200

    # Every kind of process is started again when it is killed, and granian's and Celery's own children die with them.
    masters = {word: min(instance.children(word)) for word in ("running.web", "celery", "running.schedule", "valkey")}
    before = instance.children()
    for pid in masters.values():
        os.kill(pid, signal.SIGKILL)
    for word, pid in masters.items():
        wait_for(lambda word=word, pid=pid: set(instance.children(word)) - set(before), 15, f"a new {word}")
    wait_for(lambda: instance.get("/admin/login/")[0] == 200, 20, "an answer after the deaths")
    wait_for(lambda: not set(instance.children("running.web")) & set(before), 6, "the end of the killed web's workers")

    # The database too.
    os.kill(min(instance.children("-D")), signal.SIGKILL)
    wait_for(lambda: instance.get("/admin/login/")[0] == 200, 20, "an answer after the database's death")

    # kill -9 of the supervisor: within five seconds nothing is left; it starts again at once.
    instance.remember()
    instance.kill()
    wait_for(lambda: not instance.left(), 5, f"the end of all processes, left: {instance.left()}")
    instance.again()
    instance.wait_until_ready(times=2)
    assert instance.said.count("Password  ") == 1

    instance.remember()
    assert instance.stop() == 0
    assert instance.left() == []
