"""The parameters of `webhook`."""

from typing import Any

from pydantic import AliasChoices, Field

from integrations.connectors.http.schemas import HeaderValues, Statuses, Url
from integrations.parameters import Parameters, Seconds


class SendWebhook(Parameters):
    url: Url = Field(title="Address", description="https://…; reaches public hosts only.")
    payload: Any = Field(
        title="Payload",
        description="The whole body: an object or a list goes as JSON, a text as it is.",
        validation_alias=AliasChoices("payload", "body", "json"),
    )
    headers: HeaderValues = Field({}, title="Headers")
    secret: str | None = Field(
        None,
        title="Signing secret",
        description="whsec_…: the request is then signed by Standard Webhooks.",
        json_schema_extra={"format": "password"},
    )
    timeout: Seconds = Field(30, title="Timeout", description="Seconds.")
    expected_status: Statuses | None = Field(
        None, title="Expected status", validation_alias=AliasChoices("expected_status", "expected")
    )
