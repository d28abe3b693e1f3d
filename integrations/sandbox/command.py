"""A command to start: its words, its environment, and files in memory that it reads through descriptors."""

import os
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


class MemoryFiles:
    """Contents that a command reads through inherited descriptors: they lie on no disk and on no command line."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def add(self, content: bytes) -> str:
        """Hold a content, and return the number of the descriptor from which it can be read once."""
        descriptor = os.memfd_create("script")
        self.descriptors.append(descriptor)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        return str(descriptor)

    def close(self) -> None:
        """Forget all contents."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class Command:
    """What to start. `user` is the number of the user and group to become first; None: whoever we are."""

    words: list[str]
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    cwd: str = "/"
    user: int | None = None
