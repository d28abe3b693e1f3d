"""The web process: on the embedded default with worker and schedule inside, in the production shape granian's.

Started by the supervisor with a socket that listens already: a port that is taken is noticed there, and while a
process is started again its clients wait instead of being refused.
"""

import argparse
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from supportops.running.admission import Application
from supportops.running.processes import die_with, end_when_orphaned, share_memory_with_children

# How long requests and calls under way may take to end when the supervisor asks, and when it is gone.
PATIENCE_SECONDS = 15.0
ORPHAN_SECONDS = 3.0
EMBEDDED_TASKS = 2
MOST_BODY_BYTES = 32 * 1024 * 1024


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="web")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--embedded", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
    listener = socket.socket(fileno=arguments.fd)
    end_when_orphaned(os.getppid(), ORPHAN_SECONDS)
    if arguments.embedded:
        serve_embedded(listener)
    else:
        serve_many(listener)


def serve_embedded(listener: socket.socket) -> None:
    """Serve with waitress; the worker and the schedule run beside it in threads of this process."""
    from supportops.wsgi import application

    from django.conf import settings  # isort: skip - readable only now

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Should a page or a call hang: what was acknowledged is in the database.
        threading.Thread(target=_exit_after, args=(PATIENCE_SECONDS,), daemon=True).start()
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker = _start_worker()
    schedule = _start_schedule()
    server = waitress_server(application, listener, settings.WEB_THREADS)
    server.run()
    schedule.stop()
    worker.stop()
    from rules import workers

    workers.stop()


def waitress_server(application: Application, listener: socket.socket, threads: int) -> Any:
    """Give the server of the embedded default; its `run` serves until SystemExit is raised in the main thread."""
    from waitress.server import create_server

    # Says at every request that others wait; that is what the queue is for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return create_server(
        application,
        sockets=[listener],
        threads=threads,
        connection_limit=1000,
        channel_timeout=75,
        ident="",
        # Which proxies to believe is decided in one place, by SUPPORTOPS_TRUSTED_PROXIES.
        clear_untrusted_proxy_headers=False,
        # Bodies are taken in whole before a thread sees them; the application's own limits are lower.
        max_request_body_size=MOST_BODY_BYTES,
        asyncore_use_poll=True,
    )


def _exit_after(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(1)


def _in_thread(name: str, function: Callable[[], None], is_wanted: Callable[[], bool]) -> None:
    """Run `function` in a thread. Should it end while wanted, so does the process: the supervisor starts it anew."""

    def run() -> None:
        try:
            function()
        finally:
            if is_wanted():
                os._exit(1)

    threading.Thread(target=run, name=name, daemon=True).start()


def _start_worker() -> Any:
    from celery.worker import WorkController

    from rules import workers
    from supportops.celery import app

    class Worker(WorkController):
        """The class beneath `celery worker`: it touches neither signals nor logging, so it may live in a thread."""

        is_wanted = True

        def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
            self.is_wanted = False
            super().stop(in_sighandler, exitcode)

    worker = Worker(
        app=app,
        pool="threads",
        concurrency=EMBEDDED_TASKS,
        # Scripts are the schedule's: one that takes long would keep a thread of these from everything else.
        queues="work,maintenance",
        hostname=f"embedded@{socket.gethostname()}",
        prefetch_multiplier=1,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
    workers.this_worker_id()
    _in_thread("celery", worker.start, lambda: worker.is_wanted)
    return worker


def _start_schedule() -> Any:
    from django.db import connections

    from supportops.celery import app
    from supportops.running.schedule import InThreads, Schedule, scheduled_seconds

    def call(name: str) -> None:
        try:
            app.tasks[name]()
        finally:
            # The thread ends here; nobody else would close what it opened.
            connections.close_all()

    schedule = Schedule(InThreads(call), scheduled_seconds())
    _in_thread("schedule", schedule.loop, lambda: not schedule.is_stopped)
    return schedule


def serve_many(listener: socket.socket) -> None:
    """Serve with processes that share the listening socket, and threads in each."""
    from django.conf import settings

    def load() -> Application:
        from supportops.wsgi import application

        return application

    granian_server(load, listener, settings.WEB_PROCESSES, settings.WEB_THREADS)


def granian_server(load: Callable[[], Application], listener: socket.socket, processes: int, threads: int) -> None:
    """Serve with granian until SIGTERM; `load` gives the application."""
    from granian._granian import SocketHolder
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    class Server(MPServer):
        def _init_shared_socket(self) -> None:
            # granian would make sockets of its own with SO_REUSEPORT, which share a taken port silently.
            listener.set_inheritable(True)
            self._ssp = None
            self._sfd = listener.fileno()  # type: ignore[assignment]
            self._shd = SocketHolder(listener.fileno(), False, self.backlog)  # type: ignore[assignment, call-arg]
            self._sso = listener

    master = os.getpid()

    # Once, before it forks: a hundred megabytes of code and models that all processes share.
    application = load()
    share_memory_with_children()

    def begin_process() -> Application:
        # Runs in each worker process. granian's workers outlive a master that was killed. Not by SIGTERM: granian's
        # handler of it can wait, with the interpreter's lock in its hand, for threads that wait for that lock, and then
        # nothing of ours runs any more either. Who was not answered sends again; what was committed is recognised.
        die_with(master, signal.SIGKILL)
        return application

    address, port = listener.getsockname()[:2]
    server = Server(
        "supportops.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=threads,
        backpressure=1024,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=int(PATIENCE_SECONDS),
        # Its one warning is about the number of threads, which wait for the database most of the time.
        log_level=LogLevels.error,
        # Without handlers of granian's own its lines take the way of all others. Incremental: the whole configuration
        # would close the handlers that Django has set up.
        log_dictconfig={"version": 1, "incremental": True, "formatters": {}, "handlers": {}, "loggers": {}},
    )
    server.serve(target_loader=begin_process, wrap_loader=False)


if __name__ == "__main__":
    main()
