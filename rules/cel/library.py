"""The one place that talks to cel-expr-python (0.1.3), and what it takes to do so safely.

What was found by trying (2026-11), and how it is met here:

* Errors come back as values of type ERROR: the type of each value is asked before it is read.
* Reading a null, alone or inside a list or an object, loses a reference to Python's None until the interpreter
  ends: values are read piece by piece, and a null is never read.
* Reading an optional inside an object ends the process: the same reading piece by piece refuses it.
* Text is cut at its first NUL, a lone surrogate raises, integers beyond 64 bits raise: data is cleaned before.
* A value is converted as a whole before a field of it is asked for, 7 ms for 400 KB: paths are followed in Python,
  and the library is given only what the expression uses, under the names `_a0`, `_a1`, ...
* Functions registered from Python leak their arguments: ours run outside (rules/cel/functions.py).
* Compiling and evaluating hold the GIL; one environment and one compiled expression serve many threads.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

from rules.cel import bounds
from rules.cel.bounds import Size
from rules.cel.errors import Fault
from rules.cel.functions import as_text
from supportops.odd_json import MAX_DEPTH

MAX_SLOTS = 64
VariableType = Literal["any", "time", "text", "bool"]
_PREFIX: Mapping[VariableType, str] = {"any": "_a", "time": "_t", "text": "_s", "bool": "_b"}
_INT64 = range(-(2**63), 2**63)
_UNFIT = re.compile("[\x00\ud800-\udfff]")

# What a missing field looks like: worth a null and a warning rather than a failed step.
_MISSING = re.compile(r"Key not found in map|Index error: index=|no such key|index out of bounds", re.IGNORECASE)
_UNBOUND = re.compile(r'No value with name "(_[a-z]?\d+)" found')
_OVERLOAD = re.compile(r"No matching overloads found : (\(?.*)", re.DOTALL)
_MIXED = re.compile(r"'_\?_:_' applied to '\((?:bool|dyn), ")
_COMPILE_ERROR = re.compile(r"ERROR: [^:\n]*:(-?\d+):(-?\d+): (.*)")


class Unbound(Exception):
    """The value depends on a name that has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class DoesNotCompile(Exception):
    """The library refuses the expression; line and column count from 1, 0 where none is known."""

    def __init__(self, message: str, line: int, column: int, *, only_mixes_types: bool = False) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.only_mixes_types = message, line, column, only_mixes_types


@cache
def _environment() -> Any:
    types = {"any": cel.Type.DYN, "time": cel.Type.TIMESTAMP, "text": cel.Type.STRING, "bool": cel.Type.BOOL}
    names = {f"{prefix}{at}": types[kind] for kind, prefix in _PREFIX.items() for at in range(MAX_SLOTS)}
    extensions = [ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional()]
    return cel.NewEnv(variables=names, extensions=extensions)


def variable(at: int, kind: VariableType = "any") -> str:
    """Return the name under which the library knows the value of a slot."""
    return f"{_PREFIX[kind]}{at}"


@dataclass
class Compiled:
    """An expression that the library took. Safe to use from several threads."""

    text: str
    tree: bounds.Expr
    _expression: Any = field(repr=False)

    def evaluate(self, values: Mapping[str, Any], sizes: Mapping[str, Size], spend: Callable[[float], None]) -> Any:
        """Return the value. `spend` is told the work beforehand. Raises Unbound, and Fault where there is no value."""
        try:
            spend(bounds.check(self.tree, sizes, values))
        except bounds.TooMuch as reason:
            raise Fault(str(reason), code="too_large") from None
        try:
            result = self._expression.eval(data=values)
        except RuntimeError as error:
            if "Iteration budget" in str(error):
                raise Fault(f"An expression loops at most {bounds.MAX_ITERATIONS} times.", code="too_large") from None
            raise Fault(f"The expression cannot be evaluated: {_plain(str(error))}") from None
        room = _Room(bounds.MAX_SIZE)
        value = _read(result, room)
        spend(bounds.READ * room.items)
        return value


