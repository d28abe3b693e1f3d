"""Datadog: events into its event stream."""

from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.datadog.client import DatadogApi, error_for, event_id
from integrations.connectors.datadog.schemas import MARKDOWN, CreateEvent, DatadogConfig, DatadogCredentials
from integrations.errors import CredentialsRejected, IntegrationError
from integrations.specs import Account, ActionSpec, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


class Datadog(BaseIntegration):
    key, name = "datadog", "Datadog"
    description = "Events into Datadog's event stream, beside your graphs and monitors."
    Credentials = DatadogCredentials
    Config = DatadogConfig
    base_url = "https://api.{site}"
    # 250,000 a minute for an organization; far less is left to one program.
    # https://docs.datadoghq.com/api/latest/rate-limits, read 2026-11
    limits = [Limit("organization", calls=600, seconds=60, burst=50)]
    signature = None
    actions = [
        # Datadog takes no key, and reading events needs another one than posting: a cut-off call stays uncertain.
        ActionSpec(
            "create_event",
            "Write an event into the event stream.",
            model=CreateEvent,
            handler="create_event",
            label="Create an event",
        )
    ]

    credentials: DatadogCredentials
    config: DatadogConfig
    api: DatadogApi

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["DD-API-KEY"] = self.credentials.api_key
        self.api = DatadogApi(http)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    def test_connection(self) -> Result:
        """Ask whether the key is valid; changes nothing."""
        site = self.credentials.site
        if not self.api.is_valid():
            raise CredentialsRejected(f"{site} does not know the API key.")
        return Result(True, f"{site} knows the API key.", {"account": Account(id=site), "site": site})

    def create_event(self, data: CreateEvent) -> Result:
        event: dict[str, Any] = {
            "title": data.title,
            "text": data.text.join(MARKDOWN) if data.markdown else data.text,
            "alert_type": data.alert_type,
            "priority": data.priority,
            "tags": list(dict.fromkeys([*self.config.default_tags, *data.tags])),
            "host": data.host or self.config.host,
            "aggregation_key": data.aggregation_key,
            "device_name": data.device_name,
            "source_type_name": data.source_type_name,
        }
        event = {name: value for name, value in event.items() if value}
        if data.related_event_id is not None:
            event["related_event_id"] = int(data.related_event_id)
        if data.happened_at is not None:
            event["date_happened"] = int(data.happened_at.timestamp())
        made = self.api.create_event(event)
        return Result(True, f"'{data.title}' is in the event stream.", {"id": event_id(made), "url": made.get("url")})
