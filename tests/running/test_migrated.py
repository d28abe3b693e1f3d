"""A start migrates when there is something to migrate, and only then."""

import sqlite3
from pathlib import Path

import pytest

from supportops.running import migrated


def database(folder: Path, *, rows: int = 3, organizations: int = 1) -> str:
    path = folder / "db.sqlite3"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY)")
    connection.execute("CREATE TABLE tenancy_organization (id integer PRIMARY KEY)")
    connection.executemany("INSERT INTO django_migrations VALUES (?)", [(number,) for number in range(rows)])
    connection.executemany("INSERT INTO tenancy_organization VALUES (?)", [(n,) for n in range(organizations)])
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_nothing_changed_is_up_to_date(tmp_path: Path) -> None:
    url = database(tmp_path)
    assert not migrated.is_up_to_date(tmp_path, url), "never migrated"
    migrated.note_migrated(tmp_path, url)
    assert migrated.is_up_to_date(tmp_path, url)


def test_other_code_another_database_or_no_organization_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = database(tmp_path)
    migrated.note_migrated(tmp_path, url)
    database(tmp_path, rows=2)
    assert not migrated.is_up_to_date(tmp_path, url), "an older backup"
    database(tmp_path, organizations=0)
    assert not migrated.is_up_to_date(tmp_path, url), "the first organization is still to be made"
    (tmp_path / "db.sqlite3").unlink()
    assert not migrated.is_up_to_date(tmp_path, url), "the database is gone"
    database(tmp_path)
    assert migrated.is_up_to_date(tmp_path, url)
    monkeypatch.setattr(migrated, "digest_of_code", lambda: "other")
    assert not migrated.is_up_to_date(tmp_path, url), "other migrations"
    assert migrated.state_of("postgresql://nobody:x@127.0.0.1:1/none") is None


def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    url = database(tmp_path)
    (tmp_path / migrated.NAME).write_text("{")
    assert not migrated.is_up_to_date(tmp_path, url)


@pytest.mark.servers
def test_postgres_is_asked_too(tmp_path: Path, postgres_url: str) -> None:
    assert migrated.state_of(postgres_url) is None
