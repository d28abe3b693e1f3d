"""What is wrong with what a person gave for a rule, and where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`attr` is a dotted path into the document, `code` names the kind for programs, `detail` says what to do."""

    attr: str
    code: str
    detail: str


class Refused(Exception):
    """There are problems; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = list(problems)
