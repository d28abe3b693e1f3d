"""Questions to connectors where no failure may be the answer: receiving goes on whatever code of others does."""

from collections.abc import Callable
from typing import TypeVar

import structlog

from integrations.errors import CODE_OF_OTHERS_RAISES, told

T = TypeVar("T")

log = structlog.get_logger()


def asked(question: Callable[..., object], *arguments: object, kind: type[T]) -> T | None:
    """Return what a connector's method answers, None where it raises or answers with something else than `kind`.

    What happened stands in the log: the connector is wrong, and its author must hear of it.
    """
    try:
        answer = question(*arguments)
    except CODE_OF_OTHERS_RAISES as error:
        log.exception("connector.broken", method=_name(question), error=told(error))
        return None
    if answer is None or isinstance(answer, kind):
        return answer
    why = f"answered with {type(answer).__name__}, not {getattr(kind, '__name__', kind)}"
    log.error("connector.broken", method=_name(question), error=why)
    return None


def asked_for_text(question: Callable[..., object], *arguments: object) -> str | None:
    """Return a text in answer to a question as `asked` does; a number counts as its digits."""
    answer = asked(question, *arguments, kind=str | int)  # type: ignore[arg-type]
    return answer if answer is None or isinstance(answer, str) else str(answer)


def _name(question: Callable[..., object]) -> str:
    return f"{question.__module__}.{getattr(question, '__qualname__', type(question).__name__)}"
