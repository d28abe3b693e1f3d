"""Compiled expressions at work: each `Node` finds the values of its slots and lets the library do the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rules.cel import functions, library
from rules.cel.bounds import MAX_ITERATIONS, MAX_WORK, Size
from rules.cel.errors import Fault
from rules.cel.library import Compiled, DoesNotCompile, Unbound, VariableType
from rules.cel.roots import STEP_FIELDS

_NO_STEP: Mapping[str, Any] = {name: False if name in ("failed", "succeeded") else None for name in STEP_FIELDS}


@dataclass
class Scope:
    """The data of one evaluation, and what was found missing in it.

    `is_soft`: a missing field is null with a warning; else it is an error.
    """

    context: Mapping[str, Any]
    is_soft: bool = True
    steps: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    locals: Mapping[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    spent: "Spent" = field(default_factory=lambda: Spent())

    def inside(self, variable: str, item: Any) -> "Scope":
        """Return the same with a loop's variable."""
        self.spent.turns += 1
        if self.spent.turns > MAX_ITERATIONS:
            raise Fault(f"An expression loops at most {MAX_ITERATIONS} times.", code="too_large")
        return replace(self, locals={**self.locals, variable: item})

    def strictly(self) -> "Scope":
        """Return the same with missing fields as errors."""
        return replace(self, is_soft=False)


@dataclass
class Spent:
    """What one evaluation has used up, its inner ones included."""

    work: float = 0.0
    turns: int = 0

    def add(self, steps: float) -> None:
        self.work += steps
        if self.work > MAX_WORK:
            raise Fault("The expression could take too long for data of this size.", code="too_large")


@dataclass(frozen=True)
class Path:
    """A way into the data: `ticket.requester.name`."""

    root: str
    parts: tuple[str | int, ...]
    start: int
    kind: VariableType = "any"
    is_local: bool = False

    @property
    def text(self) -> str:
        return self.root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.parts)

    def value(self, scope: Scope) -> Any:
        """Return what the path leads to. Raises Fault where nothing is."""
        data = scope.locals if self.is_local else scope.context
        if self.root == "steps" and not self.is_local:
            return self._of_steps(scope)
        if self.root not in data:
            if self.root == "now":
                raise Fault("The time is not known here.", self.start)
            raise self._absent(self.root, -1)
        value = data[self.root]
        if self.root == "now" and not self.is_local:
            return functions.to_time(value)
        if self.root == "inputs" and self.parts and self.parts[0] in scope.inputs and self.parts[0] not in value:
            return self._follow(None, 1)
        return self._follow(value, 0)

    def _of_steps(self, scope: Scope) -> Any:
        """Every step that may have run is there, with all its fields, whether it ran or not."""
        ran = scope.context.get("steps") or {}
        if not self.parts:
            return {step: {**_NO_STEP, **ran.get(step, {})} for step in dict.fromkeys((*scope.steps, *ran))}
        step = self.parts[0]
        if step not in ran and step not in scope.steps:
            raise self._absent("steps", 0)
        return self._follow({**_NO_STEP, **(ran.get(step) or {})}, 1)

    def _follow(self, value: Any, at: int) -> Any:
        for index in range(at, len(self.parts)):
            part = self.parts[index]
            inside: Any = value
            is_item = isinstance(part, int) and isinstance(inside, (list, tuple)) and part < len(inside)
            if not is_item and not (isinstance(inside, Mapping) and part in inside):
                raise self._absent(Path(self.root, self.parts[:index], 0).text, index)
            value = inside[part]
        return value

    def _absent(self, parent: str, index: int) -> Fault:
        if self.root == "env" and not self.is_local and index == 0:
            message = f"There is no variable '{self.parts[0]}' here. Make it, or write env.?{self.parts[0]}.orValue(…)."
            return Fault(message, self.start, code="unknown_variable", is_missing=True)
        if self.root == "vars" and not self.is_local and index == 0:
            message = f"There is no lookup table '{self.parts[0]}' here. Make it, or correct the name."
            return Fault(message, self.start, code="unknown_table", is_missing=True)
        if self.root == "vars" and not self.is_local and index == 1:
            message = f"The lookup table '{self.parts[0]}' has no row '{str(self.parts[1])[:80]}'."
            return Fault(message, self.start, code="missing", is_missing=True)
        missing = Path(self.root, self.parts[: index + 1], 0).text if index >= 0 else self.root
        what = "item" if self.parts and isinstance(self.parts[max(0, index)], int) else "field"
        reason = f": '{parent}' has no such {what}" if index >= 0 else ""
        return Fault(f"'{missing}' is missing{reason}.", self.start, code="missing", is_missing=True)


@dataclass(frozen=True)
class Has:
    """`has(path)`: whether the data has the field; false too where what it would be in is missing."""

    path: Path
    start: int
    kind: VariableType = "bool"

    def value(self, scope: Scope) -> bool:
        try:
            self.path.value(scope)
        except Fault as fault:
            if fault.is_missing:
                return False
            raise
        return True


