"""Unique names under concurrency: a look beforehand tells most people, the database tells the one who was second."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

_UNIQUE_VIOLATION = "23505"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


@contextmanager
def unless_taken(refusal: Exception) -> Iterator[None]:
    """Save one row with a unique name within the block; raises `refusal` where another row has that name by then.

    The transaction around it stays usable.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if _is_duplicate(error):
            raise refusal from None
        raise


def _is_duplicate(error: IntegrityError) -> bool:
    code = getattr(error.__cause__, "sqlstate", None)
    return code == _UNIQUE_VIOLATION or "UNIQUE constraint failed" in str(error)
