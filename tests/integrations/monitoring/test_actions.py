"""What a monitoring system is asked for, and what its answers mean."""

from datetime import datetime
from typing import Any

import pytest

from integrations.connectors.monitoring.connector import Monitoring
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import Account, Action, Call, Result
from tests.integrations.recorded import FakePlatform

SYSTEM = {"url": "https://monitoring.acme.example/api/", "token": "mon-token-12345678"}
CALL = Call(idempotency_key="01a1f89c-fb80-7c3a-9d52-6f1e2b3c4d5e")
SHOP = {"name": "shop-staging-7", "type": "staging", "metadata": {"branch": "main"}}
LATENCY = {"name": "setup_seconds", "value": 182.5}


def perform(
    answers: str, action: str, parameters: dict[str, Any], *, config: dict[str, Any] | None = None
) -> tuple[Result, FakePlatform]:
    with FakePlatform.of("monitoring", answers) as system:
        result = system.connect(Monitoring, SYSTEM, config, call=CALL).execute(Action(action, parameters))
    return result, system


def test_an_environment_is_registered() -> None:
    result, system = perform("register_environment__201", "register_environment", {**SHOP, "team": "web"})
    [request] = system.requests
    assert str(request.url) == "https://monitoring.acme.example/api/environments"
    assert request.headers["authorization"] == f"Bearer {SYSTEM['token']}"
    assert request.headers["idempotency-key"] == CALL.idempotency_key
    assert system.sent() == {
        "name": "shop-staging-7",
        "type": "staging",
        "status": "active",
        "team": "web",
        "metadata": {"branch": "main"},
    }
    assert (result.data["environment_id"], result.data["is_new"]) == ("env-42", True)
    assert result.data["answer"]["dashboard_url"] == "https://monitoring.acme.example/d/env-42"


def test_one_that_is_known_is_no_failure() -> None:
    result, _ = perform("register_environment__409__known", "register_environment", SHOP)
    assert result.success and (result.data["environment_id"], result.data["is_new"]) == ("42", False)
    assert result.message == "The environment 'shop-staging-7' was registered already."


def test_an_answer_without_a_body_is_fine() -> None:
    result, _ = perform("register_environment__204", "register_environment", SHOP)
    assert result.success and result.data["environment_id"] is None and result.data["answer"] == {}


def test_a_metric_is_sent() -> None:
    parameters = {
        **LATENCY,
        "unit": "s",
        "environment": "staging",
        "tags": {"attempt": 2},
        "timestamp": "2026-11-20T10:00:00Z",
    }
    result, system = perform("send_metric__202", "send_metric", parameters)
    assert system.sent() == {
        "name": "setup_seconds",
        "value": 182.5,
        "unit": "s",
        "environment": "staging",
        "tags": {"attempt": "2"},
        "timestamp": "2026-11-20T10:00:00+00:00",
    }
    assert result.message == "setup_seconds = 182.5 is sent." and result.data["answer"] == {"accepted": 1}


def test_a_metric_without_a_time_is_of_now() -> None:
    result, system = perform("send_metric__200__text", "send_metric", LATENCY)
    assert datetime.fromisoformat(system.sent()["timestamp"]).tzinfo is not None
    assert set(system.sent()) == {"name", "value", "tags", "timestamp"} and result.data["answer"] == {}


def test_the_configuration_adds_team_and_tags() -> None:
    config = {"default_team": "platform", "tags": {"region": "eu", "branch": "none"}}
    _, system = perform("register_environment__201", "register_environment", SHOP, config=config)
    assert system.sent()["team"] == "platform"
    assert system.sent()["metadata"] == {"region": "eu", "branch": "main"}
    _, system = perform("send_metric__202", "send_metric", {**LATENCY, "tags": {"a": "b"}}, config=config)
    assert system.sent()["tags"] == {"region": "eu", "branch": "none", "a": "b"}


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("register_environment", {}),
        ("register_environment", {"name": ""}),
        ("send_metric", {"name": "x"}),
        ("send_metric", {"name": "x", "value": "much"}),
        ("send_metric", {"name": "x", "value": "nan"}),
        ("send_metric", {"name": "x", "value": float("inf")}),
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as system, pytest.raises(InvalidInput):
        system.connect(Monitoring, SYSTEM).execute(Action(action, parameters))


@pytest.mark.parametrize(
    ("answers", "action", "parameters", "error", "says"),
    [
        ("register_environment__422", "register_environment", SHOP, InvalidInput, "must be one of"),
        ("register_environment__401", "register_environment", SHOP, CredentialsRejected, "invalid token"),
        ("register_environment__503", "register_environment", SHOP, Unavailable, "maintenance"),
        ("register_environment__cut_off", "register_environment", SHOP, Uncertain, "may have had its effect"),
        ("send_metric__429", "send_metric", LATENCY, RateLimited, "slow down"),
        ("send_metric__403", "send_metric", LATENCY, Forbidden, "may not write"),
    ],
)
def test_a_failure_has_its_class(
    answers: str, action: str, parameters: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, action, parameters)
    assert type(caught.value) is error and SYSTEM["token"] not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "action", "parameters", "seconds"),
    [("register_environment__503", "register_environment", SHOP, 30), ("send_metric__429", "send_metric", LATENCY, 9)],
)
def test_a_wait_is_as_long_as_was_said(answers: str, action: str, parameters: dict[str, Any], seconds: float) -> None:
    with pytest.raises((Unavailable, RateLimited)) as caught:
        perform(answers, action, parameters)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("answers", "says"), [("test_connection__200", "healthy"), ("test_connection__200__text", "ok")]
)
def test_the_connection_test_tells_the_health(answers: str, says: str) -> None:
    with FakePlatform.of("monitoring", answers) as system:
        result = system.connect(Monitoring, SYSTEM).test_connection()
    assert result.message == f"The monitoring system answers: {says}."
    assert result.data["account"] == Account("https://monitoring.acme.example/api")


@pytest.mark.parametrize(
    ("answers", "error"), [("test_connection__200__ill", Unavailable), ("test_connection__401", CredentialsRejected)]
)
def test_an_ill_system_fails_it(answers: str, error: type[Exception]) -> None:
    with FakePlatform.of("monitoring", answers) as system, pytest.raises(error):
        system.connect(Monitoring, SYSTEM).test_connection()