@dataclass(frozen=True)
class TableRow:
    """A row of a lookup table whose key is worked out: `vars.teams[ticket.type]`.

    Only the row goes to the library, never the table. `is_optional`: the value is ``{"row": ...}``, empty where there
    is no such row, of which the library makes an optional.
    """

    path: Path
    key: "Node"
    start: int
    is_optional: bool = False
    kind: VariableType = "any"

    def value(self, scope: Scope) -> Any:
        """Return the row. Raises Fault where there is none, and for a key that is neither text nor number."""
        table = self.path.value(scope)
        key = self.key.value(scope)
        if isinstance(key, bool) or not isinstance(key, str | int):
            if self.is_optional and key is None:
                return {}
            raise Fault("The key of a lookup table is a text or a whole number.", self.start, is_missing=key is None)
        # The keys are texts: 5 finds "5".
        found = Path("vars", (*self.path.parts, str(key)), self.start)
        if not self.is_optional:
            return found.value(scope)
        return {"row": table[str(key)]} if isinstance(table, Mapping) and str(key) in table else {}


@dataclass(frozen=True)
class Call:
    """One of our own functions."""

    name: str
    arguments: "tuple[Node, ...]"
    start: int
    kind: VariableType = "any"

    def value(self, scope: Scope) -> Any:
        first, *others = self.arguments
        if self.name == "default":
            # Its purpose: what is missing is no reason for a warning, let alone an error.
            try:
                found = first.value(scope.strictly())
            except Fault as fault:
                if not fault.is_missing:
                    raise
                found = None
            return found if found is not None else others[0].value(scope)
        values = [argument.value(scope) for argument in self.arguments]
        scope.spent.add(sum(library.rough_size(value) for value in values) * 4)
        try:
            return functions.call(self.name, values)
        except functions.Refused as reason:
            raise Fault(str(reason), self.start) from None


@dataclass(frozen=True)
class Loop:
    """A macro (`map`, `filter`, `all`, `exists`, `exists_one`) whose body uses our own functions."""

    name: str
    over: "Node"
    variable: str
    bodies: "tuple[Node, ...]"
    start: int
    kind: VariableType = "any"

    def value(self, scope: Scope) -> Any:
        items = self.over.value(scope)
        if not isinstance(items, (list, dict)):
            raise Fault(f"'{self.name}' loops over a list or an object, and this is neither.", self.start)
        turns = [(item, scope.inside(self.variable, item)) for item in items]
        body = self.bodies[-1]
        if self.name == "map":
            chosen = [turn for _, turn in turns if len(self.bodies) == 1 or self._holds(self.bodies[0], turn)]
            return [body.value(turn) for turn in chosen]
        if self.name == "filter":
            return [item for item, turn in turns if self._holds(body, turn)]
        if self.name == "all":
            return all(self._holds(body, turn) for _, turn in turns)
        held = (self._holds(body, turn) for _, turn in turns)
        return any(held) if self.name == "exists" else sum(held) == 1

    def _holds(self, body: "Node", turn: Scope) -> bool:
        value = body.value(turn)
        if not isinstance(value, bool):
            raise Fault(f"The condition of '{self.name}' must be true or false.", self.start)
        return value


Slot = Path | Has | TableRow | Call | Loop


