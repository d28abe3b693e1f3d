"""Reads a Python script by Python's own parser, and writes each value as an expression that reads the environment."""

import ast
import io
import tokenize
from collections.abc import Sequence

from rules.scripting.pieces import Misplaced, Value

_READS = '(__import__("os").environ["%s"])'
_EVALUATORS = frozenset({"eval", "exec", "compile", "__import__"})
# Of modules whose functions hand a text to a shell: os.system, os.popen, subprocess.getoutput, ...
_TO_SHELL = frozenset({"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"})


def python_text(pieces: Sequence[str | Value]) -> str:
    """Return a script with its values written as expressions. Raises Misplaced."""
    values = {_stand_in(piece): piece for piece in pieces if isinstance(piece, Value)}
    for piece in pieces:
        if isinstance(piece, str) and any(name in piece for name in values):
            raise Misplaced("The names SO_VALUE_... are taken: use others.", next(iter(values.values())).offset)
    whole = "".join(_stand_in(piece) if isinstance(piece, Value) else piece for piece in pieces)
    first = next(iter(values.values()))
    try:
        tree = ast.parse(whole)
        tokens = list(tokenize.generate_tokens(io.StringIO(whole).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise Misplaced(f"The script is no Python around its values: {error}", first.offset) from None
    _check_tokens(tokens, values)
    _Places(values).check(tree)
    return "".join(_READS % piece.name if isinstance(piece, Value) else piece for piece in pieces)


def _stand_in(value: Value) -> str:
    """A name that stands where the value will, spaced so that it is a word of its own."""
    return f" {value.name.replace('SO_', 'SO_VALUE_')}_ "


def _check_tokens(tokens: Sequence[tokenize.TokenInfo], values: dict[str, Value]) -> None:
    by_name = {name.strip(): value for name, value in values.items()}
    for token in tokens:
        if token.type in (tokenize.NAME, tokenize.COMMENT):
            continue
        for name, value in by_name.items():
            if name in token.string:
                raise Misplaced("A value cannot stand inside a text: close the quotes, join it with +.", value.offset)


class _Places(ast.NodeVisitor):
    """Where the values stand: each where an expression is read, and none where a text is evaluated."""

    def __init__(self, values: dict[str, Value]) -> None:
        self._values = {name.strip(): value for name, value in values.items()}
        self._evaluated_by: list[str] = []
        self._found: set[str] = set()

    def check(self, tree: ast.AST) -> None:
        """Raise Misplaced where a value stands wrongly."""
        try:
            self.visit(tree)
        except RecursionError:
            first = next(iter(self._values.values()))
            raise Misplaced("The script is nested too deeply.", first.offset) from None
        for node in ast.walk(tree):
            for name in _names_in(node):
                if name in self._values:
                    raise Misplaced("A value cannot be a name here.", self._values[name].offset)

    def visit_Name(self, node: ast.Name) -> None:
        value = self._values.get(node.id)
        if value is None:
            return
        if not isinstance(node.ctx, ast.Load):
            raise Misplaced("Nothing can be assigned to a value.", value.offset)
        if self._evaluated_by:
            raise Misplaced(f"`{self._evaluated_by[-1]}` would evaluate this value.", value.offset)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        through_shell = any(
            keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in node.keywords
        )
        evaluates = name in _EVALUATORS or name in _TO_SHELL or through_shell
        if isinstance(node.func, ast.Name) and node.func.id in self._values:
            raise Misplaced("A value cannot be called.", self._values[node.func.id].offset)
        if evaluates:
            self._evaluated_by.append(name or "shell=True")
        self.generic_visit(node)
        if evaluates:
            self._evaluated_by.pop()

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self._values:
                raise Misplaced("A value cannot stand inside a text: join it with +.", self._values[inner.id].offset)


def _names_in(node: ast.AST) -> list[str]:
    """Return the names in a node that are no expressions: of attributes, arguments, imports, definitions."""
    found = [getattr(node, field, None) for field in ("attr", "arg", "name", "asname", "module", "rest", "kwd_attrs")]
    names = getattr(node, "names", None)
    listed = [item for item in names if isinstance(item, str)] if isinstance(names, list) else []
    return [item for item in found if isinstance(item, str)] + listed
