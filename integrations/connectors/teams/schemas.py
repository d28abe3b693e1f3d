"""What Teams' action takes, and the workflow's address that is the whole credential."""

import json
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.addresses import allowed_by_operator, default_port, is_allowed
from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields, Encode, Markdown

WORKFLOW_HOSTS = (".logic.azure.com", ".environment.api.powerplatform.com")
# Microsoft 365 connectors ("Incoming Webhook"), whose addresses stopped working in May 2026.
_RETIRED_HOSTS = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
# What a template may hold in place of values.
PLACEHOLDERS = ("$card", "$title", "$text")


class TeamsCredentials(CredentialFields):
    webhook_url: Annotated[
        str, Credential(where="the workflow 'Post to a channel when a webhook request is received'")
    ] = Field(
        title="Workflow address",
        description="Of the trigger 'When a Teams webhook request is received'; one for each channel.",
        max_length=2000,
    )

    @field_validator("webhook_url")
    @classmethod
    def _is_a_workflows(cls, value: str) -> str:
        # The address is the whole secret: it must never be sent to a host that is not Microsoft's.
        try:
            parts = urlsplit(value)
            host, port = (parts.hostname or "").rstrip("."), parts.port or default_port(parts.scheme)
        except ValueError:
            raise ValueError("this is no address") from None
        if is_allowed(host, port, allowed_by_operator()) and parts.scheme in ("http", "https"):
            return value
        if any(host == retired or host.endswith(f".{retired}") for retired in _RETIRED_HOSTS):
            raise ValueError(
                "this is an Incoming Webhook of a Microsoft 365 connector, which Microsoft has retired. Make a "
                "workflow 'Post to a channel when a webhook request is received' and give its address"
            )
        if parts.scheme != "https" or port != 443 or not host.endswith(WORKFLOW_HOSTS) or parts.username is not None:
            raise ValueError(
                f"a workflow's address begins with https:// and its host ends in {' or '.join(WORKFLOW_HOSTS)}"
            )
        if not parse_qs(parts.query).get("sig") or parts.fragment:
            raise ValueError("the address is not whole: its part `sig=…` is missing; copy it again")
        return value


class TeamsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    is_wide: bool = Field(True, title="Full width", description="Cards take the whole width of the channel.")
    template: str = Field(
        "",
        title="Template",
        description='For workflows that were changed and want another form: a JSON object in which "$card", "$title" '
        'and "$text" stand for the card and its texts.',
        max_length=10_000,
    )

    @field_validator("template")
    @classmethod
    def _is_a_template(cls, value: str) -> str:
        if not value:
            return value
        try:
            document = json.loads(value)
        except ValueError as error:
            raise ValueError(f"the template is not JSON: {error}") from None
        if not isinstance(document, dict) or not any(f'"{name}"' in value for name in PLACEHOLDERS):
            raise ValueError(f"the template is a JSON object that holds one of {', '.join(PLACEHOLDERS)}")
        return value


class Button(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100)
    url: str = Field(pattern=r"^https?://")


def _facts(value: Any) -> Any:
    """Take Adaptive Cards' own list of ``{"title", "value"}`` too."""
    if isinstance(value, list) and all(isinstance(item, dict) and "title" in item for item in value):
        return {str(item["title"]): item.get("value", "") for item in value}
    return value


class SendMessage(Parameters):
    text: Markdown = Field(
        "",
        title="Text",
        description="Markdown: **bold**, _italic_, [link](https://…), lists.",
        max_length=100_000,
        validation_alias=AliasChoices("text", "message"),
    )
    title: Markdown = Field("", title="Title", max_length=1000)
    color: Literal["default", "good", "warning", "danger"] = Field(
        "default", title="Colour", description="Of the title: good (green), warning (yellow), danger (red)."
    )
    facts: Annotated[dict[str, Any], Encode("markdown"), BeforeValidator(_facts)] = Field(
        {},
        title="Facts",
        description="Names and values shown in a table.",
        max_length=50,
        validation_alias=AliasChoices("facts", "fields"),
    )
    buttons: list[Button] = Field([], title="Buttons", description="Each with title and url.", max_length=6)
    card: dict[str, Any] = Field(
        {}, title="Adaptive Card", description="A whole card of one's own, instead of all of the above."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        parts = bool(self.text.strip() or self.title.strip() or self.facts)
        if parts and self.card:
            raise ValueError("give either a card or a text, title and facts")
        if not parts and not self.card:
            raise ValueError("give a text, a title, facts or a card")
        if self.card and self.card.get("type") != "AdaptiveCard":
            raise ValueError("a card has the type AdaptiveCard")
        return self
