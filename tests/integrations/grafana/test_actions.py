"""What Grafana is asked for, and what its answers mean."""

from typing import Any

import pytest

from integrations.connectors.grafana.connector import Grafana
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    RateLimited,
    Unavailable,
)
from integrations.signatures import GenericHmac
from integrations.specs import Account, Action, Result
from tests.integrations.recorded import FakePlatform

TOKEN = {"url": "https://acme.grafana.net/", "token": "glsa_Zk9Wq1eUSe2t8uUZxA3sJH0pQxJxjQ_0a1b2c3d"}
LOAD = {"datasource": "PBFA97CFB590B2093", "expr": "node_load1"}
NAMED = {"datasource": "Main Prometheus", "expr": "node_load1"}


def perform(
    answers: str, parameters: dict[str, Any], *, config: dict[str, Any] | None = None, action: str = "query"
) -> tuple[Result, FakePlatform]:
    with FakePlatform.of("grafana", answers) as grafana:
        result = grafana.connect(Grafana, TOKEN, config).execute(Action(action, parameters))
    return result, grafana


def test_an_expression_is_asked_of_its_data_source() -> None:
    result, grafana = perform("query__200", LOAD)
    [request] = grafana.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN['token']}" and "x-grafana-org-id" not in request.headers
    assert str(request.url) == "https://acme.grafana.net/api/ds/query"
    assert grafana.sent() == {
        "queries": [
            {
                "refId": "A",
                "datasource": {"uid": "PBFA97CFB590B2093"},
                "expr": "node_load1",
                "instant": False,
                "range": True,
                "format": "time_series",
                "maxDataPoints": 100,
                "intervalMs": 1000,
            }
        ],
        "from": "now-1h",
        "to": "now",
    }
    assert result.message == "2 series or tables with 4 rows."
    assert result.data["last"] == 0.932 and not result.data["is_truncated"]
    first, second = result.data["frames"]
    assert first == {
        "name": "web-1",
        "labels": {"instance": "web-1"},
        "columns": [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}],
        "rows": [
            {"Time": 1763719200000, "Value": 0.91},
            {"Time": 1763719215000, "Value": "NaN"},
            {"Time": 1763719230000, "Value": 0.932},
        ],
        "last": 0.932,
    }
    assert second["last"] == "+Inf"


def test_rows_of_a_table() -> None:
    parameters = {
        "datasource": "sql",
        "sql": "SELECT 1",
        "format": "table",
        "from": "2026-11-20T10:00:00Z",
        "to": 1795172400000,
        "max_data_points": 7,
        "interval_ms": 60_000,
        "model": {"dataset": "shop"},
    }
    result, grafana = perform("query__200__table", parameters)
    sent = grafana.sent()
    assert (sent["from"], sent["to"]) == ("1795168800000", "1795172400000")
    assert sent["queries"][0] == {
        "refId": "A",
        "datasource": {"uid": "sql"},
        "rawSql": "SELECT 1",
        "dataset": "shop",
        "format": "table",
        "maxDataPoints": 7,
        "intervalMs": 60_000,
    }
    assert result.data["frames"][0]["rows"] == [{"country": "DE", "n": 12}, {"country": "FR", "n": 7}]
    assert result.data["last"] == 7


def test_only_the_last_value() -> None:
    _, grafana = perform("query__200", {**LOAD, "instant": True})
    assert (grafana.sent()["queries"][0]["instant"], grafana.sent()["queries"][0]["range"]) == (True, False)


def test_nothing_found_is_no_failure() -> None:
    result, _ = perform("query__200__nothing", LOAD)
    assert result.success and result.data == {"frames": [], "last": None, "is_truncated": False}


def test_a_long_answer_is_cut_off() -> None:
    frame = {"schema": {"fields": [{"name": "n", "type": "number"}]}, "data": {"values": [list(range(2000))]}}
    answer = {"request": "POST /api/ds/query", "body": {"results": {"A": {"frames": [frame] * 60}}}}
    with FakePlatform([answer]) as grafana:
        data = grafana.connect(Grafana, TOKEN).execute(Action("query", LOAD)).data
    assert len(data["frames"]) == 50 and data["is_truncated"]
    assert [row["n"] for row in data["frames"][0]["rows"]] == list(range(1000, 2000))


# --- data sources ---------------------------------------------------------------------------------------------
def test_a_data_source_by_name_is_looked_up() -> None:
    result, grafana = perform("query__200__by_name", NAMED)
    assert grafana.sent()["queries"][0]["datasource"] == {"uid": "PBFA97CFB590B2093"} and result.success


