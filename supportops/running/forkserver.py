"""Loads the application once and forks the processes of the production shape from it: `python -m` this module.

What it has loaded, a hundred megabytes of code and models, all of them share. It asks nothing of database and broker,
has one thread, and serves the supervisor alone, over a socket that it inherits (supportops/running/forking.py).
"""

import argparse
import ctypes
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from supportops.running.forking import MOST_MESSAGE_BYTES
from supportops.running.processes import die_with, share_memory_with_children

# What the processes would import one by one: first what sets Django up.
TO_LOAD = (
    "supportops.wsgi",
    "supportops.urls",
    "supportops.celery",
    "supportops.running.web",
    "supportops.running.schedule",
    "celery.__main__",
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.worker.consumer",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "kombu.transport.redis",
    "granian.server.mp",
    "psycopg_pool",
)


@dataclass(frozen=True)
class Request:
    """One process that is asked for."""

    module: str
    arguments: list[str]
    death_signal: int
    close: list[int]


def main() -> None:
    """Load, then fork what is asked for until the supervisor is gone; in a forked process, be what was asked for."""
    parser = argparse.ArgumentParser(prog="forkserver")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--room", default="")
    arguments = parser.parse_args()
    supervisor = os.getppid()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
    set_title(f"{sys.executable} -m {__spec__.name}")
    load()
    request = serve(socket.socket(fileno=arguments.fd), supervisor)
    if request is not None:
        module = importlib.import_module(request.module)
        sys.argv = [request.module.removesuffix(".__main__"), *request.arguments]
        module.main()


def load() -> None:
    """Import what the processes need, and keep it in pages that stay shared. Raises RuntimeError for a thread left."""
    for name in TO_LOAD:
        importlib.import_module(name)
    importlib.import_module("supportops.running.warming").warm_up()
    if threading.active_count() > 1:
        # It would be missing in the processes, and what it has locked would stay so.
        names = ", ".join(thread.name for thread in threading.enumerate())
        raise RuntimeError(f"Loading the application has left threads, and none may be where we fork: {names}.")
    share_memory_with_children()


def serve(control: socket.socket, supervisor: int) -> Request | None:
    """Fork for each request and answer with the process's number; give the request in the new process, else None."""
    with control:
        while asked := control.recv(MOST_MESSAGE_BYTES):
            request = Request(**json.loads(asked))
            try:
                pid = fork_for(supervisor, request)
            except OSError as error:
                control.send(json.dumps({"error": str(error)}).encode())
                continue
            if pid == 0:
                return request
            control.send(json.dumps({"pid": pid}).encode())
    return None


def fork_for(supervisor: int, request: Request) -> int:
    """Fork a process that is the supervisor's child, not ours; give its number, and 0 in it. Raises OSError."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        # Ends at once: the kernel gives its child to the supervisor, who has asked for orphans.
        between = os.getpid()
        try:
            pid = os.fork()
            if pid != 0:
                os.write(writing, str(pid).encode())
        except OSError:
            os._exit(1)
        if pid != 0:
            os._exit(0)
        os.close(reading)
        os.close(writing)
        begin(supervisor, between, request)
        return 0
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(between, 0)
    if not told:
        raise OSError("the system refuses a new process")
    return int(told)


def begin(supervisor: int, between: int, request: Request) -> None:
    """Make this process what `processes.spawn` would have made of it."""
    os.setsid()
    set_title(" ".join([sys.executable, "-m", request.module.removesuffix(".__main__"), *request.arguments]))
    for descriptor in request.close:
        os.close(descriptor)
    while os.getppid() == between:
        time.sleep(0.001)
    die_with(supervisor, signal.Signals(request.death_signal))


def set_title(title: str) -> None:
    """Show `title` as this process's command line, as far as that of its start was long."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    # proc(5), fields 48 and 49; the third is the first after the name in brackets.
    start, end = int(fields[45]), int(fields[46])
    if start and end > start + 1:
        room = end - start - 1
        ctypes.memmove(start, title.encode()[:room].ljust(room, b"\0") + b"\0", room + 1)


if __name__ == "__main__":
    main()
