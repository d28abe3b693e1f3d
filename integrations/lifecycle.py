"""What people do with integrations: create, change, test, execute, rotate, delete. Each a change and an audit entry.

Network calls stand outside transactions: read, call, write.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from pydantic import BaseModel, ValidationError

from audit.recording import record
from audit.redaction import Redactor
from integrations import endpoints, health, registration, registry, tokens, usage
from integrations.base import BaseIntegration
from integrations.connecting import call_of, connect, connect_with
from integrations.credentials import (
    credentials_model,
    open_credentials,
    place_fields,
    put_credentials,
    secret_fields,
    secret_values,
)
from integrations.endpoints import NewSecret
from integrations.errors import IntegrationError, masked
from integrations.files import files_for
from integrations.grants import has_client
from integrations.models import Endpoint, Integration, IntegrationHealth
from integrations.parameters import explained
from integrations.refusals import Problem as Problem
from integrations.refusals import Refused as Refused
from integrations.specs import Account, Action, Call, Result
from integrations.types import connector_of
from supportops import clock
from supportops.ids import new_id
from supportops.redaction import secrets_named_in
from supportops.tenancy.models import Environment, Organization
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import current_organization_id


@dataclass(frozen=True)
class WebhookWishes:
    """How an integration's endpoint shall be: which scheme it demands, the platform's secret, options, senders."""

    scheme: str | None = None
    secret: str | None = None
    options: dict[str, Any] | None = None
    allowed_ips: tuple[str, ...] | None = None


def create(
    *,
    platform: str,
    name: str,
    credentials: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    environment: str | None = None,
    webhook: WebhookWishes | None = None,
) -> tuple[Integration, Endpoint | None, NewSecret]:
    """Create an integration of the organization in scope, with its webhook address where the platform sends.

    Raises Refused with every problem found.
    """
    connector = _connector(platform)
    row = Integration(
        id=new_id(),
        organization_id=current_organization_id(),
        platform=platform,
        name=_free_name(name),
        environment=_environment(environment),
        config=checked_config(connector, config or {}),
    )
    checked = checked_credentials(connector, credentials)
    put_credentials(row, checked)
    wishes = _with_secret_of_credentials(connector, webhook or WebhookWishes(), checked)
    with transaction.atomic():
        with unless_taken(_taken(row.name)):
            row.save(force_insert=True)
        IntegrationHealth.objects.create(integration=row)
        endpoint, secret = _make_endpoint(row, connector, wishes)
        touch_rules()
        record(
            "integration.created", row, changes={"platform": platform, "name": name, "credentials": row.credentials_set}
        )
    return row, endpoint, secret


def change(
    row: Integration,
    *,
    name: str | None = None,
    credentials: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    environment: str | None = None,
    clear_environment: bool = False,
    is_enabled: bool | None = None,
    reconcile: bool | None = None,
    webhook: WebhookWishes | None = None,
) -> Integration:
    """Change what is given. Credentials merge with the stored ones; a new place asks for all secrets again.

    Raises Refused.
    """
    connector = _connector(row.platform)
    changes: dict[str, Any] = {}
    if name is not None and name != row.name:
        changes["name"] = [row.name, name]
        row.name = _free_name(name, row.pk)
    if config is not None:
        checked = checked_config(connector, config)
        changes["config"] = [row.config, checked]
        row.config = checked
    if environment is not None or clear_environment:
        row.environment = _environment(environment)
        changes["environment"] = environment
    if is_enabled is not None and is_enabled != row.is_enabled:
        changes["enabled"] = is_enabled
        row.is_enabled = is_enabled
    if reconcile is not None and reconcile != row.is_reconciled:
        if reconcile and not connector.can("list_changes"):
            detail = f"{connector.name} has no way to list what changed."
            raise Refused([Problem("reconcile", "not_supported", detail)])
        changes["reconcile"] = reconcile
        row.is_reconciled = reconcile
    if credentials is not None:
        put_credentials(row, _merged(connector, row, credentials))
        changes["credentials"] = sorted(credentials)
        if connector.webhook_secret_field in credentials:
            webhook = _with_secret_of_credentials(connector, webhook or WebhookWishes(), credentials)
    row.updated_at = clock.now()
    with transaction.atomic():
        with unless_taken(_taken(row.name)):
            row.save()
        if "reconcile" in changes:
            IntegrationHealth.objects.filter(integration=row).update(next_changes_at=clock.now())
        if credentials is not None:
            health.new_credentials(row.pk)
        if webhook is not None:
            _change_endpoint(row, connector, webhook)
            changes["webhook"] = sorted(k for k, v in vars(webhook).items() if v is not None)
        touch_rules()
        record("integration.changed", row, changes=changes)
    return row


def delete(row: Integration, *, note: str | None = None) -> str:
    """Remove an integration with its credentials and address. What it did stays in the history.

    Returns what is to be said of the webhook that it had registered at the platform, "" where there was none. `note` is
    that, where the caller asked the platform before: whoever deletes within a transaction must.
    """
    note = registration.unregister(row) if note is None else note
    with transaction.atomic():
        changes = {"platform": row.platform, "name": row.name, **({"webhook": note} if note else {})}
        record("integration.deleted", row, changes=changes)
        touch_rules()
        row.delete()
    return note


def test(row: Integration) -> dict[str, Any]:
    """Make the connection test; return success, message, data and latency. A wrong key is an answer, no error."""
    answer, error, account = _tested(lambda: connect(row, call=call_of(row, "test_connection")))
    secrets = secret_values(connector_of(row.platform), open_credentials(row))
    redactor = Redactor([*secrets, *endpoints.signing_secrets(row.pk)])
    answer = dict(redactor.value(answer))
    with transaction.atomic():
        if account is not None:
            known = {"account_id": account.id, "actor_id": account.actor_id}
            # Whatever a platform calls us: no part of what we sent it is kept.
            kept = {name: text[:200] if redactor.text(text) == text else "" for name, text in known.items()}
            Integration.objects.filter(pk=row.pk).update(**kept)
        health.note_test(row.pk, masked(error, redactor.text) if error else None)
        record("integration.tested", row, changes={"success": answer["success"], "message": answer["message"]})
    return answer


def test_unsaved(
    platform: str, credentials: Mapping[str, Any], config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make the connection test with credentials that are not stored. Raises Refused when they do not fit."""
    connector = _connector(platform)
    checked = checked_credentials(connector, credentials)
    settings = checked_config(connector, config or {})
    call = Call(organization_id=str(current_organization_id()), action="test_connection", idempotency_key=str(new_id()))
    answer, _, _ = _tested(lambda: connect_with(connector, checked, settings, call=call))
    with transaction.atomic():
        record("integration.tested", None, changes={"platform": platform, "success": answer["success"], "saved": False})
    masked: dict[str, Any] = Redactor(secret_values(connector, checked)).value(answer)
    return masked


