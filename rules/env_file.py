"""Pure: what a `.env` file says, with every problem at its line. Nothing is ever filled in from an environment.

Taken are blank lines and comments, `export`, spaces around `=`, values without quotes (a comment begins with ` #`), in
single quotes (as they stand) and in double quotes (with \\n, \\r, \\t, \\", \\\\ and \\$), both over several lines.
"""

import re
from dataclasses import dataclass, field

from rules.problems import Problem, Refused

MOST_BYTES = 256 * 1024
MOST_ENTRIES = 150
_MOST_TOLD = 20

_ENTRY = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'\"]+)[ \t]*=[ \t]*")
_BARE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'\"]+)[ \t]*(?:#.*)?$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_NOTHING_MORE = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "'": "'"}
_FILLED_IN = re.compile(r"\$(?:\{|[A-Za-z_]|\()")


@dataclass(frozen=True)
class EnvEntry:
    """One name with its value. `is_quoted`: it was written as a text."""

    name: str
    value: str = field(repr=False)
    line: int
    is_quoted: bool = False

    @property
    def names_others(self) -> bool:
        """Whether some programs would fill in another variable here; we take it as it is written."""
        return _FILLED_IN.search(self.value) is not None


def read_env(text: str) -> list[EnvEntry]:
    """Return the entries of a `.env` file in their order. Raises Refused, which tells every line that is wrong."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise Refused([Problem("text", "too_large", f"The file is larger than {MOST_BYTES // 1024} KiB.")])
    reader = _Reader(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    reader.read()
    if reader.problems:
        raise Refused(reader.problems[:_MOST_TOLD])
    if not reader.entries:
        raise Refused([Problem("text", "required", "There is no NAME=value in this text.")])
    if len(reader.entries) > MOST_ENTRIES:
        detail = f"There are {len(reader.entries)} variables; at most {MOST_ENTRIES} are taken at once."
        raise Refused([Problem("text", "too_many", detail)])
    return reader.entries


class _Reader:
    """Reads entry after entry; one that is wrong costs its line alone."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1
        self._lines: dict[str, int] = {}
        self.entries: list[EnvEntry] = []
        self.problems: list[Problem] = []

    def read(self) -> None:
        while self._at < len(self._text):
            end = self._end_of_line()
            line = self._text[self._at : end]
            if not line.strip() or line.lstrip().startswith("#"):
                self._go_to(end + 1)
                continue
            try:
                self._entry(line)
            except _Wrong as wrong:
                self.problems.append(Problem("text", "invalid", f"Line {wrong.line}: {wrong}"))
                self._go_to(max(end + 1, self._at))

    def _entry(self, line: str) -> None:
        found = _ENTRY.match(self._text, self._at)
        if found is None or "\n" in found.group():
            bare = _BARE.match(line)
            name = bare["name"][:40] if bare else ""
            told = f"'{name}' has no value: write {name}=value." if bare else "This is no NAME=value."
            raise _Wrong(told, self._line)
        name, started = found["name"], self._line
        if not _NAME.fullmatch(name):
            raise _Wrong("A name has letters, digits and underscores, no digit first, and 63 characters.", started)
        if name in self._lines:
            raise _Wrong(f"'{name}' stands in line {self._lines[name]} already.", started)
        self._go_to(found.end())
        quote = self._text[self._at : self._at + 1]
        value = self._quoted(quote, name) if quote in ("'", '"') else self._plain()
        if "\0" in value:
            raise _Wrong(f"The value of '{name}' has a null character.", started)
        self._lines[name] = started
        self.entries.append(EnvEntry(name, value, started, quote in ("'", '"')))

    def _plain(self) -> str:
        end = self._end_of_line()
        value = self._text[self._at : end]
        self._go_to(end + 1)
        return re.split(r"(?:^|[ \t])#", value, maxsplit=1)[0].strip()

    def _quoted(self, quote: str, name: str) -> str:
        started, at = self._line, self._at + 1
        pieces: list[str] = []
        while at < len(self._text) and self._text[at] != quote:
            escaped = self._text[at + 1 : at + 2]
            if quote == '"' and self._text[at] == "\\" and escaped in _ESCAPES and escaped:
                pieces.append(_ESCAPES[escaped])
                at += 2
            else:
                pieces.append(self._text[at])
                at += 1
        if at >= len(self._text):
            raise _Wrong(f"The quotes of '{name}' are never closed.", started)
        rest = _NOTHING_MORE.match(self._text, at + 1)
        if rest is None:
            line = self._line + self._text.count("\n", self._at, at)
            self._go_to(self._text.find("\n", at) + 1 or len(self._text))
            raise _Wrong(f"There is more behind the closing quotes of '{name}'.", line)
        self._go_to(rest.end())
        return "".join(pieces)

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _go_to(self, at: int) -> None:
        at = min(at, len(self._text))
        self._line += self._text.count("\n", self._at, at)
        self._at = at


class _Wrong(Exception):
    """A line is wrong; says what of it, and never its value."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line