@pytest.mark.parametrize("answers", ["query__404", "query__404__may_not_look"])
def test_one_that_is_not_there_is_not_found(answers: str) -> None:
    with pytest.raises(NotFound, match="Data source not found"):
        perform(answers, NAMED)


def test_the_configuration_names_what_a_query_leaves_out() -> None:
    config = {"default_datasource": "main", "default_range": "15m", "org_id": 7}
    _, grafana = perform("query__200", {"expr": "up"}, config=config)
    assert grafana.sent()["queries"][0]["datasource"] == {"uid": "main"}
    assert grafana.sent()["from"] == "now-15m"
    assert grafana.requests[0].headers["x-grafana-org-id"] == "7"


def test_without_any_data_source_nothing_is_asked() -> None:
    with FakePlatform([]) as grafana, pytest.raises(InvalidInput, match="default one"):
        grafana.connect(Grafana, TOKEN).execute(Action("query", {"expr": "up"}))


def test_the_choices_are_the_data_sources() -> None:
    with FakePlatform.of("grafana", "choices_data_sources__200") as grafana:
        found = grafana.connect(Grafana, TOKEN).choices("data_sources")
    assert found == [
        {"id": "PBFA97CFB590B2093", "name": "Main Prometheus"},
        {"id": "P8E80F9AEF21F6940", "name": "Loki"},
    ]
    with FakePlatform([]) as grafana, pytest.raises(InvalidInput):
        grafana.connect(Grafana, TOKEN).choices("dashboards")


@pytest.mark.parametrize(
    "parameters",
    [
        {"datasource": "x"},
        {"datasource": "x", "expr": "  "},
        {"datasource": "x", "expr": "up", "start": "yesterday"},
        {"datasource": "x", "expr": "up", "max_data_points": 1001},
        {"datasource": "x", "expr": "up", "format": "heatmap"},
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_call(parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as grafana, pytest.raises(InvalidInput):
        grafana.connect(Grafana, TOKEN).execute(Action("query", parameters))


# --- failures -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ("query__400__bad_expression", InvalidInput, "unexpected end of input"),
        ("query__207__partly", InvalidInput, "refused the query"),
        ("query__200__data_source_down", Unavailable, "connection refused"),
        ("query__500__timeout", Unavailable, "deadline exceeded"),
        ("query__400__too_many", RateLimited, "too many outstanding"),
        ("query__403__data_source", Forbidden, "permission denied for table"),
        ("query__401", CredentialsRejected, "Invalid API key"),
        ("query__403", Forbidden, "datasources:query"),
        ("query__502__web_page", Unavailable, "502"),
        ("query__200__other_json", Permanent, "known form"),
    ],
)
def test_a_failure_has_its_class(answers: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, LOAD)
    assert type(caught.value) is error and TOKEN["token"] not in str(caught.value)


def test_the_connection_test_names_the_organization() -> None:
    with FakePlatform.of("grafana", "test_connection__200") as grafana:
        result = grafana.connect(Grafana, TOKEN).test_connection()
    assert "'Acme'" in result.message and result.data["account"] == Account("https://acme.grafana.net#1")
    with FakePlatform.of("grafana", "test_connection__401") as grafana, pytest.raises(CredentialsRejected):
        grafana.connect(Grafana, TOKEN).test_connection()


def test_an_instance_may_have_a_path_and_never_goes_without_tls() -> None:
    credentials = {**TOKEN, "url": "https://tools.acme.example/grafana"}
    with FakePlatform([{"request": "GET /grafana/api/org", "body": {"id": 1, "name": "Acme"}}]) as grafana:
        assert grafana.connect(Grafana, credentials).test_connection().success
    with FakePlatform([]) as grafana, pytest.raises(Forbidden, match="plain http"):
        grafana.connect(Grafana, {**TOKEN, "url": "http://grafana.acme.example"}).test_connection()


# --- the signature's names ------------------------------------------------------------------------------------
def test_headers_may_be_named_and_nothing_else() -> None:
    scheme = Grafana.scheme("grafana")
    assert isinstance(scheme, GenericHmac)
    assert scheme.check_options({}) == {"header": "X-Grafana-Alerting-Signature", "timestamp_header": ""}
    named = {"header": "X-Signature", "timestamp_header": "X-Time"}
    assert scheme.check_options(named) == named
    for odd in ({"prefix": "sha256="}, {"encoding": "base64"}, {"header": ""}, {"timestamp_header": "a b"}):
        with pytest.raises(ValueError, match=r"is no option|not the name"):
            scheme.check_options(odd)
