"""What scripts try in order to get out, and what they find."""

import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.errors import Permanent
from integrations.sandbox import running
from integrations.sandbox.job import MIB, Access, EndedBy, Job, Limits
from tests.integrations.sandbox.conftest import Run

SECRET = "canary-of-the-server-4711"


@pytest.fixture(autouse=True)
def secrets_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORTOPS_MASTER_KEYS_CANARY", SECRET)


@pytest.fixture
def private_file(tmp_path: Path) -> Path:
    path = tmp_path / "runtime.env"
    path.write_text(SECRET)
    path.chmod(0o644)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    return path


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# --- network ----------------------------------------------------------------------------------------------------
CONNECT = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2)
    print("connected")
except OSError as error:
    print("refused", error.errno)
"""


def test_there_is_no_network_unless_granted(run: Run, listener: int) -> None:
    finished = run(CONNECT.format(port=listener), python=True)
    assert finished.stdout.startswith("refused") and finished.exit_code == 0
    granted = run(CONNECT.format(port=listener), python=True, access=Access(has_network=True))
    assert granted.stdout == "connected\n"


def test_there_is_no_way_to_another_machine_or_name(run: Run) -> None:
    script = """
import socket
connect = lambda: socket.create_connection(("192.0.2.1", 80), timeout=2)
for call in (connect, lambda: socket.getaddrinfo("example.com", 80)):
    try:
        call(); print("reached")
    except OSError as error:
        print(type(error).__name__)
print(sorted(name for _, name in socket.if_nameindex()))
"""
    finished = run(script, python=True)
    assert "reached" not in finished.stdout and finished.stdout.endswith("['lo']\n"), finished


def test_abstract_sockets_of_the_host_are_not_there(run: Run) -> None:
    name = f"\0{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen(1)
        finished = run(f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})", python=True)
    assert finished.exit_code == 1 and "ConnectionRefusedError" in finished.stderr


# --- environment, descriptors, processes --------------------------------------------------------------------------
def test_the_environment_is_what_is_named(run: Run) -> None:
    finished = run("env -0 | tr '\\0\\n' '\\n_' | cut -d= -f1 | sort", environment={"REGION": "eu west\n$(id)"})
    assert set(finished.stdout.split()) <= {"HOME", "LANG", "PATH", "PWD", "REGION", "SHLVL", "TMPDIR", "_"}
    told = run('printf %s "$REGION"', environment={"REGION": "eu west\n$(id)"})
    assert told.stdout == "eu west\n$(id)"


def test_nothing_of_ours_is_in_proc(run: Run) -> None:
    finished = run("cat /proc/*/environ /proc/*/cmdline /proc/*/task/*/comm; ls /proc; grep -a . /proc/1/mem")
    assert SECRET not in finished.stdout + finished.stderr
    assert "pytest" not in finished.stdout and "python" not in finished.stdout
    processes = [int(name) for name in finished.stdout.split() if name.isdigit()]
    assert 1 in processes and max(processes) < 50 and os.getpid() not in processes


def test_no_descriptor_is_inherited(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.write_text(SECRET)
    with path.open() as ours:
        os.set_inheritable(ours.fileno(), True)
        finished = run(
            "import os; print(*(os.readlink(f'/proc/self/fd/{n}') for n in range(3)), *os.listdir('/proc/self/fd'))",
            python=True,
        )
    assert finished.stdout.startswith("/dev/null pipe:")
    assert set(finished.stdout.split()[3:]) <= {"0", "1", "2", "3"}, finished.stdout


def test_no_process_of_ours_can_be_traced_or_killed(run: Run) -> None:
    script = f"""
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for pid in ({os.getpid()}, {os.getppid()}):
    print(libc.ptrace(16, pid, 0, 0), ctypes.get_errno())   # PTRACE_SEIZE is 0x4206, PTRACE_ATTACH 16
    try:
        os.kill(pid, signal.SIGKILL); print("killed")
    except OSError as error:
        print(error.errno)
try:
    os.kill(-1, signal.SIGSTOP)
except OSError as error:
    print(error.errno)
