"""What signs SMTP's action in, and how an integration is configured. `send_email` takes integrations.mail."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integrations.addresses import allowed_by_operator, is_allowed
from integrations.mail import Address
from integrations.specs import Credential, CredentialFields

PORTS = frozenset({25, 465, 587, 2525})
Security = Literal["starttls", "tls", "none"]
_DEFAULT_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_IPV6 = re.compile(r"[0-9a-fA-F:.]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _security(value: Any) -> Any:
    """Take the usual other names."""
    if not isinstance(value, str):
        return value
    name = value.strip().lower()
    return {"ssl": "tls", "ssl/tls": "tls", "start_tls": "starttls", "": "starttls"}.get(name, name)


class SmtpCredentials(CredentialFields):
    host: Annotated[str, Credential(is_place=True)] = Field(
        title="Server", description="Such as smtp.example.com.", min_length=1, max_length=253
    )
    port: Annotated[int | None, Credential(is_place=True)] = Field(
        None,
        title="Port",
        description="587 for STARTTLS, 465 for TLS from the start, 25 or 2525 where the server says so.",
        ge=1,
        le=65535,
    )
    security: Annotated[Security, BeforeValidator(_security), Credential(is_place=True)] = Field(
        "starttls",
        title="Encryption",
        description="starttls: encrypted after the greeting; tls: from the start; none: only without a password.",
    )
    username: Annotated[str | None, Credential(is_secret=False)] = Field(None, title="User name", max_length=320)
    password: str | None = Field(None, title="Password", max_length=1000)
    from_address: Annotated[Address, Credential(is_secret=False)] = Field(
        title="From", description="ops@example.com or Support <ops@example.com>."
    )

    @field_validator("port", "username", "password", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        host = value.strip("[]")
        if not (_HOST.fullmatch(host) or (":" in host and _IPV6.fullmatch(host))):
            raise ValueError("give the server's name or address alone, without a port or smtp://")
        return host.lower()

    @field_validator("username", "password")
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is not None and _CONTROL.search(value):
            raise ValueError("it may not hold a line break or another control character")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("user name and password belong together")
        is_allowed_here = is_allowed(self.host, self.server_port, allowed_by_operator())
        if self.server_port not in PORTS and not is_allowed_here:
            known = ", ".join(str(port) for port in sorted(PORTS))
            raise ValueError(
                f"mail goes to the ports {known}; an operator can allow another by "
                f"SUPPORTOPS_OUTBOUND_ALLOW={self.host}:{self.server_port}"
            )
        if self.security == "none" and self.password is not None and not is_allowed_here:
            raise ValueError("a password is not sent without encryption: choose starttls or tls")
        return self

    @property
    def server_port(self) -> int:
        """The port, or the usual one for the encryption."""
        return self.port if self.port is not None else _DEFAULT_PORTS[self.security]


class SmtpConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    default_reply_to: Address | Literal[""] = Field(
        "", title="Answers to", description="Where answers go to mails that do not say so themselves."
    )
    client_name: str = Field(
        "",
        title="Our name",
        description="The host name with which we greet the server; that of this installation when left empty.",
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)?$",
        max_length=253,
    )
