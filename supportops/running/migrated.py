"""Whether the database has all migrations already, asked without Django: a start after a crash shall take seconds.

After each successful migration a note is kept in the data folder: which migrations the code had, and what the
database's own list of them looked like. Both unchanged means that there is nothing to do.
"""

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from supportops.running.arguments import BASE_DIR

NAME = "migrated.json"
# What the database lists, and whether the first organization was made.
QUESTION = (
    "SELECT (SELECT count(*) FROM django_migrations), (SELECT max(id) FROM django_migrations), "
    "(SELECT count(*) FROM (SELECT 1 FROM tenancy_organization LIMIT 1) AS one)"
)


def digest_of_code() -> str:
    """Give a digest of the migrations that this code has, those of installed packages by their locked versions."""
    names = sorted(path.relative_to(BASE_DIR).as_posix() for path in BASE_DIR.glob("*/**/migrations/*.py"))
    digest = hashlib.sha256((BASE_DIR / "requirements" / "base.txt").read_bytes())
    for name in names:
        digest.update(name.encode() + (BASE_DIR / name).read_bytes())
    return digest.hexdigest()


def state_of(database_url: str) -> list[Any] | None:
    """Give what the database says of its migrations; None when it does not say anything."""
    row = _ask_sqlite(database_url) if database_url.startswith("sqlite:///") else _ask_postgres(database_url)
    return list(row) if row is not None else None


def _ask_sqlite(database_url: str) -> Any:
    path = Path(database_url.removeprefix("sqlite:///"))
    if not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(QUESTION).fetchone()
    except sqlite3.Error:
        return None


def _ask_postgres(database_url: str) -> Any:
    import psycopg  # the embedded default does without

    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            return connection.execute(QUESTION).fetchone()
    except psycopg.Error:
        return None


def is_up_to_date(data: Path, database_url: str) -> bool:
    """Say whether nothing has changed since the last migration of this database."""
    try:
        note = json.loads((data / NAME).read_text())
    except (OSError, ValueError):
        return False
    state = state_of(database_url)
    return state is not None and state[-1] == 1 and note == {"code": digest_of_code(), "database": state}


def note_migrated(data: Path, database_url: str) -> None:
    """Keep the note for the next start."""
    unfinished = data / f"{NAME}.part"
    unfinished.write_text(json.dumps({"code": digest_of_code(), "database": state_of(database_url)}))
    unfinished.rename(data / NAME)