def compile_expression(text: str) -> Compiled:
    """Return the compiled expression. Raises DoesNotCompile."""
    try:
        expression = _compiled(text)
    except DoesNotCompile as error:
        if not error.only_mixes_types:
            raise
        # `a ? 1 : "x"` is fine for us: values have no types here until they are rendered.
        expression = _environment().compile(text, disable_check=True)
    kind = expression.return_type().name()
    if kind.startswith("optional_type"):
        # An optional as the whole value is its value or null.
        expression = _compiled(f"({text}\n).hasValue() ? dyn(({text}\n).value()) : null")
    tree = bounds.tree_of(expression.serialize())
    if tree.has_message:
        raise DoesNotCompile("Protocol buffer messages cannot be made in an expression.", 0, 0)
    return Compiled(text, tree, expression)


def _compiled(text: str) -> Any:
    try:
        return _environment().compile(text)
    except RuntimeError as error:
        problems = _COMPILE_ERROR.findall(str(error))
        if not problems or "recursion" in str(error):
            deep = "recursion" in str(error)
            message = "The expression is nested too deeply." if deep else _plain(str(error))
            raise DoesNotCompile(message, 0, 0) from None
        others = [problem for problem in problems if not _MIXED.search(problem[2])]
        line, column, message = (others or problems)[0]
        message, back = _compile_message(message)
        raise DoesNotCompile(message, int(line), int(column) - back, only_mixes_types=not others) from None


def _compile_message(message: str) -> tuple[str, int]:
    """Return the library's complaint in our words, and how far before its place the trouble starts."""
    if "input '<EOF>'" in message:
        return "The expression ends where a value is expected.", 0
    if match := re.search(r"(?:input|alternative at input|at:) '(.*?)'(?: expecting|$)", message):
        return f"'{match[1][-40:]}' cannot stand here.", 0
    if match := re.search(r"undeclared reference to '([^']*)'", message):
        return f"There is no function '{match[1]}' that is used like this.", len(match[1]) + 1
    if match := re.search(r"no matching overload for '([^']*)' applied to '(.*)'", message):
        signature = re.sub(r"<[^<>]*>|(?<=list|.map)\([^()]*\)", "", match[2])
        return _overload(match[1] + signature), 0
    return message[:200], 0


def _plain(message: str) -> str:
    return re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", message.strip())


class _Room:
    """What is left of the room for one value, and how many items it was made of."""

    def __init__(self, characters: int) -> None:
        self.left, self.items = characters, 0

    def take(self, characters: int) -> None:
        self.left -= characters
        self.items += 1
        if self.left < 0:
            raise Fault("The data that the expression works with is too large.", code="too_large")


def _read(value: Any, room: _Room, depth: int = 0) -> Any:
    """Return a value of the library as JSON values, times and durations. Raises Unbound and Fault."""
    kind = value.type().name()
    room.take(1)
    if room.items > bounds.MAX_ITEMS:
        raise Fault(f"The value has more than {bounds.MAX_ITEMS} items.", code="too_large")
    if kind == "NULL":
        return None
    if kind == "ERROR":
        try:
            message = str(value.value())
        except (TypeError, SystemError):
            raise Fault("An optional value has to be opened: write .orValue(null) behind it.") from None
        raise _fault(message)
    if depth > MAX_DEPTH:
        raise Fault(f"The value is nested deeper than {MAX_DEPTH} levels.", code="too_large")
    if kind.startswith("LIST"):
        return [_read(item, room, depth + 1) for item in value.value()]
    if kind.startswith("MAP"):
        return {_key(key): _read(item, room, depth + 1) for key, item in value.value().items()}
    plain = value.value()
    if isinstance(plain, str):
        room.take(len(plain))
        return _UNFIT.sub("\ufffd", plain)
    if isinstance(plain, bool):
        return plain
    if isinstance(plain, int):
        return plain if plain in _INT64 else str(plain)
    if isinstance(plain, float):
        if plain != plain or plain in (float("inf"), float("-inf")):
            raise Fault("The result is not a number (a division by zero or an overflow).")
        return plain
    if isinstance(plain, (datetime, timedelta)):
        return plain
    if kind == "BYTES":
        raise Fault("Bytes cannot be a value: make text of them with string(...).")
    return kind.lower()


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else _UNFIT.sub("\ufffd", str(key))


_WORDS = {"string": "text", "double": "a number", "dyn": "a value"}
_WORDS |= dict.fromkeys(("int", "int64", "uint", "uint64"), "a whole number")
_WORDS |= {"bool": "true or false", "null_type": "null", "null": "null", "list": "a list", "map": "an object"}
_WORDS |= {"timestamp": "a time", "duration": "a duration"}
_NAMES = {"_[_]": "[...]", "_||_": "||", "_&&_": "&&", "!_": "!", "-_": "-", "@in": "in", "_[?_]": ".?"}


