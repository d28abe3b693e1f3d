"""What is done every so often, by one process at a time: whose turn it is stands in the database.

Any number of schedulers may ask; a turn that its process did not live to end is somebody else's after the lease.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from supportops import clock
from webhooks.models import Chore


@dataclass(frozen=True)
class Every:
    """A chore: its name, how often it is due, and how long one turn may take at most."""

    name: str
    interval: timedelta
    lease: timedelta

    def begin(self) -> datetime | None:
        """Take the turn if the chore is due; return what `end` wants to know, None when it is not ours."""
        now = clock.now()
        due_at = Chore.objects.filter(pk=self.name).values_list("due_at", flat=True).first()
        if due_at is None:
            Chore.objects.bulk_create([Chore(name=self.name, due_at=now)], ignore_conflicts=True)
        elif due_at > now:
            return None
        until = now + self.lease
        is_mine = Chore.objects.filter(pk=self.name, due_at__lte=now).update(due_at=until)
        return until if is_mine else None

    def end(self, turn: datetime, *, is_done: bool = True) -> None:
        """Give the turn back: the chore is due again after its interval, or at once when there is more of it."""
        next_at = clock.now() + (self.interval if is_done else timedelta(0))
        # Unless the lease ran out and somebody else has begun.
        Chore.objects.filter(pk=self.name, due_at=turn).update(due_at=next_at)
