"""PagerDuty: alerts and incidents out, with notes; what becomes of incidents in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations import markers
from integrations.base import BaseIntegration
from integrations.connectors.pagerduty import events
from integrations.connectors.pagerduty.client import (
    PagerDutyApi,
    error_for,
    incident_of,
    is_refused_as_open,
    is_refused_as_resolved,
    subdomain_of,
)
from integrations.connectors.pagerduty.schemas import (
    MAX_SUMMARY,
    AcknowledgeIncident,
    AddNote,
    Incident,
    PagerDutyConfig,
    PagerDutyCredentials,
    ResolveIncident,
    TriggerIncident,
)
from integrations.errors import CredentialsRejected, IntegrationError, InvalidInput, NotFound, Permanent
from integrations.payloads import mapping
from integrations.signatures import HmacSignature
from integrations.specs import (
    SETS,
    Account,
    ActionSpec,
    Event,
    Limit,
    Registration,
    Result,
    WebhookTarget,
)
from integrations.vendor_message import shortened

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response

# Resolving an alert that is not there changes nothing, and tells whether the integration key is good.
TEST_KEY = "supportops-connection-test"


def _events_bucket(action: str, data: Any) -> str | None:
    """What goes by the Events API: alerts that name neither an incident's id nor a service."""
    by_id = getattr(data, "incident", None) or getattr(data, "service", None)
    return None if by_id or action not in ("trigger_incident", "acknowledge_incident", "resolve_incident") else "events"


