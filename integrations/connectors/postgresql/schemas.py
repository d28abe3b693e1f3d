"""What PostgreSQL's action takes, and what signs us in."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from integrations.parameters import Parameters
from integrations.specs import Credential, CredentialFields

# More rows than this are a report and no step's output.
MOST_ROWS = 1000
SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLANK_OR_COMMENT = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")


class PostgresqlCredentials(CredentialFields):
    host: Annotated[str, Credential(is_place=True)] = Field(
        title="Host", description="One name or address; no socket and no list.", max_length=253
    )
    port: Annotated[int, Credential(is_place=True)] = Field(5432, title="Port", ge=1, le=65535)
    database: Annotated[str, Credential(is_secret=False)] = Field(title="Database", min_length=1, max_length=63)
    username: Annotated[str, Credential(is_secret=False, where="a role that may only SELECT")] = Field(
        title="User", min_length=1, max_length=63
    )
    password: str = Field(title="Password", min_length=1)
    sslmode: Annotated[SslMode, Credential(is_place=True)] = Field(
        "require",
        title="TLS",
        description="require encrypts; verify-full also proves the host, by a public certificate. "
        "disable and prefer only for hosts that the operator allows.",
    )

    @field_validator("host")
    @classmethod
    def _is_one_host(cls, value: str) -> str:
        # libpq takes a path for a socket, a comma for several hosts, and @ for an abstract socket.
        text = value.strip("[]")
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            if not _NAME.fullmatch(value):
                raise ValueError("give the name of one host, or its address") from None
            return value.lower()

    @field_validator("database", "username", "password")
    @classmethod
    def _is_printable(cls, value: str) -> str:
        if _CONTROL.search(value):
            raise ValueError("holds a control character")
        return value


class PostgresqlConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allow_writes: bool = Field(
        False, title="Let rules change data", description="Off: every query runs in a read-only transaction."
    )
    timeout_seconds: float = Field(
        5, title="Time for a query", description="The server ends a query after so many seconds.", gt=0, le=300
    )
    lock_seconds: float = Field(
        1, title="Wait for locks", description="How long a query waits for others that hold a lock.", gt=0, le=60
    )
    max_rows: int = Field(
        100, title="Most rows", description="How many rows a query returns at most.", ge=1, le=MOST_ROWS
    )


class ExecuteQuery(Parameters):
    query: str = Field(
        title="Query",
        description="One statement. Values stand apart in the parameters: %s or %(name)s here, never pasted in.",
        min_length=1,
        max_length=50_000,
        validation_alias=AliasChoices("query", "sql"),
    )
    parameters: list[Any] | dict[str, Any] | None = Field(
        None,
        title="Values",
        description="For %s in their order, or by name for %(name)s. A literal % is then written %%.",
        validation_alias=AliasChoices("parameters", "params", "values"),
    )
    access: Literal["auto", "read", "write"] = Field(
        "auto",
        title="Access",
        description="read: in a read-only transaction; write: may change data, where the integration lets it; "
        "auto: read for SELECT, WITH, VALUES and TABLE.",
    )
    max_rows: int | None = Field(
        None, title="Most rows", description="Fewer than the integration's own limit.", ge=1, le=MOST_ROWS
    )

    @field_validator("query")
    @classmethod
    def _without_zeros(cls, value: str) -> str:
        if "\x00" in value:
            raise ValueError("the query holds a zero character")
        return value

    @property
    def is_read(self) -> bool:
        """Whether the statement runs in a read-only transaction, which refuses it should it write after all."""
        if self.access != "auto":
            return self.access == "read"
        start = _BLANK_OR_COMMENT.match(self.query)
        word = _WORD.match(self.query, start.end() if start else 0)
        return word is not None and word[0].lower() in ("select", "with", "values", "table")
