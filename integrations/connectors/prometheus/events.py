"""Alertmanager's alerts as events, in its own names; what all alerts of a notification share stands beside it."""

from typing import Any

from integrations.alerts import FIRING, RESOLVED
from integrations.specs import EventSpec

_ALERT: dict[str, Any] = {
    "status": "firing",
    "name": "InstanceDown",
    "severity": "critical",
    "summary": "web-1 is down",
    "labels": {"alertname": "InstanceDown", "severity": "critical", "instance": "web-1:9100", "job": "node"},
    "annotations": {"summary": "web-1 is down", "runbook_url": "https://runbooks.example.com/InstanceDown"},
    "startsAt": "2026-11-20T09:51:03.123456789Z",
    "endsAt": None,
    "generatorURL": "https://prometheus.example.com/graph?g0.expr=up+%3D%3D+0",
    "fingerprint": "c6eadffa33fcdf37",
}
_GROUP: dict[str, Any] = {
    "receiver": "supportops",
    "groupKey": '{}:{alertname="InstanceDown"}',
    "groupLabels": {"alertname": "InstanceDown"},
    "commonLabels": {"alertname": "InstanceDown", "severity": "critical", "job": "node"},
    "commonAnnotations": {},
    "externalURL": "https://alertmanager.example.com",
    "truncatedAlerts": 0,
}
EVENTS = [
    EventSpec(
        FIRING,
        "An alert began to fire. It is told once, however often Alertmanager repeats it.",
        subject="alert",
        sample={"alert": _ALERT, **_GROUP},
        label="Alert fires",
    ),
    EventSpec(
        RESOLVED,
        "An alert that fired is resolved.",
        subject="alert",
        sample={"alert": {**_ALERT, "status": "resolved", "endsAt": "2026-11-20T10:04:03.5Z"}, **_GROUP},
        label="Alert is resolved",
    ),
]
