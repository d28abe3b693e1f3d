"""Own events: what the organization's own scripts and services tell of, by `/api/events/` or `manage.py emit`."""

from typing import Any

from integrations.base import BaseIntegration
from integrations.connectors.custom.schemas import Deployment
from integrations.specs import Event, EventSpec, Result

_SAMPLE: dict[str, Any] = {
    "id": "web-417",
    "environment": "staging",
    "template": "web",
    "branch": "feature/refunds",
    "duration": 312,
    "urls": {"app": "https://web-417.staging.example.com", "logs": "https://logs.example.com/web-417"},
    "users": [{"name": "Ada", "email": "ada@example.com", "phone": "+15550100"}],
    "backup": {"location": "s3://backups/web-417", "size_mb": 840},
    "cost": 12.5,
    "reason": "The branch was merged.",
}


def _deployment(name: str, description: str) -> EventSpec:
    return EventSpec(f"deployment.{name}", description, sample=_SAMPLE, model=Deployment)


class Custom(BaseIntegration):
    key, name = "custom", "Own events"
    description = "What your own scripts and services tell of: deployments, or whatever they name."
    is_generic = True
    open_events = True
    # They come by our own API, with a token: nothing is signed.
    signature = None
    events = [
        _deployment("pre_setup", "An environment is about to be set up; a gate may stop that."),
        _deployment("post_setup", "An environment was set up."),
        _deployment("pre_teardown", "An environment is about to be torn down; a gate may stop that."),
        _deployment("post_teardown", "An environment was torn down."),
    ]

    def test_connection(self) -> Result:
        """There is no account that could be wrong."""
        return Result(True, "Own events need no account: send one to /api/events/.")

    def handle_webhook(self, payload: Any) -> list[Event]:
        """Read what `/api/events/` stored: ``{"type", "environment", "payload"}``."""
        if not isinstance(payload, dict) or not isinstance(payload.get("type"), str):
            return []
        inner = payload.get("payload") if isinstance(payload.get("payload"), dict) else {}
        known = inner.get("id") if isinstance(inner, dict) else None
        return [
            Event(
                type=payload["type"],
                external_id=str(known) if isinstance(known, str | int) and not isinstance(known, bool) else "",
                payload=inner or {},
                environment=str(payload.get("environment") or _stage(inner)),
            )
        ]


def _stage(payload: Any) -> str:
    """The environment that a payload names by itself, where the sender gave none beside it."""
    stage = payload.get("environment") if isinstance(payload, dict) else None
    return stage[:63] if isinstance(stage, str) else ""
