"""What PagerDuty is asked for, and what its answers mean."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations import markers
from integrations.connectors.pagerduty.connector import PagerDuty
from integrations.errors import (
    CredentialsRejected,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import Account, Action, Call, Registration, Result, WebhookTarget
from tests.integrations.recorded import FakePlatform

ROUTING = {"routing_key": "0123456789abcdef0123456789abcdef"}
API = {"api_token": "u+abcdefghijklmnopqr", "from_email": "ops@acme.example"}
KEY = "01a1b1d2-73e4-7f00-8a1b-2c2d3e4f6071"
URL = "https://ops.example/api/webhooks/pagerduty/abc"
TRIGGER = {"summary": "Payment fails", "dedup_key": "ticket-4711"}


def perform(
    answers: str,
    action: str,
    parameters: dict[str, Any],
    credentials: dict[str, Any] = ROUTING,
    config: dict[str, Any] | None = None,
) -> tuple[Result, list[httpx.Request]]:
    with FakePlatform.of("pagerduty", answers) as pagerduty:
        instance = pagerduty.connect(PagerDuty, credentials, config, call=Call(idempotency_key=KEY))
        result = instance.execute(Action(action, parameters))
    return result, pagerduty.requests


def body_of(request: httpx.Request) -> Any:
    return json.loads(request.content)


# --- alerts ---------------------------------------------------------------------------------------------------
def test_an_alert_with_everything_that_it_can_have() -> None:
    result, [call] = perform(
        "trigger_incident__202",
        "trigger_incident",
        {
            **TRIGGER,
            "severity": "warning",
            "source": "shop.example",
            "details": {"ticket": 4711},
            "component": "checkout",
            "group": "shop",
            "class": "timeout",
            "timestamp": datetime(2026, 11, 20, 10, tzinfo=UTC),
            "url": "https://acme.example/tickets/4711",
            "links": ["https://acme.example/runbook", {"href": "https://acme.example/log", "text": "Log"}],
            "images": [{"src": "https://acme.example/graph.png", "alt": "Graph"}],
        },
    )
    assert str(call.url) == "https://events.pagerduty.com/v2/enqueue" and "authorization" not in call.headers
    assert body_of(call) == {
        "routing_key": ROUTING["routing_key"],
        "event_action": "trigger",
        "dedup_key": "ticket-4711",
        "payload": {
            "summary": "Payment fails",
            "source": "shop.example",
            "severity": "warning",
            "timestamp": "2026-11-20T10:00:00+00:00",
            "component": "checkout",
            "group": "shop",
            "class": "timeout",
            "custom_details": {"ticket": 4711},
        },
        "client": "SupportOps",
        "client_url": "https://acme.example/tickets/4711",
        "links": [{"href": "https://acme.example/runbook"}, {"href": "https://acme.example/log", "text": "Log"}],
        "images": [{"src": "https://acme.example/graph.png", "alt": "Graph"}],
    }
    assert result.data == {"dedup_key": "ticket-4711", "incident": None}


def test_a_step_is_its_own_key_and_the_configuration_fills_in() -> None:
    config = {"default_severity": "info", "default_source": "Help desk"}
    _, [call] = perform("trigger_incident__202", "trigger_incident", {"title": "x" * 2000}, config=config)
    sent = body_of(call)
    assert sent["dedup_key"] == markers.tag(KEY) and markers.key_of(sent["dedup_key"]) == KEY
    assert (sent["payload"]["severity"], sent["payload"]["source"]) == ("info", "Help desk")
    assert len(sent["payload"]["summary"]) == 1024


def test_the_region_decides_on_the_hosts() -> None:
    _, [call] = perform("trigger_incident__202", "trigger_incident", TRIGGER, config={"region": "eu"})
    assert call.url.host == "events.eu.pagerduty.com"
    _, [call] = perform(
        "acknowledge_incident__200", "acknowledge_incident", {"incident": "PT4KHLK"}, API, {"region": "eu"}
    )
    assert call.url.host == "api.eu.pagerduty.com"


@pytest.mark.parametrize(("action", "kind"), [("acknowledge_incident", "acknowledge"), ("resolve_incident", "resolve")])
def test_an_alert_is_changed_by_its_key(action: str, kind: str) -> None:
    result, [call] = perform(f"{action}__202", action, {"dedup_key": "ticket-4711"}, {**ROUTING, **API})
    assert body_of(call) == {**ROUTING, "event_action": kind, "dedup_key": "ticket-4711"}
    assert result.data == {"dedup_key": "ticket-4711"}


# --- incidents ------------------------------------------------------------------------------------------------
def test_without_integration_key_an_incident_is_opened() -> None:
    parameters = {**TRIGGER, "severity": "warning", "details": {"Ticket": 4711}, "links": ["https://acme.example/r"]}
    result, calls = perform(
        "trigger_incident__201", "trigger_incident", parameters, API, {"default_service": "Checkout"}
    )
    assert body_of(calls[1])["incident"] == {
        "type": "incident",
        "title": "Payment fails",
        "service": {"id": "PF9KMXH", "type": "service_reference"},
        "urgency": "low",
        "incident_key": "ticket-4711",
        "body": {
            "type": "incident_body",
            "details": "Severity: warning\nSource: SupportOps\nTicket: 4711\nLink 1: https://acme.example/r",
        },
    }
    for call in calls:
        assert call.headers["authorization"] == "Token token=u+abcdefghijklmnopqr"
        assert call.headers["from"] == "ops@acme.example"
        assert call.headers["accept"] == "application/vnd.pagerduty+json;version=2"
        assert call.url.host == "api.pagerduty.com"
    assert result.data["incident"] == {
        "id": "PT4KHLK",
        "incident_number": 1234,
        "incident_key": "ticket-4711",
        "title": "Payment fails",
        "status": "triggered",
        "urgency": "high",
        "html_url": "https://acme.pagerduty.com/incidents/PT4KHLK",
        "created_at": "2026-11-20T10:00:00Z",
        "service": "Checkout",
    }


def test_a_named_service_goes_before_the_integration_key() -> None:
    parameters = {**TRIGGER, "service": "Checkout", "urgency": "low"}
    _, calls = perform("trigger_incident__201", "trigger_incident", parameters, {**ROUTING, **API})
    assert body_of(calls[1])["incident"]["urgency"] == "low"


def test_an_incident_that_is_open_with_this_key_is_the_result() -> None:
    parameters = {**TRIGGER, "service": "Checkout"}
    result, _ = perform("trigger_incident__400__open_already", "trigger_incident", parameters, API)
    assert result.success and result.data["incident"]["id"] == "PT4KHLK" and "already" in result.message


def test_a_service_must_be_known() -> None:
    with pytest.raises(NotFound, match="no service 'Nowhere'"):
        perform("trigger_incident__200__no_such_service", "trigger_incident", {**TRIGGER, "service": "Nowhere"}, API)
    with FakePlatform([]) as pagerduty, pytest.raises(InvalidInput, match="Name a service"):
        pagerduty.connect(PagerDuty, API).execute(Action("trigger_incident", TRIGGER))


def test_an_incident_is_acknowledged_and_resolved_by_its_id() -> None:
    result, [call] = perform("acknowledge_incident__200", "acknowledge_incident", {"incident_id": "PT4KHLK"}, API)
    assert body_of(call) == {"incident": {"type": "incident_reference", "status": "acknowledged"}}
    assert result.data["incident"]["status"] == "acknowledged"
    parameters = {"incident": "PT4KHLK", "resolution": "Restarted"}
    _, [call] = perform("resolve_incident__200", "resolve_incident", parameters, API)
    assert body_of(call)["incident"] == {"type": "incident_reference", "status": "resolved", "resolution": "Restarted"}


def test_an_incident_is_found_by_its_key_where_there_is_no_integration_key() -> None:
    _, calls = perform(
        "acknowledge_incident__200__by_key", "acknowledge_incident", {"incident_key": "ticket-4711"}, API
    )
    assert [call.method for call in calls] == ["GET", "PUT"]
    with pytest.raises(NotFound, match="ticket-4711"):
        perform("resolve_incident__200__unknown_key", "resolve_incident", {"dedup_key": "ticket-4711"}, API)


def test_a_resolved_incident_stays_resolved() -> None:
    result, _ = perform("resolve_incident__200__already", "resolve_incident", {"incident": "PT4KHLK"}, API)
    assert result.success and result.data["incident"]["status"] == "resolved"


def test_a_note_is_written() -> None:
    result, [call] = perform("add_note__200", "add_note", {"incident": "PT4KHLK", "note": "Looking into it"}, API)
    assert body_of(call) == {"note": {"content": "Looking into it"}}
    assert result.data == {"id": "PWL7QXS", "incident_id": "PT4KHLK"}


def test_an_id_needs_the_api_key() -> None:
    with FakePlatform([]) as pagerduty, pytest.raises(InvalidInput, match="needs an API key"):
        pagerduty.connect(PagerDuty, ROUTING).execute(Action("add_note", {"incident": "PT4KHLK", "text": "Hi"}))


# --- what goes wrong ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answers", "action", "parameters", "credentials", "error", "says"),
    [
        (
            "trigger_incident__400__routing_key",
            "trigger_incident",
            TRIGGER,
            ROUTING,
            CredentialsRejected,
            "routing_key",
        ),
        ("trigger_incident__400__severity", "trigger_incident", TRIGGER, ROUTING, InvalidInput, "payload.source"),
        ("trigger_incident__429", "trigger_incident", TRIGGER, ROUTING, RateLimited, "too quickly"),
        ("trigger_incident__500", "trigger_incident", TRIGGER, ROUTING, Unavailable, "500"),
        ("trigger_incident__cut_off", "trigger_incident", TRIGGER, ROUTING, Uncertain, "may have had its effect"),
        (
            "trigger_incident__400__from",
            "trigger_incident",
            {**TRIGGER, "service": "Checkout"},
            API,
            CredentialsRejected,
            "no user",
        ),
        ("acknowledge_incident__404", "acknowledge_incident", {"incident": "PT4KHLK"}, API, NotFound, "Not Found"),
        ("acknowledge_incident__429", "acknowledge_incident", {"incident": "PT4KHLK"}, API, RateLimited, "Rate Limit"),
        ("resolve_incident__403", "resolve_incident", {"incident": "PT4KHLK"}, API, Forbidden, "Access Denied"),
        ("add_note__401", "add_note", {"incident": "PT4KHLK", "text": "Hi"}, API, CredentialsRejected, "Unauthorized"),
        ("add_note__404", "add_note", {"incident": "PT4KHLK", "text": "Hi"}, API, NotFound, "Not Found"),
        ("add_note__cut_off", "add_note", {"incident": "PT4KHLK", "text": "Hi"}, API, Uncertain, "may have had"),
    ],
)
def test_a_failure_has_its_class(
    answers: str,
    action: str,
    parameters: dict[str, Any],
    credentials: dict[str, Any],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says) as caught:
        perform(answers, action, parameters, credentials)
    assert type(caught.value) is error
    assert ROUTING["routing_key"] not in str(caught.value) and API["api_token"] not in str(caught.value)


def test_a_limit_says_how_long() -> None:
    with pytest.raises(RateLimited) as caught:
        perform("trigger_incident__429", "trigger_incident", TRIGGER)
    assert caught.value.retry_after == 30
    with pytest.raises(RateLimited) as caught:
        perform("acknowledge_incident__429", "acknowledge_incident", {"incident": "PT4KHLK"}, API)
    assert caught.value.retry_after == pytest.approx(17, abs=1)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("trigger_incident", {}),
        ("trigger_incident", {"summary": "x", "severity": "urgent"}),
        ("trigger_incident", {"summary": "x", "images": [{"src": "http://a.example/b.png"}]}),
        ("trigger_incident", {"summary": "x", "dedup_key": "x" * 256}),
        ("acknowledge_incident", {}),
        ("resolve_incident", {"incident": "PT4KHLK", "dedup_key": "x"}),
        ("resolve_incident", {"incident": "../users"}),
        ("add_note", {"incident": "PT4KHLK", "content": ""}),
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_call(action: str, parameters: dict[str, Any]) -> None:
    with FakePlatform([]) as pagerduty, pytest.raises(InvalidInput):
        pagerduty.connect(PagerDuty, {**ROUTING, **API}).execute(Action(action, parameters))


@pytest.mark.parametrize(
    "credentials",
    [{}, {"api_token": "x"}, {"from_email": "a@b.example"}, {"routing_key": "short"}, {**API, "from_email": "nobody"}],
)
def test_credentials_that_are_not_whole_are_refused(credentials: dict[str, Any]) -> None:
    with FakePlatform([]) as pagerduty, pytest.raises(InvalidInput):
        pagerduty.connect(PagerDuty, credentials)


# --- connection, choices, webhooks ----------------------------------------------------------------------------
def test_the_connection_test_says_who_we_are() -> None:
    with FakePlatform.of("pagerduty", "test_connection__200") as pagerduty:
        result = pagerduty.connect(PagerDuty, {**ROUTING, **API}).test_connection()
    assert result.data["account"] == Account(id="acme", actor_id="PSUPPOR")
    assert pagerduty.sent()["event_action"] == "resolve" and "SupportOps" in result.message


def test_an_integration_key_alone_is_tried_without_opening_anything() -> None:
    with FakePlatform.of("pagerduty", "test_connection__202") as pagerduty:
        result = pagerduty.connect(PagerDuty, ROUTING).test_connection()
    assert result.success and pagerduty.sent()["event_action"] == "resolve"


@pytest.mark.parametrize(
    ("answers", "credentials"),
    [("test_connection__400", ROUTING), ("test_connection__401", API), ("test_connection__200__nobody", API)],
)
def test_a_bad_key_is_told(answers: str, credentials: dict[str, Any]) -> None:
    with FakePlatform.of("pagerduty", answers) as pagerduty, pytest.raises(CredentialsRejected):
        pagerduty.connect(PagerDuty, credentials).test_connection()


def test_services_may_be_chosen() -> None:
    with FakePlatform.of("pagerduty", "choices_services__200") as pagerduty:
        found = pagerduty.connect(PagerDuty, API).choices("services")
    assert found == [{"id": "PF9KMXH", "name": "Checkout"}, {"id": "PF9KMXX", "name": "Search"}]


def register(answers: str, known: Registration | None = None) -> tuple[Registration, FakePlatform]:
    target = WebhookTarget(URL, events=("incident.triggered", "incident.note_added"))
    with FakePlatform.of("pagerduty", answers) as pagerduty:
        return pagerduty.connect(PagerDuty, API).register_webhook(target, known), pagerduty


def test_a_subscription_is_made_and_its_secret_kept() -> None:
    registration, pagerduty = register("register_webhook__201")
    assert registration == Registration(("PY1OL64",), "6b57GOw0fRpn7CgK9a")
    assert pagerduty.sent() == {
        "webhook_subscription": {
            "type": "webhook_subscription",
            "active": True,
            "events": ["incident.triggered", "incident.annotated"],
            "description": "SupportOps",
            "delivery_method": {"type": "http_delivery_method", "url": URL},
            "filter": {"type": "account_reference"},
        }
    }


def test_one_that_is_there_is_changed_and_switched_on_again() -> None:
    registration, pagerduty = register("register_webhook__200__kept", Registration(("PY1OL64",)))
    assert registration == Registration(("PY1OL64",))
    assert pagerduty.sent(1)["webhook_subscription"]["events"] == ["incident.triggered", "incident.annotated"]


def test_one_whose_secret_nobody_has_is_replaced() -> None:
    registration, _ = register("register_webhook__201__secret_lost")
    assert registration.secret == "6b57GOw0fRpn7CgK9a"


def test_a_subscription_that_is_gone_is_fine() -> None:
    with FakePlatform.of("pagerduty", "unregister_webhook__204") as pagerduty:
        pagerduty.connect(PagerDuty, API).unregister_webhook(Registration(("PY1OL64", "PGONE11")))


def test_alerts_have_a_limit_of_their_own() -> None:
    [limit] = [limit for limit in PagerDuty.limits if limit.key is not None]
    model = {spec.name: spec.model for spec in PagerDuty.actions}
    assert limit.key is not None
    assert limit.key("trigger_incident", model["trigger_incident"](summary="x")) == "events"
    assert limit.key("trigger_incident", model["trigger_incident"](summary="x", service="Checkout")) is None
    assert limit.key("add_note", model["add_note"](incident="PT4KHLK", content="x")) is None
