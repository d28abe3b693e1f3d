"""What Datadog's actions take, and what signs them in. https://docs.datadoghq.com/api/latest/events, read 2026-11."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from integrations.parameters import Names, Parameters
from integrations.specs import Credential, CredentialFields
from supportops import clock

# https://docs.datadoghq.com/getting_started/site
Site = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]
MAX_TEXT, MAX_TAG = 4000, 200
# Marks text that Datadog shows as Markdown.
MARKDOWN = ("%%% \n", "\n %%%")
_OLDEST = timedelta(hours=18)


class DatadogCredentials(CredentialFields):
    api_key: Annotated[str, Credential(where="Organization Settings, API Keys")] = Field(
        title="API key", description="No application key is needed.", pattern=r"^[\x21-\x7e]+$"
    )
    site: Annotated[Site, Credential(is_place=True)] = Field(
        "datadoghq.com", title="Site", description="The host in your browser's address, without 'app.'."
    )


class DatadogConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_tags: Names = Field(
        [], title="Tags", description="Put on every event, such as team:support.", max_length=50
    )
    host: str = Field("", title="Host", description="Of events that name none.", max_length=255)


class CreateEvent(Parameters):
    title: str = Field(title="Title", min_length=1, max_length=500)
    text: str = Field(
        title="Text",
        min_length=1,
        max_length=MAX_TEXT - len("".join(MARKDOWN)),
        validation_alias=AliasChoices("text", "message"),
    )
    alert_type: Literal["error", "warning", "info", "success", "user_update", "recommendation", "snapshot"] = Field(
        "info", title="Kind"
    )
    priority: Literal["normal", "low"] = Field("normal", title="Priority")
    tags: Names = Field([], title="Tags", description="Such as env:prod; beside the integration's own.", max_length=100)
    aggregation_key: str = Field("", title="Group", description="Events of one key are shown together.", max_length=100)
    host: str = Field("", title="Host", max_length=255)
    device_name: str = Field("", title="Device", max_length=255)
    source_type_name: str = Field("", title="Source", description="A name that Datadog knows, such as jenkins.")
    related_event_id: str | None = Field(
        None, title="Answers", description="The id of the event that this one follows.", pattern=r"^\d{1,20}$"
    )
    happened_at: datetime | None = Field(
        None,
        title="When",
        description="Now when left out; at most 18 hours ago.",
        validation_alias=AliasChoices("happened_at", "date_happened"),
    )
    markdown: bool = Field(False, title="Text is Markdown")

    @field_validator("tags")
    @classmethod
    def _not_endless(cls, value: list[str]) -> list[str]:
        if any(len(tag) > MAX_TAG for tag in value):
            raise ValueError(f"a tag has at most {MAX_TAG} characters")
        return value

    @field_validator("happened_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _recent(self) -> Self:
        if self.happened_at is not None and self.happened_at < clock.now() - _OLDEST:
            raise ValueError("Datadog takes no events older than 18 hours")
        return self
