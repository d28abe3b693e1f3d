"""The command that runs a job in bubblewrap: namespaces of its own, as the user nobody, over a read-only system.

Nothing of ours reaches the job but what is named here. Options go to bubblewrap through a descriptor, since its
command line could be read by everybody on the machine. See bwrap(1), version 0.8.
"""

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from integrations.errors import Permanent
from integrations.sandbox.command import Command, MemoryFiles
from integrations.sandbox.job import MIB, Job

NOBODY = 65534
SCRIPT_DIR = "/run/script"
PATH = "/usr/local/bin:/usr/bin:/bin"
# The job's own, in memory.
TMP = "/tmp"  # noqa: S108
# The environment of bubblewrap itself, which the job could read in /proc/1/environ.
OWN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Of /etc only what programs need to start, to check certificates and to tell the time.
_ETC = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "services",
    "ssh/ssh_config",
    "ssl",
)
_ETC_OF_NETWORK = ("hosts", "resolv.conf")
_USERS = "nobody:x:65534:65534:nobody:/tmp:/bin/sh\n"
_GROUPS = "nogroup:x:65534:\n"
_SHARED_MEMORY_BYTES = 16 * MIB
_NEEDED = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}


class _Options:
    """Bubblewrap's options while they are gathered."""

    def __init__(self, files: MemoryFiles) -> None:
        self.words: list[str] = []
        self._files = files

    def add(self, *words: str) -> None:
        self.words += words

    def add_file(self, path: str, content: bytes, mode: str = "0444") -> None:
        """Let the job find a file with this content."""
        self.add("--perms", mode, "--ro-bind-data", self._files.add(content), path)


def command_for(job: Job, files: MemoryFiles, hidden: Sequence[str] = ()) -> Command:
    """Return the command that runs `job`; `hidden` are folders that it does not find even within /usr.

    Raises Permanent where a granted folder or file cannot be read.
    """
    options = _Options(files)
    options.add("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session")
    if job.access.has_network:
        options.add("--share-net")
    options.add("--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv")
    _add_system(options, hidden, has_network=job.access.has_network)
    _add_grants(options, job)
    options.add_file(f"{SCRIPT_DIR}/{job.file_name}", job.script.encode("utf-8", "replace"))
    if job.workdir and is_within(job.workdir, TMP):
        options.add("--dir", job.workdir)
    # What is made of memory shall not be a way around its limit.
    options.add("--remount-ro", "/dev", "--remount-ro", "/")
    environment = {"PATH": PATH, "HOME": TMP, "TMPDIR": TMP, "LANG": "C.UTF-8", **job.environment}
    for name, value in environment.items():
        options.add("--setenv", name, value)
    options.add("--chdir", job.workdir or TMP)
    given = files.add(b"".join(word.encode("utf-8", "replace") + b"\0" for word in options.words))
    run = [*limited(job, with_processes=True), job.interpreter, f"{SCRIPT_DIR}/{job.file_name}", *job.arguments]
    # Ambient capabilities of ours would make bubblewrap refuse, and it needs none.
    words = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--", "bwrap", "--args", given, "--", *run]
    return Command(words, dict(OWN_ENVIRONMENT), user=NOBODY if os.geteuid() == 0 else None)


def limited(job: Job, *, with_processes: bool) -> list[str]:
    """Return the words that set the limits of a job and then run what stands after them.

    Within the sandbox, where the number of processes is counted for its own user namespace (Linux 5.14) instead of
    for everything that the user runs on the machine.
    """
    limits, seconds = job.limits, math.ceil(job.seconds)
    words = [
        "/usr/bin/prlimit",
        f"--cpu={seconds}:{seconds}",
        f"--data={limits.memory_bytes}:{limits.memory_bytes}",
        f"--as={limits.address_space_bytes}:{limits.address_space_bytes}",
        f"--fsize={limits.file_bytes}:{limits.file_bytes}",
        f"--nofile={limits.open_files}:{limits.open_files}",
        "--core=0:0",
        "--memlock=65536:65536",
        "--msgqueue=0:0",
    ]
    if with_processes:
        words.append(f"--nproc={limits.processes}:{limits.processes}")
    # Should the machine run out of memory nevertheless, the kernel takes this first.
    return [*words, "/usr/bin/choom", "-n", "1000", "--"]


def is_within(path: str, folder: str) -> bool:
    """Return whether a path that leads up nowhere lies in `folder`, or is it."""
    return ".." not in path.split("/") and (path == folder or path.startswith(folder.rstrip("/") + "/"))


def _add_system(options: _Options, hidden: Sequence[str], *, has_network: bool) -> None:
    options.add("--ro-bind", "/usr", "/usr")
    for path in _SYSTEM:
        if Path(path).is_symlink():
            options.add("--symlink", str(Path(path).readlink()), path)
        elif Path(path).is_dir():
            options.add("--ro-bind", path, path)
    for name in (*_ETC, *(_ETC_OF_NETWORK if has_network else ())):
        options.add("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    options.add_file("/etc/passwd", _USERS.encode())
    options.add_file("/etc/group", _GROUPS.encode())
    for path in hidden:
        if is_within(path, "/usr") and Path(path).is_dir():
            options.add("--tmpfs", path, "--remount-ro", path)
    options.add("--proc", "/proc", "--dev", "/dev")
    options.add("--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm")  # noqa: S108


def _add_grants(options: _Options, job: Job) -> None:
    # After /tmp, so that what is granted may lie there.
    options.add("--perms", "0700", "--size", str(job.limits.file_bytes), "--tmpfs", TMP)
    for path in job.access.read_only_dirs:
        if not Path(path).is_dir():
            raise Permanent(f"The folder {path} of the script grant does not exist on the worker's machine.")
        options.add("--ro-bind", path, path)
    for path in job.access.secret_files:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise Permanent(f"The secret file {path} of the script grant cannot be read: {error.strerror}.") from None
        options.add_file(path, content, mode="0400")


def missing_programs() -> str | None:
    """Return which of the programs that this needs are missing, in a sentence for people; None where all are there."""
    missing = [name for name in _NEEDED if shutil.which(name, path=OWN_ENVIRONMENT["PATH"]) is None]
    if not missing:
        return None
    packages = " ".join(dict.fromkeys(_NEEDED[name] for name in missing))
    return f"{' and '.join(missing)} cannot be found on this machine: install it (Debian: apt-get install {packages})."
