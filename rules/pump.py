"""Keeps a worker's slots busy: claims work, runs its calls side by side, writes each outcome as it comes.

The pump itself knows nothing of steps or deliveries. A `Source` claims and prepares jobs in the pump's thread
(where the database is), the call of each runs in a slot (a thread that touches no database), and what came of it
goes back to the source. A call that hangs keeps its own slot and delays nobody; one integration holds at most a
quarter of the slots, one organization three quarters.
"""

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
# Rows to one claim.
_AT_ONCE = 32


@dataclass
class Job:
    """One call to make. `call` runs in a slot, touches no database and never raises; `lane` is what it shares
    a platform's patience with (an integration)."""

    organization_id: uuid.UUID
    lane: Hashable
    call: Callable[[], Any]
    work: Any
    source: "Source"


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

    def run(self, seconds: float = 60.0) -> int:
        """Pump, and return how many calls were made.

        Should the pump itself break, this process gives up its name as a worker, so that what it held goes to
        others within seconds.
        """
        try:
            with ThreadPoolExecutor(self.slots, thread_name_prefix="slot") as executor:
                return self._run(executor, time.monotonic() + seconds)
        except BaseException:
            workers.resign()
            raise

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
                if not self._in_flight and not self._unwritten:
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
        has_claimed = False
        for source in self.sources:
            if len(self._ready) > self.slots // 4:
                break
            in_hand = Counter(job.organization_id for job in (*self._ready, *self._in_flight.values()))
            full = {organization for organization, count in in_hand.items() if count >= self.organization_cap}
            jobs = source.claim(_AT_ONCE, full)
            if jobs is not None:
                has_claimed = True
                self._ready.extend(jobs)
        return has_claimed

    def _start(self, executor: ThreadPoolExecutor) -> int:
        lanes = Counter(job.lane for job in self._in_flight.values())
        organizations = Counter(job.organization_id for job in self._in_flight.values())
        starting: list[Job] = []
        staying: list[Job] = []
        free = self.slots - len(self._in_flight)
        for job in self._ready:
            has_room = lanes[job.lane] < self.lane_cap and organizations[job.organization_id] < self.organization_cap
            if len(starting) < free and has_room:
                starting.append(job)
                lanes[job.lane] += 1
                organizations[job.organization_id] += 1
            else:
                staying.append(job)
        self._ready = staying
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
                self._in_flight[executor.submit(job.call)] = job
            begun += len(begin)
        return begun

    def _finish(self) -> None:
        if self._unwritten:
            time.sleep(_LOOK_AGAIN)
        wait(self._in_flight, timeout=_LOOK_AGAIN, return_when=FIRST_COMPLETED)
        wait(self._in_flight, timeout=_LINGER)
        done = [future for future in self._in_flight if future.done()]
        outcomes = self._unwritten + [(self._in_flight.pop(future), future.result()) for future in done]
        self._unwritten = []
        for source in self.sources:
            mine = [(job, outcome) for job, outcome in outcomes if job.source is source]
            if mine:
                self._unwritten += source.finish(mine)
