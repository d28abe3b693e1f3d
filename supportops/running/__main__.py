"""What run.py hands over to, inside the .venv that it made: `python -m supportops.running [command]`."""

import os
import sys

from supportops.running.arguments import parse


def main() -> int:
    """Do what the command line asks for and give the exit code."""
    arguments = parse(sys.argv[1:])
    if arguments.command == "serve":
        from supportops.running.serve import serve

        return serve(arguments)
    if arguments.command == "check":
        from supportops.running.checking import check

        return check()
    if arguments.command == "test":
        # The tests have a runner of their own, which no part of the product imports.
        os.execv(sys.executable, [sys.executable, "-m", "tests.runner", *arguments.rest])  # noqa: S606
    if arguments.command == "demo":
        from supportops.running.demo import demo

        return demo()
    from supportops.running.bench import bench

    return bench(arguments.rest)


if __name__ == "__main__":
    sys.exit(main())
