"""What can be wrong with an expression."""


class ExpressionError(ValueError):
    """An expression cannot be compiled or evaluated. `line` and `column` count from 1, inside the whole value.

    `code` names the kind for programs, `at` the parameter that holds it (`parameters.message`), where there is one.
    `is_missing`: it failed only because data lacked a field.
    """

    def __init__(
        self,
        message: str,
        line: int = 1,
        column: int = 1,
        *,
        code: str = "invalid_expression",
        is_missing: bool = False,
        at: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column
        self.code, self.is_missing, self.at = code, is_missing, at

    def placed(self, at: str) -> "ExpressionError":
        """Return the same error with the parameter that it is in."""
        return ExpressionError(
            self.message, self.line, self.column, code=self.code, is_missing=self.is_missing, at=self.at or at
        )

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        return f"{where}{self.message} (line {self.line}, column {self.column})"


class Fault(Exception):
    """The same, with a place as an offset into the expression; becomes an ExpressionError further up."""

    def __init__(self, message: str, offset: int = 0, *, code: str = "invalid_expression", is_missing: bool = False):
        super().__init__(message)
        self.message, self.offset, self.code, self.is_missing = message, offset, code, is_missing


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
