"""A worker killed at every commit of a run that has everything: each effect is there once, and the run ends."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import DEFAULT_DB_ALIAS, connections

from rules import authoring, recovery
from rules.execution import perform_due
from rules.models import Run, Step
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.rules.engine import CONVERSATIONS, NOTES, Desk

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
# Of these a run needs one for its wait and some for what is tried again; one that does not end by then is stuck.
_MOST_HOURS = 8


class Killed(BaseException):
    """Nothing in the engine may catch this, as nothing can catch a kill."""


@contextmanager
def killed_at(number: int, *, before: bool) -> Iterator[list[int]]:
    """Kill whoever makes the n-th commit within the block, right before it or after it; yield how many there were."""
    connection = connections[DEFAULT_DB_ALIAS]
    real, made = connection._commit, [0]

    def commit() -> None:
        made[0] += 1
        if made[0] != number:
            real()
            return
        if before:
            connection._rollback()
        else:
            real()
        connection.run_on_commit = []
        raise Killed

    connection._commit = commit  # type: ignore[method-assign]
    try:
        yield made
    except Killed:
        pass
    finally:
        connection._commit = real  # type: ignore[method-assign]


def note(name: str, *needs: str, **more: Any) -> dict[str, Any]:
    """A step that writes a note. What bears our mark can be looked up, so that it is never there twice."""
    parameters = {"ticket_id": 42, "body": name, **more.pop("parameters", {})}
    step = {"id": name, "platform": "freshdesk", "action": "add_note", "parameters": parameters, **more}
    return {**step, "needs": list(needs)}


WHOLE = (
    note("start"),
    note("left", "start"),
    {"id": "rest", "wait": {"for": "30m"}, "needs": ["start"]},
    {"id": "call", "rule": "Inner", "inputs": {"said": "inner"}, "needs": ["start"]},
    note(
        "each",
        "start",
        for_each={"items": ["each 0", "each 1", "each 2"], "in_flight": 2},
        parameters={"body": "{{ item }}"},
    ),
    note("after each", "each", condition="{{ steps.each.output.succeeded == 3 }}") | {"id": "after-each"},
    note("not taken", "start", condition="{{ false }}") | {"id": "not-taken"},
    note("join", "left", "rest", "call", "after-each", "not-taken"),
)
EFFECTS = Counter({"start", "left", "inner", "each 0", "each 1", "each 2", "after each", "join"})


@pytest.fixture
def notes(desk: Desk) -> list[str]:
    """The notes on the ticket, without our marks, as the platform has them."""
    rows: list[dict[str, Any]] = []
    texts: list[str] = []

    def take(request: httpx.Request) -> httpx.Response:
        rows.append({"id": len(rows), "body": json.loads(request.content)["body"]})
        texts.append(next(text for text in sorted(EFFECTS, key=len, reverse=True) if text in rows[-1]["body"]))
        return httpx.Response(201, json=rows[-1])

    desk.platform.on("POST", NOTES, take)
    desk.platform.on("GET", CONVERSATIONS, lambda _: httpx.Response(200, json=rows))
    with working_for(desk.organization):
        inner = note("inner", parameters={"body": "{{ inputs.said }}"})
        authoring.create({"name": "Inner", "steps": [inner]})
    desk.rule(*WHOLE)
    return texts


@pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after the commit"])
def test_killed_at_any_commit_each_effect_is_there_once_and_the_run_ends(
    desk: Desk, notes: list[str], before: bool
) -> None:
    number = 0
    while True:
        number += 1
        notes.clear()
        desk.ticket()
        was_killed = _run_through(desk, number, before=before)
        _assert_whole(desk, notes, f"killed {'before' if before else 'after'} commit {number}")
        if not was_killed:
            break
    assert number > 20, "a run of so many steps has more commits than that"


def _run_through(desk: Desk, number: int, *, before: bool) -> bool:
    """Work until the run has ended, the first worker killed at a commit of his; return whether he was."""
    with working_for(desk.organization):
        run = Run.objects.filter(cause="event").latest("pk")
    made = 0
    for hour in range(_MOST_HOURS):
        # Whoever was killed is silent for long enough by then: what he held is free.
        with clock.moved(hour * HOUR):
            recovery.recover_steps()
            with killed_at(number - made, before=before) as commits:
                perform_due()
            made += commits[0]
        with working_for(desk.organization):
            run.refresh_from_db()
        if run.finished_at is not None:
            break
    return made >= number


def _assert_whole(desk: Desk, notes: list[str], when: str) -> None:
    with working_for(desk.organization):
        runs = list(Run.objects.order_by("-pk")[:2])
        steps = list(Step.objects.filter(run__in=runs))
    assert Counter(notes) == EFFECTS, when
    assert {run.cause: run.status for run in runs} == {"event": "succeeded", "rule": "succeeded"}, when
    assert {step.name: step.status for step in steps if step.status != "succeeded"} == {"not-taken": "skipped"}, when
    assert not [step for step in steps if step.worker_id or step.due_at or step.sending_since], when
    names = Counter(step.name for step in steps)
    assert names == Counter({step["id"] for step in WHOLE} | {"inner", "each[0]", "each[1]", "each[2]"}), when
