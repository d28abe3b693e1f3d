"""One writes for all who wait: everybody gets the outcome of his own item, whatever becomes of the group."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from webhooks.group_commit import GroupCommit

SOON = 10.0


class Writer:
    """Doubles what it is given; can be held up, and can be told to break."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.is_held = False
        self.breaks_on: int | None = None

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        self.entered.release()
        if self.is_held:
            assert self.go_on.acquire(timeout=SOON)
        if self.breaks_on in items:
            raise OSError("disk full")
        return [item * 2 for item in items]


def at_once(*calls: Callable[[], Any]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(SOON)
    return not any(thread.is_alive() for thread in threads)


class Asking:
    """Threads that submit an item each and keep what they got."""

    def __init__(self, group: GroupCommit[int, int]) -> None:
        self.group, self.got, self.threads = group, dict[int, Any](), list[threading.Thread]()

    def ask(self, *items: int) -> None:
        self.threads += at_once(*(lambda item=item: self._submit(item) for item in items))

    def _submit(self, item: int) -> None:
        try:
            self.got[item] = self.group.submit(item)
        except OSError as error:
            self.got[item] = str(error)

    def wait_until_waiting(self, number: int) -> None:
        """Return once so many stand behind the leader."""
        pause = threading.Event()
        for _ in range(int(SOON * 100)):
            with self.group._lock:
                if len(self.group._waiting) == number:
                    return
            pause.wait(0.01)
        raise AssertionError(f"{len(self.group._waiting)} wait, not {number}")


@pytest.fixture
def writer() -> Writer:
    return Writer()


def test_alone_one_writes_at_once(writer: Writer) -> None:
    group = GroupCommit(writer)
    assert [group.submit(1), group.submit(2)] == [2, 4]
    assert writer.groups == [[1], [2]]


def test_who_comes_during_a_write_is_written_in_one_go_after_it(writer: Writer) -> None:
    group, writer.is_held = GroupCommit(writer), True
    asking = Asking(group)
    asking.ask(1)
    assert writer.entered.acquire(timeout=SOON)
    asking.ask(2, 3, 4)
    asking.wait_until_waiting(3)
    writer.go_on.release(2)
    assert ended(asking.threads)
    assert [sorted(items) for items in writer.groups] == [[1], [2, 3, 4]]
    assert asking.got == {1: 2, 2: 4, 3: 6, 4: 8}


def test_a_group_is_no_larger_than_it_may_be(writer: Writer) -> None:
    group, writer.is_held = GroupCommit(writer, most=2), True
    asking = Asking(group)
    asking.ask(1)
    assert writer.entered.acquire(timeout=SOON)
    asking.ask(2, 3, 4, 5, 6)
    asking.wait_until_waiting(5)
    writer.go_on.release(4)
    assert ended(asking.threads)
    assert [len(items) for items in writer.groups] == [1, 2, 2, 1]
    assert asking.got == {item: item * 2 for item in range(1, 7)}


def test_an_error_reaches_everyone_of_its_group_and_nobody_else(writer: Writer) -> None:
    group, writer.is_held = GroupCommit(writer), True
    asking = Asking(group)
    asking.ask(1)
    assert writer.entered.acquire(timeout=SOON)
    asking.ask(2, 3)
    asking.wait_until_waiting(2)
    writer.breaks_on = 3
    writer.go_on.release()
    assert writer.entered.acquire(timeout=SOON)
    asking.ask(4, 5)
    asking.wait_until_waiting(2)
    writer.go_on.release(2)
    assert ended(asking.threads)
    assert asking.got == {1: 2, 2: "disk full", 3: "disk full", 4: 8, 5: 10}
    writer.is_held = False
    assert group.submit(6) == 12


def test_a_writer_that_loses_outcomes_is_an_error_for_all() -> None:
    group: GroupCommit[int, int] = GroupCommit(lambda items: [])
    with pytest.raises(ValueError, match="shorter"):
        group.submit(1)


def test_under_load_everybody_gets_his_own_outcome(writer: Writer) -> None:
    group, number, each = GroupCommit(writer, most=8), 24, 40
    got: list[list[int]] = [[] for _ in range(number)]

    def submit(place: int) -> None:
        for turn in range(each):
            got[place].append(group.submit(place * each + turn))

    assert ended(at_once(*(lambda place=place: submit(place) for place in range(number))))
    assert got == [[(place * each + turn) * 2 for turn in range(each)] for place in range(number)]
    assert sorted(item for items in writer.groups for item in items) == list(range(number * each))
    assert max(map(len, writer.groups)) <= 8
