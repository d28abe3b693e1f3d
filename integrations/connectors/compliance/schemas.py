"""What the check of a compliance system takes, and what signs it in."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields


class ComplianceCredentials(CredentialFields):
    url: Annotated[str, Credential(is_place=True)] = Field(
        title="Address",
        description="Under which /checks is, such as https://compliance.acme.example/api.",
        min_length=1,
        json_schema_extra={"format": "uri"},
    )
    token: str = Field(title="Token", description="Sent as a bearer token.", pattern=r"^[\x21-\x7e]+$")
    policy_set: Annotated[str | None, Credential(is_secret=False)] = Field(
        None, title="Policy set", description="For checks that name none."
    )

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class ComplianceConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wait_seconds: float = Field(
        25, title="Wait", description="How long a step waits for a check's end, within its own time.", ge=0, le=280
    )
    poll_seconds: float = Field(
        1, title="Ask every", description="Seconds between two questions, at first; they grow to ten.", ge=0.1, le=60
    )


class RunCheck(Parameters):
    environment: str = Field(title="Environment", min_length=1, max_length=200)
    check_type: str = Field(
        "deployment",
        title="Check",
        description="What the system calls it.",
        min_length=1,
        max_length=100,
        validation_alias=AliasChoices("check_type", "check"),
    )
    policy_set: str = Field("", title="Policy set", description="The integration's own when left out.", max_length=200)
    metadata: dict[str, Any] = Field({}, title="Metadata")
    wait: bool = Field(True, title="Wait for the result")
    on_failure: Literal["fail", "continue"] = Field(
        "fail", title="If the check is not passed", description="fail the step, or go on with `passed` false."
    )
