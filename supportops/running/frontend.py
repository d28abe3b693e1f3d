"""A check of our own: the scripts that are built from supportops/frontend fit their sources.

The built files are committed, so that nobody needs Node to install, run or check SupportOps. Each names the digest of
what it was built from; `--verify` builds anew (with Node) and compares every byte.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from supportops.running.arguments import BASE_DIR
from supportops.running.console import complain, say

SOURCES = BASE_DIR / "supportops" / "frontend"
BUILT = BASE_DIR / "supportops" / "static" / "supportops"
FILES = ("workflow.js", "workflow.css", "workflow.texts.js", "workflow.LICENSES.txt")
_BESIDE = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
_MARK = re.compile(r"^/\* sources: sha256 ([0-9a-f]{64}) \*/")
_HOW = "Build it anew: cd supportops/frontend && npm ci && npm run build"


def digest_of(folder: Path) -> str:
    """Give the digest of the sources below `folder`; build.mjs reckons the same."""
    inside = [path.relative_to(folder).as_posix() for path in (folder / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for name in sorted([*inside, *_BESIDE]):
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def stale_files(sources: Path = SOURCES, built: Path = BUILT) -> list[str]:
    """Give a line for each built file that was not made from these sources."""
    wanted = digest_of(sources)
    found = []
    for name in FILES:
        path = built / name
        if not path.is_file():
            found.append(f"{name} is missing. {_HOW}")
        elif name.endswith((".js", ".css")):
            mark = _MARK.match(path.read_text(encoding="utf-8")[:200])
            if mark is None or mark[1] != wanted:
                found.append(f"{name} was built from other sources than supportops/frontend has now. {_HOW}")
    return found


def differing_files() -> list[str]:
    """Build anew into a folder of its own, and give a line for each file that comes out otherwise. Needs npm."""
    npm = shutil.which("npm")
    if npm is None:
        return ["npm is not here, so nothing could be built: install Node.js 20 or newer."]
    with tempfile.TemporaryDirectory(prefix="supportops-frontend-") as folder:
        copy = Path(folder) / "frontend"
        shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules"))
        target = Path(folder) / "built"
        for command in (
            [npm, "ci", "--no-audit", "--no-fund"],
            [npm, "run", "types"],
            [npm, "run", "bundle", "--", str(target)],
        ):
            done = subprocess.run(command, cwd=copy, check=False, timeout=600)  # noqa: S603 - our own build
            if done.returncode != 0:
                return [f"`{' '.join(['npm', *command[1:]])}` failed; see above."]
        return [
            f"{name} differs from what its sources build. {_HOW}"
            for name in FILES
            if not (BUILT / name).is_file() or (BUILT / name).read_bytes() != (target / name).read_bytes()
        ]


def main() -> int:
    """Check, or with --verify build and compare; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", action="store_true", help="build anew with Node and compare every byte")
    found = stale_files() or (differing_files() if parser.parse_args().verify else [])
    for line in found:
        complain(line)
    if not found:
        say("The built scripts fit their sources.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
