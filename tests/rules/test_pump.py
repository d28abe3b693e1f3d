"""The pump: calls side by side, one that hangs delays nobody, outcomes are kept while the database is away."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import OperationalError

from rules import workers
from rules.pump import Job, Pump

ADA, BO = uuid.UUID(int=1), uuid.UUID(int=2)


@dataclass
class Heap:
    """Work in memory: hands out jobs, notes what began and what came of it."""

    jobs: list[Job] = field(default_factory=list)
    # The most calls under way at once, of all and of each lane and organization.
    most: Counter[Any] = field(default_factory=Counter)
    begun: int = 0
    finished: list[Any] = field(default_factory=list)
    put_aside: list[Job] = field(default_factory=list)
    refuse_outcomes: int = 0
    when_let_go: threading.Event = field(default_factory=threading.Event)
    _under_way: Counter[Any] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Callable[[], Any], *, lane: Hashable = "lane", organization: uuid.UUID = ADA) -> None:
        def counted() -> Any:
            names = ["all", lane, organization]
            with self._lock:
                self._under_way.update(names)
                for name in names:
                    self.most[name] = max(self.most[name], self._under_way[name])
            try:
                return call()
            finally:
                with self._lock:
                    self._under_way.subtract(names)

        self.jobs.append(Job(organization, lane, counted, None, self))

    def claim(self, room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        fit = [job for job in self.jobs if job.organization_id not in without][:room]
        self.jobs = [job for job in self.jobs if job not in fit]
        return fit or None

    def begin(self, jobs: Sequence[Job]) -> Sequence[Job]:
        self.begun += len(jobs)
        return jobs

    def finish(self, done: Sequence[tuple[Job, Any]]) -> Sequence[tuple[Job, Any]]:
        if self.refuse_outcomes:
            self.refuse_outcomes -= 1
            return done
        self.finished += [outcome for _, outcome in done]
        return []

    def put_back(self, jobs: Sequence[Job], seconds: float) -> None:
        assert 5 <= seconds <= 15
        self.put_aside += jobs

    def let_go(self) -> None:
        self.when_let_go.set()


def briefly() -> str:
    """A call that lasts long enough for others to begin beside it."""
    threading.Event().wait(0.02)
    return "done"


def test_every_call_is_made_once_and_its_outcome_written_once() -> None:
    heap = Heap()
    for number in range(100):
        heap.add(lambda number=number: number, lane=number)
    assert Pump([heap], slots=8).run() == 100
    assert sorted(heap.finished) == list(range(100))


def test_a_call_that_hangs_delays_nobody() -> None:
    heap, others_are_done = Heap(), threading.Event()
    heap.add(lambda: others_are_done.wait(20), lane="hangs")
    for number in range(40):
        heap.add(lambda number=number: number, lane=number)
    real = heap.finish

    def finish(done: Sequence[tuple[Job, Any]]) -> Sequence[tuple[Job, Any]]:
        left = real(done)
        if len(heap.finished) == 40:
            others_are_done.set()
        return left

    heap.finish = finish  # type: ignore[method-assign]
    assert Pump([heap], slots=8).run() == 41
    # True: the hanging call was released by the outcomes of all others, not by its own end.
    assert heap.finished[-1] is True
    assert sorted(heap.finished[:-1]) == list(range(40))


def test_one_integration_holds_at_most_a_quarter_of_the_slots() -> None:
    heap = Heap()
    for _ in range(40):
        heap.add(briefly, lane="slow")
    Pump([heap], slots=16).run()
    assert heap.most["slow"] == 4
    assert len(heap.finished) == 40


def test_one_organization_holds_at_most_three_quarters_of_the_slots() -> None:
    heap = Heap()
    for number in range(60):
        heap.add(briefly, lane=number)
    for number in range(4):
        heap.add(briefly, lane=("bo", number), organization=BO)
    Pump([heap], slots=16).run()
    assert heap.most[ADA] == 12
    assert heap.most["all"] <= 16
    assert len(heap.finished) == 64


def test_an_organization_with_enough_in_hand_is_left_out_of_the_next_claim() -> None:
    heap, is_left_out = Heap(), threading.Event()
    real = heap.claim

    def claim(room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        if ADA in without:
            is_left_out.set()
        return real(room, without)

    heap.claim = claim  # type: ignore[method-assign]
    for number in range(12):  # three quarters of the slots
        heap.add(lambda: is_left_out.wait(10), lane=number)
    Pump([heap], slots=16).run()
    assert heap.finished == [True] * 12


def test_outcomes_are_kept_until_the_database_takes_them() -> None:
    heap = Heap(refuse_outcomes=3)
    heap.add(lambda: "what happened")
    assert Pump([heap], slots=4).run() == 1
    assert heap.finished == ["what happened"], "made once, and told in the end"


@pytest.mark.django_db
def test_a_claim_that_fails_while_calls_are_under_way_loses_none_of_them() -> None:
    heap, failed = Heap(), threading.Event()
    heap.add(lambda: failed.wait(10))
    real = heap.claim

    def claim(room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        if heap.begun and not failed.is_set():
            failed.set()
            raise OperationalError("the database is away")
        return real(room, without)

    heap.claim = claim  # type: ignore[method-assign]
    Pump([heap], slots=4).run()
    assert heap.finished == [True]


@pytest.mark.django_db(transaction=True)
def test_a_pump_that_breaks_gives_up_its_name_so_that_others_take_over() -> None:
    before = workers.this_worker_id()
    heap = Heap()
    heap.add(lambda: None)

    def begin(jobs: Sequence[Job]) -> Sequence[Job]:
        raise ZeroDivisionError

    heap.begin = begin  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        Pump([heap], slots=4).run()
    assert workers.this_worker_id() != before


def test_work_that_needs_no_call_does_not_end_the_pump() -> None:
    heap = Heap()
    heap.add(lambda: "at last")
    rounds = [[], [], []]  # type: list[list[Job]]
    real = heap.claim
    heap.claim = lambda room, without: rounds.pop() if rounds else real(room, without)  # type: ignore[method-assign]
    assert Pump([heap], slots=4).run() == 1
    assert heap.finished == ["at last"]


def test_after_its_time_a_pump_claims_nothing_more() -> None:
    heap = Heap()
    heap.add(lambda: "never")
    assert Pump([heap], slots=4).run(seconds=0) == 0
    assert len(heap.jobs) == 1


def test_an_integration_that_hangs_with_much_to_do_keeps_no_other_back() -> None:
    heap, the_other_is_done = Heap(), threading.Event()
    for _ in range(200):
        heap.add(lambda: the_other_is_done.wait(20), lane="hangs")
    pump = threading.Thread(target=Pump([heap], slots=8).run)
    pump.start()
    while heap.most["hangs"] < 2:
        time.sleep(0.01)
    heap.add(the_other_is_done.set, lane="quiet", organization=BO)
    pump.join(20)
    # The calls that hang were all released by the quiet one, none by its own end (False).
    assert False not in heap.finished
    assert len(heap.finished) > 1
    assert heap.most["hangs"] == 2


def test_beside_an_integration_that_hangs_its_own_organization_goes_on() -> None:
    heap, the_other_is_done = Heap(), threading.Event()
    for _ in range(60):
        heap.add(lambda: the_other_is_done.wait(20), lane="hangs")
    heap.add(the_other_is_done.set, lane="healthy")
    Pump([heap], slots=8).run()
    # Claimed last, behind 60 that could not go: those that nobody has room for soon are due again later.
    assert False not in heap.finished
    assert len(heap.put_aside) > 40
    assert len(heap.finished) + len(heap.put_aside) == 61


def test_after_the_database_was_away_claims_that_nobody_knows_of_are_given_up() -> None:
    heap, calls, is_let_go = Heap(), 0, threading.Event()
    heap.add(lambda: is_let_go.wait(10))
    real = heap.claim

    def claim(room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OperationalError("the answer to the commit got lost")
        return real(room, without)

    heap.claim = claim  # type: ignore[method-assign]
    heap.when_let_go = is_let_go
    Pump([heap], slots=8).run()
    assert heap.finished == [True]


def test_a_source_that_raises_takes_no_outcome_with_it() -> None:
    heap, has_begun = Heap(), threading.Event()

    def call() -> str:
        has_begun.set()
        return briefly()

    heap.add(call)
    real = heap.claim

    def claim(room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        if has_begun.is_set():
            raise ValueError("nobody foresaw this")
        return real(room, without)

    heap.claim = claim  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="foresaw"):
        Pump([heap], slots=8).run()
    assert heap.finished == ["done"]
