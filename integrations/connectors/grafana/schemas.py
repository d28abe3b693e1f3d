"""What Grafana's actions take, and what signs them in."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.parameters import Parameters
from integrations.specs import Choice, Credential, CredentialFields

_RELATIVE = re.compile(r"now(-\d+[smhdwMy])?(/[smhdwMy])?")


class GrafanaCredentials(CredentialFields):
    url: Annotated[str, Credential(is_place=True)] = Field(
        title="Address",
        description="Of the instance, such as https://acme.grafana.net, with its path where it has one.",
        min_length=1,
        json_schema_extra={"format": "uri"},
    )
    token: Annotated[str, Credential(where="Administration, Service accounts, 'Add token'")] = Field(
        title="Token", description="Of a service account; begins with glsa_.", pattern=r"^[\x21-\x7e]+$"
    )

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class GrafanaConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_datasource: Annotated[str, Choice("data_sources")] = Field(
        "", title="Default data source", description="For queries that name none: its uid or name."
    )
    default_range: str = Field(
        "1h",
        title="Default time range",
        description="How far back a query looks that names no start: 5m, 1h, 7d.",
        pattern=r"^[1-9]\d{0,5}[smhdwMy]$",
    )
    org_id: int | None = Field(
        None, title="Organization", description="Its number in Grafana, where the token belongs to several.", ge=1
    )


def _time(value: Any) -> Any:
    """Take Grafana's own relative times, milliseconds, and times of ISO 8601 (without a zone in UTC)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        text = value.strip()
        if _RELATIVE.fullmatch(text) or re.fullmatch(r"\d{9,16}", text):
            return text
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("a time is now, now-1h, milliseconds since 1970, or 2026-11-20T10:00:00Z") from None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return str(round(aware.timestamp() * 1000))
    return value


Time = Annotated[str, BeforeValidator(_time)]


class Query(Parameters):
    datasource: Annotated[str, Choice("data_sources")] = Field(
        "", title="Data source", description="Its uid or name; the integration's default one when left out."
    )
    expr: str = Field(
        "",
        title="Expression",
        description="For Prometheus, Mimir and Loki.",
        max_length=20_000,
        validation_alias=AliasChoices("expr", "query", "expression"),
    )
    sql: str = Field(
        "",
        title="SQL",
        description="For SQL data sources. Grafana binds no values: never put text of an event here.",
        max_length=20_000,
        validation_alias=AliasChoices("sql", "raw_sql", "rawSql"),
    )
    model: dict[str, Any] = Field(
        {}, title="Further fields", description="Of the query as the data source wants it: see its panel JSON."
    )
    start: Time | None = Field(
        None,
        title="From",
        description="now-1h, a time, or milliseconds.",
        validation_alias=AliasChoices("start", "from"),
    )
    end: Time = Field("now", title="To", validation_alias=AliasChoices("end", "to"))
    format: Literal["time_series", "table"] = Field("time_series", title="Form")
    instant: bool = Field(False, title="Only the last value", description="For expressions: at the end of the range.")
    max_data_points: int = Field(100, title="Most points of a series", ge=1, le=1000)
    interval_ms: int = Field(1000, title="Least step in milliseconds", ge=1)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.expr.strip() or self.sql.strip() or self.model):
            raise ValueError("give expr, sql or the fields of the data source's own query as model")
        return self
