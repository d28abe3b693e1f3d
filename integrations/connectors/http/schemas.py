"""The parameters of `http_request`."""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.parameters import Parameters, Seconds
from integrations.specs import Encode


def _statuses(value: Any) -> Any:
    """Take one status for a list of them, and ``"200, 404"``."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


def _method(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Statuses = Annotated[list[Annotated[int, Field(ge=100, le=599)]], BeforeValidator(_statuses)]
Method = Annotated[Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_method)]
HeaderValues = Annotated[dict[str, str | int | float], Encode("header")]
Url = Annotated[str, Encode("url"), Field(pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://", max_length=8192)]


class BasicAuth(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    username: str = Field(title="User", validation_alias=AliasChoices("username", "user"))
    password: str = Field(
        title="Password",
        validation_alias=AliasChoices("password", "token"),
        json_schema_extra={"format": "password"},
    )


class HttpRequest(Parameters):
    url: Url = Field(title="Address", description="https://…; reaches public hosts only.")
    method: Method = Field("GET", title="Method")
    headers: HeaderValues = Field({}, title="Headers")
    params: dict[str, Any] = Field(
        {},
        title="Query",
        description="Added to the address, encoded.",
        validation_alias=AliasChoices("params", "query"),
    )
    body: Any = Field(
        None,
        title="Body",
        description="An object or a list goes as JSON, a text as it is. Or use `json` or `form`.",
    )
    json_body: Any = Field(
        None,
        title="JSON",
        description="Goes as JSON whatever it is.",
        validation_alias=AliasChoices("json", "json_body"),
    )
    form: dict[str, Any] | None = Field(
        None, title="Form", description="Goes as a web form.", validation_alias=AliasChoices("form", "data")
    )
    auth: BasicAuth | None = Field(None, title="Basic sign-in", description="User and password.")
    timeout: Seconds = Field(30, title="Timeout", description="Seconds.")
    expected_status: Statuses | None = Field(
        None,
        title="Expected status",
        description="Any 2xx without it. A step with another status fails.",
        validation_alias=AliasChoices("expected_status", "expected"),
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = {"body", "json_body", "form"} & self.model_fields_set
        given = {name for name in given if getattr(self, name) is not None}
        if len(given) > 1:
            raise ValueError("give one of body, json and form")
        if given and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} request has no body; name the method, such as POST")
        return self
