"""Grafana's alerts as events, in Grafana's own names; what all alerts of a notification share stands beside it."""

from typing import Any

from integrations.alerts import FIRING, RESOLVED
from integrations.specs import EventSpec

_ALERT: dict[str, Any] = {
    "status": "firing",
    "name": "HighCPU",
    "severity": "critical",
    "summary": "CPU above 90 % on web-1",
    "labels": {"alertname": "HighCPU", "severity": "critical", "instance": "web-1", "grafana_folder": "Web"},
    "annotations": {"summary": "CPU above 90 % on web-1"},
    "startsAt": "2026-11-20T09:51:00Z",
    "endsAt": None,
    "values": {"B": 93.2, "C": 1},
    "fingerprint": "c6eadffa33fcdf37",
    "generatorURL": "https://acme.grafana.net/alerting/grafana/a1b2/view?orgId=1",
    "silenceURL": "https://acme.grafana.net/alerting/silence/new?matcher=alertname%3DHighCPU",
    "dashboardURL": "",
    "panelURL": "",
}
_GROUP: dict[str, Any] = {
    "receiver": "supportops",
    "groupKey": '{}/{team="web"}:{alertname="HighCPU"}',
    "groupLabels": {"alertname": "HighCPU"},
    "commonLabels": {"alertname": "HighCPU", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "https://acme.grafana.net/",
    "truncatedAlerts": 0,
    "orgId": 1,
    "title": "[FIRING:1] HighCPU Web (critical web-1)",
    "state": "alerting",
    "message": "**Firing**",
}
EVENTS = [
    EventSpec(
        FIRING,
        "An alert began to fire. It is told once, however often Grafana repeats it.",
        subject="alert",
        sample={"alert": _ALERT, **_GROUP},
        label="Alert fires",
    ),
    EventSpec(
        RESOLVED,
        "An alert that fired is resolved.",
        subject="alert",
        sample={
            "alert": {**_ALERT, "status": "resolved", "endsAt": "2026-11-20T10:04:00Z"},
            **_GROUP,
            "title": "[RESOLVED] HighCPU Web (critical web-1)",
            "state": "ok",
        },
        label="Alert is resolved",
    ),
]
