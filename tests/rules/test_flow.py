"""Which steps come next, and how a run ends: states in, moves out."""

import pytest

from rules.flow import Moves, StepState, needs_in_sequence, next_moves
from rules.models.history import RunStatus, StepStatus

THREE = needs_in_sequence(["a", "b", "c"])


def states(*statuses: StepStatus, dead: str = "", claimable: str = "") -> list[StepState]:
    """Steps a, b, c, ... in these states."""
    return [
        StepState(name, status, ends_run=name in dead, is_claimable=name in claimable)
        for name, status in zip("abcdef", statuses, strict=False)
    ]


def test_steps_without_other_needs_follow_each_other() -> None:
    assert needs_in_sequence(["a", "b", "c"]) == {"a": (), "b": ("a",), "c": ("b",)}
    assert needs_in_sequence([]) == {}


def test_the_first_step_starts_alone() -> None:
    moves = next_moves(THREE, states(StepStatus.PENDING, StepStatus.PENDING, StepStatus.PENDING))
    assert moves == Moves(("a",), (), RunStatus.RUNNING)


def test_a_step_starts_when_the_one_before_it_has_succeeded() -> None:
    moves = next_moves(THREE, states(StepStatus.SUCCEEDED, StepStatus.PENDING, StepStatus.PENDING))
    assert moves == Moves(("b",), (), RunStatus.RUNNING)


def test_a_step_that_was_skipped_lets_the_next_one_start() -> None:
    moves = next_moves(THREE, states(StepStatus.SKIPPED, StepStatus.PENDING, StepStatus.PENDING))
    assert moves.start == ("b",)


def test_a_failure_after_which_the_author_goes_on_lets_the_next_step_start() -> None:
    moves = next_moves(THREE, states(StepStatus.FAILED, StepStatus.PENDING, StepStatus.PENDING))
    assert moves == Moves(("b",), (), RunStatus.RUNNING)


def test_a_failure_that_ends_the_run_skips_what_has_not_begun() -> None:
    moves = next_moves(THREE, states(StepStatus.FAILED, StepStatus.PENDING, StepStatus.PENDING, dead="a"))
    assert moves == Moves((), ("b", "c"), RunStatus.FAILED)


def test_a_failure_that_ends_the_run_waits_for_the_step_that_is_under_way() -> None:
    needs: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ("a", "b")}
    moves = next_moves(needs, states(StepStatus.FAILED, StepStatus.RUNNING, StepStatus.PENDING, dead="a"))
    assert moves == Moves((), ("c",), RunStatus.RUNNING)


def test_a_step_that_is_already_due_or_owned_is_not_started_again() -> None:
    moves = next_moves(THREE, states(StepStatus.PENDING, StepStatus.PENDING, StepStatus.PENDING, claimable="a"))
    assert moves == Moves((), (), RunStatus.RUNNING)


def test_steps_side_by_side_start_together_and_join() -> None:
    needs: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    split = next_moves(needs, states(StepStatus.SUCCEEDED, StepStatus.PENDING, StepStatus.PENDING, StepStatus.PENDING))
    assert split.start == ("b", "c")
    half = next_moves(needs, states(StepStatus.SUCCEEDED, StepStatus.SUCCEEDED, StepStatus.RUNNING, StepStatus.PENDING))
    assert half == Moves((), (), RunStatus.RUNNING)
    joined = next_moves(
        needs, states(StepStatus.SUCCEEDED, StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.PENDING)
    )
    assert joined.start == ("d",)


@pytest.mark.parametrize("resting", [StepStatus.WAITING, StepStatus.UNCERTAIN])
def test_a_run_waits_while_its_only_open_step_waits_for_a_person_or_for_time(resting: StepStatus) -> None:
    moves = next_moves(THREE, states(StepStatus.SUCCEEDED, resting, StepStatus.PENDING))
    assert moves == Moves((), (), RunStatus.WAITING)


def test_a_run_is_running_while_one_step_waits_and_another_runs() -> None:
    needs: dict[str, tuple[str, ...]] = {"a": (), "b": ()}
    assert next_moves(needs, states(StepStatus.WAITING, StepStatus.RUNNING)).run_status == RunStatus.RUNNING


def test_cancelling_skips_what_has_not_begun_and_waits_for_the_call_in_flight() -> None:
    under_way = states(StepStatus.RUNNING, StepStatus.PENDING, StepStatus.PENDING)
    assert next_moves(THREE, under_way, is_cancelled=True) == Moves((), ("b", "c"), RunStatus.RUNNING)
    ended = states(StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.SKIPPED)
    assert next_moves(THREE, ended, is_cancelled=True).run_status == RunStatus.CANCELLED


def test_a_run_whose_steps_all_ended_has_succeeded_unless_one_failed_for_good() -> None:
    ended = (StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.FAILED)
    assert next_moves(THREE, states(*ended)).run_status == RunStatus.SUCCEEDED
    assert next_moves(THREE, states(*ended, dead="c")).run_status == RunStatus.FAILED


def test_a_run_without_steps_has_succeeded() -> None:
    assert next_moves({}, []) == Moves((), (), RunStatus.SUCCEEDED)
