"""Which steps come next, and how a run ends: states in, moves out."""

import pytest

from rules.flow import Graph, Moves, StepState, cycle_in, graph_of, in_sequence, next_moves
from rules.models.history import RunStatus, StepStatus

THREE = in_sequence(["a", "b", "c"])


def states(*statuses: StepStatus, dead: str = "", claimable: str = "") -> list[StepState]:
    """Steps a, b, c, ... in these states."""
    return [
        StepState(name, status, ends_run=name in dead, is_claimable=name in claimable)
        for name, status in zip("abcdef", statuses, strict=False)
    ]


def test_steps_without_other_needs_follow_each_other() -> None:
    assert in_sequence(["a", "b", "c"]) == Graph({"a": (), "b": ("a",), "c": ("b",)})
    assert in_sequence([]) == Graph({})


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
    assert moves == Moves((), ("b", "c"), RunStatus.FAILED, run_goes_on=False)


def test_a_failure_that_ends_the_run_waits_for_the_step_that_is_under_way() -> None:
    graph = Graph({"a": (), "b": (), "c": ("a", "b")})
    moves = next_moves(graph, states(StepStatus.FAILED, StepStatus.RUNNING, StepStatus.PENDING, dead="a"))
    assert moves == Moves((), ("c",), RunStatus.RUNNING, run_goes_on=False)


def test_a_step_that_is_already_due_or_owned_is_not_started_again() -> None:
    moves = next_moves(THREE, states(StepStatus.PENDING, StepStatus.PENDING, StepStatus.PENDING, claimable="a"))
    assert moves == Moves((), (), RunStatus.RUNNING)


def test_steps_side_by_side_start_together_and_join() -> None:
    graph = Graph({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")})
    split = next_moves(graph, states(StepStatus.SUCCEEDED, StepStatus.PENDING, StepStatus.PENDING, StepStatus.PENDING))
    assert split.start == ("b", "c")
    half = next_moves(graph, states(StepStatus.SUCCEEDED, StepStatus.SUCCEEDED, StepStatus.RUNNING, StepStatus.PENDING))
    assert half == Moves((), (), RunStatus.RUNNING)
    joined = next_moves(
        graph, states(StepStatus.SUCCEEDED, StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.PENDING)
    )
    assert joined.start == ("d",)


@pytest.mark.parametrize("resting", [StepStatus.WAITING, StepStatus.UNCERTAIN])
def test_a_run_waits_while_its_only_open_step_waits_for_a_person_or_for_time(resting: StepStatus) -> None:
    moves = next_moves(THREE, states(StepStatus.SUCCEEDED, resting, StepStatus.PENDING))
    assert moves == Moves((), (), RunStatus.WAITING)


def test_a_run_is_running_while_one_step_waits_and_another_runs() -> None:
    graph = Graph({"a": (), "b": ()})
    assert next_moves(graph, states(StepStatus.WAITING, StepStatus.RUNNING)).run_status == RunStatus.RUNNING


def test_cancelling_skips_what_has_not_begun_and_waits_for_the_call_in_flight() -> None:
    under_way = states(StepStatus.RUNNING, StepStatus.PENDING, StepStatus.PENDING)
    assert next_moves(THREE, under_way, is_cancelled=True) == Moves(
        (), ("b", "c"), RunStatus.RUNNING, run_goes_on=False
    )
    ended = states(StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.SKIPPED)
    assert next_moves(THREE, ended, is_cancelled=True).run_status == RunStatus.CANCELLED


def test_a_run_whose_steps_all_ended_has_succeeded_unless_one_failed_for_good() -> None:
    ended = (StepStatus.SUCCEEDED, StepStatus.SKIPPED, StepStatus.FAILED)
    assert next_moves(THREE, states(*ended)).run_status == RunStatus.SUCCEEDED
    assert next_moves(THREE, states(*ended, dead="c")).run_status == RunStatus.FAILED


def test_a_run_without_steps_has_succeeded() -> None:
    assert next_moves(Graph({}), []) == Moves((), (), RunStatus.SUCCEEDED)


# --- graphs ---------------------------------------------------------------------------------------------------
DIAMOND = graph_of([("a", None), ("b", ["a"]), ("c", ["a"]), ("d", ["b", "c"])])


def test_needs_make_a_graph_and_a_step_without_them_waits_for_the_one_before() -> None:
    graph = graph_of([("a", None), ("b", None), ("c", ["a"]), ("d", None), ("e", [])])
    assert graph.needs == {"a": (), "b": ("a",), "c": ("a",), "d": ("c",), "e": ()}
    assert graph.named == {"c", "e"}
    assert graph.after("a") == {"b", "c", "d"}


def test_a_branch_that_was_not_taken_is_skipped_down_to_the_join() -> None:
    graph = graph_of([("a", None), ("b", ["a"]), ("c", ["b"]), ("d", ["a"]), ("e", ["c", "d"])])
    p, s = StepStatus.PENDING, StepStatus.SUCCEEDED
    moves = next_moves(graph, states(s, StepStatus.SKIPPED, p, p, p))
    assert moves == Moves(("d",), ("c",), RunStatus.RUNNING)
    joined = next_moves(graph, states(s, StepStatus.SKIPPED, StepStatus.SKIPPED, s, p))
    assert joined.start == ("e",)


def test_a_join_of_branches_none_of_which_was_taken_is_skipped_and_the_run_ends() -> None:
    skipped = StepStatus.SKIPPED
    moves = next_moves(DIAMOND, states(StepStatus.SUCCEEDED, skipped, skipped, StepStatus.PENDING))
    assert moves == Moves((), ("d",), RunStatus.SUCCEEDED)


def test_a_failure_that_its_author_goes_on_from_counts_as_taken() -> None:
    moves = next_moves(DIAMOND, states(StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.PENDING))
    assert moves.start == ("d",)


def test_a_cycle_is_named() -> None:
    assert cycle_in(DIAMOND) == []
    found = cycle_in(graph_of([("a", ["c"]), ("b", ["a"]), ("c", ["b"])]))
    assert found[0] == found[-1]
    assert set(found) == {"a", "b", "c"}
    assert cycle_in(graph_of([("a", ["not there"])])) == []
