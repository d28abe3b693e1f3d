"""`run.py` and `run.py --full`: lock, port, keys, servers, migrations, children; and everything ended at the end."""

import compileall
import errno
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from supportops.running import forking, migrated, runtime_env, servers
from supportops.running.arguments import BASE_DIR, PACKAGES, Arguments
from supportops.running.console import complain, say
from supportops.running.processes import ProcessError, User, spawn, unprivileged_user
from supportops.running.supervisor import Child, Process, StopAsked, Supervisor, describe_exit

# How long a second start waits for one that is dying.
WAIT_SECONDS = 15.0
READY_SECONDS = 60.0


class AddChild(Protocol):
    """Adds a process that runs `module` as its main one, with these descriptors of ours beside the lock."""

    def __call__(
        self, name: str, module: str, *arguments: str, death_signal: signal.Signals = ..., fds: Sequence[int] = ...
    ) -> None:
        """Start it and keep it alive."""


class CannotStart(RuntimeError):
    """Why nothing was started; the message is for people."""


def serve(arguments: Arguments) -> int:
    """Start what was asked for and keep it running; give the exit code."""
    supervisor = Supervisor()
    supervisor.take_signals()
    try:
        start = Start(arguments, supervisor)
        start.begin()
        supervisor.run(start.announce_when_ready)
    except StopAsked:
        pass
    except (CannotStart, ProcessError) as error:
        complain(str(error))
        return 1
    finally:
        supervisor.stop()
    say("SupportOps has ended.")
    return 0


