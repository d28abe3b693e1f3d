"""The items of steps with `for_each`: rows of their own beside the step that they belong to.

An item is claimed, tried again and held uncertain like any step. Its step rests meanwhile, and is moved on here by each
settlement that touches its run: the next items begin, and once the last one has ended the step gets their sum. Nothing
polls, and nothing is done here for runs without `for_each`.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q
from django.db.models.functions import Length

from rules import wake
from rules.document import item_name
from rules.models import Step, StepContent, StepStatus
from rules.models.history import STEP_ENDED
from rules.outputs import MOST_BYTES
from supportops import odd_json
from supportops.bulk import insert_rows
from supportops.ids import new_id

if TYPE_CHECKING:
    from rules.settling import Settlement

# What a step waits for whose items are not all over.
ITEMS = "items"
# Of so many items that failed the step's output names the reason; all are counted.
MOST_ERRORS = 100
_LONGEST_ERROR = 200


@dataclass
class Counts:
    """How the items of one step are."""

    by_status: Counter[str] = field(default_factory=Counter)
    # Pending, and not to be claimed yet.
    untouched: int = 0

    @property
    def total(self) -> int:
        return self.by_status.total()

    @property
    def open(self) -> int:
        """How many have not ended."""
        return self.total - sum(self.by_status[status] for status in STEP_ENDED)

    @property
    def active(self) -> int:
        """How many are worked on, or could be at once."""
        return self.by_status[StepStatus.RUNNING] + self.by_status[StepStatus.PENDING] - self.untouched

    @property
    def in_flight(self) -> int:
        """How many take up room: all that have begun, but those that only a person can move on."""
        return self.active + self.by_status[StepStatus.WAITING]

    def cut_off(self) -> None:
        """Those that have not begun do not."""
        self.by_status[StepStatus.PENDING] -= self.untouched
        self.by_status[StepStatus.CANCELLED] += self.untouched
        self.untouched = 0

    def start(self, number: int) -> None:
        """So many begin."""
        self.untouched -= number

    def as_dict(self) -> dict[str, int]:
        """Return what is said of them: how many there are, and how they ended."""
        names = ("succeeded", "failed", "skipped", "cancelled")
        return {"items": self.total, **{name: self.by_status[name] for name in names if self.by_status[name]}}


def create(parent: Step, values: Sequence[Any]) -> None:
    """Write the items of a step, none of which has begun. Its caller has it wait for them."""
    ids = [new_id() for _ in values]
    insert_rows(
        Step,
        [{"id": pk, "position": index, "name": item_name(parent.name, index)} for index, pk in enumerate(ids)],
        organization_id=parent.organization_id,
        run_id=parent.run_id,
        parent_step_id=parent.pk,
        platform=parent.platform,
        action=parent.action,
        queue=parent.queue,
    )
    insert_rows(StepContent, [{"step_id": pk, "item": value} for pk, value in zip(ids, values, strict=True)])


def has_items(step: Step) -> bool:
    """Return whether a step with `for_each` has come so far that its list is known."""
    return Step.objects.filter(parent_step_id=step.pk).exists()


def restart(parent: Step) -> None:
    """Put the items back that failed or were cut off; those that are done stay so."""
    again = Q(status__in=(StepStatus.FAILED, StepStatus.CANCELLED))
    Step.objects.filter(again, parent_step_id=parent.pk).update(
        status=StepStatus.PENDING,
        attempts_before=F("attempts_made"),
        error="",
        error_class="",
        finished_at=None,
    )


def cancel(run_ids: Collection[uuid.UUID], now: datetime) -> None:
    """End the items of runs that have not ended and of which no call is under way. Whoever holds one finds its fence
    moved on, and sends nothing."""
    Step.objects.filter(run__in=run_ids, parent_step_id__isnull=False, sending_since__isnull=True).exclude(
        status__in=STEP_ENDED
    ).update(
        status=StepStatus.CANCELLED,
        fence=F("fence") + 1,
        worker_id=None,
        due_at=None,
        deadline_at=None,
        waits_for="",
        finished_at=now,
    )


def move_on(settlement: "Settlement", parents: Sequence[Step]) -> set[uuid.UUID]:
    """Begin the next items of steps that wait for theirs, end those steps whose items are over, and return the steps of
    which some item can be worked on now."""
    counts = count(parents, settlement.items())
    for parent in parents:
        if not counts[parent.pk].open:
            _end(settlement, parent, counts[parent.pk])
    for parent in parents:
        known = counts[parent.pk]
        if not known.open:
            continue
        if known.untouched and _is_over(settlement, parent, known):
            _untouched(parent).update(status=StepStatus.CANCELLED, finished_at=settlement.now)
            known.cut_off()
            if not known.open:
                _end(settlement, parent, known)
        elif known.untouched:
            known.start(_start(parent, settlement.items_in_flight(parent) - known.in_flight, settlement.now))
    return {step_id for step_id, known in counts.items() if known.active}


def count(parents: Sequence[Step], changed: Iterable[Step]) -> dict[uuid.UUID, Counts]:
    """Return how the items of each step are. `changed`: items as they will be, whatever their rows still say."""
    found = {parent.pk: Counts() for parent in parents}
    here = {item.pk: item for item in changed if item.parent_step_id in found}
    untouched = Q(status=StepStatus.PENDING, due_at__isnull=True, worker_id__isnull=True)
    rows = (
        Step.objects.filter(parent_step_id__in=found)
        .exclude(pk__in=here)
        .order_by()
        .annotate(is_untouched=ExpressionWrapper(untouched, output_field=BooleanField()))
        .values_list("parent_step_id", "status", "is_untouched")
        .annotate(number=Count("pk"))
    )
    for parent_id, status, is_untouched, number in rows:
        found[parent_id].by_status[status] += number
        found[parent_id].untouched += number if is_untouched else 0
    for item in here.values():
        if item.parent_step_id is not None:
            found[item.parent_step_id].by_status[item.status] += 1
    return found


def _is_over(settlement: "Settlement", parent: Step, known: Counts) -> bool:
    """Return whether no more items begin: one failed for good, or the run ends."""
    if known.by_status[StepStatus.FAILED] and not settlement.goes_on(parent):
        return True
    return settlement.starts_nothing(parent.run_id)


def _start(parent: Step, room: int, now: datetime) -> int:
    if room <= 0:
        return 0
    first = list(_untouched(parent).order_by("position").values_list("pk", flat=True)[:room])
    Step.objects.filter(pk__in=first).update(due_at=now)
    wake.perform()
    return len(first)


def _untouched(parent: Step) -> Any:
    return Step.objects.filter(
        parent_step_id=parent.pk, status=StepStatus.PENDING, due_at__isnull=True, worker_id__isnull=True
    )


# --- the end of a step ------------------------------------------------------------------------------------------


def _end(settlement: "Settlement", parent: Step, known: Counts) -> None:
    """End a step all of whose items have ended."""
    rows = _ended_items(settlement, parent)
    failed = [item for item in rows if item.status == StepStatus.FAILED]
    left_out = next((item for item in rows if item.status == StepStatus.SKIPPED and item.error_class), None)
    warnings = [f"{len(failed)} of {len(rows)} items failed; the first was {_told(failed[0])}"] if failed else []
    if failed and not settlement.goes_on(parent):
        settlement.fail(parent, failed[0].error_class, warnings[0])
    elif known.by_status[StepStatus.CANCELLED]:
        settlement.cut_off(parent)
    elif left_out is not None and known.by_status[StepStatus.SKIPPED] == known.total:
        settlement.skip(parent, left_out.error, left_out.error_class)
    else:
        settlement.succeed(parent, None)
    output, left = summed_up(rows, known, _outputs(settlement, parent, rows))
    settlement.keep(parent, parameters=known.as_dict(), output=output, warnings=[*warnings, *left])


def _told(item: Step) -> str:
    return f"{item.name}: {item.error}"


def _ended_items(settlement: "Settlement", parent: Step) -> list[Step]:
    here = {item.pk: item for item in settlement.items()}
    names = ("id", "name", "position", "status", "error", "error_class")
    rows = Step.objects.filter(parent_step_id=parent.pk).only(*names).order_by("position")
    return [here.get(item.pk, item) for item in rows]


def _outputs(settlement: "Settlement", parent: Step, rows: Sequence[Step]) -> dict[uuid.UUID, Any]:
    """Return what items gave back, as far as it fits; of others how many bytes they are, as an int."""
    sizes: dict[uuid.UUID, int] = dict(
        StepContent.objects.filter(step__parent_step_id=parent.pk, output__isnull=False).values_list(
            "pk", Length("output")
        )
    )
    here = {item.pk: value for item in settlement.items() if (value := settlement.output_of(item)) is not None}
    sizes |= {pk: len(odd_json.dumps(value)) for pk, value in here.items()}
    room = MOST_BYTES - _MOST_AROUND
    fitting: set[uuid.UUID] = set()
    for item in rows:
        size = sizes.get(item.pk)
        if item.status != StepStatus.SUCCEEDED or size is None:
            continue
        if size <= room:
            room -= size
            fitting.add(item.pk)
    kept = StepContent.objects.filter(pk__in=fitting - here.keys()).values_list("pk", "output")
    outputs: dict[uuid.UUID, Any] = dict(kept) | {pk: here[pk] for pk in fitting & here.keys()}
    for item in rows:
        if item.status == StepStatus.SUCCEEDED and item.pk in sizes and item.pk not in fitting:
            outputs[item.pk] = {"truncated": True, "bytes": sizes[item.pk]}
    return outputs


# Names of errors, marks of what was left out, and commas.
_MOST_AROUND = 96 * 1024


def summed_up(
    rows: Sequence[Step], known: Counts, outputs: Mapping[uuid.UUID, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return a step's output, and warnings of what was left out of it."""
    failed = [item for item in rows if item.status == StepStatus.FAILED]
    errors = [{"index": item.position, "error": item.error[:_LONGEST_ERROR]} for item in failed[:MOST_ERRORS]]
    by_index = [outputs.get(item.pk) for item in rows]
    output = {
        "items": by_index,
        **{name: known.by_status[name] for name in ("succeeded", "failed", "skipped")},
        "errors": errors,
    }
    left = sum(isinstance(one, dict) and one.keys() == {"truncated", "bytes"} for one in by_index)
    told = f"The outputs of {left} items were left out: together they are too large. Each stands with its item."
    return output, [told] if left else []