def _fault(message: str) -> Exception:
    """Return what an error value of the library means. Its own words may carry data, so known ones are replaced."""
    if match := _UNBOUND.search(message):
        return Unbound(match[1])
    if _MISSING.search(message):
        return Fault("A field or item that the expression asks for is missing.", code="missing", is_missing=True)
    if "SELECT to non-message" in message:
        return Fault("A field is asked of a value that is no object.", code="missing", is_missing=True)
    if match := _OVERLOAD.search(message):
        return Fault(_overload(match[1]))
    return Fault(f"The expression cannot be evaluated: {_plain(message)[:200]}.")


def _overload(signature: str) -> str:
    if "jump_condition" in signature or signature.startswith("_?_:_"):
        return "What stands before '?' must be true or false."
    match = re.fullmatch(r"(?:\((?P<target>[^()]*)\)\.)?(?P<name>[^(]*)(?:\((?P<arguments>.*)\))?", signature.strip())
    if match is None:
        return "The operation does not fit the types of its values."
    name = match["name"]
    name = _NAMES.get(name, name.strip("_") if name.startswith("_") else name)
    if name in ("||", "&&", "!"):
        return f"The operands of '{name}' must be true or false (compare with == or != to get there)."
    kinds = [match["target"], *(match["arguments"] or "").split(",")]
    words = [_WORDS.get(kind.strip(), kind.strip()) for kind in kinds if kind and kind.strip()]
    return f"'{name}' cannot be applied to {' and '.join(words)}." if words else f"'{name}' does not fit these values."


def clean(value: Any) -> tuple[Any, Size, float]:
    """Return data as the library takes it, its size, and the work that this was.

    JSON values come out, text without NUL and lone surrogates. Raises Fault for data that is too large or too deep.
    """
    room = _Room(bounds.MAX_SIZE * 4)
    if isinstance(value, Mapping):
        pairs, largest = {}, 0
        for key, item in value.items():
            before = room.left
            pairs[_key(key)] = _clean(item, room, 1)
            largest = max(largest, before - room.left)
            room.left -= len(str(key))
        size = Size(bounds.MAX_SIZE * 4 - room.left + 1, len(pairs), largest)
        return pairs, size, bounds.CLEAN * room.items
    if isinstance(value, (list, tuple)):
        items, largest = [], 0
        for item in value:
            before = room.left
            items.append(_clean(item, room, 1))
            largest = max(largest, before - room.left)
        return items, Size(bounds.MAX_SIZE * 4 - room.left + 1, len(items), largest), bounds.CLEAN * room.items
    cleaned = _clean(value, room, 0)
    used = bounds.MAX_SIZE * 4 - room.left
    return cleaned, Size(used, used, 1) if isinstance(cleaned, str) else Size(used), bounds.CLEAN


def rough_size(value: Any) -> int:
    """Return about how many characters a value of ours has."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(rough_size, value)) + len(value)
    if isinstance(value, dict):
        return sum(len(key) + rough_size(item) for key, item in value.items()) + len(value)
    return 8


def _clean(value: Any, room: _Room, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        room.take(len(value) + 1)
        return value if _UNFIT.search(value) is None else _UNFIT.sub("\ufffd", value)
    room.take(20)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if _INT64.start <= value < _INT64.stop else _digits(value)
    if kind is float:
        return None if value != value or value in (float("inf"), float("-inf")) else value
    if depth > MAX_DEPTH + 20:
        raise Fault(f"The data is nested deeper than {MAX_DEPTH} levels.", code="too_large")
    if isinstance(value, Mapping):
        room.take(sum(len(key) for key in value if isinstance(key, str)))
        return {_key(key): _clean(item, room, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item, room, depth + 1) for item in value]
    # Subclasses (an enumeration's member) and what is no JSON at all.
    if isinstance(value, str):
        return _clean(str.__str__(value), room, depth)
    if isinstance(value, int):
        return _clean(int(value), room, depth)
    if isinstance(value, float):
        return _clean(float(value), room, depth)
    return _clean(as_text(value), room, depth)


def _digits(value: int) -> str:
    if value.bit_length() > 4096:
        raise Fault("The data holds a number of more than a thousand digits.", code="too_large")
    return str(value)
