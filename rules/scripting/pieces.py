"""A script as its author's characters and the values between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """The place of a value: the environment variable it becomes, and where its expression stands in the script."""

    name: str
    offset: int


# A character of the author's, or a value in its place.
Unit = str | Value


class Misplaced(ValueError):
    """A value stands where it could be more than a value, or the script cannot be understood around it."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message, self.offset = message, offset


def units_of(pieces: Sequence[str | Value]) -> Iterator[Unit]:
    """Yield a script's characters and values one by one."""
    for piece in pieces:
        if isinstance(piece, Value):
            yield piece
        else:
            yield from piece