"""
    finished = run(script, python=True, seconds=3.0)
    assert "killed" not in finished.stdout and set(finished.stdout.split()) <= {"-1", "3"}, finished


def test_there_are_no_rights_and_none_to_be_had(run: Run) -> None:
    script = (
        "id -u; id -G; grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Groups' /proc/self/status | tr -s '[:space:]' ' '\n"
        "unshare --user id; mount -t tmpfs none /tmp; chroot / id; find / -xdev -perm -4000 -exec {} -c id \\;"
    )
    finished = run(script)
    lines = finished.stdout.splitlines()
    assert lines[:2] == ["65534", "65534"]
    assert "CapEff: 0000000000000000" in lines[2] and "CapBnd: 0000000000000000" in lines[2]
    assert "NoNewPrivs: 1" in lines[2] and "uid=0" not in finished.stdout


# --- files ------------------------------------------------------------------------------------------------------
def test_files_outside_are_not_there(run: Run, private_file: Path) -> None:
    finished = run(f"cat {private_file}; ls /home /root /var /srv /etc/shadow {Path(__file__).parent}; ls -A / /run")
    assert SECRET not in finished.stdout and finished.stdout.count("No such") == 0
    assert finished.stderr.count("No such file or directory") == 7, finished.stderr
    roots = set(finished.stdout.split())
    assert roots <= {
        "/:",
        "/run:",
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "run",
        "sbin",
        "script",
        "tmp",
        "usr",
    }


def test_what_is_hidden_is_not_there_either(sandbox: None) -> None:
    job = Job("/bin/bash", "script.sh", "ls -A /usr/share; touch /usr/share/x")
    assert running.run(job).stdout != ""
    finished = running.run(job, hidden=("/usr/share", "/srv/elsewhere"))
    assert finished.stdout == "" and "Read-only" in finished.stderr


def test_the_system_cannot_be_written(run: Run) -> None:
    places = "/x /usr/x /usr/bin/env /etc/passwd /etc/x /dev/x /run/x /run/script/script.sh /proc/sys/kernel/hostname"
    finished = run(
        f"for at in {places}; do (echo x > $at) 2>/dev/null && echo wrote $at; done; rm -rf /usr/bin/env /etc; true"
    )
    assert finished.stdout == "", finished
    assert os.access("/usr/bin/env", os.X_OK)


def test_tmp_is_its_own_and_gone_afterwards(run: Run) -> None:
    name = f"canary-{uuid.uuid4().hex}"
    finished = run(f"ls -A /tmp; echo x > /tmp/{name}; cat /tmp/{name}")
    assert finished.stdout == "x\n" and not Path("/tmp", name).exists()
    assert run("ls -A /tmp").stdout == ""


def test_granted_folders_are_read_only_and_secret_files_are_readable(run: Run, tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    inventory, key = tmp_path / "inventory", tmp_path / "keys" / "id"
    inventory.mkdir()
    key.parent.mkdir()
    (inventory / "hosts").write_text("db1\n")
    key.write_text("key of the operator\n")
    access = Access(read_only_dirs=(str(inventory),), secret_files=(str(key),))
    finished = run(
        f"cat {inventory}/hosts {key}; stat -c '%a %u' {key}; echo x > {inventory}/x; echo x > {key}; ls {tmp_path}",
        access=access,
    )
    assert finished.stdout.startswith("db1\nkey of the operator\n400 65534\n")
    assert finished.stdout.endswith("inventory\nkeys\n")
    assert not (inventory / "x").exists() and key.read_text() == "key of the operator\n"


# --- limits -----------------------------------------------------------------------------------------------------
def test_a_fork_bomb_ends_at_its_limit(run: Run) -> None:
    script = """
import os, time
made = 0
try:
    while made < 5000:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError as error:
    print(made, error.errno, flush=True)
