"""CEL as a list of tokens: enough to find where an expression ends and which data it asks for.

The grammar proper is the library's business. See https://github.com/google/cel-spec/blob/master/doc/langdef.md
(read 2026-11) for the lexis.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from rules.cel.errors import Fault

Kind = Literal["name", "step", "number", "text", "quoted", "mark", "other"]

_SPACE = re.compile(r"(?:\s|//(?:(?!\}\})[^\n])*)+")
_TEXT = re.compile(
    r"""
    (?:[rR][bB]?|[bB][rR])(?:\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|"[^"\n]*"|'[^'\n]*')
    |[bB]?(?:\"\"\"(?:\\(?:.|\n)|[^\\])*?\"\"\"|'''(?:\\(?:.|\n)|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    """,
    re.VERBOSE,
)
_OPEN_TEXT = re.compile(r"""[rRbB]{0,2}(\"\"\"|'''|"|')""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = re.compile(r"`[^`\n]*`")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\d+|\.\d+)(?:[eE][+-]?\d+)?[uU]?")
_MARK = re.compile(r"\|\||&&|==|!=|<=|>=|\.\?|\[\?|\{\?|[-+*/%<>!?:.,()\[\]{}]")
_STEP = re.compile(r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*")


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def tokens_of(text: str, *, known_steps: Collection[str] = ()) -> list[Token]:
    """Return the tokens of an expression. Raises Fault for text that is never closed."""
    return _scan(text, 0, known_steps, stop_at_braces=False)[0]


def end_of_expression(text: str, start: int) -> int | None:
    """Return the offset of the `}}` that closes an expression which starts at `start`, None where none does.

    `}}` inside a literal text belongs to the text, and so do the braces of map literals. Raises Fault.
    """
    _, end = _scan(text, start, (), stop_at_braces=True)
    return end if text.startswith("}}", end) else None


def _scan(text: str, at: int, known_steps: Collection[str], *, stop_at_braces: bool) -> tuple[list[Token], int]:
    found: list[Token] = []
    depth = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        if stop_at_braces and depth == 0 and text.startswith("}}", at):
            return found, at
        token = _step(text, at, found, known_steps) or _token(text, at, found)
        if token.kind == "mark":
            depth += (token.text in ("{", "{?")) - (token.text == "}" and depth > 0)
        found.append(token)
        at = token.end
    return found, at


def _token(text: str, at: int, before: list[Token]) -> Token:
    if match := _TEXT.match(text, at):
        return Token("text", match.group(), at)
    if opening := _OPEN_TEXT.match(text, at):
        raise Fault(f"The text that starts with {opening[1]} is never closed.", at)
    if match := _NAME.match(text, at):
        return Token("name", match.group(), at)
    if match := _QUOTED.match(text, at):
        return Token("quoted", match.group(), at)
    # `a.0` is no number after a dot: the dot selects.
    after_value = bool(before) and (before[-1].kind in ("name", "step", "quoted") or before[-1].text in (")", "]"))
    if not (text[at] == "." and after_value) and (match := _NUMBER.match(text, at)):
        return Token("number", match.group(), at)
    if match := _MARK.match(text, at):
        return Token("mark", match.group(), at)
    return Token("other", text[at], at)


def _step(text: str, at: int, before: list[Token], known_steps: Collection[str]) -> Token | None:
    """Return the id of a step, hyphens included, where one stands: right after `steps.`."""
    if len(before) < 2 or before[-1].text not in (".", ".?") or before[-2].text != "steps":
        return None
    if len(before) > 2 and before[-3].text in (".", ".?"):
        return None
    match = _STEP.match(text, at)
    if match is None:
        return None
    parts = match.group().split("-")
    # `steps.a-b` is the step `a-b`, unless only `a` is one.
    for length in range(len(parts), 0, -1):
        if (candidate := "-".join(parts[:length])) in known_steps:
            return Token("step", candidate, at)
    return Token("step", match.group(), at)


def literal(token: Token) -> str | int | None:
    """Return the value of a plain text or whole number, None for what only the library should read."""
    if token.kind == "number":
        return int(token.text) if token.text.isdigit() and len(token.text) < 19 else None
    if token.kind != "text" or token.text[0] not in "\"'" or token.text[:3] in ('"""', "'''"):
        return None
    inside = token.text[1:-1]
    if "\\" in inside:
        return None
    return inside
