"""An integration type as a connector: a class made from what people wrote, at run time.

One with a module is the module's connector with described credentials. One without calls its HTTP actions: values into
the request (type_templates.py), the request under the base URL, the wanted part of the answer back.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, create_model

from integrations import grants, registry
from integrations.base import BaseIntegration
from integrations.credentials import field_of, model_of_secrets
from integrations.errors import Permanent
from integrations.http import PlatformClient, Response
from integrations.parameters import Parameters
from integrations.plain_modules import PlainModule
from integrations.specs import ActionSpec, Effect, Result, SecretSpec, Token
from integrations.type_documents import HttpAction, Parameter, Request, TypeDocument
from integrations.type_templates import json_of, path_of, texts_of


class _Parameters(Parameters):
    """A text takes a number as its digits: what it goes into is text all the same."""

    model_config = ConfigDict(coerce_numbers_to_str=True)


class OwnType(BaseIntegration):
    """What types without a module have in common."""

    is_own = True
    signature = None
    document: ClassVar[TypeDocument]

    def test_connection(self) -> Any:
        test = self.document.test
        if test is None:
            if self.document.sign_in.kind != "oauth":
                raise Permanent(f"{self.name} has no connection test: describe a harmless request as its `test`.")
            self.access_token()
            return Result(True, "The platform gave a token.")
        response = self.sent(test, self.given())
        return Result(True, f"The platform answered with {response.status_code}.", _content(response))

    def given(self, data: BaseModel | None = None) -> dict[str, Any]:
        """Return the values of the type's parameters and an action's, by name."""
        models = [model for model in (self.credentials, data) if model is not None]
        return {name: _whole(value) for model in models for name, value in model.model_dump(mode="json").items()}

    def sent(self, request: Request, values: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        """Make a request with values in it and return its answer. Raises IntegrationError."""
        body: dict[str, Any] = {}
        if request.body is not None:
            body = (
                {"data": texts_of(request.body, values)}
                if request.body_format == "form"
                else {"json": json_of(request.body, values)}
            )
        response = self.http.request(
            request.method,
            path_of(request.path, values),
            params=texts_of(request.params, values),
            headers={**texts_of(request.headers, values), **(headers or {})},
            expected=request.expected_status,
            **body,
        )
        if request.expected_status and response.status_code not in request.expected_status:
            wanted = " or ".join(str(status) for status in request.expected_status)
            message = f"{self.name} answered with {response.status_code}, not with {wanted}."
            raise Permanent(message, status_code=response.status_code)
        return response

    def authorize(self, http: PlatformClient) -> None:
        sign_in, values = self.document.sign_in, self.given()
        part = partial(_text, values=values)
        match sign_in.kind:
            case "header":
                http.headers[sign_in.name] = part(sign_in.value)
            case "query":
                http.params[sign_in.name] = part(sign_in.value)
            case "basic":
                http.auth = (part(sign_in.username), part(sign_in.password))
            case "bearer":
                http.headers["Authorization"] = f"Bearer {part(sign_in.value)}"
            case "oauth":
                http.bearer = self.access_token

    def obtain_token(self, last: Token | None) -> Token:
        sign_in, values = self.document.sign_in, self.given()
        fields = {
            "grant_type": "client_credentials",
            "client_id": _text(sign_in.client_id, values),
            "client_secret": _text(sign_in.client_secret, values),
            **({"scope": sign_in.scope} if sign_in.scope else {}),
        }
        return grants.token_of(grants.ask(self.http, "", host="token", data=fields))


def connector_of_type(document: TypeDocument) -> type[BaseIntegration] | None:
    """Return the connector that a checked document describes, None where its module is not installed."""
    secrets = [_secret(parameter, document) for parameter in document.parameters]
    declared = {
        "is_own": True,
        "key": document.key,
        "name": document.name,
        "description": document.description,
        "secrets": secrets,
        "Credentials": model_of_secrets(f"{document.key}_credentials", secrets),
    }
    if document.module:
        module = module_of(document.module)
        if module is None:
            return None
        described = declared if document.parameters else {**declared, "Credentials": module.Credentials}
        if not document.description:
            described.pop("description")
        return type(f"{document.key}_type", (module,), described)
    handlers = {f"do_{action.name}": _handler(action) for action in document.actions}
    other_urls = {"token": document.sign_in.token_url} if document.sign_in.kind == "oauth" else {}
    return type(
        f"{document.key}_type",
        (OwnType,),
        {
            **declared,
            **handlers,
            "document": document,
            "base_url": document.base_url,
            "other_urls": other_urls,
            "actions": [_spec(action) for action in document.actions],
        },
    )


def module_of(key: str) -> type[PlainModule] | None:
    """Return the plain module with this key, None where none is installed."""
    return next((module for module in registry.plain_modules() if module.key == key), None)


def _secret(parameter: Parameter, document: TypeDocument) -> SecretSpec:
    return SecretSpec(
        parameter.name,
        parameter.description,
        required=parameter.required,
        label=parameter.label,
        type=parameter.type,
        default=parameter.default,
        choices=tuple(parameter.choices),
        is_place=parameter.name in document.place_names,
    )


def _spec(action: HttpAction) -> ActionSpec:
    fields: dict[str, Any] = {}
    for parameter in action.parameters:
        spec = SecretSpec(
            parameter.name,
            parameter.description,
            required=parameter.required,
            label=parameter.label,
            type=parameter.type,
            default=parameter.default,
            choices=tuple(parameter.choices),
        )
        fields[parameter.name] = field_of(spec)
    label = action.label or action.name.replace("_", " ").capitalize()
    return ActionSpec(
        action.name,
        action.description or f"{label}.",
        model=create_model(f"{action.name}_parameters", __base__=_Parameters, **fields),
        handler=f"do_{action.name}",
        effect=action.effect or Effect.CREATES,
        idempotent_by="key" if action.idempotency_header else None,
        label=label,
    )


def _handler(action: HttpAction) -> Callable[[OwnType, BaseModel], Result]:
    def handle(self: OwnType, data: BaseModel) -> Result:
        own = {action.idempotency_header: self.call.idempotency_key} if action.idempotency_header else {}
        content = _content(self.sent(action, self.given(data), own))
        return Result(True, data=_kept(content, action.keep) if action.keep else content)

    return handle


def _whole(value: Any) -> Any:
    """A number that is whole is written without a point: 7 and not 7.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _content(response: Response) -> Any:
    """Return the answer's JSON, else its text; nothing for an empty one."""
    if not response.body.strip():
        return None
    content = response.json_or_none()
    return response.text if content is None else content


def _kept(content: Any, keep: Mapping[str, str]) -> dict[str, Any]:
    return {name: _at(content, path) for name, path in keep.items()}


def _at(value: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _text(template: str, values: Mapping[str, Any]) -> str:
    return texts_of({"": template}, values).get("", "")
