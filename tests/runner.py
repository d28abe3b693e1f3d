"""`run.py test`: the whole suite on SQLite, then what uses a database on PostgreSQL; one sum of both.

Ends with a line `N passed, N failed`. What could not be covered on this machine is said, and fails when CI=true.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from supportops.running.console import say
from supportops.running.processes import adopt_orphans, end, spawn
from supportops.running.supervisor import end_orphans
from tests import servers

NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Run both rounds and give the exit code."""
    adopt_orphans()
    uncovered: list[str] = []
    opened: dict[str, servers.TestServer] = {}
    counts: Counter[str] = Counter()
    codes = []
    try:
        for kind in servers.GIVEN:
            try:
                opened[kind] = servers.open_server(kind)
                say(f"{kind}: {opened[kind].origin}")
            except LookupError as error:
                uncovered.append(str(error))
        given = {servers.GIVEN[kind]: server.url for kind, server in opened.items()}
        codes.append(run_round("SQLite", arguments, given, counts))
        if "postgres" in opened:
            on_postgres = {**given, "SUPPORTOPS_DATABASE_URL": opened["postgres"].url}
            codes.append(run_round("PostgreSQL", ["--only-database", *arguments], on_postgres, counts))
        else:
            uncovered.append("The round on PostgreSQL did not run.")
    finally:
        for server in opened.values():
            server.stop()
        left = end_orphans()
    for command in left:
        say(f"A test left a process behind: {command[:200]}")
    for text in uncovered:
        say(f"NOT COVERED: {text}")
    is_strict = os.environ.get("CI") == "true"
    # A round without tests is fine when the other had some: an argument may have named a few.
    bad_codes = [code for code in codes if code not in (0, NOTHING_COLLECTED)]
    failed = counts["failed"] + counts["error"] + len(left)
    if codes and all(code == NOTHING_COLLECTED for code in codes):
        say("No test fits these arguments.")
        failed += 1
    if (bad_codes and not failed) or (is_strict and uncovered):
        failed += 1
    say(f"{counts['skipped']} skipped")
    say(f"{counts['passed']} passed, {failed} failed")
    return 1 if failed else 0


def run_round(name: str, arguments: list[str], given: dict[str, str], counts: Counter[str]) -> int:
    """Run pytest once; add its numbers to `counts` and give its exit code."""
    say(f"=== {name} ===")
    with tempfile.TemporaryDirectory(prefix="supportops-counts-") as folder:
        path = Path(folder) / "counts.json"
        environment = {**os.environ, **given, "SUPPORTOPS_TEST_COUNTS": str(path)}
        process = spawn(
            [sys.executable, "-m", "pytest", *arguments], death_signal=signal.SIGKILL, env=environment, cwd=Path.cwd()
        )
        try:
            code = process.wait()
        except KeyboardInterrupt:
            end(process, signal.SIGINT, 20.0, signal.SIGKILL)
            raise
        counts.update(json.loads(path.read_text()) if path.exists() else {"error": 1})
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
