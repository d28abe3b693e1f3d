"""Grafana: queries of its data sources out; alerts in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations import alerts
from integrations.base import BaseIntegration
from integrations.connectors.grafana import events
from integrations.connectors.grafana.client import MOST_FRAMES, GrafanaApi, error_for, frames_of
from integrations.connectors.grafana.schemas import GrafanaConfig, GrafanaCredentials, Query
from integrations.errors import IntegrationError, InvalidInput
from integrations.payloads import items
from integrations.signatures import GenericHmac, SharedSecretHeader
from integrations.specs import READS, Account, ActionSpec, Event, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


class Grafana(BaseIntegration):
    key, name = "grafana", "Grafana"
    description = "Ask the data sources behind your dashboards; hear when alerts fire and are resolved."
    Credentials = GrafanaCredentials
    Config = GrafanaConfig
    base_url = "{url}"
    choice_kinds = ("data_sources",)
    # Grafana documents no limit; what is behind it shall not suffer from us.
    limits = [Limit("instance", calls=10, seconds=1, burst=10)]
    # Whoever sets the contact point up chooses the headers' names: the signature's, and one for the time, without which
    # no time is signed. Before Grafana 12 there is no signature, only a header of one's choice.
    schemes = {
        "grafana": GenericHmac(
            scheme="grafana",
            description="Grafana 12 and later signs (HMAC signature of the contact point).",
            options=("header", "timestamp_header"),
            header="X-Grafana-Alerting-Signature",
        ),
        "bearer": SharedSecretHeader(
            header="",
            basic="",
            bearer=True,
            scheme="bearer",
            description="The contact point's Authorization header: Bearer and the secret. The body is not signed.",
        ),
    }
    events = events.EVENTS
    actions = [
        ActionSpec(
            "query",
            "Ask a data source and return its series or rows.",
            model=Query,
            handler="query",
            effect=READS,
            label="Ask a data source",
        )
    ]

    credentials: GrafanaCredentials
    config: GrafanaConfig
    api: GrafanaApi

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.token}"
        if self.config.org_id is not None:
            http.headers["X-Grafana-Org-Id"] = str(self.config.org_id)
        self.api = GrafanaApi(http)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask which organization the token belongs to; changes nothing."""
        found = self.api.organization()
        account = Account(id=f"{self.credentials.url}#{found.get('id')}")
        return Result(
            True,
            f"Grafana knows the token as one of the organization '{found.get('name')}'.",
            {"account": account, "organization": found.get("name"), "organization_id": found.get("id")},
        )

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "data_sources":
            return [{"id": item["uid"], "name": item.get("name")} for item in self.api.data_sources()]
        return super().choices(kind)

    def query(self, data: Query) -> Result:
        datasource = data.datasource or self.config.default_datasource
        if not datasource:
            raise InvalidInput("Name a data source, or set a default one in the integration.")
        query: dict[str, Any] = {
            "format": data.format,
            "maxDataPoints": data.max_data_points,
            "intervalMs": data.interval_ms,
        }
        if data.expr:
            query.update(expr=data.expr, instant=data.instant, range=not data.instant)
        if data.sql:
            query["rawSql"] = data.sql
        query.update(data.model)
        start = data.start or f"now-{self.config.default_range}"
        answer = self.api.query(datasource, query, start, data.end)
        frames = list(frames_of(answer))
        output = {
            "frames": frames,
            "last": frames[0]["last"] if frames else None,
            "is_truncated": len(items(answer.get("frames"))) > MOST_FRAMES,
        }
        rows = sum(len(frame["rows"]) for frame in frames)
        return Result(True, f"{len(frames)} series or tables with {rows} rows.", output)

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return alerts.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        # Grafana gives its notifications no id; a repeated alert is recognised by its event's key.
        return None
