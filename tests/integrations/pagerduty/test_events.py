"""What PagerDuty sends, as it came, becomes events."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.pagerduty.connector import PagerDuty
from tests.integrations.recorded import handle, request, same_shape

NAMES = [spec.name for spec in PagerDuty.events]


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_one_event_of_the_samples_form(name: str) -> None:
    recorded = request("pagerduty", name)
    [event] = handle(PagerDuty, recorded)
    assert (event.type, event.external_id) == (name, "PGR0VU2")
    assert event.actor_id == (None if name == "incident.unacknowledged" else "PTUXL6G")
    assert event.occurred_at == event.updated_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert event.key == recorded.payload["event"]["id"]
    spec = PagerDuty.event_spec(name)
    assert spec is not None and same_shape(dict(spec.sample), event.payload) == []


def test_an_incident_is_as_pagerduty_tells_it() -> None:
    recorded = request("pagerduty", "incident.triggered")
    [event] = handle(PagerDuty, recorded)
    assert event.payload["incident"] == recorded.payload["event"]["data"]
    assert event.payload["incident"]["title"] == "Zahlungsanbieter antwortet nicht ☃"
    assert event.payload["agent"]["summary"] == "Ada Byron"
    assert event.payload["event"]["event_type"] == "incident.triggered"


def test_a_note_names_its_incident_and_its_text() -> None:
    [event] = handle(PagerDuty, request("pagerduty", "incident.note_added"))
    assert event.payload["note"] == {"id": "P6R7S8T", "content": "The provider is restarting", "trimmed": False}
    assert event.payload["incident"]["title"] == "Payment provider does not answer"


def test_an_incident_that_a_step_opened_is_known_by_its_key() -> None:
    [event] = handle(PagerDuty, request("pagerduty", "incident.triggered__by_us"))
    assert event.marker == "01a1b1d2-73e4-7f00-8a1b-2c2d3e4f6071" and event.actor_id == "PSUPPOR"
    [other] = handle(PagerDuty, request("pagerduty", "incident.triggered"))
    assert other.marker is None


def test_an_integration_may_be_the_one_who_did_it_and_fields_may_be_missing() -> None:
    [event] = handle(PagerDuty, request("pagerduty", "incident.triggered__by_an_integration"))
    assert event.payload["client"]["name"] == "Monitoring Service" and event.actor_id == "PINTEGR"


@pytest.mark.parametrize("name", ["ping", "responder_added"])
def test_pings_and_other_kinds_are_no_events(name: str) -> None:
    assert handle(PagerDuty, request("pagerduty", name)) == []


def test_a_delivery_is_known_by_its_id_else_by_the_events() -> None:
    recorded = request("pagerduty", "incident.triggered")
    assert PagerDuty.delivery_key(recorded.headers, recorded.payload) == "a1b2c3d4-0000-4000-8000-000000000000"
    assert PagerDuty.delivery_key({}, recorded.payload) == recorded.payload["event"]["id"]


@pytest.mark.parametrize("name", ["incident.triggered", "incident.note_added"])
def test_the_account_stands_in_the_addresses(name: str) -> None:
    recorded = request("pagerduty", name)
    assert PagerDuty.account_key(recorded.headers, recorded.payload) == "acme"


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("https://acme.eu.pagerduty.com/incidents/P1", "acme"),
        ("https://acme.pagerduty.com.evil.example/", None),
        ("https://evil.eu/", None),
        (7, None),
    ],
)
def test_only_pagerdutys_own_addresses_name_an_account(address: Any, account: str | None) -> None:
    payload = {"event": {"data": {"html_url": address}}}
    assert PagerDuty.account_key({}, payload) == account


@pytest.mark.parametrize(
    "payload",
    [
        {"event": {"event_type": "incident.triggered", "data": "x"}},
        {"event": {"event_type": "incident.triggered", "data": {"id": 3}, "agent": "x", "occurred_at": 5}},
        {"event": {"event_type": "incident.annotated", "data": {"incident": 7, "content": None}}},
        {"messages": [{"event": "incident.trigger"}]},
    ],
)
def test_odd_payloads_break_nothing(payload: Any) -> None:
    assert isinstance(PagerDuty().handle_webhook(payload), list)
