"""What run.py prints. Whoever reads it may go away; that is no reason to stop working."""

import os
import sys


def say(text: str = "") -> None:
    """Print a line."""
    try:
        print(text, flush=True)
    except OSError:
        _replace_stdout()


def complain(text: str) -> None:
    """Print an error for people."""
    try:
        print(f"run.py: {text}", file=sys.stderr, flush=True)
    except OSError:
        _replace_stdout()


def _replace_stdout() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
