"""Who acts, from where, and as part of what: the background that every audit entry takes its first half from."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

ActorType = Literal["user", "token", "platform", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts. `id` stays in the entry; `name` (a person's name or address) is kept erasable."""

    type: ActorType
    id: str = ""
    name: str = ""


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Acting:
    """The actor together with the address, request and trace of what he does."""

    actor: Actor = SYSTEM
    ip: str = ""
    request_id: str = ""
    trace_id: str = ""


_current: ContextVar[Acting] = ContextVar("acting", default=Acting())  # noqa: B039 - frozen


def current() -> Acting:
    """Return who acts right now; the system itself where nobody was named."""
    return _current.get()


@contextmanager
def acting_as(
    actor: Actor | None = None,
    *,
    ip: str | None = None,
    request_id: str | None = None,
    trace_id: str | None = None,
) -> Iterator[Acting]:
    """Let `actor` act within the block. What is not given stays as it is outside; blocks nest.

    Contexts do not follow into threads by themselves: code that hands work to another thread enters it there anew.
    """
    outer = _current.get()
    inner = Acting(
        actor=outer.actor if actor is None else actor,
        ip=outer.ip if ip is None else ip,
        request_id=outer.request_id if request_id is None else request_id,
        trace_id=outer.trace_id if trace_id is None else trace_id,
    )
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)
