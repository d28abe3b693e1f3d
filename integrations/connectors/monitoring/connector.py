"""Monitoring: environments and metrics to a system of the organization's own."""

from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.monitoring.client import MonitoringApi
from integrations.connectors.monitoring.schemas import (
    MonitoringConfig,
    MonitoringCredentials,
    RegisterEnvironment,
    SendMetric,
)
from integrations.errors import Unavailable
from integrations.payloads import identifier
from integrations.specs import Account, ActionSpec, Limit, Result
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient

# What a system says of its health that means the opposite, by 200 all the same.
_ILL = frozenset({"down", "unhealthy", "error", "fail", "failed", "critical"})


class Monitoring(BaseIntegration):
    key, name = "monitoring", "Monitoring"
    description = "Registers environments with your own monitoring system and sends it metrics."
    Credentials = MonitoringCredentials
    Config = MonitoringConfig
    base_url = "{url}"
    # Our own: nothing is known of the system.
    limits = [Limit("system", calls=10, seconds=1, burst=20)]
    signature = None
    actions = [
        # Our key goes along, but whether the system knows it nobody has said: a cut-off call stays uncertain.
        ActionSpec(
            "register_environment",
            "Register an environment; one that is registered already is no failure.",
            model=RegisterEnvironment,
            handler="register_environment",
            label="Register an environment",
        ),
        ActionSpec(
            "send_metric", "Send one measurement.", model=SendMetric, handler="send_metric", label="Send a metric"
        ),
    ]

    credentials: MonitoringCredentials
    config: MonitoringConfig
    api: MonitoringApi

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.token}"
        self.api = MonitoringApi(http, self.call.idempotency_key)

    def test_connection(self) -> Result:
        """Ask for the system's health; changes nothing."""
        health = self.api.health()
        status = str(health.get("status") or "ok")
        if status.lower() in _ILL:
            raise Unavailable(f"The monitoring system answers, and says that it is '{status[:80]}'.")
        data = {"account": Account(id=self.credentials.url), "health": health}
        return Result(True, f"The monitoring system answers: {status[:80]}.", data)

    def register_environment(self, data: RegisterEnvironment) -> Result:
        team = data.team or self.config.default_team
        environment: dict[str, Any] = {
            "name": data.name,
            "type": data.type,
            "status": data.status,
            "team": team or None,
            "metadata": {**self.config.tags, **data.metadata},
        }
        answer, is_new = self.api.register(environment)
        output = {
            "environment_id": identifier(answer.get("id")) or identifier(answer.get("environment_id")),
            "name": data.name,
            "is_new": is_new,
            "answer": answer,
        }
        said = "is registered" if is_new else "was registered already"
        return Result(True, f"The environment '{data.name}' {said}.", output)

    def send_metric(self, data: SendMetric) -> Result:
        metric: dict[str, Any] = {
            "name": data.name,
            "value": data.value,
            "unit": data.unit or None,
            "environment": data.environment or None,
            "tags": {**self.config.tags, **data.tags},
            "timestamp": (data.timestamp or clock.now()).isoformat(),
        }
        answer = self.api.send({name: value for name, value in metric.items() if value is not None})
        return Result(True, f"{data.name} = {data.value:g} is sent.", {"metric": metric, "answer": answer})
