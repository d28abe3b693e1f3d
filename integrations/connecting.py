"""Makes a connector instance that is ready for one call: credentials, configuration, HTTP client."""

import inspect
from typing import Any

import httpx
from pydantic import ValidationError

from integrations import registry
from integrations.base import BaseIntegration
from integrations.credentials import credentials_model, open_credentials
from integrations.errors import InvalidInput
from integrations.http import client_for
from integrations.models import Integration
from integrations.specs import Call


def connect(integration: Integration, *, call: Call | None = None) -> BaseIntegration:
    """Return the connector of `integration`, signed in. Opens its credentials; makes no call.

    Raises registry.UnknownPlatform and InvalidInput (stored values that the connector no longer takes).
    """
    return connect_with(
        registry.get(integration.platform), open_credentials(integration), integration.config, call=call
    )


def connect_with(
    connector: type[BaseIntegration],
    credentials: dict[str, Any],
    config: dict[str, Any] | None = None,
    *,
    call: Call | None = None,
    transport: httpx.BaseTransport | None = None,
) -> BaseIntegration:
    """Return `connector` with credentials that need not be stored. `transport` replaces the network, for tests.

    Raises InvalidInput, naming the field, when credentials or configuration do not fit.
    """
    # Validated, hence normalised too: the base URL is made from these, not from what somebody typed.
    values = _validated(connector, credentials)
    instance = _instance(connector, values)
    try:
        instance.config = connector.Config.model_validate(config or {})
    except ValidationError as error:
        raise InvalidInput(f"configuration {_first(error)}") from None
    instance.call = call or Call()
    instance.http = client_for(
        connector,
        values,
        call=instance.call,
        classify=instance.classify,
        rate_limit_of=instance.rate_limit_of,
        transport=transport,
    )
    instance.authorize(instance.http)
    return instance


def bare(connector: type[BaseIntegration]) -> BaseIntegration:
    """Return an instance without secrets, for the pure `handle_webhook`, where its `__init__` allows that."""
    if _has_own_init(connector):
        parameters = inspect.signature(connector.__init__).parameters.values()
        needed = [p.name for p in parameters if p.name != "self" and p.default is p.empty and p.kind in _NAMED]
        return connector(**dict.fromkeys(needed, ""))
    return connector()


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _instance(connector: type[BaseIntegration], values: dict[str, Any]) -> BaseIntegration:
    if not _has_own_init(connector):
        return connector(**values)
    parameters = inspect.signature(connector.__init__).parameters
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        values = {name: value for name, value in values.items() if name in parameters}
    instance = connector(**values)
    instance.credentials = credentials_model(connector)(**values)
    return instance


def _has_own_init(connector: type[BaseIntegration]) -> bool:
    return connector.__init__ is not BaseIntegration.__init__


def _validated(connector: type[BaseIntegration], credentials: dict[str, Any]) -> dict[str, Any]:
    try:
        model = credentials_model(connector).model_validate(credentials)
    except ValidationError as error:
        raise InvalidInput(f"credentials {_first(error)}") from None
    return {name: value for name, value in model.model_dump().items() if name in model.model_fields_set or value}


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
