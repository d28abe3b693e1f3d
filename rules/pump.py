"""Keeps a worker's slots busy: claims work, runs its calls side by side, writes each outcome as it comes.

The pump itself knows nothing of steps or deliveries. A `Source` claims and prepares jobs in the pump's thread
(where the database is), the call of each runs in a slot (a thread that touches no database), and what came of it
goes back to the source. A call that hangs keeps its own slot and delays nobody; one integration holds at most a
quarter of the slots, one organization three quarters.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from rules import workers

log = structlog.get_logger()

# How long the pump waits for an outcome before it looks for new work again.
_LOOK_AGAIN = 0.2
# After the first outcome others follow closely, as a rule: written together they cost little more than one.
_LINGER = 0.008
_LINGER_AT_MOST = 0.05
# Rows to one claim.
_AT_ONCE = 32
# While calls wait for room of their own integration, others are looked for so often.
_LOOK_PAST = 0.05
# A lane whose calls have all been under way for so long is slow: more of its work than the next round is put back
# for some seconds, so that what else its organization has to do comes to the front.
_SLOW_AFTER = 1.0
_SLOW_WAIT = (5.0, 15.0)


@dataclass
class Job:
    """One call to make. `call` runs in a slot, touches no database and never raises; `lane` is what it shares
    a platform's patience with (an integration)."""

    organization_id: uuid.UUID
    lane: Hashable
    call: Callable[[], Any]
    work: Any
    source: "Source"
    # When the call began, by the monotonic clock.
    began: float = 0.0


