"""What the actions of a monitoring system take, and what signs them in."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields


class MonitoringCredentials(CredentialFields):
    url: Annotated[str, Credential(is_place=True)] = Field(
        title="Address",
        description="Under which /environments, /metrics and /health are, such as https://monitoring.acme.example/api.",
        min_length=1,
        json_schema_extra={"format": "uri"},
    )
    token: str = Field(title="Token", description="Sent as a bearer token.", pattern=r"^[\x21-\x7e]+$")

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class MonitoringConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_team: str = Field("", title="Team", description="Of environments that name none.", max_length=200)
    tags: dict[str, str] = Field(
        {}, title="Tags", description="Put on every metric, and into the metadata of every environment."
    )


class RegisterEnvironment(Parameters):
    name: str = Field(
        title="Name",
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("name", "environment", "environment_name"),
    )
    type: str = Field(
        "development",
        title="Type",
        description="development, staging, production, or what the system knows.",
        max_length=100,
        validation_alias=AliasChoices("type", "environment_type"),
    )
    status: str = Field("active", title="Status", max_length=100)
    team: str = Field("", title="Team", max_length=200)
    metadata: dict[str, Any] = Field({}, title="Metadata")


class SendMetric(Parameters):
    name: str = Field(
        title="Name", min_length=1, max_length=200, validation_alias=AliasChoices("name", "metric", "metric_name")
    )
    value: float = Field(title="Value", allow_inf_nan=False)
    unit: str = Field("", title="Unit", max_length=50)
    environment: str = Field("", title="Environment", max_length=200)
    tags: dict[str, str] = Field({}, title="Tags")
    timestamp: datetime | None = Field(None, title="When", description="Now when left out.")

    @field_validator("tags", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else value

    @field_validator("timestamp")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
