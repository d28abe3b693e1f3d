"""Writes what concurrent requests bring in one transaction: one fsync for many rows.

The first request that comes becomes the leader and writes everything that waits, itself included; whoever comes
meanwhile waits for the next round, whose leader is the first of them. Under no load a request writes alone, at once.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from django.db import DataError, IntegrityError, connection, transaction

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

# What an item can do to a transaction by itself. Everything else is the database's trouble and everybody's.
_ITEMS_OWN = (IntegrityError, DataError)


class _Slot(Generic[Item, Outcome]):
    __slots__ = ("error", "is_written", "item", "leads", "outcome", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        # Held until it is this one's turn: to lead, or to go with an outcome.
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = self.is_written = False
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Outcome]):
    """`write` takes a list of items and returns one outcome for each, in order; it runs within `begin()`.

    Items are gathered once `begin()` was entered: on SQLite that is where one waits for the others who write, and
    whoever comes in the meantime still goes along. An item that breaks the transaction of its group fails alone.
    A group has at most `most` items, and as soon as they weigh more than `heaviest` no further ones.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Outcome]],
        most: int = 128,
        begin: Callable[[], AbstractContextManager[object]] = nullcontext,
        weigh: Callable[[Item], int] = lambda item: 0,
        heaviest: int = 0,
    ) -> None:
        self._write, self._most, self._begin = write, most, begin
        self._weigh, self._heaviest = weigh, heaviest
        self._lock = threading.Lock()
        self._waiting: list[_Slot[Item, Outcome]] = []
        self._is_led = False

    def submit(self, item: Item) -> Outcome:
        """Return the item's outcome once it is committed. Raises what `write` and `begin` raised."""
        slot: _Slot[Item, Outcome] = _Slot(item)
        with self._lock:
            self._waiting.append(slot)
            if not self._is_led:
                self._is_led = slot.leads = True
        if not slot.leads:
            slot.turn.acquire()
        if slot.leads:
            self._lead()
        if slot.error is not None:
            raise slot.error
        return slot.outcome  # type: ignore[return-value]

    def _lead(self) -> None:
        group: list[_Slot[Item, Outcome]] = []
        try:
            self._write_group(group)
        except BaseException as error:
            # Where it could not even begin, those who wait need not try it again one after the other.
            group += self._gather() if not group else []
            for slot in group:
                # Those that were written one by one before are committed.
                slot.error = None if slot.is_written else error
            raise
        finally:
            self._hand_over()
            for slot in group:
                slot.turn.release()

    def _write_group(self, group: list[_Slot[Item, Outcome]]) -> None:
        """Gather into `group` and write it."""
        try:
            with self._begin():
                group += self._gather()
                outcomes = self._write([slot.item for slot in group])
            for slot, outcome in zip(group, outcomes, strict=True):
                slot.outcome = outcome
        except _ITEMS_OWN as error:
            if len(group) == 1:
                group[0].error = error
                return
            for slot in group:
                self._write_alone(slot)

    def _write_alone(self, slot: _Slot[Item, Outcome]) -> None:
        try:
            with self._begin():
                (outcome,) = self._write([slot.item])
            slot.outcome, slot.is_written = outcome, True
        except _ITEMS_OWN as error:
            slot.error = error

    def _gather(self) -> list[_Slot[Item, Outcome]]:
        with self._lock:
            number, weight = 0, 0
            for slot in self._waiting[: self._most]:
                number, weight = number + 1, weight + self._weigh(slot.item)
                if weight > self._heaviest:
                    break
            group, self._waiting = self._waiting[:number], self._waiting[number:]
        return group

    def _hand_over(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()


def outermost() -> AbstractContextManager[object]:
    """Begin a transaction that is committed when its block ends; only within a test's own is it a part of that."""
    return transaction.atomic(durable=not connection.in_atomic_block)
