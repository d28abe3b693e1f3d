"""Notifications of Alertmanager and of Grafana's alerting, which took its form over: each alert is an event. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier,
read 2026-11. The same group is sent again every few hours on purpose, and by each of several servers: an alert that
still fires is no new event.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.payloads import items, mapping, moment, text
from integrations.specs import Event
from supportops import odd_json

FIRING, RESOLVED = "alert.firing", "alert.resolved"
# What the alerts of a notification have in common, as both senders name it, and what only Grafana adds.
_OF_GROUP = (
    *("receiver", "groupKey", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "truncatedAlerts"),
    *("orgId", "title", "state", "message"),
)


def events_of(payload: Any) -> list[Event]:
    """Return an event for each alert of a notification; none for anything else."""
    whole = mapping(payload)
    return [_event(whole, alert) for alert in items(whole.get("alerts")) if isinstance(alert, Mapping)]


def _event(whole: Mapping[str, Any], alert: Mapping[str, Any]) -> Event:
    status = text(alert.get("status")) or ""
    started, ended = _time(alert.get("startsAt")), _time(alert.get("endsAt"))
    labels, annotations = mapping(alert.get("labels")), mapping(alert.get("annotations"))
    # Alertmanager before 0.15 tells no fingerprint; the labels are what it is made of.
    fingerprint = text(alert.get("fingerprint")) or _digest(labels)[:16]
    at = started if status == "firing" else ended
    payload = {name: whole[name] for name in _OF_GROUP if name in whole}
    payload["alert"] = {
        **alert,
        "fingerprint": fingerprint,
        # While it fires its end is the year 1, or the time at which it is taken for resolved unless heard of again.
        "endsAt": alert.get("endsAt") if status == "resolved" else None,
        "name": text(labels.get("alertname")),
        "severity": text(labels.get("severity")),
        "summary": text(annotations.get("summary")) or text(annotations.get("description")),
    }
    return Event(
        type=f"alert.{status}"[:120],
        external_id=fingerprint[:200],
        payload=payload,
        occurred_at=at,
        key=_digest([whole.get("groupKey"), fingerprint, alert.get("startsAt"), status]),
        updated_at=at,
    )


def _time(value: Any) -> datetime | None:
    at = moment(value)
    return at if at is not None and at.year > 1 else None


def _digest(value: Any) -> str:
    return hashlib.sha256(odd_json.canonical(value)).hexdigest()
