"""Decides which steps of a run come next and how the run ends. Pure: states in, moves out.

A step needs others: those that it names, or the one before it in the list. It may start when all of them have ended.
Where everything that it names was skipped, its branch was not taken, and it is skipped too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from rules.models.history import STEP_ENDED, RunStatus, StepStatus

_FOR_A_PERSON_OR_TIME = (StepStatus.WAITING, StepStatus.UNCERTAIN)


@dataclass(frozen=True)
class Graph:
    """Which steps each step waits for. `named`: the steps whose author said so, in `needs`."""

    needs: Mapping[str, tuple[str, ...]]
    named: frozenset[str] = frozenset()

    def after(self, name: str) -> set[str]:
        """Return the steps that wait for `name`, directly or through others."""
        found: set[str] = set()
        while more := {step for step, needs in self.needs.items() if found.union([name]) & set(needs)} - found:
            found |= more
        return found


@dataclass(frozen=True)
class StepState:
    """A step as far as the flow is concerned. `ends_run`: it failed and its author did not say to go on."""

    name: str
    status: str
    ends_run: bool = False
    is_claimable: bool = False  # it has a due time or an owner


@dataclass(frozen=True)
class Moves:
    """What to do next: steps to make due, steps to skip, and the run's status from now on.

    `run_goes_on`: what is skipped is a branch that was not taken, and not what the end of the run cuts off.
    """

    start: tuple[str, ...]
    skip: tuple[str, ...]
    run_status: RunStatus
    run_goes_on: bool = True


def next_moves(graph: Graph, steps: Sequence[StepState], *, is_cancelled: bool = False) -> Moves:
    """Return the moves after some step of a run has changed.

    A failure that ends the run, or a cancellation, starts nothing new: what has not begun is skipped, what is under
    way is waited for.
    """
    untouched = [step.name for step in steps if step.status == StepStatus.PENDING and not step.is_claimable]
    has_failed = any(step.ends_run for step in steps)
    if has_failed or is_cancelled:
        open_steps = [step for step in steps if step.status not in STEP_ENDED and step.name not in untouched]
        ended = RunStatus.CANCELLED if is_cancelled else RunStatus.FAILED
        return Moves((), tuple(untouched), _status(open_steps, ended), run_goes_on=False)
    skip = _not_taken(graph, steps, untouched)
    ended_names = {step.name for step in steps if step.status in STEP_ENDED} | set(skip)
    start = tuple(name for name in untouched if name not in skip and ended_names.issuperset(graph.needs.get(name, ())))
    open_steps = [step for step in steps if step.name not in ended_names]
    status = RunStatus.RUNNING if start else _status(open_steps, RunStatus.SUCCEEDED)
    return Moves(start, skip, status)


def _not_taken(graph: Graph, steps: Sequence[StepState], untouched: Sequence[str]) -> tuple[str, ...]:
    """Return the steps of branches that were not taken: all that they name was skipped."""
    skipped = {step.name for step in steps if step.status == StepStatus.SKIPPED}
    found: list[str] = []
    waiting = [name for name in untouched if name in graph.named and graph.needs[name]]
    while more := [name for name in waiting if name not in found and skipped.issuperset(graph.needs[name])]:
        found += more
        skipped.update(more)
    return tuple(name for name in untouched if name in found)


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


def graph_of(steps: Iterable[tuple[str, Sequence[str] | None]]) -> Graph:
    """Return the graph of steps given as (name, needs). Without needs of its own a step waits for the one before."""
    needs: dict[str, tuple[str, ...]] = {}
    named = set()
    before: tuple[str, ...] = ()
    for name, wanted in steps:
        needs[name] = before if wanted is None else tuple(dict.fromkeys(wanted))
        if wanted is not None:
            named.add(name)
        before = (name,)
    return Graph(needs, frozenset(named))


def in_sequence(names: Iterable[str]) -> Graph:
    """Return the graph of steps that simply follow each other."""
    return graph_of((name, None) for name in names)


def cycle_in(graph: Graph) -> list[str]:
    """Return the names along a cycle, the first one again at its end; empty where there is none."""
    try:
        TopologicalSorter(graph.needs).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
