"""What Prometheus is asked for, and what its answers mean."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.connectors.prometheus.connector import Prometheus
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
)
from integrations.specs import Account, Action, Result
from tests.integrations.recorded import FakePlatform

OPEN = {"url": "https://prometheus.acme.example/"}
DOWN = {"query": "up == 0"}


def perform(
    answers: str,
    action: str,
    parameters: dict[str, Any],
    *,
    credentials: dict[str, Any] = OPEN,
    config: dict[str, Any] | None = None,
) -> tuple[Result, FakePlatform]:
    with FakePlatform.of("prometheus", answers) as prometheus:
        result = prometheus.connect(Prometheus, credentials, config).execute(Action(action, parameters))
    json.dumps(result.data, allow_nan=False)
    return result, prometheus


# --- queries --------------------------------------------------------------------------------------------------
def test_a_query_for_one_moment() -> None:
    result, prometheus = perform("query__200", "query", DOWN)
    assert "authorization" not in prometheus.requests[0].headers
    assert result.data == {
        "result_type": "vector",
        "series": [
            {
                "labels": {"__name__": "up", "instance": "web-1:9100", "job": "node"},
                "time": 1763719200.123,
                "value": "0",
                "number": 0.0,
            },
            {
                "labels": {"__name__": "up", "instance": "web-2:9100", "job": "node"},
                "time": 1763719200.123,
                "value": "NaN",
                "number": None,
            },
        ],
        "value": "0",
        "number": 0.0,
        "is_truncated": False,
        "warnings": ["PromQL warning: bucket label is missing"],
    }


def test_values_over_a_time() -> None:
    over = {**DOWN, "start": "2025-11-21T10:00:00Z", "end": 1763719320, "step": "60s"}
    result, _ = perform("query__200__range", "query", over)
    [series] = result.data["series"]
    assert [value["value"] for value in series["values"]] == ["1", "-Inf", "18446744073709551615"]
    assert (series["value"], series["number"]) == ("18446744073709551615", 18446744073709551615.0)


def test_a_scalar_and_nothing() -> None:
    scalar, _ = perform("query__200__scalar", "query", DOWN)
    assert (scalar.data["value"], scalar.data["number"]) == ("+Inf", None)
    nothing, _ = perform("query__200__nothing", "query", DOWN)
    assert nothing.success and nothing.data["series"] == [] and nothing.data["number"] is None


def test_a_histogram_has_no_value() -> None:
    result, _ = perform("query__200__histogram", "query", DOWN)
    assert result.data["series"][0]["histogram"][1]["count"] == "12" and result.data["value"] is None


def test_a_long_query_goes_in_the_body() -> None:
    query = 'up{instance=~"' + "|".join(f"web-{n}" for n in range(400)) + '"}'
    answer = {"request": "POST /api/v1/query", "body": {"status": "success", "data": {"resultType": "vector"}}}
    with FakePlatform([answer]) as prometheus:
        parameters = {"query": query, "time": 1763719200}
        assert prometheus.connect(Prometheus, OPEN).execute(Action("query", parameters)).success
    sent = parse_qs(prometheus.requests[0].content.decode())
    assert sent == {"query": [query], "timeout": ["10s"], "time": ["1763719200.0"]}


def test_the_configuration_sets_time_tenant_and_size() -> None:
    config = {"query_timeout": "500ms", "tenant": "acme", "max_series": 1}
    body = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}] * 2}}
    with FakePlatform([{"request": "GET /api/v1/query?query=up&timeout=500ms", "body": body}]) as prometheus:
        data = prometheus.connect(Prometheus, OPEN, config).execute(Action("query", {"query": "up"})).data
    assert prometheus.requests[0].headers["x-scope-orgid"] == "acme"
    assert len(data["series"]) == 1 and data["is_truncated"]
    result, _ = perform("alerts__200", "alerts", {}, config={"max_series": 1})
    assert (len(result.data["alerts"]), result.data["count"], result.data["is_truncated"]) == (1, 2, True)


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": ""},
        {"query": "up", "start": 1},
        {"query": "up", "start": 2, "end": 1},
        {"query": "up", "start": 1, "end": 2, "time": 1},
        {"query": "up", "time": "soon"},
        {"query": "up", "time": -1},
        {"query": "up", "time": "nan"},
        {"query": "up", "start": 1, "end": 2, "step": "0s"},
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as prometheus, pytest.raises(InvalidInput):
        prometheus.connect(Prometheus, OPEN).execute(Action("query", parameters))


# --- alerts ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, [("InstanceDown", "web-1"), ("InstanceDown", "web-2")]),
        ({"state": "pending"}, [("HighCPU", "web-1")]),
        ({"state": "any", "labels": {"instance": "web-1"}}, [("InstanceDown", "web-1"), ("HighCPU", "web-1")]),
        ({"name": "InstanceDown", "labels": {"instance": "web-2"}}, [("InstanceDown", "web-2")]),
        ({"name": "HighCPU"}, []),
    ],
)
def test_alerts_are_listed(parameters: dict[str, Any], found: list[tuple[str, str]]) -> None:
    result, _ = perform("alerts__200", "alerts", parameters)
    assert [(alert["name"], alert["labels"]["instance"]) for alert in result.data["alerts"]] == found
    assert result.data["count"] == len(found)


def test_an_alert_has_its_value_as_number_too() -> None:
    result, _ = perform("alerts__200", "alerts", {"state": "pending"})
    assert (result.data["alerts"][0]["value"], result.data["alerts"][0]["number"]) == ("9.32e+01", 93.2)


def test_the_choices_are_the_names_of_alerting_rules() -> None:
    with FakePlatform.of("prometheus", "choices_alerts__200") as prometheus:
        found = prometheus.connect(Prometheus, OPEN).choices("alerts")
    assert found == [{"id": "HighCPU", "name": "HighCPU"}, {"id": "InstanceDown", "name": "InstanceDown"}]
    with FakePlatform([]) as prometheus, pytest.raises(InvalidInput):
        prometheus.connect(Prometheus, OPEN).choices("metrics")


# --- failures and sign-in -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("query__400", InvalidInput, "unexpected end of input"),
        ("query__422", InvalidInput, "too many samples"),
        ("query__503__timeout", Unavailable, "timed out"),
        ("query__500__internal", Unavailable, "storage is closed"),
        ("query__200__says_no", InvalidInput, "expanding series"),
        ("query__401", CredentialsRejected, "Unauthorized"),
        ("query__429", RateLimited, "too many requests"),
        ("query__200__web_page", Permanent, "not JSON"),
        ("query__200__other_json", Permanent, "known form"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, "query", DOWN)
    assert type(caught.value) is error


@pytest.mark.parametrize(("answers", "seconds"), [("query__503__timeout", 7), ("query__429", 3)])
def test_a_wait_is_as_long_as_was_said(answers: str, seconds: float) -> None:
    with pytest.raises((Unavailable, RateLimited)) as caught:
        perform(answers, "query", DOWN)
    assert caught.value.retry_after == seconds


def test_a_server_without_the_api_is_not_found() -> None:
    with pytest.raises(NotFound, match="404 page not found"):
        perform("alerts__404", "alerts", {})


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        ({"username": "ada", "password": "pass-word"}, "Basic YWRhOnBhc3Mtd29yZA=="),
        ({"token": "tok-12345678"}, "Bearer tok-12345678"),
        ({"username": "", "password": " ", "token": None}, None),
    ],
)
def test_each_way_of_signing_in(credentials: dict[str, Any], header: str | None) -> None:
    _, prometheus = perform("query__200", "query", DOWN, credentials={**OPEN, **credentials})
    assert prometheus.requests[0].headers.get("authorization") == header


@pytest.mark.parametrize(
    "credentials", [{"username": "ada"}, {"password": "x"}, {"username": "a", "password": "b", "token": "c"}]
)
def test_half_and_double_sign_ins_are_refused(credentials: dict[str, Any]) -> None:
    with FakePlatform([]) as prometheus, pytest.raises(InvalidInput, match="credentials"):
        prometheus.connect(Prometheus, {**OPEN, **credentials})


def test_the_connection_test_tells_the_version() -> None:
    with FakePlatform.of("prometheus", "test_connection__200") as prometheus:
        result = prometheus.connect(Prometheus, OPEN).test_connection()
    assert "3.7.3" in result.message and result.data["account"] == Account("https://prometheus.acme.example")
    with FakePlatform.of("prometheus", "test_connection__401") as prometheus, pytest.raises(CredentialsRejected):
        prometheus.connect(Prometheus, OPEN).test_connection()


def test_a_token_never_goes_without_tls() -> None:
    with FakePlatform([]) as prometheus, pytest.raises(Forbidden, match="plain http"):
        prometheus.connect(Prometheus, {"url": "http://prometheus.acme.example", "token": "x"}).test_connection()