class PagerDuty(BaseIntegration):
    key, name = "pagerduty", "PagerDuty"
    description = "Wake whoever is on call, follow up by notes; hear when incidents open, move on and close."
    Credentials = PagerDutyCredentials
    Config = PagerDutyConfig
    base_url = "https://api.pagerduty.com"
    other_urls = {
        "eu": "https://api.eu.pagerduty.com",
        "events": "https://events.pagerduty.com/v2",
        "events_eu": "https://events.eu.pagerduty.com/v2",
    }
    choice_kinds = ("services",)
    # https://developer.pagerduty.com/docs/rest-api-rate-limits and .../events-api-v2-rate-limits, read 2026-11
    limits = [
        Limit("account", calls=960, seconds=60, burst=100),
        Limit("events", calls=120, seconds=60, burst=20, key=_events_bucket),
    ]
    # https://developer.pagerduty.com/docs/verifying-signatures: no time is signed, so there is no replay window; while
    # secrets change there are several values.
    signature = HmacSignature(
        scheme="pagerduty",
        header="X-PagerDuty-Signature",
        prefix="v1=",
        separator=",",
        description="PagerDuty signs with the secret of the webhook subscription.",
    )
    platform_makes_secret = True
    events = events.EVENTS
    actions = [
        ActionSpec(
            "trigger_incident",
            "Open an incident, or update the open one with the same de-duplication key.",
            model=TriggerIncident,
            handler="trigger_incident",
            idempotent_by="key",
            label="Trigger an incident",
        ),
        ActionSpec(
            "acknowledge_incident",
            "Say that an incident is being worked on.",
            model=AcknowledgeIncident,
            handler="acknowledge_incident",
            effect=SETS,
            label="Acknowledge an incident",
        ),
        ActionSpec(
            "resolve_incident",
            "Resolve an incident; one that is resolved stays so.",
            model=ResolveIncident,
            handler="resolve_incident",
            effect=SETS,
            label="Resolve an incident",
        ),
        ActionSpec("add_note", "Write a note on an incident.", model=AddNote, handler="add_note", label="Add a note"),
    ]

    credentials: PagerDutyCredentials
    config: PagerDutyConfig
    api: PagerDutyApi

    def authorize(self, http: "PlatformClient") -> None:
        # One API wants its key in the body, the other in a header: nothing is set for all calls.
        self.api = PagerDutyApi(http, self.credentials, self.config.region)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask whether the keys are good; opens nothing."""
        parts, data = [], {}
        if self.credentials.api_token:
            self.api.get("abilities")
            person = self._person()
            account = Account(id=subdomain_of(person.get("html_url")), actor_id=str(person["id"]))
            data = {"account": account, "user": {name: person.get(name) for name in ("id", "name", "email")}}
            parts.append(f"an API key that writes in the name of {person.get('name')}")
        if self.credentials.routing_key:
            self.api.enqueue("resolve", TEST_KEY)
            parts.append("an integration key that it takes")
        return Result(True, f"PagerDuty knows {' and '.join(parts)}.", data)

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "services":
            return [{"id": item["id"], "name": item.get("name")} for item in self.api.paged("services")]
        return super().choices(kind)

    def trigger_incident(self, data: TriggerIncident) -> Result:
        dedup_key = data.dedup_key or markers.tag(self.call.idempotency_key)
        if data.service or not self.credentials.routing_key:
            return self._open_incident(data, dedup_key)
        seen = {
            "summary": shortened(data.summary, MAX_SUMMARY),
            "source": data.source or self.config.default_source,
            "severity": data.severity or self.config.default_severity,
            "timestamp": data.occurred_at.isoformat() if data.occurred_at else None,
            "component": data.component,
            "group": data.group,
            "class": data.class_,
            "custom_details": data.details or None,
        }
        body: dict[str, Any] = {
            "payload": _given(seen),
            "client": "SupportOps",
            "client_url": data.url,
            "links": [_given(link.model_dump()) for link in data.links],
            "images": [_given(image.model_dump()) for image in data.images],
        }
        key = self.api.enqueue("trigger", dedup_key, **_given(body))
        return Result(True, "PagerDuty has taken the alert.", {"dedup_key": key, "incident": None})

    def acknowledge_incident(self, data: AcknowledgeIncident) -> Result:
        if self._goes_by_events(data):
            return self._enqueued("acknowledge", data)
        incident = self.api.set_status(self._incident_id(data), "acknowledged")
        return Result(True, "The incident is acknowledged.", {"incident": incident_of(incident)})

    def resolve_incident(self, data: ResolveIncident) -> Result:
        if self._goes_by_events(data):
            return self._enqueued("resolve", data)
        incident_id = self._incident_id(data)
        changes = {"resolution": data.resolution} if data.resolution else {}
        try:
            incident = self.api.set_status(incident_id, "resolved", **changes)
        except InvalidInput as error:
            if not is_refused_as_resolved(error):
                raise
            incident = self.api.get("incidents", incident_id)["incident"]
        return Result(True, "The incident is resolved.", {"incident": incident_of(incident)})

    def add_note(self, data: AddNote) -> Result:
        incident_id = self._incident_id(data)
        note = self.api.post("incidents", incident_id, "notes", note={"content": data.content}).made(inside="note")
        return Result(True, "The note is there.", {"id": note["id"], "incident_id": incident_id})

    def register_webhook(self, target: WebhookTarget, known: Registration | None) -> Registration:
        """Subscribe the whole account. The signing secret comes once, with a new subscription."""
        found = [item for item in self.api.paged("webhook_subscriptions") if _address(item) == target.url]
        kept = next((item for item in found if known is not None and item.get("id") in known.ids), None)
        for subscription in found:
            # One whose secret nobody noted cannot be used, and would only send everything twice.
            if subscription is not kept:
                self.api.delete("webhook_subscriptions", str(subscription["id"]))
        wanted = {"type": "webhook_subscription", "active": True, "events": _wanted_events(target)}
        if kept is not None:
            subscription_id = str(kept["id"])
            self.api.put("webhook_subscriptions", subscription_id, webhook_subscription=wanted)
            if mapping(kept.get("delivery_method")).get("temporarily_disabled"):
                self.api.post("webhook_subscriptions", subscription_id, "enable")
            return Registration((subscription_id,))
        made = self.api.post(
            "webhook_subscriptions",
            webhook_subscription={
                **wanted,
                "description": "SupportOps",
                "delivery_method": {"type": "http_delivery_method", "url": target.url},
                "filter": {"type": "account_reference"},
            },
        ).made(inside="webhook_subscription")
        secret = mapping(made.get("delivery_method")).get("secret")
        if not secret:
            raise Permanent("PagerDuty's answer to the new webhook subscription holds no signing secret.")
        return Registration((str(made["id"]),), str(secret))

    def unregister_webhook(self, known: Registration) -> None:
        for subscription_id in known.ids:
            try:
                self.api.delete("webhook_subscriptions", subscription_id)
            except NotFound:
                continue

    def _person(self) -> dict[str, Any]:
        """Return the user in whose name incidents are written. Raises CredentialsRejected when there is none."""
        address = str(self.credentials.from_email)
        for user in self.api.paged("users", query=address):
            if str(user.get("email", "")).casefold() == address.casefold():
                return user
        raise CredentialsRejected(f"PagerDuty has no user with the e-mail address {address}.")

    def _open_incident(self, data: TriggerIncident, incident_key: str) -> Result:
        service = data.service or self.config.default_service
        if not service:
            raise InvalidInput("Name a service, set a default service, or give the integration an integration key.")
        severity = data.severity or self.config.default_severity
        incident: dict[str, Any] = {
            "type": "incident",
            "title": shortened(data.summary, MAX_SUMMARY),
            "service": {"id": self.api.service_id(service), "type": "service_reference"},
            "urgency": data.urgency or ("high" if severity in ("critical", "error") else "low"),
            "incident_key": incident_key,
            "body": {"type": "incident_body", "details": _details(data, self.config.default_source, severity)},
        }
        try:
            made = self.api.post("incidents", incident=incident).made(inside="incident")
            message = "The incident is open."
        except InvalidInput as error:
            if not is_refused_as_open(error):
                raise
            made, message = self.api.open_incident(incident_key), "An incident with this key is open already."
        return Result(True, message, {"dedup_key": incident_key, "incident": incident_of(made)})

    def _goes_by_events(self, data: Incident) -> bool:
        """Alerts are changed by whoever opened them; an incident opened by API key is not known there."""
        return bool(data.dedup_key and self.credentials.routing_key)

    def _enqueued(self, event_action: str, data: Incident) -> Result:
        self.api.enqueue(event_action, str(data.dedup_key))
        return Result(True, f"PagerDuty has taken the {event_action}.", {"dedup_key": data.dedup_key})

    def _incident_id(self, data: Incident) -> str:
        return data.incident or str(self.api.open_incident(str(data.dedup_key))["id"])

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return events.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.delivery_id(headers, payload)

    @classmethod
    def account_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        return events.account_of(payload)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _details(data: TriggerIncident, source: str, severity: str) -> str:
    """What the Events API has fields for, as the text that an incident of the REST API has instead."""
    lines = {
        "Severity": severity,
        "Source": data.source or source,
        "Component": data.component,
        "Group": data.group,
        "Class": data.class_,
        "Time": data.occurred_at.isoformat() if data.occurred_at else None,
        **data.details,
        "Address": data.url,
        **{link.text or f"Link {number}": link.href for number, link in enumerate(data.links, start=1)},
        **{image.alt or f"Image {number}": image.src for number, image in enumerate(data.images, start=1)},
    }
    return "\n".join(f"{name}: {value}" for name, value in _given(lines).items())


def _address(subscription: Mapping[str, Any]) -> Any:
    return mapping(subscription.get("delivery_method")).get("url")


def _wanted_events(target: WebhookTarget) -> list[str]:
    theirs = {ours: name for name, ours in events.RENAMED.items()}
    return [theirs.get(name, name) for name in target.events or sorted(events.NAMES)]
