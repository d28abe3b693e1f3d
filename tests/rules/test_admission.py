"""How runs that share a key go: in a queue, one at a time, the newest only, or side by side."""

import itertools
import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from rules import authoring, interventions, recovery
from rules.execution import StepSource
from rules.models import Event, Run, RunContent, Step
from rules.replay import replay_events
from supportops import clock
from supportops.tenancy.scope import working_for
from tests.builders import World
from tests.rules.engine import MESSAGE, SLACK, TOOL, Desk, a_worker_that_dies, cut_off, outcomes_of, request_to

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
ANSWER = {"ok": True, "ts": "1.2", "channel": "C1"}


def ordered(desk: Desk, mode: str, *steps: dict[str, Any], key: str | None = "ticket.id", **more: Any) -> Any:
    return desk.rule(*(steps or (MESSAGE,)), concurrency={"mode": mode, "key": key}, **more)


def changed(desk: Desk, rule: Any, **parts: Any) -> Any:
    """Change parts of a rule's document."""
    with working_for(desk.organization):
        return authoring.change(rule, {**authoring.live_version(rule).document, **parts})[0]


def runs(desk: Desk) -> list[Run]:
    """The runs in the order of planning."""
    with working_for(desk.organization):
        return list(Run.objects.order_by("sequence"))


def statuses(desk: Desk) -> list[str]:
    return [run.status for run in runs(desk)]


def due(desk: Desk) -> list[bool]:
    """Whether each run, in the order of planning, has a step that may be claimed."""
    with working_for(desk.organization):
        rows = Step.objects.filter(due_at__isnull=False).values_list("run_id", flat=True)
        return [run.pk in set(rows) for run in runs(desk)]


def tell(desk: Desk, *subjects: str, number: int = 42) -> None:
    for subject in subjects:
        desk.plan(desk.event(number=number, ticket={"subject": subject}))


def together(desk: Desk, *subjects: str, number: int = 42) -> None:
    desk.plan(*[desk.event(number=number, ticket={"subject": subject}) for subject in subjects])


def sent(desk: Desk) -> list[str]:
    return [body["text"] for body in desk.platform.bodies(SLACK)]


def ends(desk: Desk) -> list[str]:
    """How the runs ended, by the audit log."""
    with working_for(desk.organization):
        entries = AuditEntry.objects.filter(action="run.finished").order_by("pk")
        return [entry.changes["status"] for entry in entries]


def held(desk: Desk) -> Run:
    """Let the first run of the desk wait for a person, and return it."""
    desk.platform.on("POST", SLACK, cut_off)
    desk.perform()
    desk.platform.on("POST", SLACK, ANSWER)
    assert statuses(desk)[0] == "waiting"
    return runs(desk)[0]


# --- the key ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["parallel", "queued", "single", "restart"])
@pytest.mark.parametrize(
    ("key", "stored"),
    [
        (None, ""),
        ("ticket.id", "42"),
        ("{{ ticket.id }}", "42"),
        ("ticket.owner", ""),
        ("ticket.nothing", ""),
        ("event.ticket.subject + '/' + meta.type", "One/ticket_created"),
        ("[ticket.id, ticket.priority]", "[42,4]"),
    ],
)
def test_the_key_is_worked_out_when_a_run_is_planned(desk: Desk, mode: str, key: str | None, stored: str) -> None:
    ordered(desk, mode, key=key)
    desk.plan(desk.event(ticket={"subject": "One", "owner": None}))
    assert [run.concurrency_key for run in runs(desk)] == [stored]


def test_a_long_key_is_stored_as_its_digest(desk: Desk) -> None:
    ordered(desk, "queued", key="ticket.subject")
    tell(desk, "a" * 200, "b" * 201, "b" * 202)
    keys = [run.concurrency_key for run in runs(desk)]
    assert [len(key) for key in keys] == [200, 64, 64]
    assert len(set(keys)) == 3


