"""PostgreSQL and Valkey from our own starter."""

import os
from pathlib import Path

import psycopg
import pytest
import redis

from supportops.running.processes import User, unprivileged_user
from supportops.running.servers import Postgres, find_postgres

pytestmark = pytest.mark.servers


def test_postgres_answers_and_has_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("supportops",)
        assert connection.execute("SELECT upper('äß')").fetchone() == ("Äß",)


def test_postgres_refuses_a_wrong_password(postgres_url: str) -> None:
    user, _, rest = postgres_url.partition("@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"{user}x@{rest}")


def test_valkey_answers_only_with_its_password(valkey_url: str) -> None:
    assert redis.Redis.from_url(valkey_url).ping()
    host = valkey_url.rpartition("@")[2]
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(f"redis://{host}").ping()


def test_an_interrupted_first_start_is_done_again(tmp_path: Path) -> None:
    programs = find_postgres()
    assert programs is not None
    tmp_path.chmod(0o755)
    user = unprivileged_user([]) if os.geteuid() == 0 else None
    unfinished = tmp_path / "cluster.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    # pytest's own folders are closed to others; this user may pass through them.
    user = user and User(user.name, user.uid, user.gid, reads_everything=True)
    server = Postgres(programs, tmp_path / "cluster", tmp_path / "log", "secret", user)
    server.is_durable = False
    server.start()
    try:
        assert server.answers()
        assert not unfinished.exists()
    finally:
        server.stop()


def test_a_lock_of_another_life_does_not_keep_postgres_from_starting(tmp_path: Path) -> None:
    programs = find_postgres()
    assert programs is not None
    server = Postgres(programs, tmp_path, tmp_path / "log", "secret", None)
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    server._forget_stale_lock()
    assert not (tmp_path / "postmaster.pid").exists()
