"""What signs SendGrid's actions in, and how an integration is configured. `send_email` takes integrations.mail."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from integrations.mail import Address
from integrations.parameters import Names
from integrations.specs import Credential, CredentialFields


def _fits(value: list[str]) -> list[str]:
    if any(not name.isascii() or len(name) > 255 for name in value):
        raise ValueError("a category has at most 255 ASCII characters")
    return value


class SendGridCredentials(CredentialFields):
    api_key: Annotated[str, Credential(where="Settings, API Keys, Create API Key, with 'Mail Send'")] = Field(
        title="API key",
        description="Begins with SG. and may at least send mail.",
        pattern=r"^[\x21-\x7e]+$",
    )


class SendGridConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_from: Address | Literal[""] = Field(
        "",
        title="From",
        description="The verified sender of mails that name none: ops@example.com or Support <ops@example.com>.",
    )
    region: Literal["global", "eu"] = Field(
        "global", title="Region", description="eu for an EU regional subuser, global for everybody else."
    )
    categories: Annotated[Names, AfterValidator(_fits)] = Field(
        [], title="Categories", description="Put on every mail, and shown in SendGrid's statistics.", max_length=10
    )
    is_sandbox: bool = Field(
        False, title="Only check", description="SendGrid checks mails and delivers none (its sandbox mode)."
    )