@dataclass
class Node:
    """An expression: pieces of text for the library, slots between them. Compile once, evaluate from any thread."""

    pieces: tuple[tuple[str, int] | Slot, ...]
    slots: dict[str, Slot] = field(default_factory=dict, repr=False)
    compiled: Compiled | None = None
    # (offset in the library's text, offset in ours), ascending.
    _origin: list[tuple[int, int]] = field(default_factory=list)

    def compile(self) -> None:
        """Give the library its part and check it. Raises Fault with an offset into the author's text."""
        for piece in self.pieces:
            for node in _nodes_of(piece):
                node.compile()
        if len(self.pieces) == 1 and not isinstance(self.pieces[0], tuple):
            self.slots = {"_": self.pieces[0]}
            return
        names: dict[Any, str] = {}
        kinds: dict[str, VariableType] = {}
        written, length = [], 0
        for piece in self.pieces:
            if isinstance(piece, tuple):
                text, start = piece
            else:
                start = piece.start
                key = (piece.root, piece.parts, piece.is_local) if isinstance(piece, Path) else id(piece)
                text = names.get(key, "")
                if not text:
                    if len(names) >= library.MAX_SLOTS:
                        raise Fault(f"An expression uses at most {library.MAX_SLOTS} different values.", start)
                    text = names[key] = library.variable(len(names), "time" if piece.kind == "time" else "any")
                    self.slots[text] = piece
                    kinds[text] = piece.kind
            self._origin.append((length, start))
            written.append(text)
            length += len(text) + 1
        whole = " ".join(written)
        try:
            self.compiled = library.compile_expression(whole)
            self._check_types(written, kinds)
        except DoesNotCompile as error:
            raise Fault(self._with_names(error.message), self._offset(whole, error.line, error.column)) from None

    def _check_types(self, written: list[str], kinds: Mapping[str, VariableType]) -> None:
        """Have the library check the types that the event's schema gives; run it untyped, data may be otherwise."""
        typed = {name: kind for name, kind in kinds.items() if kind in ("text", "bool")}
        if not typed:
            return
        pieces = [library.variable(int(text[2:]), typed[text]) if text in typed else text for text in written]
        library.compile_expression(" ".join(pieces))

    def _with_names(self, message: str) -> str:
        """Return the library's message in the author's names."""
        for name, slot in self.slots.items():
            for kind in ("any", "text", "bool", "time"):
                alias = library.variable(int(name[2:]), kind)
                label = slot.text if isinstance(slot, Path) else getattr(slot, "name", "has(...)")
                message = message.replace(f"'{alias}'", f"'{label}'")
        return message.replace(" (in container '')", "")

    def _offset(self, whole: str, line: int, column: int) -> int:
        if not line:
            return self._origin[0][1] if self._origin else 0
        lines = whole.split("\n")
        at = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
        before = [(theirs, ours) for theirs, ours in self._origin if theirs <= at] or self._origin[:1]
        theirs, ours = before[-1]
        return ours + max(0, at - theirs if isinstance(self.pieces[len(before) - 1], tuple) else 0)

    def roots(self) -> set[str]:
        """Return the roots whose data this expression uses."""
        found: set[str] = set()
        for slot in self.slots.values():
            if isinstance(slot, Path) and not slot.is_local:
                found.add(slot.root)
            elif isinstance(slot, Has | TableRow):
                found.add(slot.path.root)
            for node in _nodes_of(slot):
                found |= node.roots()
        return found

    def paths(self) -> set[tuple[str | int, ...]]:
        """Return every path into the data that this expression names, root first."""
        found: set[tuple[str | int, ...]] = set()
        for slot in self.slots.values():
            path = slot.path if isinstance(slot, Has | TableRow) else slot
            if isinstance(path, Path) and not path.is_local:
                found.add((path.root, *path.parts))
            for node in _nodes_of(slot):
                found |= node.paths()
        return found

    def value(self, scope: Scope) -> Any:
        """Return the value. Raises Fault; a missing field only where the scope is not soft."""
        if self.compiled is None:
            return self._of_slot(scope)
        values: dict[str, Any] = {}
        sizes: dict[str, Size] = {}
        faults: dict[str, Fault] = {}
        for name, slot in self.slots.items():
            try:
                found = slot.value(scope)
                if slot.kind == "time":
                    values[name], sizes[name] = found, Size(40)
                else:
                    values[name], sizes[name], work = library.clean(found)
                    scope.spent.add(work)
            except Fault as fault:
                faults[name] = fault
        gave_null = False
        while True:
            try:
                return self.compiled.evaluate(values, sizes, scope.spent.add)
            except Unbound as unbound:
                # Only now it is sure that the value was needed: `has(a.b) ? a.b : 1` never asks.
                absent = faults[unbound.name]
                if not _is_null(absent, scope):
                    raise absent from None
                scope.missing.append(absent.message)
                values[unbound.name], sizes[unbound.name] = None, Size(1)
                gave_null = True
            except Fault as reason:
                if _is_null(reason, scope):
                    scope.missing.append(reason.message)
                    return None
                if gave_null and reason.code != "too_large":
                    return None
                raise Fault(reason.message, self._start(), code=reason.code, is_missing=reason.is_missing) from None

    def _of_slot(self, scope: Scope) -> Any:
        slot = self.slots["_"]
        try:
            found = slot.value(scope)
        except Fault as fault:
            if _is_null(fault, scope):
                scope.missing.append(fault.message)
                return None
            raise
        if slot.kind == "time" or not isinstance(slot, Path):
            return found
        value, _, work = library.clean(found)
        scope.spent.add(work)
        return value

    def _start(self) -> int:
        return self._origin[0][1] if self._origin else 0


def _is_null(fault: Fault, scope: Scope) -> bool:
    """Whether what is missing counts as null. Variables and tables never do: they were forgotten, not left out by a
    platform."""
    return fault.is_missing and scope.is_soft and fault.code not in ("unknown_variable", "unknown_table")


def _nodes_of(piece: object) -> "tuple[Node, ...]":
    if isinstance(piece, TableRow):
        return (piece.key,)
    if isinstance(piece, Call):
        return piece.arguments
    if isinstance(piece, Loop):
        return (piece.over, *piece.bodies)
    return ()
