"""Starting processes that die with the one that started them, if need be as a user with fewer rights.

Used by the supervisor and by the tests. Nothing here needs Django.
"""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# linux/prctl.h, linux/capability.h
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class ProcessError(RuntimeError):
    """A process could not be started as asked; the message is for people."""


def _prctl(option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    if _libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that it can end and reap them (Linux)."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send `death_signal` to this process when its parent dies; end at once if it is dead already.

    The kernel watches the thread that forked us, so parents fork from a thread that lives as long as they do.
    A change of user clears the setting: call this after it.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        # It died between fork and prctl; nobody would ever send the signal.
        os.kill(os.getpid(), signal.SIGKILL)


def end_when_orphaned(parent: int, grace_seconds: float) -> None:
    """Watch the parent from a daemon thread and kill this process `grace_seconds` after it is gone.

    For servers that take the death signal as a wish to finish what they have: the last request may take minutes.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        time.sleep(grace_seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="orphan-watch", daemon=True).start()


def share_memory_with_children() -> None:
    """Keep what is loaded in pages that forked children share: the garbage collector shall not write to it."""
    gc.collect()
    gc.freeze()


def take_turns_quickly() -> None:
    """Let threads of this process hand over the interpreter ten times as often as by default.

    A thread that comes back from the database waits for one that computes, 5 ms by default, after every statement.
    """
    sys.setswitchinterval(0.0005)


@dataclass(frozen=True)
class User:
    """The system user whom processes run as when we were started as root."""

    name: str
    uid: int
    gid: int
    # It may read what lies in folders of others (an interpreter in root's home), but write only what is its own.
    reads_everything: bool = False


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def become(user: User) -> None:
    """Give up root for `user`, for good. Raises OSError where the system refuses."""
    if user.reads_everything:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(user.gid)
    os.setuid(user.uid)
    if user.reads_everything:
        mask = 1 << _CAP_DAC_READ_SEARCH
        header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
        data = (_CapabilityData * 2)(_CapabilityData(mask, mask, mask), _CapabilityData(0, 0, 0))
        if _libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
            raise OSError(ctypes.get_errno(), "capset")
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH)


def unprivileged_user(must_read: Sequence[Path], name: str = "nobody") -> User | None:
    """Give the user to run as instead of root, or None where we are not root or the system does not let us.

    `must_read` names what its processes need: interpreter, code, data folder. Where they lie behind folders that
    the user cannot enter, it keeps the one capability to read, without which not even Python would start.
    """
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    for reads_everything in (False, True):
        user = User(entry.pw_name, entry.pw_uid, entry.pw_gid, reads_everything)
        if _succeeds_as(user, lambda: all(_is_readable(path) for path in must_read)):
            return user
    return None


def _is_readable(path: Path) -> bool:
    if path.is_dir():
        return os.access(path, os.R_OK | os.X_OK, effective_ids=True)
    with path.open("rb"):
        return True


def _succeeds_as(user: User, probe: Callable[[], bool]) -> bool:
    """Run `probe` in a child that became `user`."""
    pid = os.fork()
    if pid == 0:
        try:
            become(user)
            os._exit(0 if probe() else 1)
        except OSError:
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals,
    user: User | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int | None = None,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own; it gets `death_signal` when this process dies.

    Call it from the main thread: the kernel binds the death signal to the thread. Raises OSError or
    subprocess.SubprocessError when the process cannot be started.
    """
    parent = os.getpid()

    def prepare() -> None:
        # What we ignore (a shell starts background jobs with SIGINT ignored) or block, the child shall not.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if user is not None:
            become(user)
        die_with(parent, death_signal)

    return subprocess.Popen(  # noqa: S603 - our own commands
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        pass_fds=pass_fds,
        start_new_session=True,
        # Safe here: the supervisor has no other thread.
        preexec_fn=prepare,
    )


def end(process: "subprocess.Popen[bytes]", first: signal.Signals, patience: float, last: signal.Signals) -> None:
    """End `process`: send `first`, and `last` after `patience` seconds; returns when it is gone."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.send_signal(last)
            process.wait()
