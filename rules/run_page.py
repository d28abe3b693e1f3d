"""What a run's page shows: its steps along one line of time, why it fired, what it waits for, what can be done."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest

from rules import trial
from rules.about import name_in
from rules.api_runs import run_as_dict
from rules.approvals import why_not
from rules.compiled import compiled_version
from rules.context import meta_of
from rules.models import EventContent, Run, RunStatus, Step, StepStatus
from rules.models.history import FOR_PERSON, RUN_ENDED, RUN_UNFINISHED
from rules.replay import stored_event
from rules.run_items import shown_items
from supportops import clock
from supportops.ids import made_at
from supportops.tenancy.admin import place_of
from supportops.tenancy.templatetags.admin_parts import words

# The line of time is so many units long, whatever the run took.
LINE = 1000
_LEAST_WIDTH = 4
_MOST_CHILDREN = 50


@dataclass
class Bar:
    """A stretch on the line of time, from its left end."""

    x: int
    width: int
    state: str
    title: str


@dataclass
class Row:
    """One step as the page shows it."""

    step: dict[str, Any]
    bars: list[Bar]
    took_ms: float | None
    reason_against: str = ""
    children: list[Run] = field(default_factory=list)
    needs_person: bool = False
    # The run goes on where this step fails.
    is_tolerated: bool = False


def context_of(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the context of a run's page, and of the part of it that looks again by itself."""
    shown = run_as_dict(run.pk)
    times = {step.name: step for step in Step.objects.filter(run=run, parent_step_id__isnull=True)}
    items = shown_items(run, shown["steps"])
    line = _Line(run, list(times.values()))
    place = place_of(request)
    role = str(place.role) if place else ""
    children = _children(times.values())
    rows = []
    for step in ({**step, "of_items": items.get(step["id"])} for step in shown["steps"]):
        stored = times[step["id"]]
        row = Row(step, line.bars(stored, step["attempts"]), line.milliseconds(stored))
        row.needs_person = stored.waits_for in FOR_PERSON
        row.children = children.get(stored.pk, [])
        if stored.waits_for == "approval":
            row.reason_against = why_not(step["parameters"], role)
            row.is_tolerated = compiled_version(run.version_id).step(stored.name).is_tolerated
        rows.append(row)
    content = _content_of(run)
    failed = [step["id"] for step in shown["steps"] if times[step["id"]].is_dead_letter]
    states = Counter(step["status"] for step in shown["steps"])
    return {
        "run": run,
        "shown": shown,
        "rows": rows,
        "line": LINE,
        "warnings": shown["warnings"],
        "waiting": [row for row in rows if row.needs_person],
        "event": run.event,
        "event_name": name_in(run.event, content.payload) if content and run.event else "",
        "why": _why(run, content),
        "failed_steps": failed,
        "repeated_by_retry": _after(shown["steps"], failed),
        "not_begun": states[StepStatus.PENDING] + states[StepStatus.WAITING],
        "under_way": states[StepStatus.RUNNING],
        "may_retry": bool(failed) and run.status == RunStatus.FAILED,
        "may_cancel": run.status not in RUN_ENDED,
        "is_going": run.status in RUN_UNFINISHED,
        "parent": _parent(run),
        "replays": list(Run.objects.filter(replay_of=run).order_by("-id")[:20]),
    }


class _Line:
    """Places times on the line that a run's steps are drawn along."""

    def __init__(self, run: Run, steps: Sequence[Step]) -> None:
        self._start = run.started_at or run.created_at
        self._end = run.finished_at or clock.now()
        if run.status == RunStatus.WAITING:
            # Days of waiting would leave nothing to be seen of what was done before.
            done = [at for step in steps for at in (step.started_at, step.finished_at) if at is not None]
            last = max(done, default=self._start)
            self._end = min(self._end, last + max(timedelta(seconds=1), (last - self._start) / 4))
        self._seconds = max((self._end - self._start).total_seconds(), 0.001)

    def bars(self, step: Step, attempts: Sequence[dict[str, Any]]) -> list[Bar]:
        """Return a pale bar for the step's whole time, and one for each call."""
        bars = []
        if step.started_at:
            end = step.finished_at or (self._end if step.status not in (StepStatus.SKIPPED,) else step.started_at)
            bars.append(self._bar(step.started_at, end, "whole", words(step.status)))
        for number, attempt in enumerate(attempts, 1):
            seconds = (attempt["duration_ms"] or 0) / 1000
            state = str(attempt["status"])
            bars.append(self._bar(attempt["started_at"], None, state, f"{number}: {words(state)}", seconds))
        return bars

    def milliseconds(self, step: Step) -> float | None:
        """Return how long a step took, up to now for one that is not over."""
        if step.started_at is None:
            return None
        return ((step.finished_at or clock.now()) - step.started_at).total_seconds() * 1000

    def _bar(self, start: datetime, end: datetime | None, state: str, title: str, seconds: float = 0.0) -> Bar:
        lasting = (end - start).total_seconds() if end else seconds
        x = min(max(round(LINE * (start - self._start).total_seconds() / self._seconds), 0), LINE - _LEAST_WIDTH)
        width = min(max(round(LINE * lasting / self._seconds), _LEAST_WIDTH), LINE - x)
        return Bar(x, width, state, title)


def _children(steps: Any) -> dict[uuid.UUID, list[Run]]:
    """Return by step the runs of other rules that it started."""
    ids = [step.pk for step in steps if step.action in ("rule", "run_rule") or not step.platform]
    found: dict[uuid.UUID, list[Run]] = {}
    if ids:
        runs = Run.objects.select_related("rule").filter(parent_step_id__in=ids).order_by("pk")
        for child in runs[:_MOST_CHILDREN]:
            found.setdefault(child.parent_step_id, []).append(child)
    return found


def _parent(run: Run) -> Run | None:
    if run.parent_step_id is None:
        return None
    step = Step.objects.select_related("run__rule").filter(pk=run.parent_step_id).first()
    return step.run if step else None


def _after(steps: Sequence[dict[str, Any]], failed: Sequence[str]) -> list[str]:
    """Return the steps that have not begun and come after a failed one, by name."""
    reached, following = set(failed), []
    for step in steps:
        if step["id"] not in reached and set(step["needs"]) & reached:
            reached.add(step["id"])
            if step["status"] in (StepStatus.PENDING, StepStatus.SKIPPED, StepStatus.CANCELLED):
                following.append(step["id"])
    return following


def _content_of(run: Run) -> EventContent | None:
    return EventContent.objects.filter(pk=run.event_id).first() if run.event_id else None


def _why(run: Run, content: EventContent | None) -> list[dict[str, Any]] | None:
    """Return the explanation of what made the rule fire, as it was asked then; None where nothing did or the content
    is forgotten."""
    if content is None or run.event is None:
        return None
    compiled, event = compiled_version(run.version_id), stored_event(run.event, content)
    return trial.explain(compiled, event, run.event.platform, now=made_at(run.event.pk), meta=meta_of(run.event))[1]
