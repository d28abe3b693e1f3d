"""`run.py test`: the whole suite on SQLite, in two parts, and beside it what uses a database on PostgreSQL; one sum.

Ends with a line `N passed, N failed`. What could not be covered on this machine is said, and fails when CI=true.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from supportops.running.arguments import BASE_DIR
from supportops.running.console import say
from supportops.running.processes import adopt_orphans, end, spawn
from supportops.running.supervisor import end_orphans
from tests import servers

NOTHING_COLLECTED = 5
# Screens of the admin as the browser tests saw them, for people to look at.
PICTURES = BASE_DIR / "build" / "pictures"


class Round:
    """One run of pytest, with an output of its own where another one prints at the same time."""

    def __init__(self, name: str, arguments: list[str], given: dict[str, str], folder: Path, *, is_shown: bool) -> None:
        self.name = name
        self._counts = folder / f"{name}.json"
        self._output = None if is_shown else folder / f"{name}.out"
        environment = {**os.environ, **given, "SUPPORTOPS_TEST_COUNTS": str(self._counts)}
        environment.setdefault("SUPPORTOPS_TEST_PICTURES", str(PICTURES))
        command = [sys.executable, "-m", "pytest", *arguments]
        with ExitStack() as stack:
            output = stack.enter_context(self._output.open("wb")) if self._output else None
            self.process = spawn(
                command,
                death_signal=signal.SIGKILL,
                env=environment,
                cwd=Path.cwd(),
                output=output.fileno() if output else None,
            )

    def finish(self) -> Counter[str]:
        """Wait for the end and give the numbers; a round that broke off counts as a failure."""
        code = self.process.wait()
        if self._output is not None:
            say(f"=== {self.name} ===")
            say(self._output.read_text(errors="replace"))
        counts = Counter(json.loads(self._counts.read_text())) if self._counts.exists() else Counter[str]()
        counts["failed"] += counts.pop("error", 0)
        # A round without tests is fine when the other had some: an argument may have named a few.
        if code not in (0, NOTHING_COLLECTED) and not counts["failed"]:
            counts["failed"] += 1
        return counts

    def stop(self) -> None:
        """End the round as Ctrl-C would."""
        end(self.process, signal.SIGINT, 20.0, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run both rounds and give the exit code."""
    adopt_orphans()
    uncovered: list[str] = []
    counts: Counter[str] = Counter()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="supportops-rounds-")))
            rounds = _start_rounds(arguments, folder, stack, uncovered)
            for round_ in rounds:
                counts.update(round_.finish())
    finally:
        left = end_orphans()
    for command in left:
        say(f"A test left a process behind: {command[:200]}")
    for text in uncovered:
        say(f"NOT COVERED: {text}")
    failed = counts["failed"] + len(left) + (bool(uncovered) and os.environ.get("CI") == "true")
    if not counts["passed"] and not failed:
        say("No test ran: none fits these arguments.")
        failed = 1
    say(f"{counts['skipped']} skipped")
    say(f"{counts['passed']} passed, {failed} failed")
    return 1 if failed else 0


def _start_rounds(arguments: list[str], folder: Path, stack: ExitStack, uncovered: list[str]) -> list[Round]:
    def open_servers() -> dict[str, servers.TestServer]:
        opened = {}
        for kind in servers.GIVEN:
            try:
                opened[kind] = servers.open_server(kind)
            except LookupError as error:
                if str(error) not in uncovered:
                    uncovered.append(str(error))
            else:
                stack.callback(opened[kind].stop)
        return opened

    def given(opened: dict[str, servers.TestServer]) -> dict[str, str]:
        return {servers.GIVEN[kind]: server.url for kind, server in opened.items()}

    def begin(name: str, more: list[str], settings: dict[str, str], *, is_shown: bool = False) -> Round:
        started = Round(name, [*more, *arguments], settings, folder, is_shown=is_shown)
        stack.callback(started.stop)
        return started

    # Servers of its own for each: a test may empty one.
    of_first, of_second, of_third = open_servers(), open_servers(), open_servers()
    for kind, server in of_first.items():
        say(f"{kind}: {server.origin}")
    beside = []
    if "postgres" in of_third:
        on_postgres = {**given(of_third), "SUPPORTOPS_DATABASE_URL": of_third["postgres"].url}
        beside.append(begin("PostgreSQL", ["--only-database"], on_postgres))
    else:
        uncovered.append("The round on PostgreSQL did not run.")
    beside.append(begin("SQLite, second part", ["--part", "2/2"], given(of_second)))
    say("=== SQLite, first part ===")
    return [begin("SQLite, first part", ["--part", "1/2"], given(of_first), is_shown=True), *beside]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
