"""A program for test_forking.py: sleeps, and ends with exit code 7."""

import argparse
import sys
import time


def main() -> None:
    """Sleep for --seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    time.sleep(parser.parse_args().seconds)
    sys.exit(7)
