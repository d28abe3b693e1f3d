"""How large an expression's value can become and how much work it can be, told before it is evaluated.

The library bounds how often an expression loops, not how large a text grows: `x.map(a, a + a)` doubles, and each
further one doubles again. So the expression's tree is walked once with the sizes of the data at hand. Sizes are
upper bounds in characters and items; a unit of work is about ten nanoseconds (measured 2026-11 on a slow core).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.cel.patterns import program_length

MAX_SIZE = 1_048_576
MAX_WORK = 20_000_000
MAX_ITEMS = 50_000
CLEAN, READ = 200, 400  # work for each item of data handed to the library, and read from it
_STEP = 6  # of a node evaluated
_APPEND = 4  # gathering n items copies n²/2 of them
MAX_ITERATIONS = 10_000  # the library's own budget
MAX_PATTERN = 1_024
MAX_PROGRAM = 100_000


class TooMuch(Exception):
    """The expression could take more room or time than it may; the message says which."""


@dataclass(frozen=True, slots=True)
class Size:
    """`total` of a value with all that is in it, its number of items, and the largest item's total."""

    total: float
    count: float = 0
    item: float = 0

    @classmethod
    def of_unknown(cls, total: float) -> "Size":
        return cls(total, total, total)


@dataclass(frozen=True, slots=True)
class Expr:
    """A node of the library's syntax tree."""

    kind: str  # const, name, select, call, list, struct, loop
    name: str = ""  # of a constant: its text
    parts: tuple["Expr", ...] = ()
    length: int = 0  # of a constant
    has_message: bool = False  # somewhere below, a protocol buffer is made
    multiplies: bool = False  # somewhere below, sizes may be multiplied rather than added
    nodes: int = field(default=1)


def tree_of(serialized: bytes) -> Expr:
    """Return the syntax tree of a compiled and serialized expression.

    The form is `google.protobuf.Any` around `cel.expr.CheckedExpr` or `ParsedExpr`, see
    https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto (read 2026-11).
    """
    is_checked = _text(serialized, 1).endswith("CheckedExpr")
    return _expr(_one(_one(serialized, 2), 4 if is_checked else 2))


_MULTIPLYING = frozenset({"replace", "join", "format", "matches"})


def _make(kind: str, name: str = "", parts: tuple[Expr, ...] = (), length: int = 0, message: bool = False) -> Expr:
    return Expr(
        kind,
        name,
        parts,
        length,
        message or any(part.has_message for part in parts),
        kind == "loop" or (kind == "call" and name in _MULTIPLYING) or any(part.multiplies for part in parts),
        1 + sum(part.nodes for part in parts),
    )


def _expr(raw: bytes) -> Expr:
    for number, value in _fields(raw):
        if number == 3:
            text = _one(value, 6)
            return _make("const", bytes(text).decode(errors="replace") if text else "", length=len(value))
        if number == 4:
            return _make("name", _text(value, 1))
        if number == 5:
            return _make("select", _text(value, 2), (_expr(_one(value, 1)),))
        if number == 6:
            target = [_expr(part) for at, part in _fields(value) if at == 1]
            return _make("call", _text(value, 2), (*target, *(_expr(p) for at, p in _fields(value) if at == 3)))
        if number == 7:
            return _make("list", parts=tuple(_expr(part) for at, part in _fields(value) if at == 1))
        if number == 8:
            entries = [entry for at, entry in _fields(value) if at == 2]
            parts = tuple(_expr(part) for entry in entries for at, part in _fields(entry) if at in (3, 4))
            return _make("struct", parts=parts, message=bool(_text(value, 1)))
        if number == 9:
            # parts: range, first value, condition, step, result; name: "variable accumulator [second variable]"
            names = " ".join((_text(value, 1), _text(value, 3), _text(value, 8)))
            return _make("loop", names, tuple(_expr(_one(value, at)) for at in (2, 4, 5, 6, 7)))
    return _make("const")


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of a protocol buffer message: bytes, or the number for what is not length-delimited."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(raw, at)
            yield number, value
        elif wire == 2:
            length, at = _varint(raw, at)
            yield number, raw[at : at + length]
            at += length
        else:
            at += 8 if wire == 1 else 4
            yield number, 0


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _one(raw: bytes, number: int) -> bytes:
    return next((value for at, value in _fields(raw) if at == number), b"")


def _text(raw: bytes, number: int) -> str:
    return bytes(_one(raw, number)).decode()


def check(tree: Expr, sizes: Mapping[str, Size], values: Mapping[str, Any]) -> float:
    """Return the most work that the expression can be over data of these sizes.

    Raises TooMuch when it could take too much room or time.
    """
    if not tree.multiplies and (sum(size.total for size in sizes.values()) + 4_096) * tree.nodes < MAX_SIZE / 8:
        return tree.nodes
    meter = _Meter(values)
    size = meter.measure(tree, dict(sizes))
    if size.total > MAX_SIZE:
        raise TooMuch(f"This expression could give more than {MAX_SIZE} characters.")
    return meter.work


