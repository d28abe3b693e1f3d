"""What Datadog is asked for, and what its answers mean."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.connectors.datadog.connector import Datadog
from integrations.errors import (
    CredentialsRejected,
    InvalidInput,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import CREATES, Account, Action, Result
from supportops import clock
from tests.integrations.recorded import FakePlatform

KEY = {"api_key": "0123456789abcdef0123456789abcdef", "site": "datadoghq.eu"}
URGENT = {"title": "Ticket 4711 is urgent", "text": "Payment fails"}


def perform(
    answers: str, parameters: dict[str, Any], *, config: dict[str, Any] | None = None
) -> tuple[Result, FakePlatform]:
    with FakePlatform.of("datadog", answers) as datadog:
        result = datadog.connect(Datadog, KEY, config).execute(Action("create_event", parameters))
    return result, datadog


def test_an_event_is_posted() -> None:
    result, datadog = perform("create_event__202", URGENT)
    [request] = datadog.requests
    assert str(request.url) == "https://api.datadoghq.eu/api/v1/events"
    assert request.headers["dd-api-key"] == KEY["api_key"]
    assert datadog.sent() == {**URGENT, "alert_type": "info", "priority": "normal"}
    assert result.data == {
        "id": "8264510283971204583",
        "url": "https://app.datadoghq.eu/event/event?id=8264510283971204583",
    }


def test_an_id_beyond_64_bits_stays_exact() -> None:
    result, _ = perform("create_event__202__no_id_str", URGENT)
    assert result.data["id"] == "18446744073709551615"


def test_everything_that_an_event_can_have() -> None:
    at = clock.now() - timedelta(hours=1)
    parameters = {
        **URGENT,
        "alert_type": "error",
        "priority": "low",
        "tags": "env:prod, ticket:4711",
        "aggregation_key": "ticket-4711",
        "host": "web-1",
        "device_name": "eth0",
        "source_type_name": "jenkins",
        "related_event_id": "8264510283971204583",
        "happened_at": at.isoformat(),
        "markdown": True,
    }
    _, datadog = perform("create_event__202", parameters)
    assert datadog.sent() == {
        "title": "Ticket 4711 is urgent",
        "text": "%%% \nPayment fails\n %%%",
        "alert_type": "error",
        "priority": "low",
        "tags": ["env:prod", "ticket:4711"],
        "aggregation_key": "ticket-4711",
        "host": "web-1",
        "device_name": "eth0",
        "source_type_name": "jenkins",
        "related_event_id": 8264510283971204583,
        "date_happened": int(at.timestamp()),
    }


def test_the_configuration_adds_tags_and_a_host() -> None:
    config = {"default_tags": "team:support, env:prod", "host": "supportops"}
    _, datadog = perform("create_event__202", {**URGENT, "tags": ["env:prod", "a:b"]}, config=config)
    assert datadog.sent()["tags"] == ["team:support", "env:prod", "a:b"] and datadog.sent()["host"] == "supportops"
    _, datadog = perform("create_event__202", {**URGENT, "host": "web-1"}, config=config)
    assert datadog.sent()["host"] == "web-1"


@pytest.mark.parametrize(
    "parameters",
    [
        {"title": "x"},
        {"title": "", "text": "x"},
        {**URGENT, "text": "x" * 4000},
        {**URGENT, "alert_type": "fatal"},
        {**URGENT, "aggregation_key": "x" * 101},
        {**URGENT, "tags": ["x" * 201]},
        {**URGENT, "related_event_id": "abc"},
        {**URGENT, "happened_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_posted_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as datadog, pytest.raises(InvalidInput):
        datadog.connect(Datadog, KEY).execute(Action("create_event", parameters))


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("create_event__400", InvalidInput, "Missing required attribute"),
        ("create_event__403", CredentialsRejected, "one of this site's"),
        ("create_event__413", InvalidInput, "too big"),
        ("create_event__429", RateLimited, "Rate limit of 250000"),
        ("create_event__503", Unavailable, "503"),
        ("create_event__500", Unavailable, "Internal error"),
        ("create_event__cut_off", Uncertain, "may have had its effect"),
        ("create_event__202__no_event", Uncertain, "without an event"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, URGENT)
    assert type(caught.value) is error and KEY["api_key"] not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [("create_event__429", 24), ("create_event__429__no_headers", None), ("create_event__503", 5)],
)
def test_the_reset_is_seconds_to_wait_and_counts_first(answers: str, seconds: float | None) -> None:
    with pytest.raises((RateLimited, Unavailable)) as caught:
        perform(answers, URGENT)
    assert caught.value.retry_after == seconds


def test_a_cut_off_event_is_not_simply_repeated() -> None:
    spec = Datadog.action_spec("create_event")
    assert spec.effect is CREATES and not spec.may_repeat


def test_the_connection_test_validates_the_key() -> None:
    with FakePlatform.of("datadog", "test_connection__200") as datadog:
        assert datadog.connect(Datadog, KEY).test_connection().data["account"] == Account("datadoghq.eu")
    for answers in ("test_connection__403", "test_connection__200__not_valid"):
        with FakePlatform.of("datadog", answers) as datadog, pytest.raises(CredentialsRejected):
            datadog.connect(Datadog, KEY).test_connection()


def test_a_site_is_one_of_datadogs() -> None:
    with FakePlatform([]) as datadog, pytest.raises(InvalidInput, match="site"):
        datadog.connect(Datadog, {**KEY, "site": "evil.example"})
    with FakePlatform([{"request": "GET /api/v1/validate", "body": {"valid": True}}]) as datadog:
        datadog.connect(Datadog, {"api_key": KEY["api_key"]}).test_connection()
    assert datadog.requests[0].url.host == "api.datadoghq.com"
