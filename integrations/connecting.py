"""Makes a connector instance that is ready for one call: credentials, configuration, HTTP client."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
from pydantic import ValidationError

from integrations.base import BaseIntegration
from integrations.credentials import credentials_model, open_credentials, secret_values
from integrations.errors import CODE_OF_OTHERS_RAISES, IntegrationError, InvalidInput, Permanent, told
from integrations.grants import has_client
from integrations.http import client_for
from integrations.models import Integration
from integrations.sandbox_platform.transport import works_in_sandbox
from integrations.specs import Call, File
from integrations.tokens import Keeper
from integrations.types import connector_of
from supportops.ids import new_id
from supportops.redaction import Redactor


def connect(
    integration: Integration, *, connector: type[BaseIntegration] | None = None, call: Call | None = None
) -> BaseIntegration:
    """Return the connector of `integration`, signed in. Opens its credentials; makes no call.

    `connector` where it is known already, which spares a query.

    Raises registry.UnknownPlatform and InvalidInput (stored values that the connector no longer takes).
    """
    return opened(integration, connector)(call or Call())


def opened(
    integration: Integration, connector: type[BaseIntegration] | None = None
) -> Callable[[Call], BaseIntegration]:
    """Open an integration's credentials now, and return what connects it for a call: in any thread, without a query.

    Raises registry.UnknownPlatform; what it returns raises InvalidInput.
    """
    if connector is None:
        connector = connector_of(integration.platform)
        if connector.is_own:
            # Read again after the type: its change may have taken them away, and they must not meet its new place.
            integration.refresh_from_db(fields=["credentials"])
    credentials = open_credentials(integration)
    keeper = Keeper(integration, credentials) if connector.can("obtain_token") else None
    return lambda call: connect_with(
        connector, credentials, integration.config, call=replace(call, tokens=keeper) if keeper else call
    )


def connected(
    integration: Integration, action: str, files: Mapping[str, File] | None = None
) -> tuple[BaseIntegration, Redactor]:
    """Return the connector, ready for one call that is made now, and what masks the integration's secrets.

    Raises registry.UnknownPlatform, and InvalidInput for stored values that no longer fit.
    """
    secrets = secret_values(connector_of(integration.platform), open_credentials(integration))
    return connect(integration, call=call_of(integration, action, files)), Redactor(secrets)


def call_of(integration: Integration, action: str, files: Mapping[str, File] | None = None) -> Call:
    """Return a call that is made at once, by hand or by a chore: not as part of a run."""
    return Call(
        organization_id=str(integration.organization_id),
        integration_id=str(integration.pk),
        action=action,
        idempotency_key=str(new_id()),
        files=files or {},
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

    Raises InvalidInput, naming the field, when credentials or configuration do not fit, and Permanent for what the
    connector's own `__init__` or `authorize` raises.
    """
    if not connector.speaks_http and works_in_sandbox(call.organization_id if call else ""):
        raise Permanent(f"This organization works in the sandbox, which cannot play {connector.name}.")
    # Validated, hence normalised too: the base URL is made from these, not from what somebody typed.
    values = _validated(connector, credentials)
    try:
        settings = connector.Config.model_validate(config or {})
    except ValidationError as error:
        raise InvalidInput(f"configuration {_first(error)}") from None
    instance: BaseIntegration = _made(connector, lambda: _instance(connector, values))
    instance.config = settings
    instance.call = call or Call()
    instance.http = client_for(
        connector,
        values,
        call=instance.call,
        classify=instance.classify,
        rate_limit_of=instance.rate_limit_of,
        transport=transport,
    )
    _made(connector, lambda: instance.authorize(instance.http))
    return instance


def bare(connector: type[BaseIntegration]) -> BaseIntegration:
    """Return an instance without secrets, for the pure `handle_webhook`, where its `__init__` allows that."""
    if _has_own_init(connector):
        parameters = inspect.signature(connector.__init__).parameters.values()
        needed = [p.name for p in parameters if p.name != "self" and p.default is p.empty and p.kind in _NAMED]
        return connector(**dict.fromkeys(needed, ""))
    return connector()


def _made(connector: type[BaseIntegration], step: Callable[[], Any]) -> Any:
    """Return what a step of making an instance gives. Raises Permanent for whatever a connector of others raises."""
    try:
        return step()
    except IntegrationError:
        raise
    except CODE_OF_OTHERS_RAISES as error:
        raise Permanent(f"The connector {connector.name} cannot be used: {told(error)}") from error


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
        awaited = connector.oauth.grants[0] if connector.oauth is not None else ""
        if awaited and not credentials.get(awaited) and has_client(connector, credentials):
            raise InvalidInput(
                f"Nobody has granted access at {connector.name} yet: authorize the integration."
            ) from None
        raise InvalidInput(f"credentials {_first(error)}") from None
    return {name: value for name, value in model.model_dump().items() if name in model.model_fields_set or value}


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
