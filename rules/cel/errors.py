"""What can be wrong with an expression."""


class ExpressionError(ValueError):
    """An expression cannot be compiled or evaluated. `line` and `column` count from 1, inside the whole value.

    `code` names the kind for programs. `is_missing`: it failed only because data lacked a field.
    """

    def __init__(
        self,
        message: str,
        line: int = 1,
        column: int = 1,
        *,
        code: str = "invalid_expression",
        is_missing: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.code, self.is_missing = message, line, column, code, is_missing

    def __str__(self) -> str:
        return f"{self.message} (line {self.line}, column {self.column})"


class Fault(Exception):
    """The same, with a place as an offset into the expression; becomes an ExpressionError further up."""

    def __init__(self, message: str, offset: int = 0, *, code: str = "invalid_expression", is_missing: bool = False):
        super().__init__(message)
        self.message, self.offset, self.code, self.is_missing = message, offset, code, is_missing


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
