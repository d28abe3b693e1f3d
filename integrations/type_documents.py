"""What people write to describe an integration type: its place, its sign-in, its parameters and its HTTP actions.

Pure: pydantic models with everything checked that can be checked without the organization.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from integrations.errors import InvalidInput
from integrations.parameters import near
from integrations.places import checked_url
from integrations.specs import Effect
from integrations.type_templates import holds_expression, names_in

KEY = r"^[a-z][a-z0-9_]{0,62}$"
MOST_PARAMETERS, MOST_ACTIONS = 50, 100
_HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"
_PLACE = re.compile(
    r"(?:^|_)(?:ur[il]|host|hostname|(?:sub)?domain|server|endpoint|address|site|port|proxy|region)(?:_|$)"
)
_EFFECTS = {"GET": Effect.READS, "HEAD": Effect.READS, "PUT": Effect.SETS, "DELETE": Effect.SETS}

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
ParameterKind = Literal["text", "password", "number", "boolean", "url", "select"]


def _without_expressions(value: Any) -> Any:
    if holds_expression(value):
        raise ValueError("Expressions in {{ }} stand in rules; here a parameter is put in by {name}.")
    return value


Text = Annotated[str, Field(max_length=2000), AfterValidator(_without_expressions)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Parameter(_Document):
    """One value that is asked for: of an integration (its credentials), or of an action."""

    name: str = Field(pattern=KEY)
    type: ParameterKind = "text"
    label: str = Field("", max_length=100)
    required: bool = True
    description: str = Field("", max_length=500)
    default: Any = None
    choices: list[str] = Field(default_factory=list, max_length=200)

    @field_validator("name")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if hasattr(BaseModel, name) or name.startswith("model_"):
            raise ValueError(f"A parameter cannot be called '{name}'.")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.type == "select") != bool(self.choices):
            raise ValueError("A select has choices, and nothing else has.")
        if self.default in (None, ""):
            self.default = None
        elif self.type == "password":
            raise ValueError("A password has no default: it would stand here for everybody to read.")
        elif self.type == "select" and self.default not in self.choices:
            raise ValueError("The default is none of the choices.")
        elif not isinstance(self.default, _PYTHON[self.type]) or (self.type == "number" and self.default is True):
            raise ValueError(f"The default does not fit the type {self.type}.")
        return self


_PYTHON: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("text", "url", "select"), (str,)),
    "number": (int, float),
    "boolean": (bool,),
}


class SignIn(_Document):
    """How requests are signed in. Values are templates over the type's parameters."""

    kind: Literal["none", "header", "query", "basic", "bearer", "oauth"] = "none"
    name: str = Field("", max_length=100)  # of the header, or of the query's field
    value: Text = ""
    username: Text = ""
    password: Text = ""
    token_url: str = Field("", max_length=500)
    client_id: Text = ""
    client_secret: Text = ""
    scope: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for field, default in _SIGN_IN[self.kind].items():
            if not getattr(self, field):
                setattr(self, field, default)
        odd = [field for field in type(self).model_fields if field != "kind" and getattr(self, field)]
        odd = [
            field for field in odd if field not in (*_SIGN_IN[self.kind], *(["scope"] if self.kind == "oauth" else []))
        ]
        if odd:
            raise ValueError(f"'{odd[0]}' has no meaning for the sign-in '{self.kind}'.")
        if self.kind == "header" and not re.fullmatch(_HEADER, self.name):
            raise ValueError(f"'{self.name}' is no name of a header.")
        if self.kind == "oauth":
            _address(self.token_url, "token_url")
        return self

    @property
    def templates(self) -> list[str]:
        """Return everything in which parameters may stand."""
        return [self.value, self.username, self.password, self.client_id, self.client_secret]


# What each kind needs, with what stands there unless something is given.
_SIGN_IN: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "header": {"name": "X-Api-Key", "value": "{api_key}"},
    "query": {"name": "api_key", "value": "{api_key}"},
    "basic": {"username": "{username}", "password": "{password}"},
    "bearer": {"value": "{token}"},
    "oauth": {"token_url": "", "client_id": "{client_id}", "client_secret": "{client_secret}"},
}