def test_changes(
    row: Integration, credentials: Mapping[str, Any], config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make the connection test with what `change` would store. Raises Refused as it does; stores nothing."""
    given = {name: value for name, value in credentials.items() if value not in (None, "")}
    merged = _merged(_connector(row.platform), row, {**given, **{k: None for k in credentials if k not in given}})
    return test_unsaved(row.platform, merged, row.config if config is None else config)


def execute(row: Integration, action: str, parameters: Mapping[str, Any]) -> Result:
    """Do one action at once and return the standard answer. Raises Refused for an unknown action or bad parameters.

    What fails at the platform is an answer with `success: false`.
    """
    connector = _connector(row.platform)
    data = checked_parameters(connector, action, parameters)
    # A platform may repeat what was given to it for this call as well as what is stored.
    secrets = [*secret_values(connector, open_credentials(row)), *endpoints.signing_secrets(row.pk)]
    redactor = Redactor([*secrets, *secrets_named_in(parameters)])
    began = time.monotonic()
    error: IntegrationError | None = None
    result = Result(False)
    try:
        instance = connect(row, call=call_of(row, action, files_for(data)))
        if action == "test_connection":
            result = instance.call_handler("test_connection")
        else:
            result = instance.execute(Action(action, data.model_dump(exclude_unset=True) if data else {}))
    except IntegrationError as failure:
        error = failure
        result = Result(False, failure.message, failure.data)
    elapsed = round((time.monotonic() - began) * 1000)
    shown = Result(result.success, redactor.text(result.message), redactor.value(result.data))
    with transaction.atomic():
        tally = usage.Tally()
        tally.add(("integration", row.pk), "succeeded" if result.success else "failed")
        tally.add_latency(("integration", row.pk), elapsed)
        tally.write()
        health.note_outcomes([health.CallOutcome(row.pk, masked(error, redactor.text) if error else None, None)])
        record(
            "integration.executed",
            row,
            changes={
                "action": action,
                "parameters": redactor.value(dict(parameters)),
                "success": result.success,
                "message": shown.message,
            },
        )
    return shown


def rotate_secret(row: Integration, *, secret: str | None = None, grace_seconds: float | None = None) -> NewSecret:
    """Give the integration's endpoint a new signing secret; the old one stays valid for a while. Raises Refused."""
    connector = _connector(row.platform)
    endpoint = endpoints.endpoint_of(row.pk)
    if endpoint is None:
        raise Refused([Problem("", "no_webhook", f"{connector.name} sends no webhooks.")])
    grace = endpoints.GRACE if grace_seconds is None else timedelta(seconds=grace_seconds)
    with transaction.atomic():
        try:
            new = endpoints.rotate_secret(endpoint, connector, secret=secret, grace=grace)
        except IntegrationError as error:
            raise Refused([Problem("secret", "invalid", error.message)]) from None
        record("integration.secret_rotated", row, changes={"grace_seconds": grace.total_seconds()})
    return new


# --- checks ---------------------------------------------------------------------------------------------------


def checked_credentials(connector: type[BaseIntegration], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return credentials in the form in which they are stored. Raises Refused, naming each field.

    What a person shall grant at the platform may be missing still.
    """
    model = credentials_model(connector)
    awaited = connector.oauth.grants[0] if connector.oauth is not None else ""
    if not awaited or values.get(awaited) or not has_client(connector, values):
        return _checked(model, values, "credentials")
    try:
        return _checked(model, values, "credentials")
    except Refused:
        checked = _checked(model, {**values, awaited: "granted-later"}, "credentials")
        return {name: value for name, value in checked.items() if name != awaited}


def checked_config(connector: type[BaseIntegration], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration, completed. Raises Refused, naming each field."""
    return _checked(connector.Config, values, "config")


def checked_parameters(
    connector: type[BaseIntegration], action: str, parameters: Mapping[str, Any]
) -> BaseModel | None:
    """Return an action's validated parameters. Raises Refused. The connection test is an action without any."""
    if action == "test_connection":
        return None
    try:
        spec = connector.action_spec(action)
    except IntegrationError as error:
        raise Refused([Problem("action", "unknown_action", error.message)]) from None
    try:
        return spec.model.model_validate(dict(parameters))
    except ValidationError as error:
        raise Refused(_problems(error, "parameters", spec.model)) from None


def _checked(model: type[BaseModel], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    try:
        checked = model.model_validate(dict(values))
    except ValidationError as error:
        raise Refused(_problems(error, where, model)) from None
    return checked.model_dump(mode="json", exclude_none=True)


def _problems(error: ValidationError, where: str, model: type[BaseModel]) -> list[Problem]:
    return [
        Problem(".".join([where, *(str(part) for part in item["loc"])]), item["type"], explained(item, model))
        for item in error.errors(include_input=False, include_url=False)
    ]


def _merged(connector: type[BaseIntegration], row: Integration, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored credentials with the given ones over them; a changed place demands every secret anew."""
    stored = tokens.newest(row, open_credentials(row))
    places = place_fields(connector, stored) | place_fields(connector, given)
    moved = sorted(name for name in places if name in given and given[name] != stored.get(name))
    missing = [name for name in secret_fields(connector, stored) if stored.get(name) and not given.get(name)]
    if moved and missing:
        raise Refused(
            [
                Problem(
                    f"credentials.{name}",
                    "credentials_required",
                    f"'{moved[0]}' decides where credentials are sent: give '{name}' again together with it.",
                )
                for name in sorted(missing)
            ]
        )
    merged = {**stored, **given}
    return checked_credentials(connector, {name: value for name, value in merged.items() if value is not None})


def _connector(platform: str) -> type[BaseIntegration]:
    try:
        return connector_of(platform)
    except registry.UnknownPlatform as error:
        raise Refused([Problem("platform", "unknown_platform", str(error))]) from None


def _free_name(name: str, own: uuid.UUID | None = None) -> str:
    name = name.strip()
    if not name or len(name) > 200:
        raise Refused([Problem("name", "invalid", "The name has between 1 and 200 characters.")])
    if Integration.objects.filter(name=name).exclude(pk=own).exists():
        raise _taken(name)
    return name


def _taken(name: str) -> Refused:
    return Refused([Problem("name", "not_unique", f"There is another integration named '{name}'. Names are unique.")])


def _environment(name: str | None) -> Environment | None:
    if not name:
        return None
    environment: Environment | None = Environment.objects.filter(name=name).first()
    if environment is None:
        known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none"
        detail = f"There is no environment '{name}'. Environments: {known}."
        raise Refused([Problem("environment", "unknown_environment", detail)])
    return environment


def _make_endpoint(
    row: Integration, connector: type[BaseIntegration], wishes: WebhookWishes
) -> tuple[Endpoint | None, NewSecret]:
    if not connector.scheme_names():
        if wishes != WebhookWishes():
            raise Refused([Problem("webhook", "no_webhook", f"{connector.name} sends no webhooks.")])
        return None, NewSecret(None)
    try:
        return endpoints.make_endpoint(
            row,
            connector,
            scheme=wishes.scheme,
            secret=wishes.secret,
            options=wishes.options,
            allowed_ips=wishes.allowed_ips or (),
        )
    except IntegrationError as error:
        raise Refused([Problem("webhook", "invalid", error.message)]) from None


def _with_secret_of_credentials(
    connector: type[BaseIntegration], wishes: WebhookWishes, credentials: Mapping[str, Any]
) -> WebhookWishes:
    """Return `wishes` with the signing secret that is one of the platform's credentials, unless one was given."""
    secret = credentials.get(connector.webhook_secret_field) if connector.webhook_secret_field else None
    return replace(wishes, secret=str(secret)) if secret and wishes.secret is None else wishes


def _change_endpoint(row: Integration, connector: type[BaseIntegration], wishes: WebhookWishes) -> None:
    endpoint = endpoints.endpoint_of(row.pk)
    if endpoint is None:
        raise Refused([Problem("webhook", "no_webhook", f"{connector.name} sends no webhooks.")])
    try:
        if wishes.scheme is not None or wishes.options is not None or wishes.allowed_ips is not None:
            options = wishes.options if wishes.options is not None else endpoint.options
            if wishes.scheme not in (None, endpoint.scheme) and wishes.options is None:
                options = {}
            endpoints.demand(endpoint, connector, scheme=wishes.scheme, options=options, allowed_ips=wishes.allowed_ips)
        if wishes.secret is not None:
            endpoints.put_secret(endpoint, connector, wishes.secret)
    except IntegrationError as error:
        raise Refused([Problem("webhook", "invalid", error.message)]) from None
    endpoint.save()


def _tested(make: Any) -> tuple[dict[str, Any], IntegrationError | None, Account | None]:
    began = time.monotonic()
    error: IntegrationError | None = None
    account: Account | None = None
    try:
        result = make().call_handler("test_connection")
        if isinstance(result.data, dict):
            found = result.data.pop("account", None)
            account = found if isinstance(found, Account) else None
    except IntegrationError as failure:
        error, result = failure, Result(False, failure.message, failure.data)
    answer = {**result.as_dict(), "latency_ms": round((time.monotonic() - began) * 1000)}
    return answer, error, account if result.success else None


def touch_rules() -> None:
    """Have caches of rules loaded again: triggers name integrations, which may have another name now."""
    Organization.objects.filter(pk=current_organization_id()).update(rules_version=F("rules_version") + 1)