class Start:
    """One start of one shape in one data folder."""

    def __init__(self, arguments: Arguments, supervisor: Supervisor) -> None:
        self.host, self.port, self.data = arguments.host, arguments.port, arguments.data
        self.is_full = arguments.full
        self.supervisor = supervisor
        self.user: User | None = None
        self.env = dict(os.environ)
        self._lock: int = -1
        self._listener: socket.socket
        self._is_announced = False
        self._has_complained = False
        self._began = time.monotonic()

    def begin(self) -> None:
        """Go through all steps up to the running children. Raises CannotStart or ProcessError."""
        is_ours = self._make_data_folder()
        self._take_lock()
        self._listener = listen(self.host, self.port)
        self.user = self._choose_user(is_ours)
        runtime = runtime_env.RuntimeEnv(self.data, os.environ)
        runtime.ensure_keys()
        if runtime.made_keys:
            say(f"Made the keys that seal stored credentials: {runtime.path}")
            say("  They lie beside the data that they protect. Set SUPPORTOPS_MASTER_KEYS and")
            say("  SUPPORTOPS_SECRET_KEY in the environment to keep them elsewhere, and back them up.")
        logs = self.data / "logs"
        for folder in (logs, self.data / "static"):
            servers.own(folder, self.user)
        values = self._full_values(runtime, logs) if self.is_full else {"SUPPORTOPS_MODE": "embedded"}
        runtime.write({**values, **self._public_values()}, self.user)
        self._prepare_environment()
        compile_code()
        self._migrate(
            values.get("SUPPORTOPS_DATABASE_URL") or os.environ.get("SUPPORTOPS_DATABASE_URL") or self._sqlite()
        )
        self._start_children()

    def _sqlite(self) -> str:
        return f"sqlite:///{self.data / 'supportops.sqlite3'}"

    def _make_data_folder(self) -> bool:
        """Make the data folder; say whether it is ours to give to another user."""
        try:
            if not self.data.exists():
                self.data.mkdir(parents=True, mode=0o700)
                return True
            names = {path.name for path in self.data.iterdir()}
        except OSError as error:
            raise CannotStart(f"The data folder {self.data} cannot be used: {error.strerror}.") from error
        return not names or runtime_env.NAME in names

    def _take_lock(self) -> None:
        """Take the data folder for us and our children: it is free again when the last of them is gone."""
        path = self.data / "supervisor.lock"
        try:
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CannotStart(f"The data folder {self.data} cannot be written to: {error.strerror}.") from error

        def take() -> bool:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not within(WAIT_SECONDS, take, f"Waiting for another SupportOps to leave {self.data} ..."):
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            raise CannotStart(
                f"Another SupportOps (process {holder or 'unknown'}) uses the data folder {self.data}. "
                "End it, or give this one a folder of its own with --data."
            )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _choose_user(self, is_ours: bool) -> User | None:
        """As root, the production shape runs as a user with few rights; the embedded default as whoever started it."""
        if not self.is_full or os.geteuid() != 0:
            return None
        needed = [Path(sys.executable), Path(os.__file__), Path(subprocess.__file__), BASE_DIR / "manage.py", self.data]
        if is_ours and (known := unprivileged_user([])) is not None:
            servers.own(self.data, known)
        user = unprivileged_user(needed)
        if user is None:
            say(
                "Started as root, and this system offers no user that could read the code: web and workers run as root."
            )
        else:
            say(f"Started as root: everything below runs as user {user.name}.")
        return user

    def _public_values(self) -> dict[str, str]:
        """What the settings must know of host and port, where the environment does not say otherwise."""
        values = {}
        if not os.environ.get("SUPPORTOPS_PUBLIC_URL"):
            values["SUPPORTOPS_PUBLIC_URL"] = f"http://{address_for_url(self.host)}:{self.port}"
        if not os.environ.get("SUPPORTOPS_ALLOWED_HOSTS"):
            names = ["localhost", "127.0.0.1", "[::1]", address_for_url(self.host)]
            if self.host in ("0.0.0.0", "::"):  # noqa: S104 - asked for on the command line
                names += [socket.gethostname(), socket.getfqdn()]
            values["SUPPORTOPS_ALLOWED_HOSTS"] = ",".join(dict.fromkeys(names))
        return values

    def _full_values(self, runtime: runtime_env.RuntimeEnv, logs: Path) -> dict[str, str]:
        """Start the servers whose addresses the environment does not give; give the addresses of all."""
        database = os.environ.get("SUPPORTOPS_DATABASE_URL", "")
        redis = os.environ.get("SUPPORTOPS_REDIS_URL", "")
        if database:
            say("PostgreSQL: the one that SUPPORTOPS_DATABASE_URL names.")
        else:
            programs = self._within_reach(servers.find_postgres(), "PostgreSQL", "SUPPORTOPS_DATABASE_URL")
            password = runtime.postgres_password()
            # Before the cluster is made with it: it must not be lost if we are killed in between.
            runtime.write({}, self.user)
            postgres = servers.Postgres(
                programs, self.data / "postgres", logs / "postgres.log", password, self._server_user()
            )
            database = self._start_server(postgres)
        if redis:
            say("Valkey: the one that SUPPORTOPS_REDIS_URL names.")
        else:
            programs = self._within_reach(servers.find_valkey(), "Valkey", "SUPPORTOPS_REDIS_URL")
            password = runtime.postgres_password()
            valkey = servers.Valkey(programs, self.data / "valkey", logs / "valkey.log", password, self._server_user())
            redis = self._start_server(valkey)
        return {
            "SUPPORTOPS_MODE": "production",
            "SUPPORTOPS_DATABASE_URL": database,
            "SUPPORTOPS_REDIS_URL": redis,
            "SUPPORTOPS_BROKER_URL": os.environ.get("SUPPORTOPS_BROKER_URL") or redis,
        }

    def _server_user(self) -> User | None:
        """PostgreSQL never runs as root, whatever the others do."""
        return self.user or unprivileged_user([])

    def _within_reach(self, programs: servers.Programs | None, name: str, variable: str) -> servers.Programs:
        if programs is None:
            raise CannotStart(
                f"No {name} found: neither the packages of requirements/full.txt nor PATH have it. "
                f"Install it, or set {variable} to the address of one that runs."
            )
        return servers.within_reach(programs, self._server_user(), self.data / "servers")

    def _start_server(self, server: servers.Server) -> str:
        server.start()
        say(f"{server.name}: {server.programs.origin}, port {server.port}.")
        child = Child(server.name, server.spawn, server.stop_signal, server.last_signal, stop_group=2)
        child.process, child.started_at = server.process, time.monotonic()
        self.supervisor.children.append(child)
        return server.url

    def _prepare_environment(self) -> None:
        """The environment of all children: what is in runtime.env they read from there."""
        self.env["SUPPORTOPS_DATA"] = str(self.data)
        self.env["DJANGO_SETTINGS_MODULE"] = "supportops.settings"
        self.env["PYTHONUNBUFFERED"] = "1"
        # Celery runs Django's checks at each start and drops what they find; `run.py check` and migrations show it.
        self.env["CELERY_SKIP_CHECKS"] = "1"
        if self.user is not None:
            # Libraries look into the home folder, and root's is closed to them.
            self.env.update(HOME=str(self.data), USER=self.user.name, LOGNAME=self.user.name)

    def _spawn(self, *command: str, death_signal: signal.Signals, fds: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
        return spawn(
            [sys.executable, "-m", *command],
            death_signal=death_signal,
            user=self.user,
            env=self.env,
            cwd=BASE_DIR,
            pass_fds=[self._lock, *fds],
        )

    def _migrate(self, database_url: str) -> None:
        if migrated.is_up_to_date(self.data, database_url):
            return
        code = self._spawn("supportops.running.first_start", death_signal=signal.SIGKILL).wait()
        if code != 0:
            raise CannotStart(f"The database could not be prepared ({describe_exit(code)}); the reason stands above.")
        migrated.note_migrated(self.data, database_url)

    def _start_children(self) -> None:
        add: AddChild = self._add_child
        fd = self._listener.fileno()
        web = ("supportops.running.web", "--fd", str(fd))
        if not self.is_full:
            add("web", *web, "--embedded", death_signal=signal.SIGTERM, fds=[fd])
            return
        if forking.is_possible():
            add = self._start_fork_server(fd)
        add("web", *web, death_signal=signal.SIGTERM, fds=[fd])
        worker = ("-A", "supportops.celery", "worker", "--loglevel", "INFO", "--prefetch-multiplier", "1")
        quiet = ("--without-heartbeat", "--without-mingle", "--without-gossip")
        processes = self.env.get("SUPPORTOPS_WORKER_PROCESSES") or "2"
        # Where scripts are off, somebody still has to tell the steps that run them.
        has_scripts = self.env.get("SUPPORTOPS_SCRIPTS", "off") != "off"
        work = ("-n", "work@%h", "-Q", "work" if has_scripts else "work,scripts", "-P", "prefork", "-c", processes)
        maintenance = ("-n", "maintenance@%h", "-Q", "maintenance", "-P", "threads", "-c", "4")
        add("worker", "celery.__main__", *worker, *quiet, *work)
        if has_scripts:
            scripts = ("-n", "scripts@%h", "-Q", "scripts", "-P", "prefork", "-c", "1")
            add("scripts", "celery.__main__", *worker, *quiet, *scripts)
        add("maintenance", "celery.__main__", *worker, *quiet, *maintenance)
        add("schedule", "supportops.running.schedule")

    def _add_child(
        self,
        name: str,
        module: str,
        *arguments: str,
        death_signal: signal.Signals = signal.SIGKILL,
        fds: Sequence[int] = (),
    ) -> None:
        """Add a process that loads everything by itself."""
        self.supervisor.add(Child(name, lambda: self._spawn(module, *arguments, death_signal=death_signal, fds=fds)))

    def _start_fork_server(self, listener: int) -> "AddChild":
        """Start the process that the others are forked from; give what adds one of them."""
        server = forking.ForkServer(
            lambda command, descriptor: self._spawn(*command, death_signal=signal.SIGKILL, fds=[listener, descriptor])
        )
        self.supervisor.add(Child("fork server", server.start))

        def add(
            name: str,
            module: str,
            *arguments: str,
            death_signal: signal.Signals = signal.SIGKILL,
            fds: Sequence[int] = (),
        ) -> None:
            close = [] if listener in fds else [listener]

            def start() -> Process:
                return server.fork(module, arguments, death_signal=death_signal, close=close)

            self.supervisor.add(Child(name, start))

        return add

    def announce_when_ready(self) -> None:
        """Say once that the web answers; and before, once, that it takes suspiciously long."""
        if self._is_announced:
            return
        waited = time.monotonic() - self._began
        if answers(self.host, self.port):
            self._is_announced = True
            shape = "production shape" if self.is_full else "embedded default"
            say(
                f"SupportOps is ready ({shape}, {waited:.0f} s): http://{address_for_url(self.host)}:{self.port}/admin/"
            )
            say(f"Data folder {self.data}. Ctrl-C ends it.")
        elif waited > READY_SECONDS and not self._has_complained:
            self._has_complained = True
            complain(f"The web does not answer yet after {waited:.0f} s; see {self.data / 'logs'}.")


def compile_code() -> None:
    """Compile our packages once, so that none of the processes has to: at each start, where it may not write here."""
    for package in PACKAGES:
        compileall.compile_dir(BASE_DIR / package, quiet=2)


def within(seconds: float, attempt: Callable[[], bool], waiting: str) -> bool:
    """Try until `attempt` succeeds or the time is over; say `waiting` once when it does not at first."""
    deadline = time.monotonic() + seconds
    is_said = False
    while not attempt():
        if time.monotonic() > deadline:
            return False
        if not is_said:
            say(waiting)
            is_said = True
        time.sleep(0.1)
    return True


def listen(host: str, port: int) -> socket.socket:
    """Give a listening socket, which our web processes inherit. Raises CannotStart."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"--host {host} is no address of this machine: {error.strerror}.") from error
    listener = socket.socket(family, kind, protocol)
    # After a restart, connections of the one before may linger; a port that is listened on stays refused.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def bind() -> bool:
        try:
            listener.bind(address)
            listener.listen(1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise CannotStart(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
        return True

    if not within(WAIT_SECONDS, bind, f"Waiting for port {port} to become free ..."):
        raise CannotStart(f"Port {port} of {host} is taken by another program. End it, or choose another with --port.")
    return listener


def address_for_url(host: str) -> str:
    """Give the address under which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def answers(host: str, port: int) -> bool:
    """Say whether HTTP is answered there."""
    connection = http.client.HTTPConnection(address_for_url(host).strip("[]"), port, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