os._exit(0)
"""
    finished = run(script, python=True, limits=Limits(processes=32))
    made, number = map(int, finished.stdout.split())
    assert 20 < made < 32 and number == 11, finished
    bomb = run(":(){ :|:& };:; sleep 1; echo over", seconds=5.0, limits=Limits(processes=32))
    assert bomb.exit_code in (0, 254, None)


def test_memory_ends_at_its_limit(run: Run) -> None:
    limits = Limits(memory_bytes=128 * MIB)
    finished = run("x = bytearray(200 * 1024 * 1024)", python=True, limits=limits)
    assert finished.exit_code == 1 and "MemoryError" in finished.stderr
    shared = run("import mmap; mmap.mmap(-1, 600 * 1024 * 1024)", python=True, limits=limits)
    assert shared.exit_code == 1 and "Cannot allocate memory" in shared.stderr
    disk = run(
        "head -c 100M /dev/zero > /tmp/a; head -c 100M /dev/zero > /dev/shm/a; du -sm /tmp /dev/shm", limits=limits
    )
    assert [int(line.split()[0]) <= 64 for line in disk.stdout.splitlines()] == [True, True], disk


def test_processor_time_ends_with_the_deadline(run: Run) -> None:
    began = time.monotonic()
    finished = run("while :; do :; done", seconds=1.0)
    assert finished.ended_by == EndedBy.DEADLINE or finished.exit_code == 128 + 9
    assert time.monotonic() - began < 5


def test_endless_output_is_cut_and_ends_the_job(run: Run) -> None:
    began = time.monotonic()
    finished = run("yes", limits=Limits(kept_output_bytes=1000, most_output_bytes=1 * MIB))
    assert (finished.ended_by, finished.exit_code, finished.is_cut) == (EndedBy.OUTPUT, None, True)
    assert finished.stdout == "y\n" * 500 and time.monotonic() - began < 5
    both = run("echo out; seq 9999 >&2; exit 3", limits=Limits(kept_output_bytes=10))
    assert (both.stdout, both.stderr, both.exit_code, both.is_cut) == ("out\n", "1\n2\n3\n4\n5\n", 3, True)


def test_whoever_closes_his_output_still_has_a_deadline(run: Run) -> None:
    began = time.monotonic()
    finished = run("exec >&- 2>&-; sleep 50", seconds=1.0)
    assert finished.ended_by == EndedBy.DEADLINE and time.monotonic() - began < 5


def test_files_are_limited_in_number_and_size(run: Run) -> None:
    finished = run(
        "import sys\nheld = []\nwhile True: held.append(open('/dev/null'))", python=True, limits=Limits(open_files=64)
    )
    assert "Too many open files" in finished.stderr
    large = run("head -c 20M /dev/zero > /tmp/large; stat -c %s /tmp/large", limits=Limits(file_bytes=10 * MIB))
    assert int(large.stdout) <= 10 * MIB


# --- after the end ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", ["sleep 50", "exit 0"])
def test_nobody_outlives_the_job(run: Run, ending: str) -> None:
    mark = f"7{uuid.uuid4().int % 10**9:09}"
    script = (
        f"trap '' TERM HUP INT\nsetsid nohup sleep {mark} >/dev/null 2>&1 &\n(sleep {mark} &) &\nsleep 0.2\n{ending}"
    )
    began = time.monotonic()
    finished = run(script, seconds=1.5)
    assert finished.ended_by == (EndedBy.ITSELF if ending == "exit 0" else EndedBy.DEADLINE)
    assert time.monotonic() - began < 6 and _left(f"sleep {mark}") == []


def test_the_job_dies_with_its_worker(sandbox: None) -> None:
    mark = f"8{uuid.uuid4().int % 10**9:09}"
    worker = os.fork()
    if worker == 0:
        try:
            running.run(Job("/bin/bash", "script.sh", f"sleep {mark}", seconds=60))
        finally:
            os._exit(0)
    until = time.monotonic() + 10
    while not _processes(f"sleep {mark}") and time.monotonic() < until:
        time.sleep(0.05)
    assert _processes(f"sleep {mark}")
    os.kill(worker, 9)
    os.waitpid(worker, 0)
    assert _left(f"sleep {mark}") == []


# --- arguments --------------------------------------------------------------------------------------------------
ODD = [
    "-c",
    "--help",
    "$(id)",
    "`id`",
    "a'b\"c",
    "two\nlines",
    "; rm -rf /",
    "--",
    "-",
    "",
    "ü\\n",
    "*",
    "~",
    "{{ 1 }}",
]


def test_arguments_arrive_as_they_are(run: Run) -> None:
    finished = run("import sys, json; print(json.dumps(sys.argv[1:]))", python=True, arguments=tuple(ODD))
    assert json.loads(finished.stdout) == ODD
    told = run('printf "%s\\0" "$@"', arguments=tuple(ODD))
    assert told.stdout.split("\0")[:-1] == ODD


def test_what_no_argument_can_hold_is_refused(run: Run) -> None:
    with pytest.raises(Permanent, match="could not be started"):
        run("true", arguments=("a\0b",))


def _processes(command: str) -> list[str]:
    listed = subprocess.run(["/bin/ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if line.strip().partition(" ")[2].strip() == command]


def _left(command: str) -> list[str]:
    """Return the processes that still run a command shortly after they should have died."""
    until = time.monotonic() + 3
    while (found := _processes(command)) and time.monotonic() < until:
        time.sleep(0.05)
    return found
