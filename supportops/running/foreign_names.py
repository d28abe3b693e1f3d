"""A check of our own: no committed file names the host of a package registry or a path of somebody's machine.

Such names work for one person and fail for the next; addresses of registries come from each machine's configuration.
"""

import re
import subprocess
import sys
from pathlib import Path

from supportops.running.arguments import BASE_DIR
from supportops.running.console import complain

# Letters in brackets, so that this file does not name what it looks for.
REGISTRIES = r"pyp[i]\.org|pythonhost[e]d\.org|regi[s]try\.npmjs|registry\.y[a]rnpkg|deb\.deb[i]an|archive\.ub[u]ntu"
HOMES = r"(?<![\w.$}])/(?:r[o]ot|w[o]rk|f[a]rm|home/\w+|Us[e]rs/\w+)/"
FOREIGN = re.compile(f"{REGISTRIES}|{HOMES}")


def foreign_names(path: Path, text: str) -> list[str]:
    """Give a line for each foreign name in `text`: where it stands and what it is."""
    return [
        f"{path}:{number}: {found.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for found in FOREIGN.finditer(line)
    ]


def committed_files(folder: Path) -> list[Path]:
    """Give the files that git keeps or would keep."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, check=True)  # noqa: S603
    return [Path(name) for name in listed.stdout.decode().split("\0") if name]


def main() -> int:
    """Look through all files; give the exit code."""
    found = []
    for path in committed_files(BASE_DIR):
        full = BASE_DIR / path
        if full.is_file() and not full.is_symlink():
            content = full.read_bytes()
            if b"\0" not in content[:8000]:
                found += foreign_names(path, content.decode(errors="replace"))
    for line in found:
        complain(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
