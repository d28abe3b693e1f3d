"""Writes what concurrent requests bring in one transaction: one fsync for many rows.

The first request that comes becomes the leader and writes everything that waits, itself included; whoever comes
meanwhile waits for the next round, whose leader is the first of them. Under no load a request writes alone, at once.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class _Slot(Generic[Item, Outcome]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.turn = threading.Event()
        self.leads = False
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Outcome]):
    """`write` takes a list of items and returns one outcome for each, in order, once all of them are committed."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Outcome]], most: int = 64) -> None:
        self._write, self._most = write, most
        self._lock = threading.Lock()
        self._waiting: list[_Slot[Item, Outcome]] = []
        self._is_led = False

    def submit(self, item: Item) -> Outcome:
        """Return the item's outcome once it is committed. Raises what `write` raised."""
        slot: _Slot[Item, Outcome] = _Slot(item)
        with self._lock:
            self._waiting.append(slot)
            if not self._is_led:
                self._is_led = slot.leads = True
        if not slot.leads:
            slot.turn.wait()
        if slot.leads:
            self._lead()
        if slot.error is not None:
            raise slot.error
        return slot.outcome  # type: ignore[return-value]

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            for slot, outcome in zip(group, self._write([slot.item for slot in group]), strict=True):
                slot.outcome = outcome
        except BaseException as error:
            for slot in group:
                slot.error = error
            raise
        finally:
            self._hand_over()
            for slot in group:
                slot.turn.set()

    def _hand_over(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.set()
