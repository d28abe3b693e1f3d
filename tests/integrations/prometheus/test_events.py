"""What Alertmanager sends, as it came, becomes events."""

from datetime import UTC, datetime

import pytest

from integrations.connectors.prometheus.connector import Prometheus
from integrations.signatures import SharedSecretHeader
from tests.integrations.recorded import handle, request, same_shape


def test_each_alert_of_a_notification_is_an_event() -> None:
    recorded = request("prometheus", "alert_firing")
    first, second = handle(Prometheus, recorded)
    assert (first.type, first.external_id) == ("alert.firing", "c6eadffa33fcdf37")
    assert (second.type, second.external_id) == ("alert.firing", "d1f0f1a2b3c4d5e6")
    assert first.occurred_at == datetime(2026, 11, 20, 9, 51, 3, 123456, tzinfo=UTC)
    assert first.payload["alert"]["labels"]["instance"] == "web-1:9100"
    assert first.payload["groupLabels"] == second.payload["groupLabels"] == {"alertname": "InstanceDown"}
    assert Prometheus.delivery_key(recorded.headers, recorded.payload) is None


def test_a_repeated_notification_tells_the_same_alerts() -> None:
    first, again = (request("prometheus", name) for name in ("alert_firing", "alert_firing__repeated"))
    assert {event.key for event in handle(Prometheus, first)} == {event.key for event in handle(Prometheus, again)}


def test_a_group_may_fire_and_be_resolved_in_one() -> None:
    still, over = handle(Prometheus, request("prometheus", "alert_firing__partly_resolved"))
    assert (still.type, over.type) == ("alert.firing", "alert.resolved")
    [alone] = handle(Prometheus, request("prometheus", "alert_resolved"))
    assert alone.key == over.key and alone.occurred_at == datetime(2026, 11, 20, 10, 4, 3, 500000, tzinfo=UTC)


@pytest.mark.parametrize("name", ["alert_firing", "alert_resolved"])
def test_the_sample_has_what_really_comes(name: str) -> None:
    event = handle(Prometheus, request("prometheus", name))[0]
    spec = Prometheus.event_spec(event.type)
    assert spec is not None
    differing = [line for line in same_shape(dict(spec.sample), event.payload) if not line.endswith("in the second")]
    assert differing == []


def test_a_secret_of_basic_is_a_pair() -> None:
    scheme = Prometheus.scheme("basic")
    assert isinstance(scheme, SharedSecretHeader)
    scheme.check_secret(scheme.new_secret())
    for odd in ("only", "user:", ":password"):
        with pytest.raises(ValueError, match="user name and a password"):
            scheme.check_secret(odd)
