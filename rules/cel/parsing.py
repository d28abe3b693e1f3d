"""From an expression's text to a `Node`: what the library computes, and what is looked up or called beside it.

Paths into the data (`ticket.requester.name`, `steps.get-runbook.output`), `has(path)`, our own functions and the
loops that use those become slots; the rest is handed to the library with the slots' names in their places.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.cel.errors import Fault
from rules.cel.evaluating import Call, Has, Loop, Node, Path, Slot, TableRow
from rules.cel.functions import FUNCTIONS
from rules.cel.roots import Roots
from rules.cel.tokens import Token, literal, tokens_of

MAX_NESTING = 64
_LITERALS = frozenset({"true", "false", "null"})
_TYPES = frozenset({"bool", "bytes", "double", "int", "uint", "list", "map", "null_type", "string", "type"})
_NAMESPACES = frozenset({"math", "optional", "strings"})
# Macros with a variable, and how many arguments they take.
_MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "map": (2, 3), "filter": (2,)}
_OPTIONAL_MACROS = {"optMap": (2,), "optFlatMap": (2,)}
_CLOSERS = {"(": ")", "[": "]", "{": "}", "[?": "]", "{?": "}"}


@dataclass(frozen=True)
class Text:
    """A piece that goes to the library as it stands."""

    text: str
    start: int


@dataclass(frozen=True)
class Variable(Text):
    """The variable of a macro that the library runs."""


Piece = Text | Slot


def parse(text: str, roots: Roots) -> Node:
    """Return the node of an expression, compiled. Raises Fault with an offset into `text`."""
    tokens = tokens_of(text, known_steps=roots.all_steps())
    if not tokens:
        raise Fault("The expression is empty: write what to put here, such as {{ event.id }}.", 0)
    parser = _Parser(tokens, roots)
    pieces = parser.expression(frozenset())
    if parser.at < len(tokens):
        raise Fault(f"'{tokens[parser.at].text}' closes nothing.", tokens[parser.at].start)
    return parser.node(pieces, roots)


@dataclass
class _Parser:
    tokens: list[Token]
    roots: Roots
    at: int = 0
    nesting: int = 0
    # Variables of macros around the current place, and which of them must be run here rather than in the library.
    in_library: list[str] = field(default_factory=list)
    in_python: list[str] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)

    # --- reading ---------------------------------------------------------------------------------------------
    def peek(self, ahead: int = 0) -> str:
        """Return the text of a mark or name ahead; literal texts give "" so that none is taken for a mark."""
        token = self.token(ahead)
        return "" if token is None or token.kind == "text" else token.text

    def token(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    # --- grammar ---------------------------------------------------------------------------------------------
    def expression(self, until: frozenset[str]) -> list[Piece]:
        """Read up to (not including) one of `until`, a closing bracket or the end."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise Fault("The expression is nested too deeply.", self.tokens[self.at].start if self.token() else 0)
        pieces: list[Piece] = []
        while (token := self.token()) is not None:
            if token.kind == "mark" and (token.text in until or token.text in (")", "]", "}")):
                break
            if token.kind == "mark" and token.text not in _CLOSERS:
                pieces.append(Text(token.text, self.take().start))
            elif token.kind == "name" and token.text == "in":
                pieces.append(Text("in", self.take().start))
            else:
                pieces += self.operand()
        self.nesting -= 1
        return pieces

    def operand(self) -> list[Piece]:
        token = self.tokens[self.at]
        if token.kind == "mark":
            pieces = self.bracket()
        elif token.kind == "name":
            pieces = self.name()
        else:
            pieces = [Text(token.text, self.take().start)]
        return self.postfix(pieces)

    def bracket(self) -> list[Piece]:
        opening = self.take()
        closer = _CLOSERS[opening.text]
        pieces: list[Piece] = [Text(opening.text, opening.start), *self.expression(frozenset())]
        if self.peek() != closer:
            raise Fault(f"'{opening.text}' is never closed by '{closer}'.", opening.start)
        return [*pieces, Text(closer, self.take().start)]

    def postfix(self, pieces: list[Piece]) -> list[Piece]:
        while True:
            mark = self.peek()
            if mark in ("[", "[?"):
                pieces = [*pieces, *self.bracket()]
            elif mark in (".", ".?"):
                dot = self.take()
                name = self.token()
                if name is None or name.kind not in ("name", "step", "quoted"):
                    return [*pieces, Text(dot.text, dot.start)]
                self.take()
                is_call = self.peek() == "("
                if is_call and name.text in (_MACROS | _OPTIONAL_MACROS):
                    pieces = self.macro(pieces, dot, name)
                else:
                    pieces = [*pieces, Text(dot.text, dot.start), Text(name.text, name.start)]
                    if is_call:
                        pieces += self.bracket()
            else:
                return pieces

    def name(self) -> list[Piece]:
        token = self.take()
        following = self.peek()
        if following == "(":
            if token.text == "has":
                return self.has(token)
            if token.text in FUNCTIONS:
                return [self.call(token)]
            return [Text(token.text, token.start), *self.bracket()]
        if token.text in self.in_library:
            return [Variable(token.text, token.start)]
        if token.text in self.in_python:
            return [self.path(token)]
        if token.text == "vars":
            return self.table(self.path(token))
        if token.text in _LITERALS or (token.text in _TYPES and following != "."):
            return [Text(token.text, token.start)]
        if token.text in _NAMESPACES and following == ".":
            return [Text(token.text, token.start)]
        return [self.path(token)]

    def path(self, root: Token) -> Path:
        """Read the fields after a root as far as they are plain."""
        parts: list[str | int] = []
        offsets: list[int] = []
        while True:
            mark, following = self.peek(), self.token(1)
            if mark == "." and following is not None and following.kind in ("name", "step", "quoted"):
                if self.peek(2) == "(":
                    break
                parts.append(following.text.strip("`"))
                offsets.append(following.start)
                self.at += 2
            elif mark == "[" and following is not None and self.peek(2) == "]":
                index = literal(following)
                if index is None:
                    break
                # A table's keys are texts: 5 finds "5".
                parts.append(str(index) if root.text == "vars" and len(parts) == 1 else index)
                offsets.append(following.start)
                self.at += 3
            else:
                break
        if root.text in self.in_python:
            return Path(root.text, tuple(parts), root.start, is_local=True)
        kind = self.roots.check_path(root.text, tuple(parts), root.start, tuple(offsets))
        return Path(root.text, tuple(parts), root.start, kind=kind)

    def table(self, path: Path) -> list[Piece]:
        """Read the key behind a lookup table, where it is worked out or the row is optional."""
        mark, following = self.peek(), self.token(1)
        if len(path.parts) != 1 or path.is_local:
            return [path]
        if mark == ".?" and following is not None and following.kind in ("name", "quoted") and self.peek(2) != "(":
            self.at += 2
            key: list[Piece] = [Text(json.dumps(following.text.strip("`")), following.start)]
            return self.row(path, key, following.start, is_optional=True)
        if mark not in ("[", "[?"):
            return [path]
        bracket = self.bracket()
        if any(isinstance(piece, Variable) for piece in bracket):
            # Only the library knows what the variable of its loop is: it gets the whole table.
            return [path, *bracket]
        return self.row(path, bracket[1:-1], bracket[0].start, is_optional=mark == "[?")

    def row(self, path: Path, key: list[Piece], start: int, *, is_optional: bool) -> list[Piece]:
        slot = TableRow(path, self.draft(key), start, is_optional)
        return [slot, Text(".?row", start)] if is_optional else [slot]

    def has(self, name: Token) -> list[Piece]:
        start = self.at
        self.take()
        root = self.token()
        if root is not None and root.kind == "name" and self.is_ours(root.text):
            self.take()
            path = self.path(root)
            if path.parts and self.peek() == ")":
                self.take()
                return [Has(path, name.start)]
        self.at = start
        return [Text("has", name.start), *self.bracket()]

    def is_ours(self, name: str) -> bool:
        """Return whether a name is looked up here, not by the library."""
        return name not in self.in_library and (name in self.in_python or name in self.roots)

    # --- functions and loops ---------------------------------------------------------------------------------
    def arguments(self) -> list[list[Piece]]:
        """Read `(a, b, c)`."""
        opening = self.take()
        found = [self.expression(frozenset({","}))]
        while self.peek() == ",":
            self.take()
            found.append(self.expression(frozenset({","})))
        if self.peek() != ")":
            raise Fault("'(' is never closed by ')'.", opening.start)
        self.take()
        return found if len(found) > 1 or found[0] else []

    def call(self, name: Token) -> Call:
        arguments = self.arguments()
        function = FUNCTIONS[name.text]
        if not function.least <= len(arguments) <= function.most or not all(arguments):
            raise Fault(f"'{name.text}' is used as {function.usage}.", name.start)
        self.needed |= {used for part in arguments for used in _variables(part) if used in self.in_library}
        return Call(name.text, tuple(self.draft(part) for part in arguments), name.start)

    def macro(self, receiver: list[Piece], dot: Token, name: Token) -> list[Piece]:
        start = self.at
        variable = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        if variable is None or variable.kind != "name" or self.peek(2) != ",":
            return [*receiver, Text(dot.text, dot.start), Text(name.text, name.start), *self.bracket()]
        if variable.text in self.roots.names() or variable.text in (_LITERALS | _TYPES | _NAMESPACES):
            raise Fault(f"'{variable.text}' already has a meaning: give this variable another name.", variable.start)
        self.in_library.append(variable.text)
        arguments = self.arguments()
        self.in_library.pop()
        if variable.text not in self.needed:
            inside: list[Piece] = []
            for argument in arguments[1:]:
                inside += [Text(",", variable.end), *argument]
            head = [Text(f"{dot.text}{name.text}({variable.text}", dot.start)]
            return [*receiver, *head, *inside, Text(")", self.tokens[self.at - 1].start)]
        counts = _MACROS.get(name.text, ())
        if len(arguments) not in counts or dot.text != ".":
            raise Fault(f"Our own functions cannot be used inside '{name.text}'.", name.start)
        self.needed.discard(variable.text)
        self.at = start
        self.in_python.append(variable.text)
        bodies = self.arguments()[1:]
        self.in_python.pop()
        # What the loop runs over may itself use the variable of a loop around it.
        everything = [receiver, *bodies]
        self.needed |= {used for part in everything for used in _variables(part) if used in self.in_library}
        drafts = tuple(self.draft(body) for body in bodies)
        return [Loop(name.text, self.draft(receiver), variable.text, drafts, name.start)]

    # --- results ---------------------------------------------------------------------------------------------
    def draft(self, pieces: list[Piece]) -> Node:
        return Node(tuple((p.text, p.start) if isinstance(p, Text) else p for p in pieces))

    def node(self, pieces: list[Piece], roots: Roots) -> Node:
        node = self.draft(pieces)
        node.compile()
        return node


def _variables(pieces: Iterable[Piece]) -> set[str]:
    found: set[str] = set()
    for piece in pieces:
        if isinstance(piece, Variable):
            found.add(piece.text)
    return found
