"""Takes the fenced blocks out of a Markdown page, so that tests can run what readers copy."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its opening fence, its text, and where it stands."""

    words: tuple[str, ...]
    text: str
    place: str


def blocks(page: str, *words: str) -> list[Block]:
    """Return the blocks of `page` (a path from the root) whose fence begins with `words`, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        said = tuple(match[1].split())
        if said[: len(words)] == words:
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(said, match[2], f"{page}:{line}"))
    assert found, f"{page} has no block ```{' '.join(words)}"
    return found
