"""Decides which steps of a run come next and how the run ends. Pure: states in, moves out.

A step needs others: by default the one before it. It may start when all of them have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.models.history import STEP_ENDED, RunStatus, StepStatus

_FOR_A_PERSON_OR_TIME = (StepStatus.WAITING, StepStatus.UNCERTAIN)


@dataclass(frozen=True)
class StepState:
    """A step as far as the flow is concerned. `ends_run`: it failed and its author did not say to go on."""

    name: str
    status: str
    ends_run: bool = False
    is_claimable: bool = False  # it has a due time or an owner


@dataclass(frozen=True)
class Moves:
    """What to do next: steps to make due, steps to skip, and the run's status from now on."""

    start: tuple[str, ...]
    skip: tuple[str, ...]
    run_status: RunStatus


def next_moves(needs: Mapping[str, Sequence[str]], steps: Sequence[StepState], *, is_cancelled: bool = False) -> Moves:
    """Return the moves after some step of a run has changed.

    `needs` names for each step the ones it waits for. A failure that ends the run, or a cancellation, starts
    nothing new: what has not begun is skipped, what is under way is waited for.
    """
    by_name = {step.name: step for step in steps}
    untouched = [step for step in steps if step.status == StepStatus.PENDING and not step.is_claimable]
    has_failed = any(step.ends_run for step in steps)
    if has_failed or is_cancelled:
        skip = tuple(step.name for step in untouched)
        open_steps = [step for step in steps if step.status not in STEP_ENDED and step.name not in skip]
        return Moves((), skip, _status(open_steps, RunStatus.CANCELLED if is_cancelled else RunStatus.FAILED))
    start = tuple(
        step.name for step in untouched if all(by_name[need].status in STEP_ENDED for need in needs.get(step.name, ()))
    )
    open_steps = [step for step in steps if step.status not in STEP_ENDED]
    status = RunStatus.RUNNING if start else _status(open_steps, RunStatus.SUCCEEDED)
    return Moves(start, (), status)


def _status(open_steps: Sequence[StepState], ended: RunStatus) -> RunStatus:
    """Return the status of a run whose unfinished steps these are; `ended` when there are none."""
    if not open_steps:
        return ended
    active = [
        s for s in open_steps if s.status == StepStatus.RUNNING or (s.status == StepStatus.PENDING and s.is_claimable)
    ]
    if active:
        return RunStatus.RUNNING
    waiting = any(step.status in _FOR_A_PERSON_OR_TIME for step in open_steps)
    return RunStatus.WAITING if waiting else RunStatus.RUNNING


def needs_in_sequence(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the needs of steps that simply follow each other."""
    return {name: (names[place - 1],) if place else () for place, name in enumerate(names)}