def test_a_key_that_cannot_be_worked_out_is_none_and_says_so(desk: Desk) -> None:
    ordered(desk, "queued", key="ticket.subject + ticket.id")
    tell(desk, "One")
    [run] = runs(desk)
    with working_for(desk.organization):
        [warning] = RunContent.objects.get(pk=run.pk).warnings
    assert (run.concurrency_key, "The key of `concurrency` could not be worked out" in warning) == ("", True)


def test_runs_started_by_hand_stand_in_the_same_queues(desk: Desk) -> None:
    rule = ordered(desk, "queued", request_to(), key="inputs.customer", trigger={"platform": "manual"})
    with working_for(desk.organization):
        for customer in ("ada", "bo", "ada"):
            interventions.start(rule, {"customer": customer})
    assert [run.concurrency_key for run in runs(desk)] == ["ada", "bo", "ada"]
    assert due(desk) == [True, True, False]
    desk.perform()
    assert (statuses(desk), desk.sent(TOOL)) == (["succeeded"] * 3, 3)


# --- queued -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan", [tell, together])
def test_runs_of_a_key_go_one_after_the_other(desk: Desk, plan: Any) -> None:
    ordered(desk, "queued", MESSAGE, request_to(name="after"))
    plan(desk, "One", "Two", "Three")
    tell(desk, "Other", number=43)
    assert due(desk) == [True, False, False, True]
    assert [run.queued_at is not None for run in runs(desk)] == [False, True, True, False]
    desk.perform()
    assert statuses(desk) == ["succeeded"] * 4
    assert [text for text in sent(desk) if text != "Other"] == ["One", "Two", "Three"]
    times = [(run.started_at, run.finished_at) for run in runs(desk)[:3]]
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(times)), times
    assert all(run.queued_at is None for run in runs(desk))


def test_rules_and_organizations_have_queues_of_their_own(world: World, desk: Desk) -> None:
    ordered(desk, "queued")
    ordered(desk, "queued")
    other = Desk(world.bo.organization, desk.platform)
    ordered(other, "queued")
    tell(desk, "One")
    tell(other, "One")
    assert (due(desk), due(other)) == ([True, True], [True])


