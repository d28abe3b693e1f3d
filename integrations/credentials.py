"""The only place that opens a sealed credential. Typed values in, typed values out, dots everywhere else."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from integrations.base import BaseIntegration
from integrations.models import Integration
from integrations.specs import Credential, CredentialFields, SecretSpec

# How free-form fields are called that say where to send something, and what their values look like.
_PLACE_NAME = re.compile(r"(?i)(ur[il]|host|domain|server|endpoint|address|site|port|proxy|region|base)")
_PLACE_VALUE = re.compile(r"[a-z][a-z0-9+.-]*://|(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:/|$)", re.IGNORECASE)
# An address that cannot hold a secret: nothing but scheme, host and port.
_PLAIN_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?/?", re.IGNORECASE)
_NOTHING: Mapping[str, Any] = {}
_TYPES: dict[str, Any] = {"number": int | float, "boolean": bool}


# Models made from `secrets`, by connector.
_made: dict[type[BaseIntegration], type[BaseModel]] = {}


def credentials_model(connector: type[BaseIntegration]) -> type[BaseModel]:
    """Return the pydantic model of a connector's credentials: its own, or one made from its `secrets`."""
    if connector.Credentials is not None:
        return connector.Credentials
    if connector not in _made:
        _made[connector] = model_of_secrets(f"{connector.__name__}Credentials", connector.secrets)
    return _made[connector]


def model_of_secrets(name: str, secrets: Iterable[SecretSpec]) -> type[BaseModel]:
    """Return a model of credentials made from a list of what is needed."""
    fields: dict[str, Any] = {spec.name: field_of(spec) for spec in secrets}
    return create_model(name, __base__=CredentialFields, **fields)


def place_fields(connector: type[BaseIntegration], values: Mapping[str, Any] = _NOTHING) -> set[str]:
    """Return the names of the credential fields that decide where secrets are sent (a domain, a base URL).

    Among free-form `values`, those that look like it: by their name, or because an address stands there.
    """
    places = {name for name in _further(connector, values) if _looks_like_place(name, values[name])}
    places |= {spec.name for spec in connector.secrets if spec.is_place}
    for name, field in credentials_model(connector).model_fields.items():
        if any(isinstance(item, Credential) and item.is_place for item in field.metadata):
            places.add(name)
    return places


def secret_fields(connector: type[BaseIntegration], values: Mapping[str, Any] = _NOTHING) -> set[str]:
    """Return the names of the credential fields whose values are secrets; places and plain texts are not.

    All free-form `values` are, but an address with nothing else in it.
    """
    shown = {spec.name for spec in connector.secrets if spec.is_place or spec.type not in ("password", "text")}
    for name, field in credentials_model(connector).model_fields.items():
        if any(isinstance(item, Credential) and (item.is_place or not item.is_secret) for item in field.metadata):
            shown.add(name)
    free = {
        name
        for name in _further(connector, values)
        if not (_PLACE_NAME.search(name) and _PLAIN_ADDRESS.fullmatch(str(values[name])))
    }
    return set(credentials_model(connector).model_fields) - shown | free


def is_free_form(connector: type[BaseIntegration]) -> bool:
    """Return whether any fields are taken: nobody has described the credentials."""
    return credentials_model(connector).model_config.get("extra") == "allow"


def _further(connector: type[BaseIntegration], values: Mapping[str, Any]) -> set[str]:
    return set(values) - set(credentials_model(connector).model_fields) if is_free_form(connector) else set()


def _looks_like_place(name: str, value: Any) -> bool:
    return bool(_PLACE_NAME.search(name) or _PLACE_VALUE.match(str(value)))


def open_credentials(integration: Integration) -> dict[str, Any]:
    """Return an integration's credentials in the open. Raises vault.keyring.CannotOpen."""
    return integration.credentials.open() or {}


def put_credentials(integration: Integration, values: dict[str, Any]) -> None:
    """Seal `values` into the row and note which fields are set. The caller saves the row."""
    present = {name: value for name, value in values.items() if value not in (None, "")}
    integration.credentials.put(present)
    integration.credentials_set = sorted(present)


def secret_values(connector: type[BaseIntegration], credentials: dict[str, Any]) -> list[str]:
    """Return the texts that must never be stored or shown: the values of the connector's secret fields."""
    secrets = secret_fields(connector, credentials)
    return [text for name, value in credentials.items() if name in secrets for text in _texts(value)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)] if value not in (None, "", True, False) else []


def field_of(spec: SecretSpec) -> tuple[Any, Any]:
    """Return annotation and field of one value that is asked for, as `create_model` takes them."""
    kind: Any = Literal[spec.choices] if spec.choices else _TYPES.get(spec.type, str)
    extra: dict[str, Any] = {"format": spec.type} if spec.type in ("password", "url") else {}
    default: Any = ... if spec.required and spec.default is None else spec.default
    annotation = kind if default is ... or spec.default is not None else kind | None
    field: Any = Field(
        default,
        title=spec.label or spec.name.replace("_", " ").capitalize(),
        description=spec.description,
        json_schema_extra=extra,
        min_length=1 if kind is str and default is ... else None,
    )
    return annotation, field
