"""What PagerDuty's actions take, and what signs them in."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.parameters import Parameters
from integrations.specs import Choice, Credential, CredentialFields

Severity = Literal["critical", "error", "warning", "info"]
# What longer summaries are cut to: https://developer.pagerduty.com/docs/send-alert-event, read 2026-11.
MAX_SUMMARY = 1024


class PagerDutyCredentials(CredentialFields):
    """A routing key for alerts, an API token for incidents and notes: at least one of them."""

    routing_key: Annotated[str | None, Credential(where="Services, a service, Integrations, 'Events API V2'")] = Field(
        None,
        title="Integration key",
        description="32 characters; opens, acknowledges and resolves alerts of one service.",
        pattern=r"^[0-9A-Za-z]{32}$",
    )
    api_token: Annotated[str | None, Credential(where="Integrations, API Access Keys")] = Field(
        None,
        title="API key",
        description="Writes notes, opens and changes incidents by their id, registers the webhook.",
        pattern=r"^[\x21-\x7e]+$",
    )
    from_email: Annotated[str | None, Credential(is_secret=False)] = Field(
        None,
        title="In the name of",
        description="E-mail address of a PagerDuty user; incidents and notes are written in that person's name.",
        pattern=r"^[^@\s,]+@[^@\s,]+$",
    )

    @field_validator("routing_key", "api_token", "from_email", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if not (self.routing_key or self.api_token):
            raise ValueError("give an integration key, or an API key with the e-mail address of a user")
        if bool(self.api_token) != bool(self.from_email):
            raise ValueError("an API key and the e-mail address of a user belong together")
        return self


class PagerDutyConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    region: Literal["us", "eu"] = Field(
        "us", title="Service region", description="Where the account lives: us, or eu (addresses with .eu. in them)."
    )
    default_severity: Severity = Field(
        "critical", title="Default severity", description="Of incidents that are triggered without one."
    )
    default_source: str = Field(
        "SupportOps",
        title="Default source",
        description="Shown as the source of incidents that name none.",
        min_length=1,
    )
    default_service: str = Field(
        "", title="Default service", description="Name or id; where incidents go that are opened by API key."
    )


def _links(value: Any) -> Any:
    return [{"href": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value


class Link(BaseModel):
    model_config = ConfigDict(extra="forbid")

    href: str = Field(pattern=r"^https?://")
    text: str = ""


class Image(BaseModel):
    model_config = ConfigDict(extra="forbid")

    src: str = Field(pattern=r"^https://")
    href: str | None = Field(None, pattern=r"^https?://")
    alt: str | None = None


class TriggerIncident(Parameters):
    summary: str = Field(
        title="Summary",
        description="What happened, in one line; longer ones are cut.",
        min_length=1,
        validation_alias=AliasChoices("summary", "title", "message", "description"),
    )
    severity: Severity | None = Field(
        None, title="Severity", description="critical, error, warning or info; the integration's default otherwise."
    )
    source: str | None = Field(
        None, title="Source", description="What is affected; the integration's default otherwise.", min_length=1
    )
    dedup_key: str | None = Field(
        None,
        title="De-duplication key",
        description="While an incident with it is open, triggering updates that one. Made by us when left out.",
        min_length=1,
        max_length=255,
        validation_alias=AliasChoices("dedup_key", "incident_key"),
    )
    details: dict[str, Any] = Field(
        {},
        title="Details",
        description="Names and values shown with the incident.",
        validation_alias=AliasChoices("details", "custom_details"),
    )
    component: str | None = Field(None, title="Component", description="The part that is broken.")
    group: str | None = Field(None, title="Group", description="What the part belongs to.")
    class_: str | None = Field(
        None, title="Class", description="The kind of event.", validation_alias=AliasChoices("class", "class_")
    )
    occurred_at: datetime | None = Field(
        None, title="Time", description="When it happened.", validation_alias=AliasChoices("occurred_at", "timestamp")
    )
    url: str | None = Field(
        None,
        title="Address",
        description="Where to look: the ticket, a dashboard.",
        pattern=r"^https?://",
        validation_alias=AliasChoices("url", "client_url"),
    )
    links: Annotated[list[Link], BeforeValidator(_links)] = Field([], title="Links", max_length=50)
    images: list[Image] = Field([], title="Images", description="Each with src, an https address.", max_length=50)
    service: Annotated[str | None, Choice("services")] = Field(
        None,
        title="Service",
        description="Name or id: opened there by the API key, instead of the integration key's service.",
        min_length=1,
        validation_alias=AliasChoices("service", "service_id"),
    )
    urgency: Literal["high", "low"] | None = Field(
        None, title="Urgency", description="Of incidents opened by API key; by the severity when left out."
    )


class Incident(Parameters):
    """The incident that an action is about."""

    incident: str | None = Field(
        None,
        title="Incident",
        description="Its id; needs an API key.",
        pattern=r"^[A-Z0-9]{6,30}$",
        validation_alias=AliasChoices("incident", "incident_id"),
    )
    dedup_key: str | None = Field(
        None,
        title="De-duplication key",
        description="The key that it was triggered with.",
        min_length=1,
        max_length=255,
        validation_alias=AliasChoices("dedup_key", "incident_key"),
    )

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.incident is None) == (self.dedup_key is None):
            raise ValueError("give either the incident's id or the de-duplication key")
        return self


class AcknowledgeIncident(Incident):
    pass


class ResolveIncident(Incident):
    resolution: str | None = Field(
        None, title="Resolution", description="What solved it; kept with the incident, where there is an API key."
    )


class AddNote(Incident):
    content: str = Field(
        title="Note",
        min_length=1,
        max_length=25_000,
        validation_alias=AliasChoices("content", "note", "text", "message"),
    )