_SAME = frozenset({"upperAscii", "lowerAscii", "trim", "reverse", "substring", "charAt", "string", "bytes", "dyn"})
_SMALL_RESULT = frozenset(
    {"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "_-_", "_*_", "_/_", "_%_", "-_", "@in"}
    | {"@not_strictly_false", "size", "contains", "startsWith", "endsWith", "matches", "indexOf", "lastIndexOf"}
    | {"int", "uint", "double", "bool", "type", "timestamp", "duration", "hasValue"}
)


class _Meter:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.work = 0.0
        self.values = values

    def spend(self, steps: float) -> None:
        self.work += steps
        if self.work > MAX_WORK:
            raise TooMuch("This expression could take too long for data of this size.")

    def measure(self, node: Expr, names: dict[str, Size]) -> Size:
        self.spend(_STEP)
        if node.kind == "const":
            return Size(node.length, node.length, 1)
        if node.kind == "name":
            return names.get(node.name, Size(1))
        if node.kind == "select":
            return self._inside(self.measure(node.parts[0], names))
        if node.kind == "loop":
            return self._loop(node, names)
        parts = [self.measure(part, names) for part in node.parts]
        if node.kind in ("list", "struct"):
            total = sum(part.total for part in parts) + len(parts) + 1
            return Size(total, len(parts), max((part.total for part in parts), default=0))
        return self._call(node, parts)

    def _inside(self, size: Size) -> Size:
        inner = min(size.total, size.item) if size.count else size.total
        return Size.of_unknown(inner)

    def _call(self, node: Expr, parts: list[Size]) -> Size:
        total = sum(part.total for part in parts)
        self.spend(total)
        name = node.name
        if name in _SMALL_RESULT:
            if name in ("_==_", "_!=_", "@in"):
                self.spend(2 * total)
            if name == "matches" and len(parts) == 2:
                self._match(parts[0], parts[1], node.parts[1])
            return Size(24)
        if name == "_?_:_" and len(parts) == 3:
            one, other = parts[1:]
            return Size(max(one.total, other.total), max(one.count, other.count), max(one.item, other.item))
        if name in ("_[_]", "_[?_]", "_?._") and parts:
            return self._inside(parts[0])
        if name == "_+_" and len(parts) == 2:
            one, other = parts
            return Size(one.total + other.total, one.count + other.count, max(one.item, other.item))
        if name == "replace" and len(parts) > 2:
            return self._text((parts[0].total + 1) * (parts[2].total + 1))
        if name == "join":
            separator = parts[1].total if len(parts) > 1 else 0
            return self._text(parts[0].total + parts[0].count * separator)
        if name == "split":
            return Size(parts[0].total * 2 + 1, parts[0].total + 1, parts[0].total)
        if name == "format":
            # A precision of at most a thousand digits for each clause.
            return self._text(total * 6 + parts[0].total * 500)
        if name in _SAME and parts:
            return self._text(parts[0].total * 6 + 32 if name == "string" else parts[0].total)
        if name in ("or", "orValue", "value", "optional.of", "optional.ofNonZeroValue"):
            return Size(total, max((p.count for p in parts), default=0), max((p.item for p in parts), default=0))
        return Size.of_unknown(total * 6 + 64)

    def _match(self, text: Size, pattern: Size, node: Expr) -> None:
        if pattern.total > MAX_PATTERN:
            raise TooMuch(f"A pattern has at most {MAX_PATTERN} characters.")
        known = node.name if node.kind == "const" else self.values.get(node.name) if node.kind == "name" else None
        # A pattern that is only put together while evaluating may hold any repetition.
        length = program_length(known) if isinstance(known, str) else pattern.total * 1000 + 1
        if length > MAX_PROGRAM:
            raise TooMuch("The pattern repeats too much.")
        self.spend((text.total + 10) * length / 4)

    def _text(self, total: float) -> Size:
        if total > MAX_SIZE:
            raise TooMuch(f"This expression could make a text of more than {MAX_SIZE} characters.")
        self.spend(total)
        return Size(total, total, 1)

    def _loop(self, node: Expr, names: dict[str, Size]) -> Size:
        over, first, condition, step, result = node.parts
        variable, accumulator, second = [*node.name.split(" "), "", ""][:3]
        span = self.measure(over, names)
        if span.count > MAX_ITERATIONS:
            raise TooMuch(f"An expression loops over at most {MAX_ITERATIONS} items.")
        begin = self.measure(first, names)
        item = Size.of_unknown(span.item)
        # What one turn adds, with nothing gathered yet: macros only ever add items or replace a boolean.
        inner = {**names, variable: item, accumulator: Size(1)} | ({second: item} if second else {})
        before = self.work
        self.measure(condition, inner)
        added = self.measure(step, inner)
        self.spend((self.work - before) * max(0.0, span.count - 1))
        if first.kind == "list":
            self.spend(_APPEND * (span.count * max(1.0, added.count)) ** 2)
        gathered = Size(
            begin.total + span.count * added.total,
            begin.count + span.count * max(1.0, added.count),
            max(begin.item, added.item),
        )
        if gathered.total > MAX_SIZE * 4:
            raise TooMuch(f"This expression could gather more than {MAX_SIZE * 4} characters.")
        return self.measure(result, {**names, accumulator: gathered})
