"""Real servers for tests: an address given by the environment, else the wheels' programs, else PATH's."""

import os
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from supportops.running.processes import unprivileged_user
from supportops.running.servers import Postgres, Programs, Server, Valkey, find_postgres, find_valkey, within_reach

# Set by `run.py test`, so that its rounds share one server of each kind; anybody may set them to servers of his own.
GIVEN = {"postgres": "SUPPORTOPS_TEST_POSTGRES_URL", "valkey": "SUPPORTOPS_TEST_VALKEY_URL"}


@dataclass
class TestServer:
    """A server that tests may use, and where it came from."""

    __test__ = False
    url: str
    origin: str
    server: Server | None = None
    folder: Path | None = None

    def stop(self) -> None:
        """End the server if it is ours, and remove its folder."""
        if self.server is not None:
            self.server.stop()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def origin_of(kind: str) -> str:
    """Say where the server of this kind comes from, or "" when there is none."""
    if os.environ.get(GIVEN[kind]):
        return f"given by {GIVEN[kind]}"
    programs = find_postgres() if kind == "postgres" else find_valkey()
    return programs.origin if programs else ""


def open_server(kind: str) -> TestServer:
    """Give a server of this kind ("postgres", "valkey"), started where none is given.

    Raises LookupError when this machine has none.
    """
    if given := os.environ.get(GIVEN[kind]):
        return TestServer(given, origin_of(kind))
    programs = find_postgres() if kind == "postgres" else find_valkey()
    if programs is None:
        raise LookupError(f"No {kind} here: set {GIVEN[kind]}, install requirements/dev.txt, or put one on PATH.")
    return _start(kind, programs)


def _start(kind: str, programs: Programs) -> TestServer:
    folder = Path(tempfile.mkdtemp(prefix=f"supportops-{kind}-"))
    # The servers drop root; they must be able to enter this folder, which holds nothing but theirs.
    folder.chmod(0o755)
    user = unprivileged_user([folder, programs.path(programs.server)]) or unprivileged_user([folder])
    log = folder / f"{kind}.log"
    programs = within_reach(programs, user, folder)
    kinds: dict[str, type[Server]] = {"postgres": Postgres, "valkey": Valkey}
    server = kinds[kind](programs, folder / kind, log, "tests", user)
    if isinstance(server, Postgres):
        server.is_durable = False
    server.start()
    # Nothing of it shall be kept: end at once.
    server.stop_signal = server.last_signal = signal.SIGQUIT if kind == "postgres" else signal.SIGKILL
    return TestServer(server.url, programs.origin, server, folder)
