"""Who is told of what: made, changed and deleted by people. Needs the organization in scope."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.recording import record
from integrations.errors import InvalidInput
from integrations.models import Channel, NotificationTarget
from integrations.notices import EVENTS
from integrations.places import checked_url
from integrations.signatures import StandardWebhooks
from supportops.tenancy.names import unless_taken
from supportops.tenancy.scope import current_organization_id

_MOST_ADDRESSES = 50


def create_target(
    *, name: str, channel: str, events: Sequence[str], to: Sequence[str] = (), url: str = "", is_enabled: bool = True
) -> tuple[NotificationTarget, str | None]:
    """Make a target; return it with the secret that signs its webhooks, to be shown once. Raises ValidationError."""
    row = NotificationTarget(name=_checked_name(name), channel=channel, is_enabled=is_enabled)
    row.events = _checked_events(events)
    secret = None
    if channel == Channel.EMAIL:
        row.to = _checked_addresses(to)
    else:
        secret = StandardWebhooks().new_secret()
        row.organization_id = current_organization_id()
        row.webhook.put({"url": _checked_address(url), "secret": secret})
    _save(row, "created")
    return row, secret


def change_target(row: NotificationTarget, **changes: Any) -> NotificationTarget:
    """Change name, events, to, url or is_enabled. The channel never changes. Raises ValidationError."""
    if "name" in changes:
        row.name = _checked_name(changes["name"])
    if "events" in changes:
        row.events = _checked_events(changes["events"])
    if "is_enabled" in changes:
        row.is_enabled = changes["is_enabled"]
    if "to" in changes and row.channel == Channel.EMAIL:
        row.to = _checked_addresses(changes["to"])
    if changes.get("url") and row.channel == Channel.WEBHOOK:
        row.webhook.put({**row.webhook.open(), "url": _checked_address(changes["url"])})
    _save(row, "changed", sorted(changes))
    return row


def delete_target(row: NotificationTarget) -> None:
    """Delete a target, with what it was still to be told."""
    with transaction.atomic():
        record("notification.changed", row, changes={"deleted": row.name})
        row.delete()


def _save(row: NotificationTarget, deed: str, changed: Sequence[str] = ()) -> None:
    with transaction.atomic():
        message = f"There is a notification '{row.name}' already. Names are unique."
        with unless_taken(ValidationError({"name": ValidationError(message, "not_unique")})):
            row.save()
        said = {deed: row.name, "channel": row.channel, "events": row.events, "enabled": row.is_enabled}
        record("notification.changed", row, changes={**said, **({"fields": list(changed)} if changed else {})})


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 200:
        raise ValidationError({"name": ValidationError("The name has between 1 and 200 characters.", "invalid")})
    return name.strip()


def _checked_events(events: Sequence[str]) -> list[str]:
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        wrong = f"unknown: {', '.join(unknown)[:100]}" if unknown else "none given"
        detail = f"Events are {', '.join(EVENTS)}; {wrong}."
        raise ValidationError({"events": ValidationError(detail, "invalid_choice")})
    return [event for event in EVENTS if event in events]


def _checked_addresses(to: Sequence[str]) -> list[str]:
    addresses = list(dict.fromkeys(address.strip() for address in to))
    if not addresses or len(addresses) > _MOST_ADDRESSES:
        detail = f"Give between 1 and {_MOST_ADDRESSES} e-mail addresses."
        raise ValidationError({"to": ValidationError(detail, "invalid")})
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            detail = f"'{address[:80]}' is no e-mail address."
            raise ValidationError({"to": ValidationError(detail, "invalid")}) from None
    return addresses


def _checked_address(url: str) -> str:
    try:
        checked_url(url.strip())
    except InvalidInput as error:
        raise ValidationError({"url": ValidationError(error.message, "invalid")}) from None
    return url.strip()
