"""What a compliance system is asked for, and what its answers mean."""

from datetime import datetime
from typing import Any

import pytest

from integrations.connectors.compliance import client
from integrations.connectors.compliance.connector import Compliance
from integrations.errors import (
    CredentialsRejected,
    InvalidInput,
    NotFound,
    Unavailable,
    Uncertain,
)
from integrations.specs import Account, Action, Call, Result
from tests.integrations.recorded import FakePlatform

SYSTEM = {"url": "https://compliance.acme.example/api", "token": "cmp-token-12345678", "policy_set": "soc2"}
CALL = Call(idempotency_key="01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e")
GATE = {"environment": "production", "check_type": "pre_deployment", "metadata": {"branch": "main"}}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without making them: the clock goes on by so much."""
    made: list[float] = []
    monotonic = client.time.monotonic
    monkeypatch.setattr(client, "pause", made.append)
    monkeypatch.setattr("integrations.connectors.compliance.client.time.monotonic", lambda: monotonic() + sum(made))
    return made


def perform(
    answers: str,
    parameters: dict[str, Any] = GATE,
    *,
    config: dict[str, Any] | None = None,
    call: Call = CALL,
    credentials: dict[str, Any] = SYSTEM,
) -> tuple[Result, FakePlatform]:
    with FakePlatform.of("compliance", answers) as system:
        result = system.connect(Compliance, credentials, config, call=call).execute(Action("run_check", parameters))
    return result, system


def test_a_check_is_begun_and_followed_to_its_end(pauses: list[float]) -> None:
    result, system = perform("run_check__200__passed")
    sent = system.sent(0)
    assert datetime.fromisoformat(sent.pop("timestamp")).tzinfo is not None
    assert sent == {**GATE, "policy_set": "soc2"}
    assert system.requests[0].headers["authorization"] == f"Bearer {SYSTEM['token']}"
    assert system.requests[0].headers["idempotency-key"] == CALL.idempotency_key
    assert result.success and result.message == "The pre_deployment check of production is passed."
    assert {name: result.data[name] for name in ("check_id", "status", "ended", "passed")} == {
        "check_id": "chk-7f3a",
        "status": "passed",
        "ended": True,
        "passed": True,
    }
    assert result.data["answer"]["score"] == 100
    assert pauses == [1.0, 1.5]


def test_one_that_ends_at_once_is_not_asked_after(pauses: list[float]) -> None:
    result, _ = perform("run_check__201__at_once")
    assert result.data["passed"] is True and pauses == []


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("run_check__200__failed", "(failed): no backup in the last 24 hours; the certificate expires in 3 days."),
        ("run_check__200__completed_without_result", "(completed)."),
        ("run_check__200__cancelled", "(cancelled): cancelled by an operator."),
    ],
)
def test_a_check_that_is_not_passed_fails_the_step(answers: str, says: str) -> None:
    result, _ = perform(answers)
    assert not result.success and result.message.endswith(f"is not passed {says}")
    assert (result.data["ended"], result.data["passed"]) == (True, False)


def test_a_step_may_go_on_all_the_same() -> None:
    result, _ = perform("run_check__200__failed", {**GATE, "on_failure": "continue"})
    assert result.success and result.data["passed"] is False and "not passed" in result.message


def test_completed_may_say_how() -> None:
    result, _ = perform("run_check__200__completed")
    assert result.success and result.data["passed"] is True


def test_without_waiting_it_is_enough_that_it_began(pauses: list[float]) -> None:
    result, _ = perform("run_check__202__begun", {**GATE, "wait": False})
    assert result.success and result.message.endswith("has begun.") and pauses == []
    assert (result.data["ended"], result.data["passed"], result.data["status"]) == (False, None, "pending")


def running(times: int) -> list[dict[str, Any]]:
    again = {"request": "GET /api/checks/chk-7f3a", "body": {"check_id": "chk-7f3a", "status": "running"}}
    return [{"request": "POST /api/checks", "body": {"check_id": "chk-7f3a", "status": "pending"}}] + [again] * times


@pytest.mark.parametrize(
    ("config", "deadline", "asked"),
    [
        ({"wait_seconds": 4, "poll_seconds": 1}, 30.0, 2),
        ({"wait_seconds": 4, "poll_seconds": 0.5}, 30.0, 3),
        ({"wait_seconds": 280}, 5.0, 2),
        ({"wait_seconds": 0}, 30.0, 0),
    ],
)
def test_a_gate_that_nobody_opened_in_time_stays_shut(config: dict[str, Any], deadline: float, asked: int) -> None:
    call = Call(deadline=deadline)
    with FakePlatform(running(asked)) as system:
        result = system.connect(Compliance, SYSTEM, config, call=call).execute(Action("run_check", GATE))
    assert not result.success and "has not ended in time" in result.message
    assert (result.data["ended"], result.data["passed"]) == (False, None)


def test_pauses_grow_to_ten_seconds(pauses: list[float]) -> None:
    # 5 + 7.5 + 13 times 10 seconds fit into the call's 150, less what is kept of them.
    with FakePlatform(running(15)) as system:
        config = {"wait_seconds": 280, "poll_seconds": 5}
        system.connect(Compliance, SYSTEM, config, call=Call(deadline=150)).execute(Action("run_check", GATE))
    assert pauses[:4] == [5.0, 7.5, 10.0, 10.0] and max(pauses) == 10.0


def test_an_outage_meanwhile_is_waited_out_and_nothing_begun_twice(pauses: list[float]) -> None:
    result, system = perform("run_check__200__through_an_outage")
    assert result.success and [request.method for request in system.requests] == ["POST", "GET", "GET", "GET"]
    assert pauses == [1.0, 2.0, 3.0], "the system asked for two seconds"


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("run_check__404__gone", NotFound, "no such check"),
        ("run_check__202__no_id", Uncertain, "told no check_id"),
        ("run_check__422", InvalidInput, "unknown policy set"),
        ("run_check__401", CredentialsRejected, "invalid token"),
        ("run_check__500", Unavailable, "oops"),
        ("run_check__cut_off", Uncertain, "may have had its effect"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers)
    assert type(caught.value) is error and SYSTEM["token"] not in str(caught.value)


def test_a_policy_set_is_needed_and_a_steps_own_counts_first() -> None:
    _, system = perform("run_check__201__at_once", {**GATE, "policy_set": "iso27001"})
    assert system.sent()["policy_set"] == "iso27001"
    with FakePlatform([]) as system, pytest.raises(InvalidInput, match="policy set"):
        system.connect(Compliance, {**SYSTEM, "policy_set": None}).execute(Action("run_check", GATE))


@pytest.mark.parametrize(
    ("answers", "remarks"), [("test_connection__200", False), ("test_connection__405__no_list", True)]
)
def test_the_connection_test_begins_no_check(answers: str, remarks: bool) -> None:
    with FakePlatform.of("compliance", answers) as system:
        result = system.connect(Compliance, SYSTEM).test_connection()
    assert result.success and ("lists no checks" in result.message) is remarks
    assert result.data["account"] == Account(SYSTEM["url"])


def test_a_wrong_token_fails_it() -> None:
    with FakePlatform.of("compliance", "test_connection__401") as system, pytest.raises(CredentialsRejected):
        system.connect(Compliance, SYSTEM).test_connection()
