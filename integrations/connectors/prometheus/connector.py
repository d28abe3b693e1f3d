"""Prometheus: queries and alerts out; what its Alertmanager notifies of in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from integrations import alerts
from integrations.base import BaseIntegration
from integrations.connectors.prometheus import events
from integrations.connectors.prometheus.client import PrometheusApi, error_for, number_of, series_of
from integrations.connectors.prometheus.schemas import ListAlerts, PrometheusConfig, PrometheusCredentials, RunQuery
from integrations.errors import IntegrationError
from integrations.payloads import mapping
from integrations.signatures import SharedSecretHeader
from integrations.specs import READS, Account, ActionSpec, Event, Limit, Result

if TYPE_CHECKING:
    from integrations.http import PlatformClient, Response


class Prometheus(BaseIntegration):
    key, name = "prometheus", "Prometheus"
    description = "Ask for metrics and for what fires; hear of alerts from Alertmanager."
    Credentials = PrometheusCredentials
    Config = PrometheusConfig
    base_url = "{url}"
    choice_kinds = ("alerts",)
    # Our own: Prometheus has no limit of calls, only of queries at once (20).
    limits = [Limit("server", calls=10, seconds=1, burst=10)]
    # https://prometheus.io/docs/alerting/latest/configuration/#http_config: Alertmanager signs nothing. What it can do
    # is repeat a secret.
    schemes = {
        "bearer": SharedSecretHeader(
            header="",
            basic="",
            bearer=True,
            scheme="bearer",
            description="Alertmanager's authorization: Bearer and the secret. The body is not signed.",
        ),
        "basic": SharedSecretHeader(
            header="",
            basic="user",
            scheme="basic",
            description="Alertmanager's basic_auth: the secret is user:password. The body is not signed.",
        ),
    }
    events = events.EVENTS
    actions = [
        ActionSpec(
            "query",
            "Evaluate a PromQL query, for one moment or over a time.",
            model=RunQuery,
            handler="query",
            effect=READS,
            label="Run a query",
        ),
        ActionSpec(
            "alerts",
            "List the alerts that fire, or are about to.",
            model=ListAlerts,
            handler="alerts",
            effect=READS,
            label="List alerts",
        ),
    ]

    credentials: PrometheusCredentials
    config: PrometheusConfig
    api: PrometheusApi

    def authorize(self, http: "PlatformClient") -> None:
        known = self.credentials
        if known.username and known.password:
            http.auth = (known.username, known.password)
        elif known.token:
            http.headers["Authorization"] = f"Bearer {known.token}"
        if self.config.tenant:
            http.headers["X-Scope-OrgID"] = self.config.tenant
        self.api = PrometheusApi(http)

    def classify(self, response: "Response") -> IntegrationError | None:
        return error_for(response)

    # --- out -------------------------------------------------------------------------------------------------
    def test_connection(self) -> Result:
        """Ask for the server's version; changes nothing."""
        version = self.api.version()
        account = Account(id=self.credentials.url)
        return Result(
            True, f"Prometheus {version or '(no version told)'} answers.", {"account": account, "version": version}
        )

    def choices(self, kind: str) -> list[dict[str, Any]]:
        if kind == "alerts":
            return [{"id": name, "name": name} for name in self.api.alert_names()]
        return super().choices(kind)

    def query(self, data: RunQuery) -> Result:
        parameters: dict[str, Any] = {"query": data.query, "timeout": self.config.query_timeout}
        if data.start is not None:
            endpoint = "query_range"
            parameters.update(start=data.start, end=data.end, step=data.step)
        else:
            endpoint = "query"
            parameters["time"] = data.time
        found, warnings = self.api.query(endpoint, parameters)
        series, is_truncated = series_of(found, self.config.max_series)
        first = series[0] if series else {}
        output = {
            "result_type": found.get("resultType"),
            "series": series,
            "value": first.get("value"),
            "number": first.get("number"),
            "is_truncated": is_truncated,
            "warnings": warnings,
        }
        return Result(True, f"{len(series)} series{', and there are more' if is_truncated else ''}.", output)

    def alerts(self, data: ListAlerts) -> Result:
        matching = [alert for alert in self.api.alerts() if _fits(alert, data)]
        kept = [
            {**alert, "name": mapping(alert.get("labels")).get("alertname"), "number": number_of(alert.get("value"))}
            for alert in matching[: self.config.max_series]
        ]
        output = {"alerts": kept, "count": len(matching), "is_truncated": len(matching) > len(kept)}
        return Result(True, f"{len(matching)} alert{'' if len(matching) == 1 else 's'}.", output)

    # --- in --------------------------------------------------------------------------------------------------
    def handle_webhook(self, payload: Any) -> list[Event]:
        return alerts.events_of(payload)

    @classmethod
    def delivery_key(cls, headers: Mapping[str, str], payload: Any) -> str | None:
        # Alertmanager gives its notifications no id; a repeated alert is recognised by its event's key.
        return None


def _fits(alert: Mapping[str, Any], data: ListAlerts) -> bool:
    labels = mapping(alert.get("labels"))
    wanted = {**data.labels, **({"alertname": data.name} if data.name else {})}
    return data.state in ("any", alert.get("state")) and all(
        labels.get(name) == value for name, value in wanted.items()
    )