class Source(Protocol):
    """Where a pump's work comes from."""

    def claim(self, room: int, without: Collection[uuid.UUID]) -> Sequence[Job] | None:
        """Claim up to `room` rows of organizations not in `without`; do at once what needs no call; return the rest.

        None: nothing was due.
        """

    def begin(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Write that these calls are about to be made; return those that still may be."""

    def finish(self, done: Sequence[tuple[Job, Any]]) -> Sequence[tuple[Job, Any]]:
        """Write what came of calls; return those that could not be written now and must be tried again."""

    def put_back(self, jobs: Sequence[Job], seconds: float) -> None:
        """Give up claims whose calls have not begun; they are due again after so long."""

    def let_go(self) -> None:
        """Give up every claim of this process whose call has not begun, whoever in it knows of it or not."""


class Pump:
    """Works until nothing is due and nothing is under way, or `seconds` are over and the last call has ended."""

    def __init__(self, sources: Sequence[Source], slots: int | None = None) -> None:
        self.sources = sources
        self.slots = slots or settings.WORKER_SLOTS
        self.lane_cap = max(1, self.slots // 4)
        self.organization_cap = max(1, self.slots * 3 // 4)
        self._ready: list[Job] = []
        self._in_flight: dict[Future[Any], Job] = {}
        self._unwritten: list[tuple[Job, Any]] = []
        self._may_hold_more = False
        self._looked_past = 0.0
        self._turn = -1

    def run(self, seconds: float = 60.0) -> int:
        """Pump, and return how many calls were made.

        Should the pump itself break, this process gives up its name as a worker, so that what it held goes to
        others within seconds.
        """
        try:
            with ThreadPoolExecutor(self.slots, thread_name_prefix="slot") as executor:
                return self._run(executor, time.monotonic() + seconds)
        except Exception:
            # Every call has ended by now. What came of them is not to be lost with the pump.
            self._save()
            workers.resign()
            raise
        except BaseException:
            workers.resign()
            raise

    def _save(self) -> None:
        self._unwritten += [(job, future.result()) for future, job in self._in_flight.items()]
        for source in self.sources:
            try:
                self._write(source)
            except Exception:
                log.exception("pump.outcomes_lost")

    def _run(self, executor: ThreadPoolExecutor, until: float) -> int:
        made = 0
        while True:
            has_claimed = False
            try:
                if time.monotonic() < until:
                    has_claimed = self._claim()
                made += self._start(executor)
            except (OperationalError, InterfaceError) as error:
                # The database is away. Calls under way are waited for, their outcomes kept until it is back.
                log.warning("pump.database_away", error=str(error)[:200])
                connection.close()
                # A claim may have been committed though its answer never came.
                self._may_hold_more = True
                if not self._in_flight and not self._unwritten and not self._ready:
                    raise
                time.sleep(_LOOK_AGAIN)
            if not self._in_flight and not self._unwritten:
                # What was done without a call may have made more due.
                if not self._ready and not has_claimed:
                    return made
                continue
            self._finish()

    def _claim(self) -> bool:
        """Keep some calls prepared, so that a slot that frees up finds work; claim many at once or none.

        Returns whether anything was due.
        """
        if self._may_hold_more:
            for source in self.sources:
                source.let_go()
            self._may_hold_more = False
        if self._ready and not self._may_look_past():
            return False
        has_claimed = False
        # Each in turn first: what one has to offer may fill every slot.
        self._turn = (self._turn + 1) % len(self.sources)
        for source in (*self.sources[self._turn :], *self.sources[: self._turn]):
            in_hand = Counter(job.organization_id for job in (*self._ready, *self._in_flight.values()))
            full = {organization for organization, count in in_hand.items() if count >= self.organization_cap}
            jobs = source.claim(_AT_ONCE, full)
            if jobs is not None:
                has_claimed = True
                self._ready.extend(jobs)
            if len(self._startable()) > self.slots // 4:
                break
        self._put_back_for_slow_lanes()
        return has_claimed

    def _may_look_past(self) -> bool:
        """Return whether to claim beside what is ready: little of it could start. Where some has no room at its
        integration that is looked for now and then, since it may stay so for long."""
        startable = len(self._startable())
        if startable > self.slots // 4:
            return False
        now = time.monotonic()
        if startable < len(self._ready) and now - self._looked_past < _LOOK_PAST:
            return False
        self._looked_past = now
        return True

    def _startable(self) -> list[Job]:
        """Return what would start if there were slots: an integration or organization at its cap keeps its own back."""
        lanes = Counter(job.lane for job in self._in_flight.values())
        organizations = Counter(job.organization_id for job in self._in_flight.values())
        found = []
        for job in self._ready:
            if lanes[job.lane] < self.lane_cap and organizations[job.organization_id] < self.organization_cap:
                found.append(job)
                lanes[job.lane] += 1
                organizations[job.organization_id] += 1
        return found

    def _put_back_for_slow_lanes(self) -> None:
        slow = self._slow_lanes()
        if not slow:
            return
        kept: Counter[Hashable] = Counter()
        over: list[Job] = []
        for job in self._ready:
            kept[job.lane] += 1
            if job.lane in slow and kept[job.lane] > self.lane_cap:
                over.append(job)
        for source in self.sources:
            if mine := [job for job in over if job.source is source]:
                source.put_back(mine, random.uniform(*_SLOW_WAIT))  # noqa: S311 - spreads load, no secret
        gone = {id(job) for job in over}
        self._ready = [job for job in self._ready if id(job) not in gone]

    def _slow_lanes(self) -> set[Hashable]:
        """Return the lanes that are at their cap with calls that have all been under way for long."""
        border = time.monotonic() - _SLOW_AFTER
        long_ago = Counter(job.lane for job in self._in_flight.values() if job.began < border)
        return {lane for lane, count in long_ago.items() if count >= self.lane_cap}

    def _start(self, executor: ThreadPoolExecutor) -> int:
        starting = self._startable()[: self.slots - len(self._in_flight)]
        taken = {id(job) for job in starting}
        self._ready = [job for job in self._ready if id(job) not in taken]
        begun = 0
        for source in self.sources:
            mine = [job for job in starting if job.source is source]
            if not mine:
                continue
            try:
                begin = source.begin(mine)
            except (OperationalError, InterfaceError):
                self._ready += mine
                raise
            for job in begin:
                job.began = time.monotonic()
                self._in_flight[executor.submit(job.call)] = job
            begun += len(begin)
        return begun

    def _finish(self) -> None:
        if self._unwritten:
            time.sleep(_LOOK_AGAIN)
        wait(self._in_flight, timeout=_LOOK_AGAIN, return_when=FIRST_COMPLETED)
        self._linger()
        done = [future for future in self._in_flight if future.done()]
        outcomes = self._unwritten + [(self._in_flight.pop(future), future.result()) for future in done]
        self._unwritten = outcomes
        for source in self.sources:
            self._write(source)

    def _linger(self) -> None:
        """Wait for more outcomes for as long as they follow closely, and not for long in all."""
        until = time.monotonic() + _LINGER_AT_MOST
        pending = {future for future in self._in_flight if not future.done()}
        while pending and time.monotonic() < until:
            done, pending = wait(pending, timeout=_LINGER, return_when=FIRST_COMPLETED)
            if not done:
                return

    def _write(self, source: Source) -> None:
        mine = [pair for pair in self._unwritten if pair[0].source is source]
        if mine:
            left = source.finish(mine)
            self._unwritten = [pair for pair in self._unwritten if pair[0].source is not source] + list(left)
