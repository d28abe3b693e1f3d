"""The command line of run.py. Standard library only: it is read before anything is installed."""

import argparse
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("supportops", "integrations", "rules", "webhooks", "audit")
COMMANDS = ("serve", "test", "check", "demo", "bench")

DESCRIPTION = """\
Start SupportOps. Without a command: everything in one process, with SQLite (the embedded default).

  python3 run.py                  start; the first start makes an organization and prints its owner's password
  python3 run.py --full           start the production shape: PostgreSQL, Valkey, web, workers, scheduler
  python3 run.py test [...]       run the tests; further arguments go to pytest
  python3 run.py check            ruff, types, import directions, Django's checks, migrations
  python3 run.py demo             send signed samples through the whole way and print each stop
  python3 run.py bench            measure receipt, execution and matching
"""


class Arguments(argparse.Namespace):
    """What was asked for."""

    command: str
    full: bool
    host: str
    port: int
    data: Path
    rest: list[str]


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is no port; give a number from 1 to 65535.")
    return int(text)


def parse(arguments: list[str]) -> Arguments:
    """Read the command line. Ends the process with a message and code 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python3 run.py [test | check | demo | bench] [--full] [--host HOST] [--port PORT] [--data DIR]",
    )
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="serve", help=argparse.SUPPRESS)
    parser.add_argument("--full", action="store_true", help="PostgreSQL, Valkey, web, workers and scheduler")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default 8000)")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("SUPPORTOPS_DATA") or BASE_DIR / "var"),
        help="folder for everything that is kept (default ./var, or SUPPORTOPS_DATA)",
    )
    if arguments[:1] == ["test"]:
        # All that follows is pytest's, whatever it looks like.
        return parser.parse_args(["test"], Arguments(rest=arguments[1:]))
    if arguments[:1] in (["bench"], ["demo"]):
        known, rest = parser.parse_known_args(arguments, Arguments())
        known.rest = rest
    else:
        known = parser.parse_args(arguments, Arguments(rest=[]))
    known.data = known.data.expanduser().absolute()
    return known
