"""Notifications of alerts: which are the same alert told again, and which are not."""

from typing import Any

import pytest

from integrations.alerts import events_of
from integrations.specs import Event

ALERT = {
    "status": "firing",
    "labels": {"alertname": "InstanceDown", "instance": "web-1"},
    "annotations": {"description": "web-1 is down"},
    "startsAt": "2026-11-20T09:51:03.123456789+02:00",
    "endsAt": "2026-11-20T10:01:03Z",
    "fingerprint": "c6eadffa33fcdf37",
}
GROUP = {"groupKey": "{}:{}", "receiver": "supportops", "status": "firing"}


def event(group: dict[str, Any] | None = None, **alert: Any) -> Event:
    [found] = events_of({**GROUP, **(group or {}), "alerts": [{**ALERT, **alert}]})
    return found


def test_the_same_alert_told_again_has_the_same_key() -> None:
    again = event({"receiver": "other", "truncatedAlerts": 3}, endsAt="2026-11-20T14:01:03Z", annotations={})
    assert again.key == event().key


@pytest.mark.parametrize(
    ("group", "alert"),
    [
        ({"groupKey": "{}:{other}"}, {}),
        ({}, {"fingerprint": "d1f0f1a2b3c4d5e6"}),
        ({}, {"startsAt": "2026-11-20T11:51:03Z"}),
        ({}, {"status": "resolved"}),
    ],
)
def test_another_group_alert_start_or_status_is_another_event(group: dict[str, Any], alert: dict[str, Any]) -> None:
    assert event(group, **alert).key != event().key


def test_times_and_texts() -> None:
    found = event()
    assert found.occurred_at is not None and found.occurred_at.isoformat() == "2026-11-20T09:51:03.123456+02:00"
    assert found.payload["alert"]["endsAt"] is None, "while it fires it has no end"
    assert found.payload["alert"]["summary"] == "web-1 is down"
    resolved = event(status="resolved", endsAt="0001-01-01T00:00:00Z")
    assert resolved.occurred_at is None and resolved.updated_at is None


def test_an_alert_without_fingerprint_is_known_by_its_labels() -> None:
    one, other = event(fingerprint=None), event(fingerprint=None, labels={"alertname": "Other"})
    assert len(one.external_id) == 16 and one.external_id != other.external_id


@pytest.mark.parametrize("status", [None, 3, "", "suppressed"])
def test_another_status_is_no_event_that_is_known(status: Any) -> None:
    assert event(status=status).type not in ("alert.firing", "alert.resolved")


@pytest.mark.parametrize("payload", [None, [], {"alerts": None}, {"alerts": {}}, {"alerts": [None, 3, "x"]}])
def test_what_is_no_notification_has_no_alerts(payload: Any) -> None:
    assert events_of(payload) == []


@pytest.mark.parametrize("field", sorted(ALERT))
@pytest.mark.parametrize("odd", [None, 3, [], {"a": []}, "\ufffd"])
def test_odd_values_break_nothing(field: str, odd: Any) -> None:
    assert isinstance(event(**{field: odd}).external_id, str)
