"""What is said to people whose wish cannot be done: each problem with its place."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """What is wrong with what a person gave, and where: `attr` is a dotted path into the request."""

    attr: str
    code: str
    detail: str


class Refused(Exception):
    """What a person gave cannot be taken; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = list(problems)
