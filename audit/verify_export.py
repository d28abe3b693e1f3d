#!/usr/bin/env python3
"""Verifies an exported audit log. Stands alone: needs Python 3.9 or later and nothing of SupportOps.

    python3 verify_export.py audit.jsonl
    python3 verify_export.py audit.jsonl --head 1234:5f2a…

Each line is one entry. Its hash is SHA-256 over the canonical JSON (keys sorted, no spaces, everything beyond ASCII
escaped) of {"entry", "position", "previous"}. So a changed, deleted, reordered or inserted line is found; a cut-off
end is found with --head, a position and hash noted elsewhere (`verify_audit` and /api/audit/verify show them).
Exit code: 0 the chain holds, 1 it is broken, 2 the file cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from typing import Any

GENESIS = "0" * 64


class Broken(Exception):
    """The export does not hold; says where and why."""


def covered(line: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a line that its hash covers. Names and addresses are not in it: they may be erased."""
    return {
        "id": line["id"],
        "organization": line["organization"],
        "at": line["at"],
        "actor_type": line["actor"]["type"],
        "actor_id": line["actor"]["id"],
        "person": line["person"],
        "action": line["action"],
        "resource_type": line["resource_type"],
        "resource_id": line["resource_id"],
        "changes": line["changes"],
        "request_id": line["request_id"],
        "trace_id": line["trace_id"],
    }


def hash_of(entry: dict[str, Any], position: int, previous: str) -> str:
    """Return the hash of an entry at a position, after the hash before."""
    sealed = {"entry": entry, "position": position, "previous": previous}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Verifier:
    """Takes the lines of an export in order and raises Broken at the first that does not hold."""

    def __init__(self, known_head: str | None = None) -> None:
        self.first = self.position = self.unsealed = 0
        self.hash = self.before = ""
        self.organization = None
        self.known_position, self.known_hash = _head(known_head) if known_head else (0, "")

    def take(self, number: int, text: str) -> None:
        """Check the next line. Raises Broken."""
        try:
            line = json.loads(text)
            entry, position, previous, sealed_hash = covered(line), line["position"], line["previous"], line["hash"]
        except (ValueError, KeyError, TypeError) as error:
            raise Broken(f"line {number} is not an entry of an export: {error!r}") from None
        if self.organization not in (None, entry["organization"]):
            raise Broken(f"line {number} belongs to another organization")
        self.organization = entry["organization"]
        if position is None:
            self.unsealed += 1
            return
        if self.unsealed:
            raise Broken(f"line {number}: a sealed entry follows entries without a seal")
        if not self.position:
            self.first, self.before, self.position, self.hash = position, previous, position - 1, previous
            if position == 1 and previous != GENESIS:
                raise Broken(f"line {number}: the chain does not begin at its beginning")
        if position != self.position + 1:
            raise Broken(f"line {number}: position {position} follows {self.position}")
        if previous != self.hash or hash_of(entry, position, previous) != sealed_hash:
            raise Broken(f"line {number}: the entry at position {position} or its place was changed")
        if position == self.known_position and sealed_hash != self.known_hash:
            raise Broken(f"line {number}: position {position} has another hash than the head that was noted")
        self.position, self.hash = position, sealed_hash

    def end(self) -> None:
        """Say that there are no more lines. Raises Broken when the noted head was not reached."""
        if self.position < self.known_position:
            raise Broken(
                f"the export ends at position {self.position}, before the noted head {self.known_position}: "
                "it was cut off"
            )
        if self.known_position == self.first - 1 and self.known_hash not in ("", self.before):
            raise Broken(f"the export does not go on from the noted head {self.known_position}")


def verify(lines: Iterable[str], known_head: str | None = None) -> Verifier:
    """Verify all lines and return what was seen. Raises Broken at the first that does not hold."""
    verifier = Verifier(known_head)
    for number, text in enumerate(lines, start=1):
        if text.strip():
            verifier.take(number, text)
    verifier.end()
    return verifier


def _head(text: str) -> tuple[int, str]:
    position, _, known_hash = text.partition(":")
    if not position.isdigit() or len(known_hash) != 64:
        raise argparse.ArgumentTypeError("a head is <position>:<64 hexadecimal digits>")
    return int(position), known_hash.lower()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verifies an exported audit log.")
    parser.add_argument("file", help="the export, or - for standard input")
    parser.add_argument("--head", help="a head noted elsewhere, <position>:<hash>", type=lambda t: _head(t) and t)
    options = parser.parse_args(arguments)
    try:
        if options.file == "-":
            seen = verify(sys.stdin, options.head)
        else:
            with open(options.file, encoding="utf-8") as lines:  # noqa: PTH123
                seen = verify(lines, options.head)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read {options.file}: {error}", file=sys.stderr)
        return 2
    if not seen.position:
        print(f"no sealed entry; {seen.unsealed} without a seal")
        return 0
    print(f"holds: positions {seen.first} to {seen.position}, {seen.position - seen.first + 1} entries")
    if seen.first > 1:
        print(f"goes on from {seen.first - 1}:{seen.before} (compare with an earlier export or a noted head)")
    if seen.unsealed:
        print(f"{seen.unsealed} entries had no seal yet")
    if seen.known_hash and seen.known_position < seen.first - 1:
        print(f"the noted head {seen.known_position} lies before the first entry: it proves nothing of this export")
    print(f"head: {seen.position}:{seen.hash}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
