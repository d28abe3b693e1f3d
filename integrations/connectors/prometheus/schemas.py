"""What Prometheus' actions take, and what signs them in."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.parameters import Parameters
from integrations.specs import Choice, Credential, CredentialFields

# https://prometheus.io/docs/prometheus/latest/configuration/configuration/#duration
DURATION = r"^[1-9]\d{0,5}(ms|[smhdwy])$"


class PrometheusCredentials(CredentialFields):
    """The server's address; Basic or a bearer token where a proxy or web.config asks for one."""

    url: Annotated[str, Credential(is_place=True)] = Field(
        title="Address",
        description="Of the server, such as https://prometheus.example.com; for Mimir with /prometheus.",
        min_length=1,
        json_schema_extra={"format": "uri"},
    )
    username: Annotated[str | None, Credential(is_secret=False)] = Field(None, title="User")
    password: str | None = Field(None, title="Password")
    token: Annotated[str | None, Credential(where="the proxy in front of the server")] = Field(
        None, title="Token", description="Sent as a bearer token, instead of user and password."
    )

    @field_validator("username", "password", "token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.username) != bool(self.password):
            raise ValueError("user and password belong together")
        if self.token and self.username:
            raise ValueError("give user and password, or a token, not both")
        return self


class PrometheusConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    query_timeout: str = Field(
        "10s",
        title="Time for a query",
        description="The server gives a query up after it: 500ms, 10s.",
        pattern=DURATION,
    )
    tenant: str = Field(
        "",
        title="Tenant",
        description="Sent as X-Scope-OrgID, which Mimir, Cortex and Thanos ask for.",
        pattern=r"^[\x21-\x7e]*$",
    )
    max_series: int = Field(
        100, title="Most series", description="How many series of a query, or alerts, are kept.", ge=1, le=1000
    )


def _time(value: Any) -> Any:
    """Take unix seconds, and times of ISO 8601 (without a zone in UTC)."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                raise ValueError("a time is unix seconds or of the form 2026-11-20T10:00:00Z") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return value


Time = Annotated[float, BeforeValidator(_time), Field(ge=0, lt=1e11)]


class RunQuery(Parameters):
    query: str = Field(
        title="Query",
        description="PromQL. No text of an event belongs here: it cannot be bound.",
        min_length=1,
        max_length=20_000,
        validation_alias=AliasChoices("query", "expr"),
    )
    time: Time | None = Field(None, title="At", description="For one moment; now when left out.")
    start: Time | None = Field(None, title="From", description="With an end: the values over that time.")
    end: Time | None = Field(None, title="To")
    step: str = Field("1m", title="Step", description="Between the values over a time.", pattern=DURATION)

    @model_validator(mode="after")
    def _moment_or_range(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end belong together")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError("the start lies after the end")
        if self.start is not None and self.time is not None:
            raise ValueError("give a moment, or start and end, not both")
        return self


class ListAlerts(Parameters):
    state: Literal["firing", "pending", "any"] = Field("firing", title="State")
    name: Annotated[str, Choice("alerts")] = Field("", title="Alert", description="Only alerts of this name.")
    labels: dict[str, str] = Field({}, title="Labels", description="Only alerts that have all of these.")
