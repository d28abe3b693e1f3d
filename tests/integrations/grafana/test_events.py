"""What Grafana sends, as it came, becomes events."""

from datetime import UTC, datetime

import pytest

from integrations.connectors.grafana.connector import Grafana
from tests.integrations.recorded import handle, request, same_shape


@pytest.mark.parametrize(
    ("name", "type_", "at"),
    [
        ("alert_firing", "alert.firing", datetime(2026, 11, 20, 9, 51, tzinfo=UTC)),
        ("alert_resolved", "alert.resolved", datetime(2026, 11, 20, 10, 4, tzinfo=UTC)),
    ],
)
def test_an_alert_is_an_event(name: str, type_: str, at: datetime) -> None:
    recorded = request("grafana", name)
    [event] = handle(Grafana, recorded)
    assert (event.type, event.external_id, event.occurred_at) == (type_, "c6eadffa33fcdf37", at)
    assert event.payload["alert"]["values"] == {"B": 93.2, "C": 1}
    assert (event.payload["alert"]["name"], event.payload["alert"]["severity"]) == ("HighCPU", "critical")
    assert event.payload["orgId"] == 1 and event.payload["externalURL"] == "https://acme.grafana.net/"
    assert Grafana.delivery_key(recorded.headers, recorded.payload) is None


@pytest.mark.parametrize("name", ["alert_firing", "alert_resolved"])
def test_the_sample_has_what_really_comes(name: str) -> None:
    [event] = handle(Grafana, request("grafana", name))
    spec = Grafana.event_spec(event.type)
    assert spec is not None
    differing = [line for line in same_shape(dict(spec.sample), event.payload) if not line.endswith("in the second")]
    assert differing == []


def test_the_test_button_sends_an_alert() -> None:
    [event] = handle(Grafana, request("grafana", "alert_firing__test_button"))
    assert (event.type, event.payload["alert"]["name"]) == ("alert.firing", "TestAlert")
    assert event.payload["alert"]["endsAt"] is None and event.payload["alert"]["values"] is None


def test_a_payload_of_ones_own_without_alerts_is_none() -> None:
    assert handle(Grafana, request("grafana", "custom_payload")) == []
