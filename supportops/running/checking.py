"""`run.py check`: everything that can be said of the code without running its tests."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from supportops.running.arguments import BASE_DIR, PACKAGES
from supportops.running.console import say

CHECKS: dict[str, tuple[str, ...]] = {
    "style (ruff)": ("ruff", "check", "."),
    "format (ruff)": ("ruff", "format", "--check", "."),
    "types (mypy)": ("mypy", *PACKAGES, "run.py"),
    "imports (import-linter)": ("lint-imports", "--no-cache"),
    "Django's checks": ("python", "manage.py", "check", "--fail-level", "WARNING"),
    "migrations": ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
    "built scripts": ("python", "-m", "supportops.running.frontend"),
    "translations": ("python", "-m", "supportops.running.translations", "check"),
    "names of this machine": ("python", "-m", "supportops.running.foreign_names"),
}


def check() -> int:
    """Run all checks, also after one failed; give the exit code."""
    failed = []
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="supportops-check-") as folder:
        environment = {
            **os.environ,
            "SUPPORTOPS_DATA": folder,
            "SUPPORTOPS_MODE": "embedded",
            "SUPPORTOPS_SECRET_KEY": "check-" + "k" * 40,
            "SUPPORTOPS_MASTER_KEYS": "k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=",
        }
        (Path(folder) / "static").mkdir()
        for name, (program, *arguments) in CHECKS.items():
            say(f"=== {name} ===")
            done = subprocess.run(  # noqa: S603 - our own tools
                [str(programs / program), *arguments], cwd=BASE_DIR, env=environment, check=False
            )
            if done.returncode != 0:
                failed.append(name)
    say()
    say(
        f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed." + "".join(f"\nFAILED: {name}" for name in failed)
    )
    return 1 if failed else 0
