"""Walks an organization's chain from its beginning (or the last checkpoint) to its head and finds where it was broken.

Streams in batches: its memory does not grow with the log. Changes nothing and locks nothing; entries may be written,
sealed and trimmed meanwhile.
"""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Subquery

from audit import chain
from audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditSeal, AuditUnsealed
from audit.sealing import Head, head
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import current_organization_id, working_for

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the chain found.

    `first_broken` is the first position where it does not hold. `unsealed` entries still wait for their seal: they
    are guarded by the database alone until then, so many or old ones say that the sealer does not run.
    """

    entries: int
    head: Head
    first_broken: int | None = None
    reason: str = ""
    entry_id: uuid.UUID | None = None
    trimmed_to: int = 0
    unsealed: int = 0
    oldest_unsealed_at: datetime | None = None

    @property
    def valid(self) -> bool:
        return self.first_broken is None


class Broken(Exception):
    """The chain does not hold at `position`."""

    def __init__(self, position: int, reason: str, entry_id: uuid.UUID | None = None) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position, self.reason, self.entry_id = position, reason, entry_id


def verify(organization: Organization) -> Verification:
    """Return whether the organization's log is as it was written, and if not, where it is broken first."""
    with working_for(organization):
        end = head()
        waiting = AuditUnsealed.objects.order_by("id")
        oldest = waiting.values_list("id", flat=True).first()
        found: dict[str, Any] = {
            "unsealed": waiting.count(),
            "oldest_unsealed_at": AuditEntry.objects.filter(id=oldest).values_list("at", flat=True).first(),
        }
        walk = _Walk()
        try:
            walk.to(end)
            _check_for_strays(end)
        except Broken as broken:
            found |= {"first_broken": broken.position, "reason": broken.reason, "entry_id": broken.entry_id}
        return Verification(entries=walk.entries, head=end, trimmed_to=walk.trimmed_to, **found)


class _Walk:
    def __init__(self) -> None:
        self.entries = 0
        self.trimmed_to = 0

    def to(self, end: Head) -> None:
        """Walk to `end`. Raises Broken."""
        reached = self.on(self.checkpoints(), end)
        if reached.hash != end.hash and reached.position == end.position:
            raise Broken(end.position, "the last hash is not the one that the head of the chain says")

    def on(self, reached: Head, end: Head) -> Head:
        """Walk from `reached` to the position of `end` and return where that is. Raises Broken."""
        while reached.position < end.position:
            seals = list(
                AuditSeal.objects.filter(position__gt=reached.position, position__lte=end.position)
                .order_by("position")
                .values_list("position", "entry_id", "hash")[:BATCH]
            )
            if not seals:
                raise Broken(reached.position + 1, f"the chain ends here; its head says {end.position}: it was cut off")
            try:
                reached = check_segment(reached, seals)
                self.entries += len(seals)
            except Broken as broken:
                # Retention may have removed what was being read: then a checkpoint stands for it now.
                trimmed = self.checkpoints()
                if trimmed.position < broken.position:
                    self.entries += broken.position - reached.position - 1
                    raise
                reached = trimmed
        return reached

    def checkpoints(self) -> Head:
        """Return the end of what was trimmed. Raises Broken where checkpoints do not join."""
        reached = Head()
        rows = AuditCheckpoint.objects.order_by("last_position").values_list(
            "first_position", "last_position", "entries", "last_hash"
        )
        for first, last, entries, last_hash in rows.iterator():
            if first != reached.position + 1 or entries != last - first + 1:
                raise Broken(reached.position + 1, f"the checkpoint of positions {first} to {last} does not join")
            reached = Head(last, last_hash)
        self.trimmed_to = reached.position
        return reached


def check_segment(before: Head, seals: Iterable[tuple[int, uuid.UUID, str]]) -> Head:
    """Walk on from `before` along `seals` (position, entry, hash) and return the end. Raises Broken."""
    seals = list(seals)
    entries = {entry.id: entry for entry in AuditEntry.objects.filter(id__in=[seal[1] for seal in seals])}
    reached = before
    for position, entry_id, sealed_hash in seals:
        expected = reached.position + 1
        if position != expected:
            raise Broken(expected, f"the chain goes on at position {position}: what stood before it is missing")
        entry = entries.get(entry_id)
        if entry is None:
            raise Broken(position, "the entry was deleted", entry_id)
        if chain.hash_of(chain.entry_fields(entry), position, reached.hash) != sealed_hash:
            raise Broken(position, "the entry or its place was changed", entry_id)
        reached = Head(position, sealed_hash)
    return reached


def _check_for_strays(end: Head) -> None:
    """Find what stands outside of the chain. Raises Broken."""
    # One statement each, since meanwhile entries may be written and sealed.
    last = AuditHead.objects.values("position")[:1]
    beyond = AuditSeal.objects.order_by("position")
    if end.position:
        beyond = beyond.filter(position__gt=Subquery(last))
    else:
        beyond = beyond.filter(~Exists(AuditHead.objects.all()))
    seal = beyond.first()
    if seal is not None:
        raise Broken(seal.position, "a seal stands beyond the head of the chain", seal.entry_id)
    in_organization = {"organization_id": current_organization_id()}
    stray = (
        AuditEntry.objects.filter(
            ~Exists(AuditSeal.across_organizations.filter(entry_id=OuterRef("id"), **in_organization)),
            ~Exists(AuditUnsealed.across_organizations.filter(id=OuterRef("id"), **in_organization)),
        )
        .order_by("id")
        .first()
    )
    if stray is not None:
        raise Broken(
            end.position + 1, "an entry neither stands in the chain nor waits for its place: it was inserted", stray.id
        )


@dataclass(frozen=True, slots=True)
class Part:
    """How far a walk in parts has come, from the last checkpoint to `end`; `broken` is where it ended early."""

    reached: Head
    end: Head
    entries: int = 0
    is_done: bool = False
    broken: Broken | None = None


def verify_part(before: Part | None, seconds: float) -> Part:
    """Walk on for about so many seconds along the chain of the organization in scope; None begins at its beginning.

    For pages, whose requests are short: each takes up what the one before returned.
    """
    until = time.monotonic() + seconds
    walk = _Walk()
    part = before
    try:
        if part is None:
            part = Part(walk.checkpoints(), head())
        reached, entries = part.reached, part.entries
        while reached.position < part.end.position and time.monotonic() < until:
            step = Head(min(reached.position + BATCH, part.end.position), part.end.hash)
            reached = walk.on(reached, step)
            entries = part.entries + walk.entries
        if reached.position < part.end.position:
            return replace(part, reached=reached, entries=entries)
        if reached.hash != part.end.hash:
            raise Broken(part.end.position, "the last hash is not the one that the head of the chain says")
        _check_for_strays(part.end)
        return replace(part, reached=reached, entries=entries, is_done=True)
    except Broken as broken:
        held = part or Part(Head(), head())
        return replace(held, entries=held.entries + walk.entries, is_done=True, broken=broken)
