"""The two rounds of `run.py test` (SQLite, then PostgreSQL) and the real servers that tests may ask for."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests import servers

DATABASE_FIXTURES = {
    "db",
    "transactional_db",
    "django_db_reset_sequences",
    "django_db_serialized_rollback",
    "live_server",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `run.py test` repeats on PostgreSQL what uses a database."""
    parser.addoption("--only-database", action="store_true", help="run only tests that use Django's database")
    parser.addoption("--part", default="1/1", help="run one part of the files, such as 2/3: for parts side by side")


def uses_postgres() -> bool:
    """Say whether Django's database in this round is PostgreSQL."""
    return settings.DATABASES["default"]["ENGINE"] == "supportops.postgres"


def pytest_report_header() -> list[str]:
    """Say which database and which servers this round uses."""
    engine = "PostgreSQL" if uses_postgres() else "SQLite"
    lines = [f"Django's database: {engine}"]
    for kind in servers.GIVEN:
        lines.append(f"{kind}: {servers.origin_of(kind) or 'NOT TO BE HAD, its tests cannot run'}")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs PostgreSQL on SQLite; on request keep only what uses the database."""
    if not uses_postgres():
        skip = pytest.mark.skip(reason="needs PostgreSQL as Django's database: runs in the second round of run.py test")
        for item in items:
            if item.get_closest_marker("postgres"):
                item.add_marker(skip)
    number, count = map(int, config.getoption("--part").split("/"))
    files = {path: place for place, path in enumerate(sorted({item.path for item in items}))}
    only_database = config.getoption("--only-database")
    kept = [
        item
        for item in items
        if _part_of(item.path, files[item.path], count) == number and (not only_database or _uses_database(item))
    ]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def _part_of(path: Path, place: int, count: int) -> int:
    """Return the part that runs a file. The last one has all that open a browser, and fewer of the others."""
    if "browser" in path.parts:
        return count
    return 1 + place % (2 * count - 1) % count


def _uses_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("servers"):
        # Starts its own processes with their own database: nothing new on another one.
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Hand the counts of this round to `run.py test`, which adds them up."""
    path = os.environ.get("SUPPORTOPS_TEST_COUNTS")
    if path:
        stats = terminalreporter.stats
        counts = {name: len(stats.get(name, ())) for name in ("passed", "failed", "error", "skipped")}
        Path(path).write_text(json.dumps(counts))


def _server(kind: str) -> Iterator[str]:
    try:
        server = servers.open_server(kind)
    except LookupError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real PostgreSQL with an empty database."""
    yield from _server("postgres")


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The address of a real Valkey (or Redis)."""
    yield from _server("valkey")
