"""PagerDuty's webhooks (version 3) as events. https://developer.pagerduty.com/docs/webhooks-overview, read 2026-11.

The incident has the fields of PagerDuty's own `data`; who did it stands beside it as `agent`.
"""

from collections.abc import Mapping
from typing import Any

from integrations import markers
from integrations.connectors.pagerduty.client import subdomain_of
from integrations.payloads import mapping, moment, text
from integrations.specs import Event, EventSpec

# PagerDuty's name → ours, where they differ.
RENAMED = {"incident.annotated": "incident.note_added"}

_INCIDENT = {
    "id": "PGR0VU2",
    "type": "incident",
    "self": "https://api.pagerduty.com/incidents/PGR0VU2",
    "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
    "number": 2,
    "status": "triggered",
    "incident_key": "d3640fbd41094207a1c11e58e46b1662",
    "created_at": "2026-11-20T09:59:59Z",
    "title": "Payment provider does not answer",
    "service": {
        "html_url": "https://acme.pagerduty.com/services/PF9KMXH",
        "id": "PF9KMXH",
        "self": "https://api.pagerduty.com/services/PF9KMXH",
        "summary": "Checkout",
        "type": "service_reference",
    },
    "assignees": [
        {
            "html_url": "https://acme.pagerduty.com/users/PTUXL6G",
            "id": "PTUXL6G",
            "self": "https://api.pagerduty.com/users/PTUXL6G",
            "summary": "Ada Byron",
            "type": "user_reference",
        }
    ],
    "escalation_policy": {
        "html_url": "https://acme.pagerduty.com/escalation_policies/PUS0KTE",
        "id": "PUS0KTE",
        "self": "https://api.pagerduty.com/escalation_policies/PUS0KTE",
        "summary": "Default",
        "type": "escalation_policy_reference",
    },
    "teams": [
        {
            "html_url": "https://acme.pagerduty.com/teams/PFCVPS0",
            "id": "PFCVPS0",
            "self": "https://api.pagerduty.com/teams/PFCVPS0",
            "summary": "Engineering",
            "type": "team_reference",
        }
    ],
    "priority": {
        "html_url": "https://acme.pagerduty.com/account/incident_priorities",
        "id": "PSO75BM",
        "self": "https://api.pagerduty.com/priorities/PSO75BM",
        "summary": "P1",
        "type": "priority_reference",
    },
    "urgency": "high",
    "conference_bridge": None,
    "resolve_reason": None,
}
_AGENT = {
    "html_url": "https://acme.pagerduty.com/users/PTUXL6G",
    "id": "PTUXL6G",
    "self": "https://api.pagerduty.com/users/PTUXL6G",
    "summary": "Ada Byron",
    "type": "user_reference",
}


def _sample(event_type: str, **changes: Any) -> dict[str, Any]:
    about = {
        "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": "2026-11-20T10:00:00.000Z",
    }
    return {"incident": {**_INCIDENT, **changes}, "agent": _AGENT, "client": None, "event": about}


EVENTS = [
    EventSpec(
        "incident.triggered",
        "An incident was opened.",
        subject="incident",
        sample=_sample("incident.triggered"),
        label="Incident triggered",
    ),
    EventSpec(
        "incident.acknowledged",
        "Somebody took an incident on.",
        subject="incident",
        sample=_sample("incident.acknowledged", status="acknowledged"),
        label="Incident acknowledged",
    ),
    EventSpec(
        "incident.resolved",
        "An incident was resolved.",
        subject="incident",
        sample=_sample("incident.resolved", status="resolved"),
        label="Incident resolved",
    ),
    EventSpec(
        "incident.reopened",
        "A resolved incident was opened again.",
        subject="incident",
        sample=_sample("incident.reopened"),
        label="Incident reopened",
    ),
    EventSpec(
        "incident.unacknowledged",
        "Nobody works on an incident any more: the time of its acknowledgement ran out.",
        subject="incident",
        sample=_sample("incident.unacknowledged"),
        label="Incident unacknowledged",
    ),
    EventSpec(
        "incident.escalated",
        "An incident went to the next level of its escalation policy.",
        subject="incident",
        sample=_sample("incident.escalated"),
        label="Incident escalated",
    ),
    EventSpec(
        "incident.reassigned",
        "An incident was given to somebody else.",
        subject="incident",
        sample=_sample("incident.reassigned"),
        label="Incident reassigned",
    ),
    EventSpec(
        "incident.delegated",
        "An incident was given to another escalation policy.",
        subject="incident",
        sample=_sample("incident.delegated"),
        label="Incident delegated",
    ),
    EventSpec(
        "incident.priority_updated",
        "An incident's priority was changed.",
        subject="incident",
        sample=_sample("incident.priority_updated"),
        label="Priority of an incident changed",
    ),
    EventSpec(
        "incident.note_added",
        "Somebody wrote a note on an incident. PagerDuty tells its id and title only.",
        subject="incident",
        sample={
            **_sample("incident.annotated"),
            "incident": {
                "id": "PGR0VU2",
                "type": "incident_reference",
                "self": "https://api.pagerduty.com/incidents/PGR0VU2",
                "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
                "summary": "Payment provider does not answer",
                "title": "Payment provider does not answer",
            },
            "note": {"id": "P6R7S8T", "content": "The provider is restarting", "trimmed": False},
        },
        label="Note added",
    ),
]
NAMES = frozenset(spec.name for spec in EVENTS)


def events_of(payload: Any) -> list[Event]:
    """Return the event in a request: one, or none for pings and what is no event here."""
    event = mapping(mapping(payload).get("event"))
    event_type = text(event.get("event_type")) or ""
    name, data = RENAMED.get(event_type, event_type), mapping(event.get("data"))
    if name not in NAMES or not data:
        return []
    seen: dict[str, Any] = {
        "incident": dict(data),
        "agent": event.get("agent"),
        "client": event.get("client"),
        "event": {field: event.get(field) for field in ("id", "event_type", "resource_type", "occurred_at")},
    }
    if name == "incident.note_added":
        seen["incident"] = _referred(mapping(data.get("incident")))
        seen["note"] = {field: data.get(field) for field in ("id", "content", "trimmed")}
    occurred_at = moment(event.get("occurred_at"))
    return [
        Event(
            type=name,
            external_id=text(seen["incident"].get("id")) or "",
            payload=seen,
            occurred_at=occurred_at,
            key=text(event.get("id")),
            actor_id=text(mapping(event.get("agent")).get("id")),
            updated_at=occurred_at,
            # The key of an incident that we opened is made of the step's id.
            marker=markers.key_of(text(data.get("incident_key")) or "") if name == "incident.triggered" else None,
        )
    ]


def delivery_id(headers: Mapping[str, str], payload: Any) -> str | None:
    """Return the id that stays the same for every attempt at one delivery."""
    return text(headers.get("x-webhook-id")) or text(mapping(mapping(payload).get("event")).get("id"))


def account_of(payload: Any) -> str | None:
    """Return the account's subdomain, which stands in the addresses of what the event is about."""
    event = mapping(mapping(payload).get("event"))
    data = mapping(event.get("data"))
    for place in (data, mapping(data.get("incident")), mapping(data.get("service")), mapping(event.get("agent"))):
        if name := subdomain_of(place.get("html_url")):
            return name
    return None


def _referred(incident: Mapping[str, Any]) -> dict[str, Any]:
    """A reference to an incident, with its title under the name that it has elsewhere."""
    return {**incident, "title": incident.get("summary")}
