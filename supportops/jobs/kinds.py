"""What long work there is: generators that do a slice, yield how far they are, and can be stopped after each.

::

    @job("dead_letters.retry")
    def retry_dead_letters(parameters: dict[str, Any], cursor: Any) -> JobSteps:
        for letters in batches(parameters["ids"], after=cursor):
            retry(letters)
            yield Progress(done=..., cursor=letters[-1].id)
        return {"retried": ...}

A slice (what happens up to a yield) and its cursor are committed together, so that a slice is done once, whatever
happens to the worker. Slices are short: a few seconds at most. Work that calls platforms says ``atomic=False``, since
the network stands outside of transactions; its slices may then be repeated after a crash.
Kinds stand in a module `jobs.py` of an installed application, which is imported at the start.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True)
class Progress:
    """How far a job is: slices done, where to go on, and of how many where that is known."""

    done: int
    cursor: Any = None
    total: int | None = None


JobSteps = Generator[Progress, None, Any]
JobFunction = Callable[[dict[str, Any], Any], JobSteps]


class JobFailed(Exception):
    """The job cannot go on; the message is for people."""


class UnknownKind(LookupError):
    """No installed application has a job of this kind."""


@dataclass(frozen=True)
class Kind:
    """A kind of job: its name, what does it, and whether a slice is one transaction."""

    name: str
    function: JobFunction
    atomic: bool
    # What people read; the name where there is none.
    title: "str | StrPromise" = ""


_kinds: dict[str, Kind] = {}


def job(name: str, *, atomic: bool = True, title: "str | StrPromise" = "") -> Callable[[JobFunction], JobFunction]:
    """Declare the decorated generator as the job `name`. Raises ValueError for a name that is taken."""

    def declare(function: JobFunction) -> JobFunction:
        known = _kinds.get(name)
        if known is not None and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"There are two jobs '{name}': {known.function.__module__} and {function.__module__}.")
        _kinds[name] = Kind(name, function, atomic, title)
        return function

    return declare


def kind_of(name: str) -> Kind:
    """Return the kind with this name. Raises UnknownKind."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"There is no job '{name}'.") from None


def title_of(name: str) -> str:
    """Return what people read for the job `name`; the name itself where nobody gave one."""
    known = _kinds.get(name)
    return str(known.title) if known is not None and known.title else name