def test_a_head_that_waits_holds_the_others_and_they_say_so(world: World, desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two", "Three")
    first = held(desk)
    desk.perform()
    assert (statuses(desk), due(desk)) == (["waiting", "pending", "pending"], [False] * 3)
    second, third = (world.ada.api.get(f"/api/runs/{run.pk}/").json() for run in runs(desk)[1:])
    assert second["reason"] == f"Waits for run {first.pk}, which is waiting."
    assert third["reason"] == f"Waits for run {first.pk}, which is waiting, and 1 more before it."
    assert (third["concurrency_key"], third["superseded_by"]) == ("42", None)
    with working_for(desk.organization):
        interventions.resolve(first.pk, "message", "done")
    desk.perform()
    assert statuses(desk) == ["succeeded"] * 3
    assert world.ada.api.get(f"/api/runs/{third['id']}/").json()["reason"] == ""


def test_a_retry_keeps_the_order(desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two")
    desk.platform.on("POST", SLACK, {}, status=503)
    desk.perform()
    desk.platform.on("POST", SLACK, ANSWER)
    assert (statuses(desk), due(desk)) == (["waiting", "pending"], [True, False])
    desk.perform(later=HOUR)
    assert (statuses(desk), sent(desk)) == (["succeeded"] * 2, ["One", "One", "Two"])


def test_a_failure_lets_the_next_one_go(desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two")
    answers = [{"ok": False, "error": "channel_not_found"}, ANSWER]
    desk.platform.on("POST", SLACK, lambda _: httpx.Response(200, json=answers.pop(0)))
    desk.perform()
    assert statuses(desk) == ["failed", "succeeded"]


def test_several_workers_keep_the_order(desk: Desk) -> None:
    ordered(desk, "queued")
    together(desk, *[f"{number}" for number in range(8)])

    def work() -> None:
        try:
            for _ in range(20):
                desk.perform()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.perform()
    assert (statuses(desk), sent(desk)) == (["succeeded"] * 8, [f"{number}" for number in range(8)])


@pytest.mark.parametrize("is_first", [True, False])
def test_cancelling_in_the_queue_lets_the_others_go_on(desk: Desk, is_first: bool) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two", "Three")
    if is_first:
        held(desk)
    place = 0 if is_first else 1
    with working_for(desk.organization):
        interventions.cancel(runs(desk)[place].pk)
    assert due(desk) == ([False, True, False] if is_first else [True, False, False])
    desk.perform()
    assert statuses(desk) == ["cancelled" if number == place else "succeeded" for number in range(3)]


def test_a_queue_has_a_greatest_depth(desk: Desk, settings: Any) -> None:
    settings.QUEUE_DEPTH = 2
    ordered(desk, "queued")
    tell(desk, "One", "Two")
    together(desk, "Three", "Four")
    tell(desk, "Five")
    assert statuses(desk) == ["pending", "pending", "pending", "skipped", "skipped"]
    assert runs(desk)[3].reason == "2 runs with the same key wait already, which is the most that may."
    assert ends(desk) == ["skipped", "skipped"]
    desk.perform()
    assert sent(desk) == ["One", "Two", "Three"]
    tell(desk, "Six")
    desk.perform()
    assert statuses(desk)[-1] == "succeeded"


def test_a_replay_stands_at_the_end_of_the_queue(desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two")
    with working_for(desk.organization), transaction.atomic():
        replay_events([Event.objects.order_by("pk")[0]])
    assert due(desk) == [True, False, False]
    desk.perform()
    assert sent(desk) == ["One", "Two", "One"]


def test_a_worker_may_die_at_every_step_of_the_way(desk: Desk) -> None:
    ordered(desk, "queued", request_to(retry={"base": 0}, on_uncertain="retry"))
    together(desk, "One", "Two")

    def go_on() -> None:
        recovery.recover_steps()
        assert recovery.let_forgotten_go() == 0
        assert due(desk)[1] is False

    with a_worker_that_dies():
        desk.claimed()
    go_on()
    with a_worker_that_dies():
        desk.begun()
    go_on()
    with a_worker_that_dies(), clock.moved(HOUR):
        _, jobs = desk.begun()
        assert len(jobs) == 1
        outcomes_of(jobs)
    go_on()
    with a_worker_that_dies(), clock.moved(HOUR * 2):
        source, jobs = desk.begun()
        source.finish(outcomes_of(jobs))
    # The end and the turn of the next one are one transaction.
    assert (statuses(desk), due(desk)) == (["succeeded", "pending"], [False, True])
    desk.perform(later=HOUR * 3)
    assert statuses(desk) == ["succeeded"] * 2


def test_what_ends_and_is_not_committed_lets_nobody_go(desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "One", "Two")
    with pytest.raises(ZeroDivisionError), working_for(desk.organization), transaction.atomic():
        interventions.cancel(runs(desk)[0].pk)
        raise ZeroDivisionError
    assert (statuses(desk), due(desk)) == (["pending", "pending"], [True, False])


def test_a_run_that_was_forgotten_is_let_go(desk: Desk) -> None:
    rule = desk.rule(MESSAGE, concurrency={"mode": "parallel", "key": "ticket.id"})
    tell(desk, "One")
    changed(desk, rule, concurrency={"mode": "queued", "key": "ticket.id"})
    tell(desk, "Two", "Three")
    assert due(desk) == [True, False, False]
    assert recovery.let_forgotten_go() == 0
    # Its version has no order, so nobody is let go by its end.
    desk.perform()
    assert statuses(desk) == ["succeeded", "pending", "pending"]
    assert [recovery.let_forgotten_go(), recovery.let_forgotten_go()] == [1, 0]
    assert due(desk) == [False, True, False]
    desk.perform()
    assert statuses(desk) == ["succeeded"] * 3


# --- single -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan", [tell, together])
def test_a_single_run_keeps_others_of_its_key_from_being(desk: Desk, plan: Any) -> None:
    ordered(desk, "single", MESSAGE, request_to(name="after"))
    plan(desk, "One", "Two")
    tell(desk, "Other", number=43)
    first, second, _ = runs(desk)
    assert statuses(desk) == ["pending", "skipped", "pending"]
    assert (second.reason, second.started_at) == (f"Run {first.pk} with the same key had not ended.", None)
    assert second.finished_at is not None
    with working_for(desk.organization):
        assert set(Step.objects.filter(run=second).values_list("status", "due_at")) == {("skipped", None)}
    assert ends(desk) == ["skipped"]
    desk.perform()
    tell(desk, "Three")
    desk.perform()
    assert sorted(sent(desk)) == ["One", "Other", "Three"]


# --- restart ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan", [tell, together])
def test_the_newest_run_takes_the_place_of_the_older(desk: Desk, plan: Any) -> None:
    ordered(desk, "restart", MESSAGE, request_to(name="after"))
    plan(desk, "One", "Two", "Three")
    tell(desk, "Other", number=43)
    first, second, third, _ = runs(desk)
    assert statuses(desk) == ["superseded", "superseded", "pending", "pending"]
    assert (first.superseded_by_id, second.superseded_by_id) == (second.pk, third.pk)
    assert first.reason == f"Superseded by run {second.pk}."
    assert first.finished_at is not None and first.started_at is None
    assert ends(desk) == ["superseded", "superseded"]
    desk.perform()
    assert sorted(sent(desk)) == ["Other", "Three"]


def test_a_call_in_flight_is_waited_for_when_a_run_is_superseded(desk: Desk) -> None:
    ordered(desk, "restart", MESSAGE, request_to(name="after"))
    tell(desk, "One")
    source, jobs = desk.begun()
    tell(desk, "Two")
    tell(desk, "Three")
    assert statuses(desk) == ["running", "superseded", "pending"]
    assert due(desk)[2] is True
    source.finish(outcomes_of(jobs))
    first, second, _ = runs(desk)
    assert (first.status, first.superseded_by_id) == ("superseded", second.pk)
    desk.perform()
    assert (statuses(desk), sent(desk)) == (["superseded", "superseded", "succeeded"], ["One", "Three"])
    assert ends(desk) == ["superseded", "superseded", "succeeded"]


def test_a_claimed_step_of_a_superseded_run_is_not_sent(desk: Desk) -> None:
    ordered(desk, "restart")
    tell(desk, "One")
    source, jobs = desk.claimed()
    tell(desk, "Two")
    source.finish(outcomes_of(list(source.begin(jobs))))
    desk.perform()
    assert (statuses(desk), sent(desk)) == (["superseded", "succeeded"], ["Two"])


def test_what_a_superseded_run_waited_for_is_stopped_too(desk: Desk) -> None:
    inner = desk.rule({"id": "rest", "wait": {"for": "1h"}}, name="Inner", trigger={"platform": "manual"})
    ordered(desk, "restart", {"id": "call", "rule": "Inner"})
    tell(desk, "One")
    desk.perform()
    tell(desk, "Two")
    with working_for(desk.organization):
        assert list(Run.objects.filter(rule=inner).values_list("status", flat=True)) == ["cancelled"]
    desk.perform()
    desk.perform(later=HOUR)
    with working_for(desk.organization):
        assert sorted(Run.objects.exclude(rule=inner).values_list("status", flat=True)) == ["succeeded", "superseded"]


# --- rules that run others ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["queued", "single", "restart"])
def test_a_rule_that_runs_itself_never_waits_for_itself(desk: Desk, mode: str) -> None:
    manual = {"platform": "manual"}
    rule = ordered(desk, mode, request_to(), key=None, name="Self", trigger=manual)
    rule = changed(desk, rule, steps=[{"id": "again", "rule": "Self"}])
    with working_for(desk.organization):
        interventions.start(rule, {})
    desk.perform()
    outer, inner = runs(desk)
    assert (outer.status, inner.status) == ("failed", "skipped")
    assert inner.reason == f"Run {outer.pk} waits for this one and has the same key."


def test_rules_never_wait_for_each_other_through_their_queues(desk: Desk) -> None:
    manual = {"platform": "manual"}
    one = ordered(desk, "queued", request_to(), key=None, name="One", trigger=manual)
    two = ordered(desk, "queued", {"id": "call", "rule": "One"}, key=None, name="Two", trigger=manual)
    one = changed(desk, one, steps=[{"id": "call", "rule": "Two"}])
    with working_for(desk.organization):
        interventions.start(one, {})
        interventions.start(two, {})
    # The run of each is the first of its queue, and starts one of the other.
    desk.perform()
    desk.perform(later=HOUR)
    with working_for(desk.organization):
        assert not Run.objects.filter(finished_at__isnull=True).exists()
        reasons = list(Run.objects.filter(status="skipped").values_list("reason", flat=True))
    # The second finds the first; the first, let go by that, finds that its own rule had started it.
    assert sorted(reason.split()[0] for reason in reasons) == ["It", "Run"]


def test_a_run_that_waits_for_another_rule_waits_for_its_queue_as_well(desk: Desk) -> None:
    inner = ordered(desk, "queued", request_to(), key=None, name="Inner", trigger={"platform": "manual"})
    with working_for(desk.organization):
        interventions.start(inner, {})
        interventions.start(desk.rule({"id": "call", "rule": "Inner"}, trigger={"platform": "manual"}), {})
    desk.perform()
    assert (statuses(desk), desk.sent(TOOL)) == (["succeeded"] * 3, 2)


# --- at once ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "begin", "left_out"), [("queued", 1, set()), ("single", 1, {"skipped"}), ("restart", 1, {"superseded"})]
)
def test_planners_at_once_agree_on_the_order(desk: Desk, mode: str, begin: int, left_out: set[str]) -> None:
    ordered(desk, mode)
    events = [desk.event() for _ in range(6)]

    def plan(part: list[Any]) -> None:
        try:
            for event in part:
                desk.plan(event)
        finally:
            connection.close()

    threads = [threading.Thread(target=plan, args=(events[place::3],)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs(desk)) == 6
    assert due(desk).count(True) == begin
    assert set(statuses(desk)) == {"pending"} | left_out
    assert due(desk)[-1 if mode == "restart" else 0] is True


def test_planning_while_the_one_before_ends_forgets_nobody(desk: Desk) -> None:
    ordered(desk, "queued")
    tell(desk, "First")
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                desk.perform()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(15):
            tell(desk, f"{number}")
    finally:
        stop.set()
        worker.join()
    desk.perform()
    assert (statuses(desk), recovery.let_forgotten_go()) == (["succeeded"] * 16, 0)
    assert sent(desk) == ["First", *[f"{number}" for number in range(15)]]


# --- what it costs ------------------------------------------------------------------------------------------------
def statements(desk: Desk, events: int) -> int:
    with working_for(desk.organization):
        Run.objects.all().delete()
    desk.plan(desk.event())  # rules are read and compiled once per version
    with CaptureQueriesContext(connection) as queries:
        desk.plan(*[desk.event(number=1000 + number) for number in range(events)])
    return len(queries)


def test_rules_without_order_pay_nothing_and_others_the_same_for_any_number(desk: Desk) -> None:
    rule = desk.rule(MESSAGE)
    free = statements(desk, 1)
    rule = changed(desk, rule, concurrency={"mode": "parallel", "key": "ticket.id"})
    assert statements(desk, 5) == free
    for mode in ("queued", "single", "restart"):
        rule = changed(desk, rule, concurrency={"mode": mode, "key": "ticket.id"})
        few = statements(desk, 1)
        assert free < few <= free + 3
        assert statements(desk, 9) == few, mode


def test_what_stands_in_a_queue_is_not_taken_by_its_planner(desk: Desk) -> None:
    ordered(desk, "queued")
    together(desk, "One", "Two")
    source = StepSource()
    assert len(list(source.claim(32, set()) or ())) == 1