class Request(_Document):
    """A request, and which answer to it is a good one."""

    method: Method = "GET"
    path: Text = ""
    headers: dict[str, Text] = Field(default_factory=dict, max_length=50)
    params: dict[str, Text] = Field(default_factory=dict, max_length=50)
    body: Any = None
    body_format: Literal["json", "form"] = "json"
    expected_status: list[int] = Field(default_factory=list, max_length=20)

    @field_validator("path")
    @classmethod
    def _under_the_base(cls, path: str) -> str:
        if "://" in path or path.startswith("//"):
            raise ValueError("A path under the base URL: it names no host.")
        if "?" in path or "#" in path:
            raise ValueError("A path without '?' and '#': what follows them stands in `params`.")
        return path

    @field_validator("headers")
    @classmethod
    def _named_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if not re.fullmatch(_HEADER, name):
                raise ValueError(f"'{name[:40]}' is no name of a header.")
            if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
                raise ValueError(f"The header {name} is the client's own.")
        return headers

    @field_validator("body")
    @classmethod
    def _plain_body(cls, body: Any) -> Any:
        return _without_expressions(body)

    @field_validator("expected_status")
    @classmethod
    def _statuses(cls, statuses: list[int]) -> list[int]:
        if not all(100 <= status <= 599 for status in statuses):
            raise ValueError("A status is a number from 100 to 599.")
        return statuses

    @model_validator(mode="after")
    def _form_is_flat(self) -> Self:
        if self.body_format == "form" and self.body is not None:
            is_flat = isinstance(self.body, dict) and all(isinstance(item, str) for item in self.body.values())
            if not is_flat:
                raise ValueError("The body of a form is an object of texts.")
        if self.body is not None and self.method in ("GET", "HEAD"):
            raise ValueError(f"A {self.method} request has no body.")
        return self

    @property
    def templates(self) -> list[Any]:
        """Return everything in which parameters may stand."""
        return [self.path, self.headers, self.params, self.body]


class HttpAction(Request):
    """An action without code: parameters in, a request out, a part of its answer back."""

    method: Method = "POST"
    name: str = Field(pattern=KEY)
    label: str = Field("", max_length=100)
    description: str = Field("", max_length=500)
    parameters: list[Parameter] = Field(default_factory=list, max_length=MOST_PARAMETERS)
    # Name → dotted path into the answer's JSON; empty: all of it.
    keep: dict[str, str] = Field(default_factory=dict, max_length=50)
    # What repeating it does; None: what the method says.
    effect: Effect | None = None
    # A header that takes our idempotency key: then a call that was cut off may be repeated.
    idempotency_header: str = Field("", max_length=100)

    @field_validator("keep", mode="before")
    @classmethod
    def _by_name(cls, keep: Any) -> Any:
        return {str(path).rpartition(".")[2]: path for path in keep} if isinstance(keep, list) else keep

    @field_validator("idempotency_header")
    @classmethod
    def _header(cls, name: str) -> str:
        if name and not re.fullmatch(_HEADER, name):
            raise ValueError(f"'{name[:40]}' is no name of a header.")
        return name

    @field_validator("name")
    @classmethod
    def _own_name(cls, name: str) -> str:
        if name == "test_connection":
            raise ValueError("The connection test is described by `test`.")
        return name

    @model_validator(mode="after")
    def _effect_of_method(self) -> Self:
        if self.effect is None:
            self.effect = _EFFECTS.get(self.method, Effect.CREATES)
        return self


class TypeDocument(_Document):
    """A whole type."""

    name: str = Field(min_length=1, max_length=200)
    key: str = Field(pattern=KEY)
    description: str = Field("", max_length=2000)
    # The key of a plain module that does its work; empty: HTTP actions do.
    module: str = Field("", max_length=63)
    base_url: str = Field("", max_length=500)
    sign_in: SignIn = Field(default_factory=SignIn)
    parameters: list[Parameter] = Field(default_factory=list, max_length=MOST_PARAMETERS)
    # A harmless request that answers when the credentials are right.
    test: Request | None = None
    actions: list[HttpAction] = Field(default_factory=list, max_length=MOST_ACTIONS)

    @model_validator(mode="after")
    def _sign_in_has_parameters(self) -> Self:
        """What the sign-in asks for and nobody has declared is asked for as a secret."""
        known = {parameter.name for parameter in self.parameters}
        for name in dict.fromkeys(name for text in self.sign_in.templates for name in names_in(text)):
            if name not in known:
                kind: ParameterKind = "text" if name in ("username", "client_id", "email") else "password"
                self.parameters.append(Parameter(name=name, type=kind))
        return self

    @property
    def secret_names(self) -> set[str]:
        """Return the names of the parameters whose values are hidden."""
        return {parameter.name for parameter in self.parameters if parameter.type in ("password", "text")}

    @property
    def place_names(self) -> set[str]:
        """Return the names of the parameters that decide where secrets are sent."""
        if not self.module:
            return set(names_in(self.base_url))
        # A module's code decides: what is called or typed like an address counts as one.
        shown = [parameter for parameter in self.parameters if parameter.type != "password"]
        return {parameter.name for parameter in shown if parameter.type == "url" or _PLACE.search(parameter.name)}


def problems_of(document: TypeDocument) -> Iterator[tuple[str, str, str]]:
    """Yield (place, code, sentence) for what does not hold together."""
    yield from _doubles("parameters", document.parameters)
    yield from _doubles("actions", document.actions)
    known = [parameter.name for parameter in document.parameters]
    if document.module:
        if document.actions or document.base_url or document.test or document.sign_in.kind != "none":
            detail = "A type with a module has its actions: leave base URL, sign-in, test and actions out."
            yield "module", "not_both", detail
        return
    if not document.base_url:
        yield "base_url", "required", "Say under which address its requests go, such as https://api.example.com/v1."
    else:
        yield from _address_problems(document, known)
    for place, action in enumerate(document.actions):
        at = f"actions.{place}"
        yield from _doubles(f"{at}.parameters", action.parameters)
        own = [parameter.name for parameter in action.parameters]
        for name in sorted(set(own) & set(known)):
            yield (
                f"{at}.parameters",
                "not_unique",
                f"'{name}' is a parameter of the type already: give it another name.",
            )
        yield from _unknown(at, action.templates, [*own, *known])
    if document.test is not None:
        yield from _unknown("test", document.test.templates, known)


def _address_problems(document: TypeDocument, known: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    names = list(names_in(document.base_url))
    if holds := [name for name in names if name not in known]:
        yield "base_url", "unknown_parameter", f"There is no parameter '{holds[0]}'{near(holds[0], known)}."
        return
    for parameter in document.parameters:
        if parameter.name in names and (parameter.type == "password" or not parameter.required):
            detail = f"'{parameter.name}' decides where requests go: it is required, and no password."
            yield "base_url", "not_a_place", detail
    example = document.base_url
    for name in names:
        example = example.replace(
            f"{{{name}}}", "https://example.com" if document.base_url.startswith(f"{{{name}}}") else "x"
        )
    try:
        _address(example, "base_url")
    except ValueError as error:
        yield "base_url", "invalid", str(error)


def _address(text: str, what: str) -> None:
    if not text:
        raise ValueError(f"`{what}` is required.")
    try:
        url = checked_url(text)
    except InvalidInput as error:
        raise ValueError(error.message) from None
    if url.query or url.fragment:
        raise ValueError("An address without '?' and '#'.")


def _unknown(at: str, templates: Sequence[Any], known: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys(name for template in templates for name in names_in(template)):
        if name not in known:
            yield at, "unknown_parameter", f"There is no parameter '{name}'{near(name, known)}."


def _doubles(at: str, items: Sequence[Parameter] | Sequence[HttpAction]) -> Iterator[tuple[str, str, str]]:
    names = [item.name for item in items]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"{at}.{place}.name", "not_unique", f"There is another '{name}' here."
